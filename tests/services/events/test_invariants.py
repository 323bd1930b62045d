"""What `fsck` tells of EventBridge's records once they are damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.events import invariants
from fogbank.services.events.records import by_target, deliveries, due, generations, rules, taken, targets
from fogbank.services.events.routing import EFFECT
from fogbank.store import outbox
from services.events.made import put, rule

if TYPE_CHECKING:
    from services.events.conftest import Inbox
    from support.region import LocalRegion


@pytest.mark.usefixtures("damaged")
def test_damage_is_told(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "a")
    rule(events, "b", None, ScheduleExpression="rate(1 hour)")
    put(events)

    def problems(tx: Any) -> list[str]:
        return [each.what for each in invariants.check(tx)]

    def harm(tx: Any) -> list[str]:
        assert problems(tx) == []
        found = []
        for table in (due, by_target, generations, taken, deliveries, targets, rules):
            ((parts, record), *_) = table.scan(tx)
            tx.delete(table.key(*parts))
            found.append(", ".join(problems(tx)))
            tx.put(table.key(*parts), record.encode())
        outbox.done(tx, outbox.due(tx, region.clock.now(), 9, [EFFECT]))
        return [*found, ", ".join(problems(tx))]

    told = region.run(region.region.store.write(harm))
    expected = [
        "the index of what is due lacks rule",
        "the index of targets lacks target",
        "",
        "is to be delivered, and is not there",
        "and has another number",
        "the index of targets leads to no target",
        "belongs to no rule",
        "nothing carries out",
    ]
    for what, each in zip(told, expected, strict=True):
        assert each in what
