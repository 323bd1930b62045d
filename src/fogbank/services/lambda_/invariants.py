"""What is always true of the records about invocations: `fogbank fsck` looks whether it is. A repair loses no event."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from fogbank.services.lambda_ import concurrency, event_invoke, granted, provisioned, queue, url_records
from fogbank.services.lambda_.concurrency import Reserved
from fogbank.services.lambda_.records import functions
from fogbank.services.lambda_.url_records import UrlOf
from fogbank.store.check import Problem, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.services.lambda_.url_records import Url
    from fogbank.store.api import Tx
    from fogbank.store.table import Table

# What goes with its function, by what it is called.
FOLLOW: dict[str, Table[Any]] = {
    "a policy": granted.policies,
    "a configuration of asynchronous invocations": event_invoke.configs,
    "reserved concurrency": concurrency.reserved,
    "provisioned concurrency": provisioned.configs,
    "a URL": url_records.urls,
}


def check(tx: Tx) -> Iterator[Problem]:
    """All that is wrong."""
    yield from check_queue(tx)
    yield from check_followers(tx)
    yield from check_urls(tx)
    yield from check_totals(tx)


def check_queue(tx: Tx) -> Iterator[Problem]:
    """An event has its payload, and a payload its event."""
    known = {str(where[0]) for where, _ in readable(tx, queue.payloads)}
    for where, _ in readable(tx, queue.events):
        name = str(where[4])
        if name not in known:
            yield Problem(f"asynchronous invocation {name}: it has no payload", partial(remove, queue.events, where))
        known.discard(name)
    for name in sorted(known):
        what = f"asynchronous invocation {name}: its payload is there, and nothing else"
        yield Problem(what, partial(remove, queue.payloads, (name,)))


def check_followers(tx: Tx) -> Iterator[Problem]:
    """What is about a function is there as long as that is."""
    known = {where for where, _ in readable(tx, functions)}
    for what, table in FOLLOW.items():
        for where, _ in readable(tx, table):
            if where[:3] not in known:
                yield Problem(f"function {where[2]}: it is not there, but {what} is", partial(remove, table, where))


def check_urls(tx: Tx) -> Iterator[Problem]:
    """A URL is found by its id, and what an id leads to is a URL."""
    led = dict(readable(tx, url_records.owners))
    for where, url in readable(tx, url_records.urls):
        owner = led.pop((url.id,), None)
        if owner is None or (owner.account, owner.region, owner.name, owner.qualifier) != where:
            yield Problem(f"function {where[2]}: its URL does not lead to it", partial(lead, where, url))
    for where in sorted(led):
        yield Problem(f"URL {where[0]}: it leads nowhere", partial(remove, url_records.owners, where))


def check_totals(tx: Tx) -> Iterator[Problem]:
    """What an account is said to have reserved is what its functions have."""
    right: Counter[tuple[Any, ...]] = Counter()
    for where, one in readable(tx, concurrency.reserved):
        right[where[:2]] += one.count
    told = {where: total.count for where, total in readable(tx, concurrency.totals)}
    for where in sorted(told.keys() | right.keys()):
        if told.get(where, 0) != right[where]:
            what = f"account {where[0]}: {right[where]} concurrent invocations are reserved in {where[1]}"
            yield Problem(f"{what}, not {told.get(where, 0)}", partial(set_total, where, right[where]))


def remove(table: Table[Any], where: tuple[Any, ...], tx: Tx) -> None:
    """Remove a record."""
    table.delete(tx, *where)


def lead(where: tuple[Any, ...], url: Url, tx: Tx) -> None:
    """Have a URL lead to what it is of."""
    account, region, name, qualifier = (str(part) for part in where)
    found = UrlOf(account=account, region=region, name=name, qualifier=qualifier)
    url_records.owners.put(tx, found, url.id)


def set_total(where: tuple[Any, ...], count: int, tx: Tx) -> None:
    """Set right what is reserved."""
    concurrency.totals.put(tx, Reserved(count=count), *where)
