"""Listing objects, in the order of their keys' UTF-8 bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.paging import read_marker, write_marker
from fogbank.services.s3 import listed
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.bucket import bad_token
from fogbank.services.s3.pages import Page, Wanted, echoed, encoder, page_of, page_size
from fogbank.services.s3.records import Object, objects
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import ListObjectsRequestTypeDef, ListObjectsV2RequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input

LISTED = "Bucket Delimiter EncodingType MaxKeys Prefix RequestPayer ExpectedBucketOwner OptionalObjectAttributes"


@s3.operation("scan", "bucket", action="s3:ListBucket", takes=f"{LISTED} ContinuationToken FetchOwner StartAfter")
def list_objects_v2(call: Call, req: ListObjectsV2RequestTypeDef) -> dict[str, Any]:
    """A page of a bucket's objects; a token says where the next one starts."""
    token = req.get("ContinuationToken")
    after = read_marker(token, bad_token(token)) if token is not None else req.get("StartAfter", "")
    page = objects_after(call, req, after or "")
    result = answer(call, req, page, owners=bool(req.get("FetchOwner")))
    result |= echoed(req, "ContinuationToken", "StartAfter")
    result["KeyCount"] = len(page.entries) + len(page.prefixes)
    if page.truncated:
        result["NextContinuationToken"] = write_marker(page.last[0])
    return result


@s3.operation("scan", "bucket", action="s3:ListBucket", takes=f"{LISTED} Marker")
def list_objects(call: Call, req: ListObjectsRequestTypeDef) -> dict[str, Any]:
    """A page of a bucket's objects; the caller names the key to go on behind."""
    page = objects_after(call, req, req.get("Marker", ""))
    result = answer(call, req, page, owners=True)
    result["Marker"] = encoder(req)(req.get("Marker", ""))
    if page.truncated and "Delimiter" in req:
        result["NextMarker"] = encoder(req)(page.last[0])
    return result


def objects_after(call: Call, req: Input, after: str) -> Page[Object]:
    """The page of objects that a request asks for; of each, only what listings tell."""
    bucket = open_bucket(call, req)
    most = page_size(req.get("MaxKeys"), "maxKeys")
    wanted = Wanted(bucket.name, req.get("Prefix", ""), req.get("Delimiter", ""), (after,) if after else (), most)
    return page_of(call.tx, objects, wanted, listed.read)


def answer(call: Call, req: Input, page: Page[Object], *, owners: bool) -> dict[str, Any]:
    """What both versions of the listing answer."""
    encode, restores = encoder(req), "RestoreStatus" in req.get("OptionalObjectAttributes", ())
    style = listed.Style(open_bucket(call, req), encode, owners=owners, restores=call.now if restores else None)
    result = {
        "Name": req["Bucket"],
        "Prefix": encode(req.get("Prefix", "")),
        "MaxKeys": page_size(req.get("MaxKeys"), "maxKeys"),
        "IsTruncated": page.truncated,
        "Contents": style.contents((parts[0], found) for parts, found in page.entries),
        "CommonPrefixes": style.prefixes(page.prefixes),
    }
    return result | echoed(req, "Delimiter", "EncodingType")
