"""The outbox: effects written in the transaction that wants them, and carried out after it, at least once.

    key    ("outbox", kind, due, sequence)    due in microseconds since the epoch; sequence counts all effects
    value  Effect

Carriers of several processes may carry out the same effect, and one that dies does so again later: handlers are repeatable.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

import msgspec

from fogbank.store import keys
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from fogbank.store.api import Store, Tx

    Handler = Callable[[bytes], Awaitable[None]]

FIRST_RETRY: Final = timedelta(seconds=1)
LAST_RETRY: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_log = logging.getLogger(__name__)


class Effect(Record, version=1):
    """An effect that waits: how often it was tried, and how that failed last."""

    payload: bytes
    attempts: int = 0
    error: str = ""


class Due(msgspec.Struct, frozen=True):
    """An effect whose time has come. `kind`, `due` and `sequence` are its id."""

    kind: str
    due: int
    sequence: int
    effect: Effect


_effects: Table[Effect] = Table("outbox", Effect)
_SEQUENCE: Final = keys.encode("outbox-sequence")


def emit(tx: Tx, kind: str, payload: bytes | Record, *, now: datetime, not_before: datetime | None = None) -> None:
    """Have an effect of this kind carried out once this transaction is committed, and not before `not_before`."""
    raw = payload.encode() if isinstance(payload, Record) else payload
    sequence = int.from_bytes(tx.get(_SEQUENCE) or b"", "big") + 1
    tx.put(_SEQUENCE, sequence.to_bytes(8, "big"))
    _effects.put(tx, Effect(payload=raw), kind, _microseconds(not_before or now), sequence)


def due(tx: Tx, now: datetime, limit: int, kinds: Iterable[str]) -> list[Due]:
    """The first `limit` effects of these kinds whose time has come, by due time, then sequence."""
    found: list[Due] = []
    for kind in kinds:
        lower = _effects.prefix(kind)
        upper = _effects.key(kind, _microseconds(now) + 1)
        for key, value in tx.scan(lower, upper, limit=limit):
            _, at, sequence = cast("tuple[str, int, int]", _effects.parts(key))
            found.append(Due(kind, at, sequence, _effects.decode(value)))
    found.sort(key=lambda one: (one.due, one.sequence))
    return found[:limit]


def payloads(tx: Tx, kind: str) -> Iterator[bytes]:
    """What all effects of a kind that wait are of."""
    return (effect.payload for _, effect in _effects.scan(tx, kind))


def done(tx: Tx, effects: Iterable[Due]) -> None:
    """These are carried out."""
    for one in effects:
        _effects.delete(tx, one.kind, one.due, one.sequence)


def failed(tx: Tx, one: Due, error: str, now: datetime) -> None:
    """This one is to be tried again, after twice as long as the last time, up to LAST_RETRY."""
    _effects.delete(tx, one.kind, one.due, one.sequence)
    attempts = one.effect.attempts + 1
    again = now + min(FIRST_RETRY * 2 ** min(attempts - 1, 20), LAST_RETRY)
    effect = Effect(payload=one.effect.payload, attempts=attempts, error=error[:1000])
    _effects.put(tx, effect, one.kind, _microseconds(again), one.sequence)


async def carry_out(
    store: Store, handlers: Mapping[str, Handler], now: Callable[[], datetime], *, limit: int = 100
) -> int:
    """Carry out what is due, at most `limit` effects, in order; how many it tried. Those of kinds without a handler wait."""
    with store.snapshot() as tx:
        effects = due(tx, now(), limit, handlers)
    if not effects:
        return 0
    outcomes = [(one, await _try(handlers[one.kind], one)) for one in effects]

    def record(tx: Tx) -> None:
        finished = now()
        for one, error in outcomes:
            _record(tx, one, error, finished)

    await store.write(record)
    return len(effects)


async def carry_one(
    store: Store, handlers: Mapping[str, Handler], now: Callable[[], datetime], busy: set[tuple[str, int, int]]
) -> bool:
    """Carry out the first effect that is due and not in `busy`, which has those that other carriers are at; whether there was one."""
    with store.snapshot() as tx:
        effects = due(tx, now(), len(busy) + 1, handlers)
    one = next((each for each in effects if (each.kind, each.due, each.sequence) not in busy), None)
    if one is None:
        return False
    busy.add((one.kind, one.due, one.sequence))
    try:
        error = await _try(handlers[one.kind], one)
        await store.write(lambda tx: _record(tx, one, error, now()))
    finally:
        busy.discard((one.kind, one.due, one.sequence))
    return True


def _record(tx: Tx, one: Due, error: str | None, finished: datetime) -> None:
    """Keep how it went."""
    if error is None:
        done(tx, [one])
    elif _effects.get(tx, one.kind, one.due, one.sequence) is not None:  # no other carrier was here first
        failed(tx, one, error, finished)


async def _try(handler: Handler, one: Due) -> str | None:
    """Carry out one effect; its error, if it fails."""
    try:
        await handler(one.effect.payload)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        _log.warning("effect %s %d failed: %s", one.kind, one.sequence, error, exc_info=True)
        return f"{type(error).__name__}: {error}"
    return None


def _microseconds(when: datetime) -> int:
    return max((when - _EPOCH) // _MICROSECOND, 0)
