"""Deleting objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.digests import NEW, base64, digest
from fogbank.core.errors import AwsError
from fogbank.core.service import NO_PERMISSION_NEEDED
from fogbank.services.s3 import checksums, conditions, object_lock, versions
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.records import objects
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import DeleteObjectRequestTypeDef, DeleteObjectsRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

MAX_KEYS = 1000
CONDITIONS = frozenset({"IfMatch", "IfMatchSize", "IfMatchLastModifiedTime"})


@s3.operation(
    "write",
    "object",
    variants={"VersionId": "s3:DeleteObjectVersion"},
    takes="Bucket Key VersionId RequestPayer BypassGovernanceRetention ExpectedBucketOwner IfMatch IfMatchLastModifiedTime "
    "IfMatchSize",
)
def delete_object(call: Call, req: DeleteObjectRequestTypeDef) -> dict[str, Any]:
    """Delete an object, or a version of it; what is not there is deleted already."""
    return remove(call, open_bucket(call, req), req["Key"], req)


def check_some(call: Call, req: DeleteObjectsRequestTypeDef) -> None:
    """AccessDenied for strangers who may delete nothing of what they list: they do not come to the one writer to be told so."""
    if call.principal.kind == "anonymous":
        bucket = open_bucket(call, req)
        if not any(may_delete(call, bucket, item) for item in req["Delete"]["Objects"][:MAX_KEYS]):
            raise AwsError("AccessDenied", "Access Denied", status=403)


@s3.operation(
    "bulk",
    "bucket",
    action=NO_PERMISSION_NEEDED,  # each key is authorised for itself
    anonymous=True,
    before_body=check_some,
    takes="Bucket Delete RequestPayer BypassGovernanceRetention ExpectedBucketOwner ChecksumAlgorithm",
)
def delete_objects(call: Call, req: DeleteObjectsRequestTypeDef) -> dict[str, Any]:
    """Delete up to 1,000 objects; each is authorised, and answered, for itself."""
    check_integrity(call, req)
    bucket = open_bucket(call, req)
    wanted = req["Delete"]["Objects"]
    if not 1 <= len(wanted) <= MAX_KEYS:
        raise AwsError(
            "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"
        )
    deleted, errors = [], []
    for item in wanted:
        try:
            outcome = delete_one(call, bucket, item, bypass=bool(req.get("BypassGovernanceRetention")))
        except AwsError as error:
            told = {"Key": item["Key"], "Code": error.code, "Message": error.message}
            errors.append(told | ({"VersionId": item["VersionId"]} if "VersionId" in item else {}))
        else:
            deleted.append(listed(item, outcome))
    return {"Deleted": [] if req["Delete"].get("Quiet") else deleted, "Errors": errors}


def check_integrity(call: Call, req: Input) -> None:
    """A multi-delete must say a digest of its list of victims, and it must be right."""
    body, headers = call.request.body, call.request.headers
    given = headers.get("content-md5")
    checksums.check_md5(given, digest("MD5", body))
    for algorithm in NEW:
        value = headers.get(checksums.HEADER_PREFIX + algorithm.lower())
        if value is not None:
            checksums.check_value(algorithm, value, base64(digest(algorithm, body)))
            given = value
    if given is None:
        raise AwsError("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")


def listed(item: Input, outcome: dict[str, Any]) -> dict[str, Any]:
    """One deletion of a list, as the answer tells it."""
    entry = {name: item[name] for name in ("Key", "VersionId") if name in item}
    if outcome.get("DeleteMarker"):
        entry |= {"DeleteMarker": True, "DeleteMarkerVersionId": outcome["VersionId"]}
    return entry


def delete_one(call: Call, bucket: Bucket, item: Input, *, bypass: bool) -> dict[str, Any]:
    """Delete one object of a list, if the caller may."""
    if not may_delete(call, bucket, item):
        raise AwsError("AccessDenied", "Access Denied")
    return remove(call, bucket, item["Key"], {**given_of(item), "BypassGovernanceRetention": bypass})


def may_delete(call: Call, bucket: Bucket, item: Input) -> bool:
    """Whether the caller may delete one object of a list, by its conditions."""
    action = "s3:DeleteObjectVersion" if "VersionId" in item else "s3:DeleteObject"
    return object_lock.may(call, action, bucket, item["Key"], given_of(item))


def given_of(item: Input) -> dict[str, Any]:
    """What a list says of one object, by the names that DeleteObject's input has for it."""
    renamed = {
        "IfMatch": item.get("ETag"),
        "IfMatchLastModifiedTime": item.get("LastModifiedTime"),
        "IfMatchSize": item.get("Size"),
        "VersionId": item.get("VersionId"),
    }
    return {name: value for name, value in renamed.items() if value is not None}


def remove(call: Call, bucket: Bucket, key: str, req: Input) -> dict[str, Any]:
    """Delete an object, or a version, if the conditions hold; the members that tell what was done."""
    version = req.get("VersionId")
    found = versions.find(call, bucket, key, version) if version is not None else None
    check_conditions(call, bucket, req, key)
    bypass = object_lock.may_bypass(call, bucket, key, req, found)
    if version is None:
        marker = versions.delete(call, bucket, key)
        return {"DeleteMarker": True, "VersionId": marker.version} if marker else {}
    versions.delete_version(call, bucket, key, version, bypass=bypass)
    return {"VersionId": version} | ({"DeleteMarker": True} if found is not None and found.marker else {})


def check_conditions(call: Call, bucket: Bucket, req: Input, key: str) -> None:
    """Check a deletion's conditions against the current version, whichever it deletes.

    To name an ETag takes the permission to read it. Source: S3 User Guide, "How to perform conditional deletes".
    """
    if not CONDITIONS & req.keys():
        return
    if req.get("IfMatch", "*") != "*" and not object_lock.may(call, "s3:GetObject", bucket, key):
        raise AwsError("AccessDenied", "Access Denied", status=403)
    current = objects.get(call.tx, bucket.name, key)
    if current is None:
        if "IfMatch" in req:
            raise AwsError("NoSuchKey", "The specified key does not exist.", fields={"Key": key})
        return
    if "IfMatch" in req and not conditions.matches(req["IfMatch"], current.etag):
        raise conditions.failed("If-Match")
    if "IfMatchSize" in req and req["IfMatchSize"] != current.size:
        raise conditions.failed("x-amz-if-match-size")
    if "IfMatchLastModifiedTime" in req and int(req["IfMatchLastModifiedTime"].timestamp()) != current.modified:
        raise conditions.failed("x-amz-if-match-last-modified-time")
