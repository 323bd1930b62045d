"""Markers of paged listings: opaque to callers."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode

from fogbank.core.errors import AwsError


def write_marker(last: str) -> str:
    """A marker that says behind which entry a listing goes on."""
    return urlsafe_b64encode(b"1" + last.encode()).decode()


def read_marker(marker: str | None, error: AwsError | None = None) -> str | None:
    """The entry behind which a listing goes on; `error`, or a ValidationError, for a marker that was not made here."""
    if marker is None:
        return None
    try:
        raw = b64decode(marker, altchars=b"-_", validate=True)
        if raw[:1] == b"1":
            return raw[1:].decode()
    except ValueError:
        pass
    raise error or AwsError("ValidationError", "Invalid Marker.")
