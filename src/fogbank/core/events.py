"""The log of events, as services read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal


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

    def newest(
        self,
        kind: Literal["management", "data"],
        *,
        since: int = 0,
        until: int = ...,
        before: tuple[int, str] | None = None,
    ) -> Iterator[Event]:
        """Events that were answered from `since` to `until` (microseconds), newest first; `before` continues behind an earlier one."""
