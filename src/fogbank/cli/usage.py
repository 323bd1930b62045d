"""`fogbank usage`."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fogbank.cli.options import print_json, settings_of, which_region

if TYPE_CHECKING:
    from fogbank.cli.usage_prices import Costs, Prices
    from fogbank.core.usage import Metered
    from fogbank.region.settings import Settings

DIGITS = 10  # of prices in JSON and CSV: a request costs 2e-7
_PATH = click.Path(path_type=Path, dir_okay=False)


def _month(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter("a month is written 2026-11")
    return value


@click.command()
@which_region
@click.option("--month", callback=_month, help="Another month than this one, such as 2026-11.")
@click.option("--account", default="", help="Only this account.")
@click.option(
    "--chart", type=click.Choice(["days", "resources", "none"]), help="What bars are of (default: days, on a screen)."
)
@click.option("--of", default="price", help="What bars measure: price, or a unit, such as requests.")
@click.option(
    "--prices", type=_PATH, help="The price file (default: prices.toml in the data directory, else AWS's prices)."
)
@click.option(
    "--write-prices", is_flag=True, help="Write AWS's prices to prices.toml in the data directory, to be edited."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line for each day and unit.")
def usage(
    data: Path | None,
    config: Path | None,
    month: str | None,
    account: str,
    chart: str | None,
    of: str,
    prices: Path | None,
    write_prices: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show what was used in a month, by account and resource, and what it costs by a price file that you can edit.

    Requests and GB-seconds of functions are measured by the region, whether it runs now or not.
    """
    from fogbank.cli import usage_prices, usage_show
    from fogbank.core.clock import Clock

    settings = settings_of(data, config)
    if write_prices:
        click.echo(f"Wrote {write(settings.data / usage_prices.NAME)}.")
        return
    known, where = usage_prices.load(prices, settings.data)
    wanted = month or f"{Clock().now():%Y-%m}"
    everything = metered(settings, wanted)
    costs = usage_prices.Costs(known, everything)
    found = [each for each in everything if account in ("", each.account)]
    if as_json:
        print_json(told(wanted, found, known, costs, where))
    elif as_csv:
        click.echo(lines(found, costs, known.currency), nl=False)
    else:
        usage_show.show(wanted, found, known, costs, chart, of)


def metered(settings: Settings, month: str) -> list[Metered]:
    """What all accounts used in a month."""
    from fogbank.cli.state import opened
    from fogbank.core.usage import of_month

    with opened(settings) as (store, _), store.snapshot() as tx:
        return list(of_month(tx, month))


def write(path: Path) -> str:
    """Write the prices that come with Fogbank, for the operator. Where they are now. RegionError if there are some already."""
    from fogbank.cli.options import home_relative
    from fogbank.cli.usage_prices import DEFAULT
    from fogbank.region.data import write_file
    from fogbank.region.errors import RegionError

    if path.exists():
        raise RegionError(f"{path} exists already: it is left as it is.")
    try:
        write_file(path, DEFAULT.read_bytes(), 0o600)
    except OSError as error:
        raise RegionError(f"cannot write {path}: {error.strerror}") from None
    return home_relative(path)


def told(month: str, found: list[Metered], prices: Prices, costs: Costs, where: Path) -> dict[str, Any]:
    """A month as JSON."""
    resources = [
        {
            "account": each.account,
            "region": each.region,
            "service": each.service,
            "resource": each.resource,
            "units": each.units,
            "price": round(costs.of(each.account, each.service, each.units), DIGITS),
            "days": {str(day): each.days[day] for day in sorted(each.days)},
        }
        for each in found
    ]
    total = round(sum(costs.of(each.account, each.service, each.units) for each in found), DIGITS)
    head = {"month": month, "currency": prices.currency, "free_tier": prices.free_tier, "prices": str(where)}
    return {**head, "price": total, "resources": resources}


def lines(found: list[Metered], costs: Costs, currency: str) -> str:
    """A month as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("date", "account", "region", "service", "resource", "unit", "amount", "price", "currency"))
    for each in found:
        for day in sorted(each.days):
            for unit, amount in each.days[day].items():
                price = f"{costs.of(each.account, each.service, {unit: amount}):.{DIGITS}f}"
                where = (f"{each.month}-{day:02}", each.account, each.region, each.service, each.resource)
                writer.writerow((*where, unit, f"{amount:.15g}", price, currency))
    return out.getvalue()
