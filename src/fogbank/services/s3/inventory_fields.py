"""The fields of inventories: their names in CSV and in Parquet, and what they say of a version.

Source: S3 User Guide, "Amazon S3 Inventory list", "Inventory manifest".
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

import msgspec

from fogbank.services.s3 import lifecycle_rules
from fogbank.services.s3.acl import of_object, owner_of
from fogbank.services.s3.encryption_request import AES256, KMS
from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.records import when

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.services.s3.lifecycle_rules import Rules
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.store.api import Tx

    Value = str | int | bool | datetime | None


class View(msgspec.Struct, frozen=True):
    """A version, with what else is to be known of it."""

    tx: Tx
    bucket: Bucket
    key: str
    which: Object
    rules: Rules | None


class Field(msgspec.Struct, frozen=True):
    """A field: its name in Parquet and its type there, and its value. Delete markers have only what `always` is of."""

    name: str
    kind: str
    value: Callable[[View], Value]
    always: bool = False


def encrypted(view: View) -> str:
    """How a version is encrypted."""
    algorithm = view.which.encryption.algorithm if view.which.encryption else ""
    return {"": "NOT-SSE", AES256: "SSE-S3", KMS: "SSE-KMS", "aws:kms:dsse": "DSSE-KMS"}.get(algorithm, algorithm)


def bucket_key(view: View) -> str | None:
    """Whether a bucket key is behind what KMS encrypted."""
    found = view.which.encryption
    if found is None or found.algorithm != KMS:
        return None
    return "ENABLED" if found.bucket_key else "DISABLED"


def retained_until(view: View) -> datetime | None:
    """The end of a retention."""
    lock = view.which.lock
    return when(lock.until) if lock and lock.mode else None


def held(view: View) -> str | None:
    """Whether a legal hold is on it; nothing if it never had one."""
    lock = view.which.lock
    return ("On" if lock.hold else "Off") if lock and lock.hold is not None else None


def expiry(view: View) -> datetime | None:
    """When the lifecycle removes a current version."""
    if view.rules is None or view.which.superseded:
        return None
    at, by = view.rules.expiry(view.tx, view.key, view.which)
    return when(at) if by or at < lifecycle_rules.NEVER else None


def grants(view: View) -> str:
    """The access control list, as JSON in base 64."""
    told = [
        {"uri": one.grantee, "type": "Group", "permission": one.permission}
        if one.grantee.startswith("http")
        else {"canonicalId": one.grantee, "type": "CanonicalUser", "permission": one.permission}
        for one in of_object(view.bucket, view.which)
    ]
    content = {"version": "2022-11-10", "status": "AVAILABLE", "grants": told}
    return b64encode(msgspec.json.encode(content)).decode()


ALWAYS: Final[Mapping[str, Field]] = {
    "Bucket": Field("bucket", "string", lambda view: view.bucket.name, always=True),
    "Key": Field("key", "string", lambda view: view.key, always=True),
}
VERSIONS: Final[Mapping[str, Field]] = {
    "VersionId": Field("version_id", "string", lambda view: _id(view.which), always=True),
    "IsLatest": Field("is_latest", "bool", lambda view: not view.which.superseded, always=True),
    "IsDeleteMarker": Field("is_delete_marker", "bool", lambda view: view.which.marker, always=True),
}
OPTIONAL: Final[Mapping[str, Field]] = {
    "Size": Field("size", "int", lambda view: view.which.size),
    "LastModifiedDate": Field("last_modified_date", "time", lambda view: when(view.which.modified), always=True),
    "ETag": Field("e_tag", "string", lambda view: view.which.etag),
    "StorageClass": Field("storage_class", "string", lambda view: view.which.storage_class),
    "IsMultipartUploaded": Field("is_multipart_uploaded", "bool", lambda view: "-" in view.which.etag),
    "ReplicationStatus": Field(
        "replication_status", "string", lambda view: view.which.replication or None, always=True
    ),
    "EncryptionStatus": Field("encryption_status", "string", encrypted),
    "ObjectLockRetainUntilDate": Field("object_lock_retain_until_date", "time", retained_until),
    "ObjectLockMode": Field(
        "object_lock_mode", "string", lambda view: (view.which.lock and view.which.lock.mode) or None
    ),
    "ObjectLockLegalHoldStatus": Field("object_lock_legal_hold_status", "string", held),
    # No object is moved between tiers here: nothing watches how often they are read.
    "IntelligentTieringAccessTier": Field(
        "intelligent_tiering_access_tier",
        "string",
        lambda view: "FREQUENT" if view.which.storage_class == "INTELLIGENT_TIERING" else None,
    ),
    "BucketKeyStatus": Field("bucket_key_status", "string", bucket_key),
    "ChecksumAlgorithm": Field(
        "checksum_algorithm", "string", lambda view: view.which.checksum.algorithm if view.which.checksum else None
    ),
    "ObjectAccessControlList": Field("object_access_control_list", "string", grants),
    "ObjectOwner": Field("object_owner", "string", lambda view: canonical_user(owner_of(view.bucket, view.which))),
    "LifecycleExpirationDate": Field("lifecycle_expiration_date", "time", expiry),
}


def _id(which: Object) -> str | None:
    return None if which.version == "null" else which.version


def fields_of(value: Mapping[str, Any]) -> dict[str, Field]:
    """The fields that a configuration's reports have, in order."""
    wanted = value.get("OptionalFields", ())
    versions = VERSIONS if value["IncludedObjectVersions"] == "All" else {}
    return {**ALWAYS, **versions, **{name: field for name, field in OPTIONAL.items() if name in wanted}}


def row(view: View, fields: Mapping[str, Field]) -> tuple[Value, ...]:
    """What a report says of a version."""
    if view.which.marker:
        return tuple([field.value(view) if field.always else None for field in fields.values()])
    return tuple([field.value(view) for field in fields.values()])


def text(value: Value) -> str:
    """A value in CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:%Y-%m-%dT%H:%M:%S}.000Z" if isinstance(value, datetime) else str(value)


def csv_line(values: tuple[Value, ...]) -> str:
    """A row as a line of CSV: all values quoted, the key encoded as in a URL."""
    bucket, key, *others = values
    cells = [str(bucket), quote_plus(str(key), safe="/"), *[text(value) for value in others]]
    return ",".join([f'"{cell}"' for cell in cells]) + "\n"
