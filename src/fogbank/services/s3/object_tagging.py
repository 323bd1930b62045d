"""Tags of objects, and of their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.services.s3 import happened, tags, versions
from fogbank.services.s3.access import open_bucket, open_object
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteObjectTaggingRequestTypeDef,
        GetObjectTaggingRequestTypeDef,
        PutObjectTaggingRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input


@s3.operation(
    "write",
    "object",
    variants={"VersionId": "s3:PutObjectVersionTagging"},
    takes="Bucket Key VersionId ContentMD5 ChecksumAlgorithm Tagging RequestPayer ExpectedBucketOwner",
)
def put_object_tagging(call: Call, req: PutObjectTaggingRequestTypeDef) -> dict[str, Any]:
    """Replace the tags of an object, or of a version."""
    return set_tags(call, req, tags.of_object([{**tag} for tag in req["Tagging"]["TagSet"]]), "ObjectTagging:Put")


@s3.operation(
    "write",
    "object",
    variants={"VersionId": "s3:DeleteObjectVersionTagging"},
    takes="Bucket Key VersionId ExpectedBucketOwner",
)
def delete_object_tagging(call: Call, req: DeleteObjectTaggingRequestTypeDef) -> dict[str, Any]:
    """Remove the tags of an object, or of a version."""
    return set_tags(call, req, {}, "ObjectTagging:Delete")


def set_tags(call: Call, req: Input, kept: dict[str, str], event: str) -> dict[str, Any]:
    """Change a version's tags in place, and tell of it."""
    bucket = open_bucket(call, req)
    found = open_object(call, bucket, req["Key"], req.get("VersionId"))
    changed = msgspec.structs.replace(found, tags=kept)
    versions.update(call, bucket, req["Key"], changed)
    happened.tell(call, bucket, event, req["Key"], changed)
    return versions.told(bucket, changed)


@s3.operation(
    "read",
    "object",
    variants={"VersionId": "s3:GetObjectVersionTagging"},
    takes="Bucket Key VersionId RequestPayer ExpectedBucketOwner",
)
def get_object_tagging(call: Call, req: GetObjectTaggingRequestTypeDef) -> dict[str, Any]:
    """The tags of an object, or of a version."""
    bucket = open_bucket(call, req)
    found = open_object(call, bucket, req["Key"], req.get("VersionId"))
    return {"TagSet": tags.to_set(found.tags), **versions.told(bucket, found)}
