"""The region's clock. Handlers see the time only through it, so that tests can advance it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """The machine's time in UTC, moved by an offset that a region started for testing may set."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self._offset = offset

    def now(self) -> datetime:
        """The region's time, aware, in UTC."""
        if self._offset:
            return datetime.now(UTC) + self._offset
        return datetime.now(UTC)

    def advance(self, by: timedelta) -> None:
        """Move the region's time forward; never back, since stored times would then lie in the future."""
        if by < timedelta():
            raise ValueError("the region's clock only moves forward")
        self._offset += by
