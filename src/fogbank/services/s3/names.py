"""Names of buckets and keys of objects: which ones S3 takes."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from fogbank.core.errors import AwsError

# Source: S3 User Guide, "General purpose bucket naming rules".
BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]", re.ASCII)
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
KEY_BYTES = 1024


def check_bucket_name(name: str) -> None:
    """InvalidBucketName unless a bucket may be made with this name."""
    fits = BUCKET_NAME.fullmatch(name) and not ADDRESS.fullmatch(name)
    if not fits or name.startswith(RESERVED_PREFIXES) or name.endswith(RESERVED_SUFFIXES):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", fields={"BucketName": name[:255]})


def check_key(key: str) -> None:
    """KeyTooLongError above 1,024 bytes of UTF-8; a key that no client can have meant is refused as an invalid URI."""
    size = len(key) if key.isascii() else len(key.encode("utf-8", "surrogatepass"))
    if size > KEY_BYTES:
        fields = {"Size": size, "MaxSizeAllowed": KEY_BYTES}
        raise AwsError("KeyTooLongError", "Your key is too long", fields=fields)
    if "\0" in key or "\ufffd" in key:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.")


@lru_cache(maxsize=4096)
def canonical_user(account: str) -> str:
    """An account's canonical user id: 64 hexadecimal digits that do not tell its number."""
    return hashlib.sha256(f"canonical-user:{account}".encode()).hexdigest()
