"""The log of events, as services read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    Kind = Literal["management", "data", "access"]


class Event(Protocol):
    """An event: a line of JSON as CloudTrail's record, and its place in the order of answers."""

    @property
    def answered(self) -> int:
        """When the request was answered, in microseconds since the epoch."""

    @property
    def segment(self) -> str:
        """What tells apart events of the same time."""

    @property
    def line(self) -> bytes:
        """The record, without a newline."""


class Events(Protocol):
    """The log of all processes."""

    def since(self, kind: Kind, offsets: dict[str, int], most: int = ...) -> Sequence[Event]:
        """What was appended behind `offsets` (by segment, brought up to date), in the order of answers; `most` bytes of a segment."""

    def forget(self, kind: Kind, offsets: dict[str, int]) -> None:
        """Delete the segments that were read to their ends and that nobody appends to; `offsets` then has only those that are left."""

    def newest(
        self,
        kind: Kind,
        *,
        since: int = 0,
        until: int = ...,
        before: tuple[int, str] | None = None,
    ) -> Iterator[Event]:
        """Events that were answered from `since` to `until` (microseconds), newest first; `before` continues behind an earlier one."""
