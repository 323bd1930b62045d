"""What is claimed, and the times in it.

Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header"; RFC 9110 on Date.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Literal

import msgspec


class Claim(msgspec.Struct, frozen=True):
    """Who a request says signed it, for what scope, and when. Nothing here has been verified.

    `date` is the scope's YYYYMMDD; `timestamp` is X-Amz-Date in ISO 8601 basic form and `at` the same as an aware datetime;
    `expires` is in seconds, None unless presigned. `payload_hash` is the declared x-amz-content-sha256, UNSIGNED-PAYLOAD for a
    presigned S3 request that declares none, or None where the header is absent.

    Signature Version 2 has no scope: `date`, `region` and `terminator` are empty. `timestamp` is the text that is signed, and `at`
    of a presigned URL is when it ends.
    """

    kind: Literal["header", "query", "post"]
    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    at: datetime
    expires: int | None
    session_token: str | None
    payload_hash: str | None
    version: Literal[2, 4] = 4

    @property
    def scope(self) -> str:
        """The credential scope, as it is signed."""
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"

    def __repr__(self) -> str:
        # A presigned signature or a session token in a log would be a credential in a log.
        return f"Claim({self.kind}, {self.access_key_id}, {self.scope}, {self.timestamp})"

    __str__ = __repr__


def parse_time(text: str) -> datetime | None:
    """An ISO 8601 basic time, YYYYMMDDTHHMMSSZ, as an aware datetime; None if it is anything else."""
    return _parse_time(text) if len(text) == 16 else None


@lru_cache(maxsize=2048)
def _parse_time(text: str) -> datetime | None:
    digits = text[:8] + text[9:15]
    if not (digits.isascii() and digits.isdigit() and text[8] == "T" and text[15] == "Z"):
        return None
    try:
        return datetime(
            int(text[:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[9:11]),
            int(text[11:13]),
            int(text[13:15]),
            tzinfo=UTC,
        )
    except ValueError:
        return None


def parse_date(text: str) -> datetime | None:
    """A Date header: RFC 1123 as HTTP has it, or ISO 8601 as some SDKs write it; None if neither."""
    if not text or len(text) > 64:
        return None
    try:
        at = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        return at.replace(microsecond=0, tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
