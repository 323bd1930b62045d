"""What fsck finds wrong with the records about invocations, and sets right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.lambda_ import concurrency, granted, invariants, queue, url_records
from fogbank.services.lambda_.concurrency import Reserved
from fogbank.services.lambda_.queue import Event, Payload
from fogbank.services.lambda_.records import functions
from fogbank.services.lambda_.url_records import UrlOf
from services.lambda_.planted import ACCOUNT, plant

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

PLACE = (ACCOUNT, "us-east-1", "f")
WAITS = Event(account=ACCOUNT, region="us-east-1", name="f", qualifier="", accepted=1)


@pytest.fixture
def region(region: LocalRegion) -> LocalRegion:
    """A region with a function that has one of everything, and nothing wrong."""
    plant(region, published=1, alias="live")
    client = region.client("lambda")
    client.add_permission(FunctionName="f", StatementId="s", Action="lambda:*", Principal="111122223333")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=5)
    client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    client.create_function_url_config(FunctionName="f", AuthType="NONE")
    write(region, lambda tx: queue.put(tx, WAITS, "id", b"{}"))
    assert problems(region) == []
    return region


def write(region: LocalRegion, change: Callable[[Any], None]) -> None:
    async def act() -> None:
        await region.region.store.write(change)

    region.run(act())


def problems(region: LocalRegion) -> list[str]:
    with region.region.store.snapshot() as tx:
        return [problem.what for problem in invariants.check(tx)]


def repair(region: LocalRegion) -> None:
    with region.region.store.snapshot() as tx:
        found = list(invariants.check(tx))

    def all_of_them(tx: Any) -> None:
        for problem in found:
            assert problem.repair is not None
            problem.repair(tx)

    write(region, all_of_them)


BROKEN: dict[str, tuple[Callable[[Any], None], str]] = {
    "event": (lambda tx: queue.payloads.delete(tx, "id"), "asynchronous invocation id: it has no payload"),
    "payload": (
        lambda tx: queue.payloads.put(tx, Payload(data=b""), "other"),
        "asynchronous invocation other: its payload is there, and nothing else",
    ),
    "total": (
        lambda tx: concurrency.totals.put(tx, Reserved(count=7), ACCOUNT, "us-east-1"),
        f"account {ACCOUNT}: 5 concurrent invocations are reserved in us-east-1, not 7",
    ),
    "lost URL": (
        lambda tx: url_records.owners.put(tx, UrlOf(account=ACCOUNT, region="us-east-1", name="g", qualifier=""), "x"),
        "URL x: it leads nowhere",
    ),
    "URL": (
        lambda tx: url_records.owners.delete(tx, url_records.urls.get(tx, *PLACE, "").id),
        "function f: its URL does not lead to it",
    ),
    "policy": (
        lambda tx: granted.policies.put(tx, granted.policies.get(tx, *PLACE, ""), *PLACE[:2], "gone", ""),
        "function gone: it is not there, but a policy is",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_told_and_set_right(region: LocalRegion, name: str) -> None:
    change, what = BROKEN[name]
    write(region, change)
    assert problems(region) == [what]
    repair(region)
    assert problems(region) == []


def test_a_function_that_went_alone(region: LocalRegion) -> None:
    write(region, lambda tx: functions.delete(tx, *PLACE))
    assert sorted(problems(region)) == sorted(
        f"function f: it is not there, but {what} is"
        for what in ("a policy", "a configuration of asynchronous invocations", "reserved concurrency", "a URL")
    )
    repair(region)
    assert problems(region) == []
