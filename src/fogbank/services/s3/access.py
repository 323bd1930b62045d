"""From a request to the bucket or object that it addresses, or to the error that S3 answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.services.s3.records import Bucket, Object, buckets, objects

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


def no_such_bucket(name: str) -> AwsError:
    """S3's error for a bucket that is not there."""
    return AwsError("NoSuchBucket", "The specified bucket does not exist", fields={"BucketName": name})


def open_bucket(call: Call, req: Input) -> Bucket:
    """The addressed bucket: it exists, in the region that the request is signed for if any, with the owner that is expected."""
    bucket = open_named(call, req["Bucket"], req.get("ExpectedBucketOwner"))
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


def open_named(call: Call, name: str, expected_owner: str | None = None) -> Bucket:
    """The bucket of this name, in any region (copies read from all of them), with the owner that the caller expects."""
    bucket = buckets.get(call.tx, name)
    if bucket is None:
        raise no_such_bucket(name)
    if expected_owner is not None and expected_owner != bucket.account:
        raise AwsError("AccessDenied", "Access Denied")
    return bucket


def check_version(req: Input) -> None:
    """A bucket that never had versioning has one version of each object, `null`."""
    version = req.get("VersionId")
    if version is not None and version != "null":
        raise AwsError(
            "InvalidArgument",
            "Invalid version id specified",
            fields={"ArgumentName": "versionId", "ArgumentValue": version[:1024]},
        )


def open_object(call: Call, bucket: Bucket, key: str) -> Object:
    """The object of this key. That there is none is told only to who may list the bucket.

    Source: Amazon S3 API Reference, GetObject, "Permissions".
    """
    found = objects.get(call.tx, bucket.name, key)
    if found is None:
        names = {"Bucket": bucket.name}
        if not call.allowed("s3:ListBucket", f"arn:aws:s3:::{bucket.name}", bucket.account, names):
            raise AwsError("AccessDenied", "Access Denied", status=403)
        raise AwsError("NoSuchKey", "The specified key does not exist.", fields={"Key": key})
    return found
