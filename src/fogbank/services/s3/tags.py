"""Tags of objects and buckets: what may be one, and how requests say them.

Source: S3 User Guide, "Categorizing your objects using tags"; S3 API Reference, PutObjectTagging, PutBucketTagging.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fogbank.core.service import Input

OBJECT_TAGS: Final = 10
BUCKET_TAGS: Final = 50
KEY_LENGTH: Final = 128  # characters
VALUE_LENGTH: Final = 256
HEADER_BYTES: Final = 8192
PUNCTUATION: Final = frozenset("_.:/=+-@")


def invalid(message: str, **fields: str) -> AwsError:
    """S3's error for something that cannot be a tag."""
    return AwsError("InvalidTag", message, status=400, fields=fields)


def is_text(text: str) -> bool:
    """Whether all characters may be in a tag: letters, digits and spaces of any script, and some punctuation."""
    return all(mark in PUNCTUATION or unicodedata.category(mark)[0] in "LNZ" for mark in text)


def check_tag(key: str, value: str) -> None:
    """InvalidTag unless this can be a tag that a caller sets."""
    if not 1 <= len(key) <= KEY_LENGTH or not is_text(key):
        raise invalid("The TagKey you have provided is invalid", TagKey=key[:KEY_LENGTH])
    if len(value) > VALUE_LENGTH or not is_text(value):
        raise invalid("The TagValue you have provided is invalid", TagKey=key, TagValue=value[:VALUE_LENGTH])


def of_set(tag_set: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The tags of a TagSet; InvalidTag for what cannot be one, and for a key that is there twice."""
    tags: dict[str, str] = {}
    for tag in tag_set:
        key, value = tag["Key"], tag["Value"]
        check_tag(key, value)
        if key in tags:
            raise invalid("Cannot provide multiple Tags with the same key", TagKey=key)
        tags[key] = value
    return tags


def of_bucket(tag_set: list[Mapping[str, Any]]) -> dict[str, str]:
    """The tags for a bucket; at most fifty."""
    if len(tag_set) > BUCKET_TAGS:
        raise AwsError("BadRequest", f"Bucket tag count cannot be greater than {BUCKET_TAGS}", status=400)
    tags = of_set(tag_set)
    if system := [key for key in tags if key.lower().startswith("aws:")]:
        raise invalid("System tags cannot be added/updated by requester", TagKey=system[0])
    return tags


def to_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a TagSet."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def of_object(tag_set: list[Mapping[str, Any]]) -> dict[str, str]:
    """The tags for an object; at most ten."""
    if len(tag_set) > OBJECT_TAGS:
        raise AwsError("BadRequest", f"Object tags cannot be greater than {OBJECT_TAGS}", status=400)
    tags = of_set(tag_set)
    if system := [key for key in tags if key.lower().startswith("aws:")]:
        raise invalid("Your TagKey cannot be prefixed with aws:", TagKey=system[0])
    return tags


def of_header(text: str) -> dict[str, str]:
    """The tags of x-amz-tagging, which is encoded like a query; InvalidArgument if it is not, or names a key twice."""
    pairs: list[Mapping[str, Any]] = []
    for piece in text[: HEADER_BYTES + 1].split("&"):
        if piece:
            key, _, value = piece.partition("=")
            pairs.append({"Key": decoded(key, text), "Value": decoded(value, text)})
    if len({pair["Key"] for pair in pairs}) < len(pairs) or len(text) > HEADER_BYTES:
        raise bad_header(text)
    return of_object(pairs)


def decoded(text: str, whole: str) -> str:
    """A percent-encoded piece of a header, which must be UTF-8."""
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise bad_header(whole) from None


def bad_header(text: str) -> AwsError:
    """S3's error for an x-amz-tagging that cannot be read."""
    what = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
    fields = {"ArgumentName": "x-amz-tagging", "ArgumentValue": text[:1024]}
    return AwsError("InvalidArgument", what, fields=fields)


def of_request(req: Input) -> dict[str, str]:
    """The tags that a request gives to the object that it makes."""
    return of_header(req["Tagging"]) if req.get("Tagging") else {}
