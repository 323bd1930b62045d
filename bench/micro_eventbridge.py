"""What EventBridge costs: microseconds to match an event with 1,000 rules, and the scheduler's passes over 10,000.

Run: `.venv/bin/python bench/micro_eventbridge.py`. Prints the median of several repeats.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import timeit
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fogbank.core.clock import Clock
from fogbank.core.ids import Ids
from fogbank.services.events import schedule, scheduler
from fogbank.services.events.matching import Matcher, event_of
from fogbank.services.events.pattern import compiled
from fogbank.services.events.records import Rule, Target, rules, targets
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.store.api import Tx

MANY, SCHEDULES, REPEATS = 1000, 10_000, 7
EVENT = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "123456789012",
    "time": "2026-11-12T00:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:s3:::bucket500"],
    "detail": {
        "bucket": {"name": "bucket500"},
        "object": {"key": "in/500/a.csv", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184"},
        "reason": "PutObject",
    },
}
PATTERNS: dict[str, Callable[[int], Any]] = {
    "a bucket each": lambda n: {"source": ["aws.s3"], "detail": {"bucket": {"name": [f"bucket{n}"]}}},
    "a prefix each": lambda n: {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": f"in/{n}/"}]}}},
    "a wildcard each": lambda n: {"detail": {"object": {"key": [{"wildcard": f"in/*{n}*/*.csv"}]}}},
    "other sources": lambda n: {"source": [f"shop{n}"]},
}


def median(work: Callable[[], Any], number: int) -> float:
    """Microseconds of one call."""
    return statistics.median(timeit.repeat(work, number=number, repeat=REPEATS)) / number * 1e6


def matching() -> None:
    """An event, matched with many rules."""
    text = json.dumps(EVENT)
    event = event_of(text)
    print(f"reading an event: {median(lambda: event_of(text), 2000):8.1f} us")
    for name, make in PATTERNS.items():
        texts = [(f"r{number}", json.dumps(make(number))) for number in range(MANY)]
        matcher = Matcher((rule, compiled(pattern)) for rule, pattern in texts)
        print(f"matching {MANY} rules, {name}: {median(partial(matcher.match, event), 50):8.1f} us")


async def scheduling(store: SqliteStore) -> None:
    """The passes of the scheduler: while nothing is due, and when 100 rules are."""
    clock = Clock()
    now = int(clock.now().timestamp())
    region: Any = SimpleNamespace(store=store, clock=clock, ids=Ids())

    def write(tx: Tx) -> None:
        for number in range(SCHEDULES):
            soon = number < scheduler.MOST * REPEATS
            rule = Rule(
                name=f"r{number}", state="ENABLED", description="", pattern="", schedule="rate(1 hour)", role="",
                creator="123456789012", tags={}, since=now - 3600, next=now if soon else now + 3600,
            )  # fmt: skip
            rules.put(tx, rule, "123456789012", "us-east-1", "default", rule.name)
            target = Target(id="1", arn="arn:aws:lambda:us-east-1:123456789012:function:f")
            targets.put(tx, target, "123456789012", "us-east-1", "default", rule.name, "1")

    await store.write(write, bulk=True)
    times = []
    while scheduler.waiting(region):
        begun = timeit.default_timer()
        await store.write(lambda tx: scheduler.part(tx, region))
        times.append((timeit.default_timer() - begun) * 1e3)
    print(f"scheduler, {scheduler.MOST} of {SCHEDULES} rules due: {statistics.median(times):8.1f} ms, committed")
    print(f"scheduler, none of {SCHEDULES} rules due: {median(lambda: scheduler.waiting(region), 500):8.1f} us")


def times() -> None:
    """The next time of a cron expression."""
    now = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp())
    for expression in ("cron(0/5 8-17 ? * MON-FRI *)", "cron(0 0 29 2 ? *)", "cron(0 0 30 2 ? *)"):
        found: Any = schedule.parse(expression)
        print(f"the next time of {expression}: {median(partial(found.after, now, 0), 200):8.1f} us")


def main() -> None:
    """Measure."""
    matching()
    times()
    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory) / "state.db")
        asyncio.run(scheduling(store))
        store.close()


if __name__ == "__main__":
    main()
