"""How functions become active: what is done before, and what may go wrong with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.lambda_ import activation
from fogbank.services.lambda_.activation import Activation
from services.lambda_.packages import hello

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def warmed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is called before a version becomes active."""
    hooks: list[Any] = []
    monkeypatch.setattr(activation, "_warming", hooks)
    return hooks


def test_what_a_version_runs_on_is_got_ready_first(
    region: LocalRegion, client: Any, make: Make, warmed: list[Any]
) -> None:
    seen = []

    async def warm(_ctx: Any, version: Any) -> None:
        seen.append((version.runtime, version.state))

    warmed.append(warm)
    make()
    assert seen == [("python3.11", "Pending")]


def test_a_version_is_active_without_it(make: Make, warmed: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_ctx: Any, _version: Any) -> None:
        raise RuntimeError("no interpreter")

    async def hang(_ctx: Any, _version: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(activation, "LONGEST_WARMING", 0.01)
    warmed.extend((fail, hang))
    assert make()["State"] == "Active"


def test_an_effect_of_an_earlier_revision_does_nothing(region: LocalRegion, client: Any, make: Make) -> None:
    before = make()
    old = Activation(account="123456789012", region="us-east-1", name="f", number=0, revision=before["RevisionId"])
    client.update_function_code(FunctionName="f", ZipFile=hello("x = 1\n"))
    region.run(activation.activate(region.background, old.encode()))
    assert client.get_function_configuration(FunctionName="f")["LastUpdateStatus"] == "InProgress"
    region.settle()
    assert client.get_function_configuration(FunctionName="f")["LastUpdateStatus"] == "Successful"


def test_an_effect_that_comes_again_does_nothing(region: LocalRegion, client: Any, make: Make) -> None:
    told = make()
    again = Activation(account="123456789012", region="us-east-1", name="f", number=0, revision="earlier")
    region.run(activation.activate(region.background, again.encode()))
    assert client.get_function_configuration(FunctionName="f")["RevisionId"] == told["RevisionId"]


def test_an_effect_of_a_function_that_is_gone_does_nothing(region: LocalRegion, client: Any, role: str) -> None:
    client.create_function(FunctionName="f", Runtime="python3.11", Handler="a.h", Role=role, Code={"ZipFile": hello()})
    client.delete_function(FunctionName="f")
    region.settle()
    assert client.list_functions()["Functions"] == []
