"""What a caller says about an object besides its bytes: system headers, user metadata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from fogbank.core.service import Input

HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
DEFAULT_TYPE = "binary/octet-stream"
METADATA_BYTES = 2048
REDIRECT_LENGTH = 2048
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_header_text(value: str) -> bool:
    """Whether a value can go into a header: a presigned query can hold what no header can, such as a line's end."""
    return not CONTROL.search(value)


def headers_of(req: Input) -> dict[str, str]:
    """The system headers to keep; `aws-chunked` is how the body came, not what it is."""
    kept = {}
    for name in HEADERS:
        value = req.get(name)
        if value is not None:
            kept[name] = value
    encoding = kept.get("ContentEncoding")
    if encoding is not None and "aws-chunked" in encoding:
        rest = ",".join(part.strip() for part in encoding.split(",") if part.strip() != "aws-chunked")
        if rest:
            kept["ContentEncoding"] = rest
        else:
            del kept["ContentEncoding"]
    kept.setdefault("ContentType", DEFAULT_TYPE)
    return kept


def metadata_of(req: Input) -> dict[str, str]:
    """User metadata; MetadataTooLarge above 2 KB of names and values."""
    metadata: dict[str, str] = req.get("Metadata") or {}
    if not metadata:
        return {}
    for name, value in metadata.items():
        if not TOKEN.fullmatch(name) or not is_header_text(value):
            what = "Metadata names and values must be what an HTTP header can hold."
            raise AwsError("InvalidArgument", what, fields={"ArgumentName": f"x-amz-meta-{name[:100]}"})
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > METADATA_BYTES:
        fields = {"Size": size, "MaxSizeAllowed": METADATA_BYTES}
        raise AwsError(
            "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", fields=fields
        )
    return {name.lower(): value for name, value in metadata.items()}


def redirect_of(req: Input) -> str:
    """Where a website sends those who ask for the object; empty for nowhere.

    Source: S3 User Guide, "(Optional) Configuring a webpage redirect".
    """
    place: str = req.get("WebsiteRedirectLocation", "")
    if place and not place.startswith(("/", "http://", "https://")):
        what = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
        raise AwsError("InvalidRedirectLocation", what)
    if len(place) > REDIRECT_LENGTH or not is_header_text(place):
        fields = {"ArgumentName": "x-amz-website-redirect-location", "ArgumentValue": place[:256]}
        what = "The length of website redirect location cannot exceed 2,048 characters."
        raise AwsError("InvalidArgument", what, fields=fields)
    return place
