"""What S3 keeps: buckets with their configurations, objects with their versions, and multipart uploads with their parts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx


class BucketV1(Record, version=1):
    """A bucket, before versions and configurations."""

    name: str
    account: str
    region: str
    created: int


class Bucket(Record, version=2, predecessor=BucketV1):
    """A bucket. Names are unique over all accounts; `created` is in seconds since the epoch.

    `versioning` is "", Enabled or Suspended; `ownership` one of S3's three; `lock` says that Object Lock is enabled. `configured`
    names the kinds of configuration that it has (see `configurations`), so that a request looks up only those that are there.
    """

    name: str
    account: str
    region: str
    created: int
    versioning: str = ""
    ownership: str = "BucketOwnerEnforced"
    lock: bool = False
    configured: tuple[str, ...] = ()

    @classmethod
    def upgrade(cls, old: BucketV1) -> Bucket:
        """A bucket of an earlier release."""
        return cls(name=old.name, account=old.account, region=old.region, created=old.created)


class Configuration(Record, version=1):
    """A configuration of a bucket, as it was given: the structure of the request that set it."""

    value: Any


class Checksum(msgspec.Struct, frozen=True, array_like=True):
    """A checksum as the caller sees it: `value` in base 64, with `-N` behind it for a composite of N parts."""

    algorithm: str
    value: str
    type: str = "FULL_OBJECT"


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """A run of an object's bytes: in the state database (`inline`, the small blob's id) or in a file (`blob`, its id).

    `size` is of what the caller sent. With a `nonce`, the stored bytes are encrypted with the object's data key (store/chunks.py).
    """

    size: int
    inline: int = 0
    blob: str = ""
    nonce: bytes = b""


class Encryption(msgspec.Struct, frozen=True, array_like=True):
    """How an object's data key is kept. `algorithm` is AES256, aws:kms, aws:kms:dsse or SSE-C.

    `wrapped` is the data key, encrypted: by the region's vault (AES256), by the data key of KMS in `kms` (a ciphertext blob that KMS
    opens, of the key `key_id`, an ARN), or by the customer's key, whose MD5 in base 64 is `customer`. `context` is the caller's
    encryption context, as JSON; `bucket_key` says that the KMS data key is the bucket's.
    """

    algorithm: str
    wrapped: bytes
    key_id: str = ""
    kms: bytes = b""
    context: str = ""
    bucket_key: bool = False
    customer: str = ""


class Lock(msgspec.Struct, frozen=True, array_like=True):
    """An Object Lock: a retention (`mode` GOVERNANCE or COMPLIANCE, `until` in seconds since the epoch), a legal hold, or both.

    `hold` is None where there never was a legal hold.
    """

    mode: str = ""
    until: int = 0
    hold: bool | None = None


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """A grant of an access control list. `grantee` is a canonical user id or a group's URI."""

    grantee: str
    permission: str


class Restored(msgspec.Struct, frozen=True, array_like=True):
    """A restore of an archived object: when its copy came (`ready`, 0 while it is made) and when it goes; seconds since the epoch."""

    ready: int
    expires: int


class PartInfo(msgspec.Struct, frozen=True, array_like=True):
    """What an object remembers of a part that it was completed from; `checksum` in base 64."""

    number: int
    size: int
    checksum: str = ""


class ObjectV1(Record, version=1):
    """An object, before versions."""

    size: int
    etag: str
    modified: int
    headers: dict[str, str]
    metadata: dict[str, str]
    storage_class: str
    checksum: Checksum | None
    segments: tuple[Segment, ...]
    parts: tuple[PartInfo, ...]


class Object(Record, version=2, predecessor=ObjectV1):
    """A version of an object, or a delete marker (which has no bytes).

    `modified` is in seconds since the epoch, `etag` has no quotes, `headers` has input members by their names. `version` is `null` or
    an id of 32 characters; `stamp` orders the versions of a key, the newest has the highest (microseconds since the epoch, or a little
    more). `superseded` is when it became noncurrent, in seconds since the epoch. `owner` is the account that wrote it, empty for the
    bucket's; `acl` None is the private one. `replication` is its status, `redirect` a website's.
    """

    size: int
    etag: str
    modified: int
    headers: dict[str, str]
    metadata: dict[str, str]
    storage_class: str
    checksum: Checksum | None
    segments: tuple[Segment, ...]
    parts: tuple[PartInfo, ...]
    version: str = "null"
    stamp: int = 0
    marker: bool = False
    superseded: int = 0
    encryption: Encryption | None = None
    tags: dict[str, str] = {}
    owner: str = ""
    acl: tuple[Grant, ...] | None = None
    lock: Lock | None = None
    restored: Restored | None = None
    replication: str = ""
    redirect: str = ""

    @classmethod
    def upgrade(cls, old: ObjectV1) -> Object:
        """An object of an earlier release: its only version."""
        kept = {name: getattr(old, name) for name in ObjectV1.__struct_fields__}
        return cls(**kept, stamp=old.modified * 1_000_000)


class Null(Record, version=1):
    """Where a key's null version is, if it is not the current object."""

    stamp: int


class UploadV1(Record, version=1):
    """A multipart upload, before encryption."""

    initiated: int
    headers: dict[str, str]
    metadata: dict[str, str]
    storage_class: str
    algorithm: str
    checksum_type: str
    initiator: str


class Upload(Record, version=2, predecessor=UploadV1):
    """A multipart upload in progress; what it says of the object is as in Object."""

    initiated: int
    headers: dict[str, str]
    metadata: dict[str, str]
    storage_class: str
    algorithm: str
    checksum_type: str
    initiator: str  # a canonical user id, or a user's ARN
    encryption: Encryption | None = None
    tags: dict[str, str] = {}
    owner: str = ""
    acl: tuple[Grant, ...] | None = None
    lock: Lock | None = None
    redirect: str = ""

    @classmethod
    def upgrade(cls, old: UploadV1) -> Upload:
        """An upload of an earlier release."""
        return cls(**{name: getattr(old, name) for name in UploadV1.__struct_fields__})


class Part(Record, version=1):
    """An uploaded part; `checksum` (raw) is by the upload's algorithm, `given` the one that it came with, if by another."""

    size: int
    etag: str
    modified: int
    checksum: bytes
    given: Checksum | None
    segments: tuple[Segment, ...]


LAST_STAMP: Final = 2**62

buckets = Table("s3.bucket", Bucket)  # name
owned = Table("s3.owned", Bucket)  # account, name
configurations = Table("s3.configuration", Configuration)  # bucket, kind, id (empty where a bucket has but one)
objects = Table("s3.object", Object)  # bucket, key: the current object, never a delete marker
versions = Table(
    "s3.version", Object
)  # bucket, key, LAST_STAMP - stamp: noncurrent versions and delete markers, newest first
nulls = Table("s3.null", Null)  # bucket, key
uploads = Table("s3.upload", Upload)  # bucket, key, upload id
parts = Table("s3.part", Part)  # bucket, upload id, part number


def put_bucket(tx: Tx, bucket: Bucket) -> None:
    """Keep a bucket, found by name and by owner."""
    buckets.put(tx, bucket, bucket.name)
    owned.put(tx, bucket, bucket.account, bucket.name)


def delete_bucket(tx: Tx, bucket: Bucket) -> None:
    """Forget a bucket."""
    buckets.delete(tx, bucket.name)
    owned.delete(tx, bucket.account, bucket.name)


def when(seconds: int) -> datetime:
    """A stored time."""
    return datetime.fromtimestamp(seconds, UTC)
