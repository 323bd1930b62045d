"""Listing versions: the keys in order, the versions of each from the newest to the oldest, delete markers among them."""

from __future__ import annotations

from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.s3 import listed as entries
from fogbank.services.s3 import versions as places
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.pages import Wanted, common_prefix, echoed, encoder, page_size, rows
from fogbank.services.s3.records import LAST_STAMP, nulls, objects, versions
from fogbank.services.s3.service import s3
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

    entries: list[tuple[str, Any]]
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
    style = entries.Style(bucket, encode, owners=True, restores=call.now if restores else None)
    told: dict[str, Any] = {
        "Name": req["Bucket"],
        "Prefix": encode(req.get("Prefix", "")),
        "KeyMarker": encode(req.get("KeyMarker", "")),
        "VersionIdMarker": req.get("VersionIdMarker", ""),
        "MaxKeys": most,
        "IsTruncated": page.truncated,
        "Versions": style.versions(entry for entry in page.entries if not entry[1].marker),
        "DeleteMarkers": style.markers(entry for entry in page.entries if entry[1].marker),
        "CommonPrefixes": style.prefixes(page.prefixes),
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
    """One page. It costs the same at any depth, and a common prefix costs two seeks, however many versions lie under it."""
    page = Page([], [])
    upper = prefix_end(keys.encode_open(wanted.bucket, wanted.prefix))
    room, cut = wanted.most if lower < upper else 0, len(keys.encode(wanted.bucket))
    for place, value in merged(tx, wanted, lower, upper) if room else ():
        key = keys.first_text(place[cut:])
        rolled = common_prefix(key, wanted) if wanted.delimiter else ""
        if rolled and rolled == page.last[0]:
            continue  # from the other table
        if room == 0:
            page.truncated = True
            break
        room -= 1
        if rolled:
            page.prefixes.append(rolled)
            page.last = (rolled, "")
        else:
            found = entries.read(value)
            page.entries.append((key, found))
            page.last = (key, mark_of(found))
    return page


def merged(tx: Tx, wanted: Wanted, lower: bytes, upper: bytes) -> Iterator[Row]:
    """The rows of both tables: of a key, the current object is the first."""
    return merge(*(rows_of(tx, head, wanted, lower, upper) for head in HEADS), key=itemgetter(0))


def rows_of(tx: Tx, head: bytes, wanted: Wanted, lower: bytes, upper: bytes) -> Iterator[Row]:
    """The rows of a table, their keys without its head."""
    cut = len(head)
    for key, value in rows(tx, head, wanted, head + lower, head + upper):
        yield key[cut:], value


def mark_of(found: Any) -> str:
    """A marker behind a version. It says the place, so that the next page is right even if the version goes; `null` would not."""
    return found.version if found.version != places.NULL else places.id_of(found.stamp, "0" * places.RANDOM)
