"""Bodies on their way into the store: hashed, and kept durably, before a handler refers to them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from fogbank import auth
from fogbank.core.call import Body
from fogbank.core.digests import NEW
from fogbank.core.errors import AwsError
from fogbank.store import chunks
from fogbank.store.blobs import INLINE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.core.call import Sealing
    from fogbank.core.digests import Digest
    from fogbank.store.blobs import BlobRef, Blobs, BlobWriter


def incomplete() -> AwsError:
    """The error for a body that ends before its announced length."""
    what = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", what, status=400)


class Spool:
    """Takes a body in batches: decodes, hashes and keeps it; small bodies in memory, others in a blob.

    `expected` is the size of the body; unless `exact`, the most that it may have, of a body whose source knows its end. With a
    `sealing`, what is kept is encrypted; digests are of what the caller sent, the blob's own CRC of what is kept.
    """

    def __init__(
        self,
        blobs: Blobs,
        algorithms: Iterable[str],
        *,
        expected: int,
        exact: bool = True,
        decoder: auth.ChunkDecoder | None = None,
        declared_hash: str | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        self.size = 0
        self.blobs = blobs
        self.finished: BlobRef | None = None
        self.writer: BlobWriter | None = None
        if expected > INLINE_LIMIT:
            self.writer = blobs.create(chunks.sealed_size(expected) if sealing else expected)
        self._decoder = decoder
        self._declared_hash = declared_hash
        self._sealing = sealing
        self._nonce = chunks.new_nonce() if sealing else b""
        self._sealer = chunks.Sealer(sealing.key, self._nonce, self.writer.write) if sealing and self.writer else None
        self._digests: dict[str, Digest] = {name: NEW[name]() for name in algorithms}
        self._sha256 = sha256() if declared_hash is not None else None
        self._parts: list[bytes] = []
        self._most = expected
        self._exact = exact

    def feed(self, batch: list[bytes]) -> None:
        """Take in chunks as they came; in a worker thread where they are large."""
        for chunk in batch:
            for piece in self._decoder.feed(chunk) if self._decoder else (chunk,):
                self.take(piece)

    def take(self, piece: bytes | memoryview) -> None:
        """Take in bytes that are in no frames."""
        self.size += len(piece)
        if self.size > self._most:
            raise incomplete()
        if self._sha256 is not None:
            self._sha256.update(piece)
        for digest in self._digests.values():
            digest.update(piece)  # type: ignore[arg-type]  # hashlib and awscrt take any buffer
        if self._sealer is not None:
            self._sealer.update(piece)
        elif self.writer is not None:
            self.writer.write(piece)
        else:
            self._parts.append(bytes(piece))

    def finish(self) -> Body:
        """Check that all of the body came and is what was signed, and make it durable if it is large."""
        if self._decoder is not None:
            self._decoder.finish()
        if self._exact and self.size != self._most:
            raise incomplete()
        if self._sha256 is not None and self._declared_hash is not None:
            auth.check_payload(self._declared_hash, self._sha256.hexdigest())
        return self._kept({name: digest.digest() for name, digest in self._digests.items()})

    def _kept(self, digests: dict[str, bytes]) -> Body:
        data: bytes | None = None
        if self.writer is None:
            data = b"".join(self._parts)
            if self._sealing is not None:
                data = chunks.seal_small(self._sealing.key, self._nonce, data)
        else:
            if self._sealer is not None:
                self._sealer.finish()
            self.finished = self.writer.finish()
        trailers = self._decoder.trailers if self._decoder else {}
        return Body(self.size, digests, data, self.finished, trailers, self._sealing, self._nonce)
