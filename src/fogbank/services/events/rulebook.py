"""The compiled rules of buses, kept until they change.

Compiling many patterns takes seconds: a transaction, which everybody's writes wait for, compiles few; more are compiled in a thread,
and events are compared after their transactions until that is done.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.events.matching import Matcher
from fogbank.services.events.pattern import Branch, compiled
from fogbank.services.events.pattern_text import PatternError
from fogbank.services.events.records import ENABLED, Generation, Place, Rule, generations, rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.core.region import Region
    from fogbank.store.api import Tx

SMALL: Final = 65_536  # characters of patterns that are compiled in a transaction: some hundredths of a second
MOST_KEPT: Final = 8 << 20  # characters of the patterns that are kept compiled, which may take 30 times that of memory

_log = logging.getLogger("fogbank.events")
_lock: Final = Lock()
_threads: Final = ThreadPoolExecutor(1, "patterns")


class Book(msgspec.Struct, frozen=True):
    """The rules of a bus in a generation; `branches` are their patterns by the texts, of which there are `size` characters."""

    generation: str
    size: int
    branches: dict[str, Branch]
    matcher: Matcher


_books: Final[dict[Place, Book]] = {}
_compiling: Final[set[Place]] = set()


def ready(tx: Tx, region: Region, place: Place, generation: Generation) -> Matcher | None:
    """The compiled rules of a bus; None if that would take long: then they are soon."""
    known = _books.get(place)
    if known is not None and known.generation == generation.id:
        return known.matcher
    if generation.text <= SMALL:
        return written(place, generation, [rule for _, rule in rules.scan(tx, *place.parts)])
    with _lock:
        begun = place in _compiling
        _compiling.add(place)
    if not begun:
        _threads.submit(_work, region, place)
    return None


def _work(region: Region, place: Place) -> None:
    try:
        waited_for(region, place)
    except Exception:  # the store's trouble: the next event has it tried again
        _log.exception("the rules of a bus cannot be compiled", extra={"fields": {"bus": place.arn}})
    finally:
        with _lock:
            _compiling.discard(place)


def waited_for(region: Region, place: Place) -> Matcher | None:
    """The compiled rules of a bus, however long it takes; None if it never had any. For threads."""
    with region.store.snapshot() as tx:
        generation = generations.get(tx, *place.parts)
        if generation is None:
            return None
        known = _books.get(place)
        if known is not None and known.generation == generation.id:
            return known.matcher
        found = [rule for _, rule in rules.scan(tx, *place.parts)]
    return written(place, generation, found)


def written(place: Place, generation: Generation, found: Iterable[Rule]) -> Matcher:
    """Compile what of the rules was not there before, and keep it."""
    known = _books.get(place)
    branches: dict[str, Branch] = {}
    named: list[tuple[str, Branch]] = []
    for rule in found:
        if rule.pattern and rule.state == ENABLED:
            branch = (known.branches.get(rule.pattern) if known else None) or understood(rule)
            if branch is not None:
                branches[rule.pattern] = branch
                named.append((rule.name, branch))
    made = Book(generation.id, sum(map(len, branches)), branches, Matcher(named))
    with _lock:
        _books.pop(place, None)
        _books[place] = made
        kept = sum(book.size for book in _books.values())
        for oldest in list(_books)[:-1]:
            if kept > MOST_KEPT:
                kept -= _books.pop(oldest).size
    return made.matcher


def understood(rule: Rule) -> Branch | None:
    """A rule's pattern; None for one that is not understood, which is logged."""
    try:
        return compiled(rule.pattern)
    except PatternError:
        _log.exception("a stored pattern is not understood", extra={"fields": {"rule": rule.name}})
        return None
