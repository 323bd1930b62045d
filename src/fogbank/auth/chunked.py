"""aws-chunked bodies: the framing, the chain of chunk signatures, and trailing checksums.

Sources: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks"
and "Signature calculations for trailing headers (chunked uploads)".
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

from fogbank.auth.dialect import S3
from fogbank.auth.payload import PayloadMode, decoded_length
from fogbank.auth.signing import EMPTY_SHA256, same, sign

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fogbank.auth.verification import Verified
    from fogbank.wire.errors import AwsError

# A size line with a signature has 101 bytes; the longest trailer, x-amz-checksum-sha512, about 110.
MAX_LINE = 1024
MAX_TRAILERS = 8
MIN_CHUNK = 8192  # bytes, of every chunk but the last one that has data
_TRAILER_SIGNATURE = "x-amz-trailer-signature"
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?").fullmatch
_TRAILER_LINE = re.compile(rb"([A-Za-z0-9-]{1,128}):[ \t]*([!-~](?:[ -~]*[!-~])?)[ \t]*").fullmatch


class ChunkDecoder:
    """Decodes one aws-chunked body as it arrives, and checks it against its signatures and announcements.

    `feed` gives the data before the chunk's signature has arrived in full confidence: nothing may be committed before `finish`
    has returned. After any error the decoder stays failed. It keeps no more than one line of the body in memory, and may be
    driven from any thread, one at a time.
    """

    def __init__(
        self,
        mode: PayloadMode,
        length: int,
        trailers: Collection[str] = (),
        verified: Verified | None = None,
    ) -> None:
        """`length` is the decoded length announced, `trailers` the lower-case names of x-amz-trailer. Chunks that are signed
        need the request's `verified` seed signature and key."""
        if mode.signed_chunks and verified is None:
            raise S3.error("AccessDenied", "Signed chunks need a signed request.")
        self.trailers: dict[str, str] = {}
        self.received = 0
        self._length = length
        self._declared = frozenset(trailers)
        self._signed = verified if mode.signed_chunks else None
        self._signed_trailer = mode is PayloadMode.SIGNED_CHUNKS_TRAILER
        self._previous = verified.signature if verified else ""
        self._provided = self._trailer_signature = ""
        self._hash = sha256()
        self._left = self._size = self._count = 0
        self._line = bytearray()
        self._on_line = self._size_line
        self._done = False
        self._sound = True

    def feed(self, data: bytes) -> list[memoryview]:
        """The decoded pieces of the next bytes of the body, as views of `data`. Raises AwsError."""
        self._require_sound()
        self._sound = False
        pieces = []
        at, end = 0, len(data)
        view = memoryview(data)
        while at < end:
            if self._left:
                piece = view[at : at + self._left]
                at += len(piece)
                self._take(piece)
                pieces.append(piece)
            else:
                at = self._take_line(data, at)
        self._sound = True
        return pieces

    def finish(self) -> None:
        """The body has ended: raise unless all of it was there and all of it was signed."""
        self._require_sound()
        if not self._done or self.received != self._length:
            raise _incomplete()

    def _require_sound(self) -> None:
        if not self._sound:
            raise _incomplete()

    def _take(self, piece: memoryview) -> None:
        if self._signed is not None:
            self._hash.update(piece)
        self._left -= len(piece)
        self.received += len(piece)
        if not self._left:
            self._check_chunk()
            self._on_line = self._after_data

    def _take_line(self, data: bytes, at: int) -> int:
        """Consume up to the end of a line and act on it; where it has not ended, keep what there is of it."""
        stop = data.find(b"\n", at, at + MAX_LINE)
        self._line += data[at : at + MAX_LINE] if stop < 0 else data[at:stop]
        if len(self._line) >= MAX_LINE:
            self._malformed()
        if stop < 0:
            return len(data)
        if not self._line.endswith(b"\r"):
            self._malformed()
        line = bytes(self._line[:-1])
        self._line.clear()
        self._on_line(line)
        return stop + 1

    def _malformed(self) -> NoReturn:
        raise _malformed_trailer() if self._on_line == self._trailer_line else _incomplete()

    # --- what a line may be, in order

    def _size_line(self, line: bytes) -> None:
        found = _SIZE_LINE(line)
        if found is None or (found[2] is None) is not (self._signed is None):
            raise _incomplete() if self._signed is None else self._mismatch("", "")
        size = int(found[1], 16)
        if size and self._count and self._size < MIN_CHUNK:
            message = "Only the last chunk is allowed to have a size less than 8192 bytes"
            raise S3.error("InvalidChunkSizeError", message, Chunk=self._count, BadChunkSize=self._size)
        if self.received + size > self._length:
            raise _incomplete()
        self._count += 1
        self._size = self._left = size
        self._provided = found[2].decode() if found[2] else ""
        if not size:
            self._check_chunk()
            self._on_line = self._trailer_line

    def _after_data(self, line: bytes) -> None:
        if line:
            raise _incomplete()
        self._on_line = self._size_line

    def _trailer_line(self, line: bytes) -> None:
        if not line:
            self._end()
            return
        found = _TRAILER_LINE(line)
        if found is None or self._trailer_signature:
            raise _malformed_trailer()
        name, value = found[1].decode().lower(), found[2].decode()
        if name == _TRAILER_SIGNATURE and self._signed_trailer:
            self._trailer_signature = value
        elif name in self._declared and name not in self.trailers:
            self.trailers[name] = value
        else:
            raise _malformed_trailer()

    def _after_end(self, line: bytes) -> None:
        raise _incomplete()

    def _end(self) -> None:
        if len(self.trailers) != len(self._declared):
            raise _malformed_trailer()
        if self._signed is not None and self._signed_trailer:
            self._check_trailer(self._signed)
        self._on_line = self._after_end
        self._done = True

    # --- signatures

    def _check_chunk(self) -> None:
        """The signature of the chunk that has just ended, chained to the one before."""
        if self._signed is None:
            return
        text = (
            f"AWS4-HMAC-SHA256-PAYLOAD\n{self._signed.timestamp}\n{self._signed.scope}\n{self._previous}\n"
            f"{EMPTY_SHA256}\n{self._hash.hexdigest()}"
        )
        self._check(self._signed, text, self._provided)
        self._hash = sha256()

    def _check_trailer(self, signed: Verified) -> None:
        lines = "".join([f"{name}:{value}\n" for name, value in sorted(self.trailers.items())])
        text = (
            f"AWS4-HMAC-SHA256-TRAILER\n{signed.timestamp}\n{signed.scope}\n{self._previous}\n"
            f"{sha256(lines.encode()).hexdigest()}"
        )
        self._check(signed, text, self._trailer_signature)

    def _check(self, signed: Verified, text: str, provided: str) -> None:
        expected = sign(signed.signing_key, text)
        if not same(expected, provided):
            raise self._mismatch(text, provided)
        self._previous = expected

    def _mismatch(self, text: str, provided: str) -> AwsError:
        return S3.error(
            S3.mismatch,
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            StringToSign=text,
            SignatureProvided=provided,
        )


def chunk_decoder(mode: PayloadMode, headers: Mapping[str, str], verified: Verified | None = None) -> ChunkDecoder:
    """The decoder of a request's body, from its head. `verified` is None for an anonymous request. Raises AwsError."""
    names = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()]
    accepts = mode in (PayloadMode.SIGNED_CHUNKS_TRAILER, PayloadMode.UNSIGNED_TRAILER)
    known = all(name.startswith("x-amz-checksum-") for name in names)
    if names and not (accepts and known and len(names) <= MAX_TRAILERS):
        raise S3.error("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    return ChunkDecoder(mode, decoded_length(headers), names, verified)


def _incomplete() -> AwsError:
    return S3.error("IncompleteBody", "The request body terminated unexpectedly")


def _malformed_trailer() -> AwsError:
    message = "The request contained trailing data that was not well-formed or did not conform to our published schema."
    return S3.error("MalformedTrailerError", message)
