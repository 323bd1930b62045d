"""AWS's event streams, `application/vnd.amazon.eventstream`: the framing both ways, and events written from the model.

A message is: total length, headers' length, CRC-32 of those eight bytes, headers, payload, CRC-32 of all that is before it; all
big-endian. Source: https://smithy.io/2.0/aws/amazon-eventstream.html.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zlib import crc32

from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_HEADERS = 128 << 10  # bytes; AWS's limit
MAX_MESSAGE = 16 << 20  # bytes; AWS's limit for a message
OVERHEAD = 16  # prelude, its CRC and the message's


class Byte(int):
    """A header of type byte."""


class Short(int):
    """A header of type short."""


class Long(int):
    """A header of type long; a plain int is an integer of 32 bits."""


HeaderValue = bool | int | bytes | str | datetime | UUID


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream."""

    headers: Mapping[str, HeaderValue]
    payload: bytes


def encode(headers: Mapping[str, HeaderValue], payload: bytes = b"") -> bytes:
    """One framed message. Raises ValueError where AWS's limits do not allow it."""
    block = b"".join([_encode_header(name, value) for name, value in headers.items()])
    total = len(block) + len(payload) + OVERHEAD
    if len(block) > MAX_HEADERS or total > MAX_MESSAGE:
        raise ValueError(f"an event of {total} bytes, {len(block)} of them headers, is too large")
    prelude = struct.pack(">II", total, len(block))
    head = prelude + struct.pack(">I", crc32(prelude)) + block
    return b"".join((head, payload, struct.pack(">I", crc32(payload, crc32(head)))))


def _encode_header(name: str, value: HeaderValue) -> bytes:
    encoded = name.encode()
    if not 0 < len(encoded) < 256:
        raise ValueError(f"not an event header's name: {name!r}")
    return bytes([len(encoded)]) + encoded + _encode_value(value)


def _encode_value(value: HeaderValue) -> bytes:
    if isinstance(value, str):
        return _encode_variable(7, value.encode())
    if isinstance(value, bool):
        return b"\0" if value else b"\1"
    if isinstance(value, int):
        return _encode_number(value)
    if isinstance(value, bytes):
        return _encode_variable(6, value)
    if isinstance(value, datetime):
        return struct.pack(">bq", 8, _milliseconds(value))
    if isinstance(value, UUID):
        return b"\x09" + value.bytes
    raise TypeError(f"not an event header's value: {value!r}")


def _encode_variable(kind: int, data: bytes) -> bytes:
    if len(data) > 0x7FFF:
        raise ValueError(f"an event header of {len(data)} bytes is too long")
    return struct.pack(">bH", kind, len(data)) + data


def _encode_number(value: int) -> bytes:
    try:
        if isinstance(value, Byte):
            return struct.pack(">bb", 2, value)
        if isinstance(value, Short):
            return struct.pack(">bh", 3, value)
        return struct.pack(">bq", 5, value) if isinstance(value, Long) else struct.pack(">bi", 4, value)
    except struct.error as error:
        raise ValueError(f"{value} does not fit its event header") from error


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _milliseconds(value: datetime) -> int:
    if value.tzinfo is None:
        raise ValueError(f"a time without a time zone: {value!r}")
    return (value - _EPOCH) // _MILLISECOND


class Decoder:
    """Messages from a stream's bytes as they come. It never holds more than one message beyond what it was fed.

    Raises AwsError SerializationException for lengths beyond AWS's limits (before their bytes are awaited), wrong checksums and
    malformed headers; the stream cannot be read on then.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._max_message = max_message
        self._expected = 12

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete with these bytes."""
        buffer = self._buffer
        buffer += data
        messages, position = [], 0
        while len(buffer) - position >= self._expected:
            if self._expected == 12:
                self._expected = self._total_length(bytes(buffer[position : position + 12]))
            else:
                messages.append(_decode(bytes(buffer[position : position + self._expected])))
                position += self._expected
                self._expected = 12
        del buffer[:position]
        return messages

    def close(self) -> None:
        """The stream has ended; raises AwsError where it ended within a message."""
        if self._buffer:
            raise _malformed("the stream ends within a message")

    def _total_length(self, prelude: bytes) -> int:
        total, headers, checksum = struct.unpack(">III", prelude)
        if crc32(prelude[:8]) != checksum:
            raise _malformed("the checksum of a prelude does not match")
        if headers > MAX_HEADERS or not headers + OVERHEAD <= total <= self._max_message:
            raise _malformed("a length is out of bounds")
        return int(total)


def _malformed(what: str) -> AwsError:
    return AwsError("SerializationException", f"The event stream is malformed: {what}.")


def _decode(message: bytes) -> Message:
    (checksum,) = struct.unpack(">I", message[-4:])
    if crc32(message[:-4]) != checksum:
        raise _malformed("the checksum of a message does not match")
    end = 12 + int.from_bytes(message[4:8], "big")
    headers: dict[str, HeaderValue] = {}
    try:
        for name, value in _decode_headers(message[12:end]):
            if name in headers:
                raise _malformed("a header comes twice")
            headers[name] = value
    except (struct.error, UnicodeDecodeError, KeyError, OverflowError, ValueError):
        raise _malformed("a header") from None
    return Message(headers, message[end:-4])


_FIXED = {2: (">b", Byte), 3: (">h", Short), 4: (">i", int), 5: (">q", Long)}


def _decode_headers(block: bytes) -> Iterator[tuple[str, HeaderValue]]:
    position = 0
    while position < len(block):
        length = block[position]
        name, position = _take(block, position + 1, length)
        if not name:
            raise ValueError(name)
        kind, position = _take(block, position, 1)
        value, position = _decode_value(block, position, kind[0])
        yield name.decode(), value


def _take(block: bytes, position: int, length: int) -> tuple[bytes, int]:
    end = position + length
    if end > len(block):
        raise ValueError(length)
    return block[position:end], end


def _decode_value(block: bytes, position: int, kind: int) -> tuple[HeaderValue, int]:
    if kind in (0, 1):
        return kind == 0, position
    if kind in (6, 7):
        length, position = _take(block, position, 2)
        data, position = _take(block, position, int.from_bytes(length, "big"))
        return (data.decode() if kind == 7 else data), position
    if kind == 8:
        data, position = _take(block, position, 8)
        return _EPOCH + int.from_bytes(data, "big", signed=True) * _MILLISECOND, position
    if kind == 9:
        data, position = _take(block, position, 16)
        return UUID(bytes=data), position
    form, number = _FIXED[kind]
    data, position = _take(block, position, struct.calcsize(form))
    return number(struct.unpack(form, data)[0]), position
