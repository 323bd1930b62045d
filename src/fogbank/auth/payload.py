"""What x-amz-content-sha256 says is to be done with the body.

Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header", the table of values.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from fogbank.auth.dialect import S3
from fogbank.auth.signing import same
from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


class PayloadMode(Enum):
    """How a body is covered by the signature, and whether it is framed as aws-chunked."""

    EXACT = "exact"  # the body's sha256 is declared: compare with check_payload
    UNSIGNED = UNSIGNED_PAYLOAD
    SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    @property
    def chunked(self) -> bool:
        """The body has to go through a ChunkDecoder."""
        return self not in (PayloadMode.EXACT, PayloadMode.UNSIGNED)

    @property
    def signed_chunks(self) -> bool:
        """Each chunk carries a signature."""
        return self in (PayloadMode.SIGNED_CHUNKS, PayloadMode.SIGNED_CHUNKS_TRAILER)


_BY_VALUE = {mode.value: mode for mode in PayloadMode if mode is not PayloadMode.EXACT}
_SHA256 = re.compile("[0-9a-fA-F]{64}").fullmatch


def payload_mode(declared: str) -> PayloadMode:
    """The mode that a value of x-amz-content-sha256 asks for.

    Raises InvalidArgument for a value that means nothing, NotImplemented for AWS's asymmetric and event-stream signatures.
    """
    if _SHA256(declared):
        return PayloadMode.EXACT
    mode = _BY_VALUE.get(declared)
    if mode is not None:
        return mode
    if declared.startswith(("STREAMING-AWS4-ECDSA-P256-SHA256-", "STREAMING-AWS4-HMAC-SHA256-EVENTS")):
        message = "A header you provided implies functionality that is not implemented"
        raise AwsError("NotImplemented", message, status=501, fields={"Header": "x-amz-content-sha256"})
    message = (
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, "
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
    )
    raise S3.error("InvalidArgument", message, ArgumentName="x-amz-content-sha256", ArgumentValue=declared[:256])


def check_payload(declared: str, computed: str) -> None:
    """Raise XAmzContentSHA256Mismatch unless the body's sha256 (lower-case hexadecimal) is the declared one."""
    if not same(computed, declared.lower()):
        raise S3.error(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ClientComputedContentSHA256=declared,
            S3ComputedContentSHA256=computed,
        )


def decoded_length(headers: Mapping[str, str]) -> int:
    """The bytes that an aws-chunked body announces in x-amz-decoded-content-length. Raises MissingContentLength or InvalidArgument."""
    text = headers.get("x-amz-decoded-content-length")
    if text is None:
        raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", status=411)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        message = "The value of x-amz-decoded-content-length is not a valid length."
        name = "x-amz-decoded-content-length"
        raise S3.error("InvalidArgument", message, ArgumentName=name, ArgumentValue=text[:64])
    return int(text)
