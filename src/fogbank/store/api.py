"""What a store offers: transactions over ordered keys, and bytes beside them. Every implementation is held to one test suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

T = TypeVar("T")


class StoreError(Exception):
    """The store could not do it, and nothing of it was done."""


class StoreFull(StoreError):
    """No space is left on the device."""


class StoreCorrupt(StoreError):
    """Bytes on disk are not those that were written: their CRC64NVME is `found` (None: missing), not `expected`."""

    def __init__(self, blob: str, expected: int, found: int | None) -> None:
        super().__init__(f"blob {blob}: checksum is {found}, not {expected}")
        self.blob = blob
        self.expected = expected
        self.found = found


class Tx(Protocol):
    """A transaction: one consistent view, all or nothing. Keys are ordered as bytes.

    `memo` keeps what tables decoded, by key, so that a request that needs a record thrice reads it once; tables forget what they
    change.
    """

    memo: dict[tuple[str, tuple[Any, ...]], Any]

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value at `key`."""

    def delete(self, key: bytes) -> None:
        """Remove `key`, if it is there."""

    def scan(
        self, start: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values with `start` <= key < `end`, in order (or the reverse), at most `limit`."""

    def scan_groups(
        self, start: bytes, end: bytes, *, at: int, delimiter: bytes, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """Like `scan`, but for keys that are alike up to their first `delimiter` only the first is given, with an empty value.

        The delimiter is looked for from byte `at` on, up to the next zero byte. It costs one seek a key that is given.
        """

    def put_bytes(self, data: bytes) -> int:
        """Keep a small blob in the state database; its id (positive, never used again)."""

    def get_bytes(self, blob: int) -> bytes | None:
        """The bytes of a small blob, verified: StoreCorrupt if they are not those that were put."""

    def delete_bytes(self, blob: int) -> None:
        """Remove a small blob, if it is there."""

    def list_bytes(self, after: int, limit: int) -> list[int]:
        """The ids of small blobs above `after`, in order, at most `limit`."""

    def size_of_bytes(self, blob: int) -> int | None:
        """The size of a small blob, not verified; None if it is not there."""

    def total_bytes(self) -> int:
        """The bytes of all small blobs; it looks at each."""


class Store(Protocol):
    """State on disk, shared by the processes of a region."""

    def snapshot(self) -> AbstractContextManager[Tx]:
        """A read-only view of what is committed, from any thread; it never waits for writers. Its writes raise TypeError."""

    async def write(self, handler: Callable[[Tx], T], *, bulk: bool = False) -> T:
        """Run `handler` in a transaction of its own and return its result once it is committed and synced.

        Waiting handlers share one commit, each in a savepoint: what one raises rolls back that one alone and is raised here.
        Handlers are short, synchronous and run on the event loop, except `bulk` ones, which run in a thread.
        """

    def close(self) -> None:
        """Finish what is being written and let go of the files."""
