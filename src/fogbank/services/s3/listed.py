"""Entries of listings, as XML at once: a page has a thousand, all alike, and takes a third of the time that way."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fogbank.services.s3.acl import owner_of
from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.records import Object, when
from fogbank.services.s3.storage_classes import restore_status
from fogbank.wire.xml_write import Written, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from fogbank.services.s3.records import Bucket, Checksum

# What a listing needs of an object; the rest of the record is not decoded.
read = Object.reader(
    "size",
    "etag",
    "modified",
    "storage_class",
    "checksum",
    "version",
    "stamp",
    "marker",
    "superseded",
    "owner",
    "restored",
)


class Style:
    """How a listing tells of objects: `encode` writes keys; with `owners`, or the restores of `now`, if the caller wants them."""

    def __init__(
        self, bucket: Bucket, encode: Callable[[str], str], *, owners: bool, restores: datetime | None = None
    ) -> None:
        self._bucket = bucket
        self._encode = encode
        self._owners = owners
        self._restores = restores

    def contents(self, entries: Iterable[tuple[str, Any]]) -> Written:
        """Objects, by their keys."""
        return Written("".join([f"<Contents>{self._object(key, found)}</Contents>" for key, found in entries]))

    def versions(self, entries: Iterable[tuple[str, Any]]) -> Written:
        """Versions of objects, by their keys."""
        return Written(
            "".join([f"<Version>{self._object(key, found)}{version(found)}</Version>" for key, found in entries])
        )

    def markers(self, entries: Iterable[tuple[str, Any]]) -> Written:
        """Delete markers, by their keys."""
        return Written("".join([f"<DeleteMarker>{self._marker(key, found)}</DeleteMarker>" for key, found in entries]))

    def prefixes(self, found: Iterable[str]) -> Written:
        """Common prefixes."""
        encode = self._encode
        return Written(
            "".join([f"<CommonPrefixes><Prefix>{escape(encode(one))}</Prefix></CommonPrefixes>" for one in found])
        )

    def _object(self, key: str, found: Any) -> str:
        return (
            f"<Key>{escape(self._encode(key))}</Key><LastModified>{moment(found.modified)}</LastModified>"
            f"<ETag>&quot;{found.etag}&quot;</ETag><Size>{found.size}</Size>"
            f"<StorageClass>{found.storage_class}</StorageClass>{checksum(found.checksum)}"
            f"{self._owner(found)}{self._restore(found)}"
        )

    def _marker(self, key: str, found: Any) -> str:
        return (
            f"<Key>{escape(self._encode(key))}</Key><LastModified>{moment(found.modified)}</LastModified>"
            f"{self._owner(found)}{version(found)}"
        )

    def _owner(self, found: Any) -> str:
        if not self._owners:
            return ""
        return f"<Owner><ID>{canonical_user(owner_of(self._bucket, found))}</ID></Owner>"

    def _restore(self, found: Any) -> str:
        if self._restores is None:
            return ""
        told = restore_status(found, self._restores).get("RestoreStatus")
        if told is None:
            return ""
        expires = f"<RestoreExpiryDate>{iso(told['RestoreExpiryDate'])}</RestoreExpiryDate>" if len(told) > 1 else ""
        restoring = str(told["IsRestoreInProgress"]).lower()
        return f"<RestoreStatus><IsRestoreInProgress>{restoring}</IsRestoreInProgress>{expires}</RestoreStatus>"


def version(found: Any) -> str:
    """What tells versions and delete markers of a key apart."""
    latest = "false" if found.superseded else "true"
    return f"<VersionId>{found.version}</VersionId><IsLatest>{latest}</IsLatest>"


def checksum(found: Checksum | None) -> str:
    """How a checksum was made."""
    if found is None:
        return ""
    return f"<ChecksumAlgorithm>{found.algorithm}</ChecksumAlgorithm><ChecksumType>{found.type}</ChecksumType>"


@lru_cache(maxsize=4096)
def moment(seconds: int) -> str:
    """A stored time as S3's XML has it."""
    return iso(when(seconds))


def iso(time: datetime) -> str:
    """A time as S3's XML has it."""
    return f"{time:%Y-%m-%dT%H:%M:%S.000Z}"
