"""The writer lock of a database: one writer at a time among all processes, and none of them starves.

Two files beside the database are locked with flock(2). Who wants to write first takes its turn, then the lock, then gives up
the turn. So while one process waits for the lock it holds the turn, and the process that has the lock cannot take it again
before the waiting one. The kernel frees both when a process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def _flock(file: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class WriterLock:
    """The writer lock of the database at `path`. Two in one process exclude each other, too; each is for one thread at a time.

    Do not fork while it is held: a child that lives on keeps the lock. (A subprocess does not: the files close on exec.)
    """

    def __init__(self, path: Path) -> None:
        self._lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._turn = os.open(f"{path}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._my_turn = False

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it or waits for it; about 1 us. After False, `acquire` waits for it."""
        if not _flock(self._turn, wait=False):
            return False
        self._my_turn = True
        if not _flock(self._lock, wait=False):
            return False
        self._give_up_turn()
        return True

    def acquire(self) -> None:
        """Take the lock, waiting for it."""
        if not self._my_turn:
            self._my_turn = _flock(self._turn, wait=True)
        _flock(self._lock, wait=True)
        self._give_up_turn()

    def release(self) -> None:
        """Let go of the lock, and of the turn if waiting for the lock failed."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        if self._my_turn:
            self._give_up_turn()

    def file(self) -> int:
        """An open file beside the database."""
        return self._lock

    def close(self) -> None:
        """Let go of the lock and the turn, for good."""
        os.close(self._lock)
        os.close(self._turn)

    def _give_up_turn(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_UN)
        self._my_turn = False
