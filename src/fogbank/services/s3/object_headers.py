"""What a caller says about an object besides its bytes: system headers, user metadata, storage class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError, not_implemented

if TYPE_CHECKING:
    from fogbank.core.service import Input

HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
DEFAULT_TYPE = "binary/octet-stream"
METADATA_BYTES = 2048
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Classes differ in price and place only, and are kept as said; those that need a restore before a read arrive with RestoreObject.
STORAGE_CLASSES = frozenset({"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"})
ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "SNOW", "EXPRESS_ONEZONE", "OUTPOSTS"})


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


def storage_class_of(req: Input) -> str:
    """The storage class to keep."""
    name: str = req.get("StorageClass", "STANDARD")
    if name in ARCHIVE_CLASSES:
        raise not_implemented(f"The storage class {name}")
    if name not in STORAGE_CLASSES:
        raise AwsError(
            "InvalidStorageClass",
            "The storage class you specified is not valid",
            fields={"StorageClassRequested": name[:64]},
        )
    return name
