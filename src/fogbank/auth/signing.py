"""The arithmetic of Signature Version 4: derived keys, signatures, and their comparison in constant time.

Source: AWS General Reference, "Signature Version 4 signing process"; Amazon S3 API Reference, "Authenticating Requests".
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
EMPTY_SHA256 = sha256(b"").hexdigest()


@lru_cache(maxsize=4096)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The 32-byte key derived from `secret` for one credential scope; `date` is YYYYMMDD. Secret: never log or return it."""
    key = b"AWS4" + to_bytes(secret)
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, to_bytes(part), "sha256")
    return key


def string_to_sign(timestamp: str, scope: str, canonical_request: bytes, algorithm: str = ALGORITHM) -> str:
    """What the signature is made over; `scope` is date/region/service/aws4_request."""
    return f"{algorithm}\n{timestamp}\n{scope}\n{sha256(canonical_request).hexdigest()}"


def sign(key: bytes, text: str) -> str:
    """The signature, as lower-case hexadecimal."""
    return hmac.digest(key, to_bytes(text), "sha256").hex()


def same(expected: str, provided: str) -> bool:
    """Compare two signatures in a time that does not depend on where they differ."""
    return hmac.compare_digest(to_bytes(expected), to_bytes(provided))


def to_bytes(text: str) -> bytes:
    """UTF-8 that never fails: a lone surrogate in a hostile request is kept as it is, and so matches no signature."""
    return text.encode("utf-8", "surrogatepass")
