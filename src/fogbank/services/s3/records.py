"""What S3 keeps: buckets, objects, and multipart uploads with their parts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx


class Bucket(Record, version=1):
    """A bucket. Names are unique over all accounts; `created` is in seconds since the epoch."""

    name: str
    account: str
    region: str
    created: int


class Checksum(msgspec.Struct, frozen=True, array_like=True):
    """A checksum as the caller sees it: `value` in base 64, with `-N` behind it for a composite of N parts."""

    algorithm: str
    value: str
    type: str = "FULL_OBJECT"


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """A run of an object's bytes: in the state database (`inline`, the small blob's id) or in a file (`blob`, its id)."""

    size: int
    inline: int = 0
    blob: str = ""


class PartInfo(msgspec.Struct, frozen=True, array_like=True):
    """What an object remembers of a part that it was completed from; `checksum` in base 64."""

    number: int
    size: int
    checksum: str = ""


class Object(Record, version=1):
    """An object. `modified` is in seconds since the epoch, `etag` has no quotes, `headers` has input members by their names."""

    size: int
    etag: str
    modified: int
    headers: dict[str, str]
    metadata: dict[str, str]
    storage_class: str
    checksum: Checksum | None
    segments: tuple[Segment, ...]
    parts: tuple[PartInfo, ...]


class Upload(Record, version=1):
    """A multipart upload in progress."""

    initiated: int
    headers: dict[str, str]
    metadata: dict[str, str]
    storage_class: str
    algorithm: str
    checksum_type: str
    initiator: str  # a canonical user id, or a user's ARN


class Part(Record, version=1):
    """An uploaded part; `checksum` (raw) is by the upload's algorithm, `given` the one that it came with, if by another."""

    size: int
    etag: str
    modified: int
    checksum: bytes
    given: Checksum | None
    segments: tuple[Segment, ...]


buckets = Table("s3.bucket", Bucket)  # name
owned = Table("s3.owned", Bucket)  # account, name
objects = Table("s3.object", Object)  # bucket, key
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
