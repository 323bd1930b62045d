"""When a lifecycle's days are over.

A day is a day, and an action is due at the midnight (UTC) that follows. Under `fogbank up --dev --lifecycle-day`, a day is as long as
that says, and nothing is rounded: the control process notes it in the state, for all that tell dates.

Source: S3 User Guide, "Lifecycle rules: Based on an object's age".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx

DAY: Final = 86_400  # seconds


class Short(Record, version=1):
    """How long a lifecycle day is, in milliseconds, where it is not a day."""

    milliseconds: int


short_days = Table("s3.lifecycle-day", Short)  # (nothing)


def due(tx: Tx, start: int, days: int) -> int:
    """When something is due that happens `days` after `start`; both in seconds since the epoch."""
    short = short_days.get(tx)
    if short is not None:
        return start + -(-days * short.milliseconds // 1000)
    return -(-(start + days * DAY) // DAY) * DAY


def differs(tx: Tx, day: timedelta | None) -> bool:
    """Whether another length is noted than the operator's."""
    noted = short_days.get(tx)
    return (noted.milliseconds if noted else None) != (milliseconds(day) if day else None)


def note(tx: Tx, day: timedelta | None) -> None:
    """Note how long a lifecycle day is; None for a day."""
    if day is None:
        short_days.delete(tx)
    else:
        short_days.put(tx, Short(milliseconds=milliseconds(day)))


def milliseconds(day: timedelta) -> int:
    """A length in whole milliseconds."""
    return day // timedelta(milliseconds=1)
