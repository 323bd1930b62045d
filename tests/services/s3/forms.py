"""Forms as browsers and boto3 make them."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from services.helpers import error_of
from support.region import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.region import Answer, LocalRegion

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, value: str | bytes, filename: str | None = None) -> bytes:
    """A field, or a file if it has a filename, as Chromium writes it."""
    named = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: text/plain'
    data = value.encode() if isinstance(value, str) else value
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + data + b"\r\n"


def body(fields: Mapping[str, str], data: bytes | None, filename: str = "a.txt", behind: bytes = b"") -> bytes:
    """A whole form; without a file if `data` is None. `behind` comes after the file."""
    parts = [part(name, value) for name, value in fields.items()]
    file = b"" if data is None else part("file", data, filename)
    return b"".join(parts) + file + behind + f"--{BOUNDARY}--\r\n".encode()


def send(region: LocalRegion, bucket: str, form: bytes, host: str = "", **headers: str) -> Answer:
    """Send a form to a bucket."""
    given = {"content-type": FORM, "host": host or HOST, **headers}
    return region.raw("POST", "/" if host else f"/{bucket}", given, form)


def upload(
    region: LocalRegion, presigned: Mapping[str, Any], data: bytes, filename: str = "a.txt", **more: str
) -> Answer:
    """Send the form that boto3 presigned."""
    bucket = presigned["url"].rpartition("/")[2]
    return send(region, bucket, body({**presigned["fields"], **more}, data, filename))


def refused(answer: Answer) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    from xml.etree import ElementTree as ET

    return (*error_of(answer), ET.fromstring(answer.body).findtext("Message", ""))


def document(conditions: Sequence[Any], expiration: str = "2100-01-01T00:00:00Z") -> str:
    """A policy document, as the form has it."""
    return b64encode(json.dumps({"expiration": expiration, "conditions": list(conditions)}).encode()).decode()
