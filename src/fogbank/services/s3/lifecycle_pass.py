"""How far the lifecycle of each bucket has come: a pass over its objects, its noncurrent versions and its uploads, a piece at a time.

There is a record for every bucket that has a lifecycle. A piece's actions and its end are one transaction: who is killed has done a
piece wholly or not at all, and goes on there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.services.s3.lifecycle_time import DAY, short_days
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx

CURRENT: Final = 0
NONCURRENT: Final = 1
UPLOADS: Final = 2
DONE: Final = 3


class Pass(Record, version=1):
    """A pass that `began` at a second since the epoch (0: never) and is at `cursor`, the key behind what it has done, in a stage."""

    began: int = 0
    stage: int = DONE
    cursor: bytes = b""


passes = Table("s3.lifecycle", Pass)  # bucket


def is_due(tx: Tx, found: Pass, now: int) -> bool:
    """Whether there is something to do: a pass to go on with, or to begin. One begins after each midnight (UTC).

    A pass of the future, before the clock was put back, is as good as none.
    """
    if found.began == 0 or found.stage != DONE or now < found.began:
        return True
    if short_days.get(tx) is not None:
        return now > found.began
    return now // DAY > found.began // DAY


def current(found: Pass, now: int) -> Pass:
    """The pass to go on with, which may be a new one."""
    if found.began == 0 or found.stage == DONE or now < found.began:
        return Pass(began=now, stage=CURRENT)
    return found
