"""`fogbank usage`: what was measured, and what it costs by AWS's prices or the operator's."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.cli.usage_show import bar
from fogbank.core import usage
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from fogbank.store.api import Tx

    Fogbank = Callable[..., Result]

ONE, TWO = "111111111111", "222222222222"
MONTH = "2026-11"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory in which something was measured."""
    (tmp_path / "data" / "state").mkdir(parents=True)
    store = SqliteStore(tmp_path / "data" / "state" / "state.db")

    def measure(tx: Tx) -> None:
        usage.add(tx, ONE, "us-east-1", "lambda", "resize", date(2026, 11, 3), requests=1_000_000, gb_ms=500_000.0)
        usage.add(tx, ONE, "us-east-1", "lambda", "resize", date(2026, 11, 5), requests=2_000_000, gb_ms=1_500_000.0)
        usage.add(tx, ONE, "eu-north-1", "lambda", "mail", date(2026, 11, 5), requests=10, gb_ms=1.25, blinks=7)
        usage.add(tx, TWO, "us-east-1", "lambda", "resize", date(2026, 11, 30), requests=4_000_000)
        usage.add(tx, ONE, "us-east-1", "lambda", "resize", date(2026, 10, 3), requests=5)

    asyncio.run(store.write(measure))
    store.close()
    return tmp_path / "data"


@pytest.fixture
def ask(fogbank: Fogbank, data: Path) -> Callable[..., Any]:
    """The command's JSON."""

    def run(*words: str) -> Any:
        result = fogbank("usage", "--data", str(data), "--month", MONTH, "--json", *words)
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    return run


def test_what_was_used_and_what_it_costs(ask: Callable[..., Any]) -> None:
    told = ask()
    by = {(each["account"], each["resource"]): each for each in told["resources"]}
    resize = by[ONE, "resize"]
    assert resize["units"] == {"requests": 3_000_000, "gb_ms": 2_000_000}
    assert resize["days"] == {"3": {"requests": 1e6, "gb_ms": 5e5}, "5": {"requests": 2e6, "gb_ms": 1.5e6}}
    assert resize["price"] == pytest.approx(0.60 + 2000 * 0.0000166667)
    assert by[TWO, "resize"]["price"] == pytest.approx(0.80)
    assert by[ONE, "mail"]["price"] == pytest.approx(10 * 0.20e-6 + 0.00125 * 0.0000166667, abs=1e-10)
    assert told["price"] == pytest.approx(sum(each["price"] for each in told["resources"]))


def test_one_account_and_another_month(ask: Callable[..., Any]) -> None:
    assert {each["account"] for each in ask("--account", TWO)["resources"]} == {TWO}
    assert [each["units"] for each in ask("--month", "2026-10")["resources"]] == [{"requests": 5}]
    assert ask("--month", "2025-01")["resources"] == []


def test_the_free_tier_is_an_accounts_and_its_resources_share_it(ask: Callable[..., Any], data: Path) -> None:
    (data / "prices.toml").write_text(
        'currency = "EUR"\nfree_tier = true\n[lambda.requests]\nprice = 2\nper = 1000\nfree = 1_000_010\n'
    )
    told = ask()
    by = {(each["account"], each["resource"]): each["price"] for each in told["resources"]}
    assert (told["currency"], told["prices"]) == ("EUR", str(data / "prices.toml"))
    assert by[ONE, "resize"] + by[ONE, "mail"] == pytest.approx(2_000_000 * 2 / 1000)
    assert by[ONE, "mail"] == pytest.approx(10 / 3_000_010 * 4000)
    assert by[TWO, "resize"] == pytest.approx((4_000_000 - 1_000_010) * 2 / 1000)
    assert ask("--account", ONE)["price"] == pytest.approx(4000)


def test_as_csv_by_day(fogbank: Fogbank, data: Path) -> None:
    result = fogbank("usage", "--data", str(data), "--month", MONTH, "--csv")
    rows = list(csv.DictReader(io.StringIO(result.output)))
    assert len(rows) == 8
    found = next(
        row for row in rows if row["date"] == "2026-11-05" and row["resource"] == "resize" and row["unit"] == "requests"
    )
    assert (found["amount"], found["price"], found["currency"]) == ("2000000", "0.4000000000", "USD")


def test_as_a_table(fogbank: Fogbank, data: Path) -> None:
    shown = fogbank("usage", "--data", str(data), "--month", MONTH).output.splitlines()
    assert shown[0].split() == ["Account", "Region", "Service", "Resource", "Requests", "GB-s", "blinks", "USD"]
    assert shown[2].split() == [ONE, "us-east-1", "lambda", "resize", "3,000,000", "2,000", "0.633333"]
    assert shown[-1].split()[:4] == ["Total", "7,000,010", "2,000.001", "7"]
    assert len(shown) == 5
    assert "Nothing was used in 2025-01." in fogbank("usage", "--data", str(data), "--month", "2025-01").output


def test_as_bars(fogbank: Fogbank, data: Path) -> None:
    def bars(*words: str) -> list[list[str]]:
        shown = fogbank("usage", "--data", str(data), "--month", MONTH, *words).output
        return [line.split() for line in shown.split("\n\n")[1].splitlines()]

    head, *days = bars("--chart", "days", "--of", "requests")
    assert head == ["Requests,", "by", "day"]
    assert [day[0] for day in days] == [str(day) for day in range(3, 31)]
    assert (days[0][2], days[1][1], days[-1][2]) == ("1,000,000", "0", "4,000,000")
    assert len(days[-1][1]) == 4 * len(days[0][1])
    head, *resources = bars("--chart", "resources")
    assert [(each[0], each[1]) for each in resources] == [(TWO, "resize"), (ONE, "resize"), (ONE, "mail")]
    refused = fogbank("usage", "--data", str(data), "--month", MONTH, "--chart", "days", "--of", "parsecs")
    assert refused.exit_code == 1
    assert "blinks, gb_ms, requests" in refused.output


def test_bars_are_as_long_as_what_they_are_of() -> None:
    assert [bar(amount, 8, 1) for amount in (0, 1, 4, 8)] == ["", "▏", "▌", "█"]
    assert bar(0, 0, 10) == ""


def test_prices_are_written_once_to_be_edited(fogbank: Fogbank, data: Path, ask: Callable[..., Any]) -> None:
    before = ask()
    assert fogbank("usage", "--data", str(data), "--write-prices").exit_code == 0
    after = ask()
    assert (after["price"], after["prices"]) == (before["price"], str(data / "prices.toml"))
    again = fogbank("usage", "--data", str(data), "--write-prices")
    assert (again.exit_code, "left as it is" in again.output) == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        "[lambda", "[lambda.requests]\nprice = -1", "[lambda.requests]\nprice = inf", "[lambda.requests]\nprice = nan",
        "[lambda.requests]\nprice = 1\nper = 0", "[lambda.requests]\ncost = 1", "lambda = 3", "currency = 5", "[lambda.requests]",
        '[lambda.requests]\nprice = "1"', "\0", "free_tier = 1",
    ],
)  # fmt: skip
def test_prices_that_are_none(fogbank: Fogbank, data: Path, text: str) -> None:
    path = data / "mine.toml"
    path.write_text(text)
    result = fogbank("usage", "--data", str(data), "--prices", str(path))
    assert result.exit_code == 1
    assert f"cannot use the prices in {path}" in result.output


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-01", "x", "2026-01-01"])
def test_months_that_are_none(fogbank: Fogbank, data: Path, month: str) -> None:
    assert fogbank("usage", "--data", str(data), "--month", month).exit_code == 2


def test_where_there_is_no_region(fogbank: Fogbank, home: Path) -> None:
    result = fogbank("usage")
    assert (result.exit_code, "there is no region in" in result.output) == (1, True)
    assert list(home.iterdir()) == []
