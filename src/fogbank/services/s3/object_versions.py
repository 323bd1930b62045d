"""Listing versions: the keys in order, the versions of each from the newest to the oldest, delete markers among them."""

from __future__ import annotations

from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import versions as places
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.acl import owner_of
from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.object_list import listed
from fogbank.services.s3.pages import Wanted, common_prefix, echoed, encoder, page_size
from fogbank.services.s3.records import LAST_STAMP, Object, nulls, objects, versions, when
from fogbank.services.s3.service import s3
from fogbank.services.s3.storage_classes import restore_status
from fogbank.store import keys
from fogbank.store.keys import prefix_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_s3.type_defs import ListObjectVersionsRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket
    from fogbank.store.api import Tx

HEADS: Final = (objects.key(), versions.key())
Row = tuple[bytes, bytes]  # a key behind its table's head, and a record


class Page(msgspec.Struct):
    """Versions and delete markers as (key, version), and common prefixes. `last`: what a truncated page ends with."""

    entries: list[tuple[str, Object]]
    prefixes: list[str]
    truncated: bool = False
    last: tuple[str, str] = ("", "")


@s3.operation(
    "scan",
    "bucket",
    action="s3:ListBucketVersions",
    takes="Bucket Delimiter EncodingType KeyMarker MaxKeys Prefix VersionIdMarker RequestPayer ExpectedBucketOwner "
    "OptionalObjectAttributes",
)
def list_object_versions(call: Call, req: ListObjectVersionsRequestTypeDef) -> dict[str, Any]:
    """A page of a bucket's versions and delete markers; two markers say where the next one starts."""
    bucket = open_bucket(call, req)
    most = page_size(req.get("MaxKeys"), "maxKeys")
    wanted = Wanted(bucket.name, req.get("Prefix", ""), req.get("Delimiter", ""), (), most)
    page = page_of(call.tx, wanted, first(call, bucket, req, wanted))
    encode, restores = encoder(req), "RestoreStatus" in req.get("OptionalObjectAttributes", ())
    told: dict[str, Any] = {
        "Name": req["Bucket"],
        "Prefix": encode(req.get("Prefix", "")),
        "KeyMarker": encode(req.get("KeyMarker", "")),
        "VersionIdMarker": req.get("VersionIdMarker", ""),
        "MaxKeys": most,
        "IsTruncated": page.truncated,
        "Versions": [version(call, bucket, encode(key), one, restores) for key, one in page.entries if not one.marker],
        "DeleteMarkers": [marker(bucket, encode(key), one) for key, one in page.entries if one.marker],
        "CommonPrefixes": [{"Prefix": encode(prefix)} for prefix in page.prefixes],
    }
    if page.truncated:
        told["NextKeyMarker"] = encode(page.last[0])
        if page.last[1]:
            told["NextVersionIdMarker"] = page.last[1]
    return told | echoed(req, "Delimiter", "EncodingType")


def first(call: Call, bucket: Bucket, req: Input, wanted: Wanted) -> bytes:
    """Where the page starts: behind the version, the key or the common prefix that the markers name."""
    key, mark = req.get("KeyMarker", ""), req.get("VersionIdMarker")
    lower = keys.encode_open(bucket.name, wanted.prefix)
    if mark is not None and not mark:
        raise bad_marker(mark, "A version-id marker cannot be empty.")
    if mark and not key:
        raise bad_marker(mark, "A version-id marker cannot be specified without a key marker.")
    if not key:
        return lower
    rolled = common_prefix(key, wanted) if wanted.delimiter else ""
    if rolled:
        return max(lower, prefix_end(keys.encode_open(bucket.name, rolled)))
    return max(lower, behind(call, bucket, key, mark) if mark else prefix_end(keys.encode(bucket.name, key)))


def behind(call: Call, bucket: Bucket, key: str, mark: str) -> bytes:
    """The place behind a version of a key, which need not be there any more."""
    current = objects.get(call.tx, bucket.name, key)
    if mark != places.NULL:
        place = places.place_of(mark, "version-id-marker")
    elif current is not None and current.version == places.NULL:
        place = LAST_STAMP - current.stamp
    else:
        null = nulls.get(call.tx, bucket.name, key)
        place = LAST_STAMP - null.stamp if null else -1
    if place < 0 or (current is not None and LAST_STAMP - current.stamp > place):
        return keys.encode(bucket.name, key)  # all that is there now is older
    return keys.encode(bucket.name, key, place) + b"\0"


def bad_marker(mark: str, message: str) -> AwsError:
    """S3's error for a version-id marker."""
    fields = {"ArgumentName": "version-id-marker", "ArgumentValue": mark[:200]}
    return AwsError("InvalidArgument", message, fields=fields)


def page_of(tx: Tx, wanted: Wanted, lower: bytes) -> Page:
    """One page. It costs the same at any depth, and a common prefix costs one seek, however many versions lie under it."""
    page = Page([], [])
    upper = prefix_end(keys.encode_open(wanted.bucket, wanted.prefix))
    seek: bytes | None = lower if wanted.most else None
    while seek is not None:
        seek = walk(page, tx, wanted, seek, upper)
    return page


def walk(page: Page, tx: Tx, wanted: Wanted, lower: bytes, upper: bytes) -> bytes | None:
    """Take versions up to the next common prefix, and say where to seek behind it; None at the end of the page."""
    room = wanted.most - len(page.entries) - len(page.prefixes)
    for place, value in rows(tx, lower, upper):
        if room == 0:
            page.truncated = True
            return None
        key = str(keys.decode(place)[1])
        rolled = common_prefix(key, wanted) if wanted.delimiter else ""
        if rolled:
            page.prefixes.append(rolled)
            page.last = (rolled, "")
            return prefix_end(keys.encode_open(wanted.bucket, rolled))
        found = objects.decode(value)
        page.entries.append((key, found))
        page.last = (key, mark_of(found))
        room -= 1
    return None


def rows(tx: Tx, lower: bytes, upper: bytes) -> Iterator[Row]:
    """The rows of both tables, merged: of a key, the current object is the first."""
    if lower >= upper:
        return iter(())
    return merge(*(rows_of(tx, head, lower, upper) for head in HEADS), key=itemgetter(0))


def rows_of(tx: Tx, head: bytes, lower: bytes, upper: bytes) -> Iterator[Row]:
    """The rows of a table, their keys without its head."""
    cut = len(head)
    for key, value in tx.scan(head + lower, head + upper):
        yield key[cut:], value


def mark_of(found: Object) -> str:
    """A marker behind a version. It says the place, so that the next page is right even if the version goes; `null` would not."""
    return found.version if found.version != places.NULL else places.id_of(found.stamp, "0" * places.RANDOM)


def version(call: Call, bucket: Bucket, key: str, found: Object, restores: bool) -> dict[str, Any]:
    """A version as the listing tells it."""
    entry = listed(key, found) | common(bucket, found)
    if restores:
        entry |= restore_status(found, call.now)
    return entry


def marker(bucket: Bucket, key: str, found: Object) -> dict[str, Any]:
    """A delete marker as the listing tells it."""
    return {"Key": key, "LastModified": when(found.modified), **common(bucket, found)}


def common(bucket: Bucket, found: Object) -> dict[str, Any]:
    """What a listing tells of versions and delete markers alike."""
    owner = canonical_user(owner_of(bucket, found))
    return {"VersionId": found.version, "IsLatest": not found.superseded, "Owner": {"ID": owner}}
