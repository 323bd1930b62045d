"""From a request to the bucket or object that it addresses, or to the error that S3 answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration, paying, versions
from fogbank.services.s3.records import Bucket, Object, buckets, objects, when

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

ACCOUNT: Final = re.compile(r"[0-9]{12}")
ACCELERATED: Final = ".s3-accelerate."  # in the host


def no_such_bucket(name: str) -> AwsError:
    """S3's error for a bucket that is not there."""
    return AwsError("NoSuchBucket", "The specified bucket does not exist", fields={"BucketName": name})


def open_bucket(call: Call, req: Input) -> Bucket:
    """The addressed bucket: it exists, in the region that the request is signed for if any, with the owner that is expected."""
    bucket = open_named(call, req["Bucket"], req.get("ExpectedBucketOwner"))
    if ACCELERATED in call.request.headers.get("host", ""):
        check_accelerated(call, bucket)
    if call.scope_region not in ("", bucket.region):
        raise AwsError(
            "AuthorizationHeaderMalformed",
            f"The authorization header is malformed; the region '{call.region}' is wrong; expecting '{bucket.region}'",
            fields={
                "Region": bucket.region,
                "BucketRegion": bucket.region,
            },  # body and header: HEAD's answer has no body
        )
    return bucket


def check_accelerated(call: Call, bucket: Bucket) -> None:
    """InvalidRequest at the accelerated host, unless the bucket has transfer acceleration."""
    found = configuration.find(call.tx, bucket, "accelerate")
    if not found or found["Status"] != "Enabled":
        state = "disabled" if found else "not configured"
        raise AwsError("InvalidRequest", f"S3 Transfer Acceleration is {state} on this bucket")


def open_named(call: Call, name: str, expected_owner: str | None = None) -> Bucket:
    """The bucket of this name, in any region (copies read from all of them), with the owner that the caller expects."""
    if expected_owner is not None and not ACCOUNT.fullmatch(expected_owner):
        what = "The value of the expected bucket owner parameter must be an AWS account ID"
        raise AwsError("InvalidBucketOwnerAWSAccountID", what)
    bucket = buckets.get(call.tx, name)
    if bucket is None:
        raise no_such_bucket(name)
    if expected_owner is not None and expected_owner != bucket.account:
        raise AwsError("AccessDenied", "Access Denied")
    if paying.KIND in bucket.configured:
        paying.check(call, bucket)
    return bucket


def open_object(call: Call, bucket: Bucket, key: str, version: str | None = None) -> Object:
    """The object of this key, or the version of it. That there is none is told only to who may list the bucket.

    Source: Amazon S3 API Reference, GetObject, "Permissions"; S3 User Guide, "Working with delete markers".
    """
    if version is not None:
        return open_version(call, bucket, key, version)
    found = objects.get(call.tx, bucket.name, key)
    if found is None:
        check_may_list(call, bucket)
        marker = versions.newest(call, bucket, key)
        told: dict[str, Any] = {"DeleteMarker": True, "VersionId": marker.version} if marker else {}
        raise AwsError("NoSuchKey", "The specified key does not exist.", fields={"Key": key, **told})
    return found


def open_version(call: Call, bucket: Bucket, key: str, version: str) -> Object:
    """A version that has bytes: a delete marker can only be deleted."""
    found = versions.find(call, bucket, key, version)
    if found is None:
        check_may_list(call, bucket)
        raise versions.no_such_version(key, version)
    if found.marker:
        fields = {
            "Method": call.request.method,
            "ResourceType": "DeleteMarker",
            "Allow": "DELETE",
            "DeleteMarker": True,
            "VersionId": found.version,
            "LastModified": when(found.modified),
        }
        message = "The specified method is not allowed against this resource."
        raise AwsError("MethodNotAllowed", message, fields=fields)
    return found


def check_may_list(call: Call, bucket: Bucket) -> None:
    """AccessDenied for who may not know what is there."""
    names = {"Bucket": bucket.name}
    if not call.allowed("s3:ListBucket", f"arn:aws:s3:::{bucket.name}", bucket.account, names):
        raise AwsError("AccessDenied", "Access Denied", status=403)
