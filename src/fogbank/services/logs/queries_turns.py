"""Whose turn it is: of the queries that are carried out at a time, one account's are fewer, so that none waits for another's to end.

A query that comes when enough of its account run is parked: it leaves the outbox. Whichever of them ends puts the first that is
parked back. An account with parked queries has one that runs, which is in the outbox: so none is forgotten when the control process
is killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.logs.queries_records import turns
from fogbank.store import outbox

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.store.api import Tx

EFFECT: Final = "logs.query"
AT_ONCE: Final = 3  # queries
MOST_OF_ONE: Final = 2  # of them, of an account

Where = tuple[str, str, str]  # account, region, id


def emit(tx: Tx, where: Where, now: datetime) -> None:
    """Have a query carried out."""
    outbox.emit(tx, EFFECT, msgspec.msgpack.encode(where), now=now)


def parked(tx: Tx, where: Where) -> bool:
    """Whether a query that could begin has to wait; it is parked then."""
    turn = turns.get(tx, *where)
    if turn is None or has_room(tx, where[0]):
        return False
    turns.put(tx, msgspec.structs.replace(turn, parked=True), *where)
    return True


def has_room(tx: Tx, account: str) -> bool:
    """Whether one more query of an account may be carried out."""
    return sum(turn.running for _, turn in turns.scan(tx, account)) < MOST_OF_ONE


def wake(account: str, now: datetime, tx: Tx) -> None:
    """A query of an account has ended: the first that is parked has its turn."""
    waiting = [(turn.created, where) for where, turn in turns.scan(tx, account) if turn.parked]
    if waiting and has_room(tx, account):
        _, (_, region, number) = min(waiting)
        where = (account, str(region), str(number))
        turn = turns.get(tx, *where)
        assert turn is not None
        turns.put(tx, msgspec.structs.replace(turn, parked=False), *where)
        emit(tx, where, now)
