"""Reserved and provisioned concurrency."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import usage
from fogbank.services.lambda_ import concurrency, gone
from fogbank.services.lambda_.names import Name
from services.helpers import refusal
from services.lambda_.planted import ACCOUNT, ARN, plant
from services.lambda_.standing import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.lambda_.standing import Pool
    from support.region import LocalRegion


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    with standing(monkeypatch) as made:
        yield made


@pytest.fixture
def functions(region: LocalRegion, pool: Pool) -> Any:
    plant(region, published=2, alias="live")
    plant(region, "g", published=1)
    pool.does["f"] = lambda event: event
    return region.client("lambda")


def eventually(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def test_put_get_and_delete_function_concurrency(region: LocalRegion, functions: Any, pool: Pool) -> None:
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName="f")
    put = functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=10)
    assert put["ReservedConcurrentExecutions"] == 10
    assert functions.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 10
    functions.invoke(FunctionName="f")
    limit = pool.hooks.concurrency(pool.ran[0][0])
    assert (limit.reserved, limit.unreserved) == (10, 990)
    functions.delete_function_concurrency(FunctionName="f")
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName="f")
    functions.invoke(FunctionName="f")
    limit = pool.hooks.concurrency(pool.ran[0][0])
    assert (limit.reserved, limit.unreserved) == (None, 1000)


def test_a_hundred_are_always_left(functions: Any) -> None:
    put = functions.put_function_concurrency
    put(FunctionName="f", ReservedConcurrentExecutions=900)
    told = refusal(put, FunctionName="g", ReservedConcurrentExecutions=1)
    assert told["Code"] == "InvalidParameterValueException"
    assert told["Message"] == (
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum"
        " value of [100]."
    )
    put(FunctionName="f", ReservedConcurrentExecutions=899)
    put(FunctionName="g", ReservedConcurrentExecutions=1)
    put(FunctionName="g", ReservedConcurrentExecutions=0)


def test_a_deleted_function_gives_its_part_back(region: LocalRegion, functions: Any) -> None:
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=900)

    async def delete() -> None:
        await region.region.store.write(lambda tx: gone.tell(tx, Name(ACCOUNT, "us-east-1", "f")))

    region.run(delete())
    with region.region.store.snapshot() as tx:
        assert concurrency.unreserved_of(tx, ACCOUNT, "us-east-1") == 1000


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"FunctionName": "h", "ReservedConcurrentExecutions": 1}, "ResourceNotFoundException"),
        ({"FunctionName": "f:1", "ReservedConcurrentExecutions": 1}, "InvalidParameterValueException"),
        ({"FunctionName": "f", "ReservedConcurrentExecutions": -1}, "ValidationException"),
    ],
)
def test_what_cannot_be_reserved(region: LocalRegion, functions: Any, given: dict[str, Any], code: str) -> None:
    client = region.client("lambda", parameter_validation=False)
    assert refusal(client.put_function_concurrency, **given)["Code"] == code


def put(functions: Any, count: int = 3, qualifier: str = "live", name: str = "f") -> Any:
    return functions.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )


def get(functions: Any, qualifier: str = "live") -> Any:
    return functions.get_provisioned_concurrency_config(FunctionName="f", Qualifier=qualifier)


def test_put_get_and_delete_provisioned_concurrency_config(region: LocalRegion, functions: Any, pool: Pool) -> None:
    made = put(functions)
    assert made["Status"] == "IN_PROGRESS"
    assert made["RequestedProvisionedConcurrentExecutions"] == 3
    eventually(lambda: get(functions)["Status"] == "READY")
    found = get(functions)
    assert found["AllocatedProvisionedConcurrentExecutions"] == 3
    assert found["LastModified"]
    ((key, count),) = pool.provisioned.items()
    assert (key.partition("#")[0], count) == (ARN + "f:2", 3)
    put(functions, 5)
    eventually(lambda: get(functions)["AllocatedProvisionedConcurrentExecutions"] == 5)
    functions.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
    assert refusal(get, functions=functions)["Code"] == "ProvisionedConcurrencyConfigNotFoundException"
    region.settle()
    eventually(lambda: list(pool.provisioned.values()) == [0])


def test_what_cannot_be_initialised_fails_with_its_reason(functions: Any, pool: Pool) -> None:
    pool.refuses_to_provision = "ImportError"
    put(functions)
    eventually(lambda: get(functions)["Status"] == "FAILED")
    assert "ImportError" in get(functions)["StatusReason"]


def test_list_provisioned_concurrency_configs(functions: Any) -> None:
    put(functions, 1, "1")
    put(functions, 2, "live")
    listed = functions.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
    assert [one["FunctionArn"] for one in listed] == [ARN + "f:1", ARN + "f:live"]
    assert [one["RequestedProvisionedConcurrentExecutions"] for one in listed] == [1, 2]
    page = functions.list_provisioned_concurrency_configs(FunctionName="f", MaxItems=1)
    rest = functions.list_provisioned_concurrency_configs(FunctionName="f", Marker=page["NextMarker"])
    assert [one["FunctionArn"] for one in rest["ProvisionedConcurrencyConfigs"]] == [ARN + "f:live"]


@pytest.mark.parametrize(
    ("qualifier", "count", "code"),
    [
        ("$LATEST", 1, "InvalidParameterValueException"),
        ("7", 1, "ResourceNotFoundException"),
        ("live", 901, "InvalidParameterValueException"),
        ("live", 0, "ValidationException"),
    ],
)
def test_what_cannot_be_provisioned(region: LocalRegion, functions: Any, qualifier: str, count: int, code: str) -> None:
    client = region.client("lambda", parameter_validation=False)
    assert refusal(put, functions=client, count=count, qualifier=qualifier)["Code"] == code


def test_no_more_is_provisioned_than_is_reserved(functions: Any) -> None:
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=3)
    put(functions, 2)
    assert refusal(put, functions=functions, count=2, qualifier="1")["Code"] == "InvalidParameterValueException"


def test_a_version_is_not_provisioned_twice(functions: Any) -> None:
    put(functions, 1, "live")
    assert refusal(put, functions=functions, count=1, qualifier="2")["Code"] == "ResourceConflictException"
    put(functions, 1, "1")


def test_environments_that_are_kept_are_metered(region: LocalRegion, functions: Any) -> None:
    put(functions, 4)
    eventually(lambda: get(functions)["Status"] == "READY")
    region.advance(seconds=10)
    region.settle()
    meter = region.background.residents["lambda"].meter  # type: ignore[attr-defined]

    def kept() -> float:
        region.run(meter.write())
        with region.region.store.snapshot() as tx:
            found = list(usage.of_month(tx, region.clock.now().strftime(usage.MONTH)))
        return found[0].units.get("gb_ms_provisioned", 0.0) if found else 0.0

    eventually(lambda: kept() >= 4 * 128 / 1024 * 10_000)
