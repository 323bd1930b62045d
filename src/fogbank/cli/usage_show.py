"""A month's use on the screen: a table of accounts and resources, and bars of days or resources."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from fogbank.cli.usage_prices import Costs, Prices
    from fogbank.core.usage import Metered

WIDE = 200  # columns, where the table is not for a screen
WIDEST = 60  # columns of the longest bar
MOST_BARS = 40
EIGHTHS = " ▏▎▍▌▋▊▉"


def show(month: str, found: list[Metered], prices: Prices, costs: Costs, chart: str | None, of: str) -> None:
    """Print the table and the bars. RegionError if no resource has the unit that the bars are of."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDE
    if not found:
        console.print(f"Nothing was used in {month}.")
        return
    console.print(table(found, prices, costs))
    wanted = chart or ("days" if console.is_terminal else "none")
    if wanted != "none":
        console.print()
        for line in bars(found, prices, costs, wanted, of, min(WIDEST, max(10, console.width - 45))):
            console.print(line, markup=False)


def table(found: list[Metered], prices: Prices, costs: Costs) -> Any:
    """Who used what, a resource a line, and the sum."""
    from rich.table import Table
    from rich.text import Text

    units = list(dict.fromkeys((each.service, unit) for each in found for unit in each.units))
    heads = [label(prices, service, unit) for service, unit in units]
    made = Table("Account", "Region", "Service", "Resource", box=None, header_style="dim", pad_edge=False)
    for head in (*heads, prices.currency):
        made.add_column(head, justify="right")
    sums: dict[tuple[str, str], float] = defaultdict(float)
    total = 0.0
    for each in found:
        price = costs.of(each.account, each.service, each.units)
        total += price
        cells = []
        for service, unit in units:
            amount = each.units.get(unit) if service == each.service else None
            sums[service, unit] += amount or 0.0
            cells.append("" if amount is None else shown(prices, service, unit, amount))
        names = (each.account, each.region, each.service, each.resource)
        made.add_row(*map(Text, names), *cells, money(price))
    if len(found) > 1:
        made.add_row(
            "Total", "", "", "", *(shown(prices, *key, sums[key]) for key in units), money(total), style="bold"
        )
    return made


def label(prices: Prices, service: str, unit: str) -> str:
    """What a unit is called."""
    price = prices.of(service, unit)
    return price.label if price and price.label else unit


def shown(prices: Prices, service: str, unit: str, amount: float) -> str:
    """An amount as people read it."""
    price = prices.of(service, unit)
    number = amount / (price.shown_per if price else 1.0)
    return f"{number:,.0f}" if number == int(number) else f"{number:,.3f}"


def money(price: float) -> str:
    """A price: cents, or as many digits as a small one needs."""
    return f"{price:,.2f}" if price >= 100 or not price else f"{price:,.6f}"


def bars(found: list[Metered], prices: Prices, costs: Costs, by: str, of: str, width: int) -> list[str]:
    """A bar for each day or resource, with what it is of."""
    measured = by_days(found, costs, of) if by == "days" else by_resources(found, costs, of)
    if of != "price" and not any(of in each.units for each in found):
        raise RegionError(f"nothing was measured in {of}: bars are of the price, or of {', '.join(units_of(found))}.")
    service = next((each.service for each in found if of in each.units), "")
    most = max(measured.values(), default=0.0)
    longest = max(map(len, measured), default=0)
    title = prices.currency if of == "price" else label(prices, service, of)
    lines = [f"{title}, by {'day' if by == 'days' else 'resource'}"]
    for name, amount in measured.items():
        told = money(amount) if of == "price" else shown(prices, service, of, amount)
        lines.append(f"{name:>{longest}}  {bar(amount, most, width):<{width}}  {told:>14}".rstrip())
    return lines


def units_of(found: list[Metered]) -> list[str]:
    """All units that were measured."""
    return sorted({unit for each in found for unit in each.units})


def by_days(found: list[Metered], costs: Costs, of: str) -> dict[str, float]:
    """What each day from the first to the last comes to."""
    days: dict[int, float] = defaultdict(float)
    for each in found:
        for day, units in each.days.items():
            days[day] += measure(each, units, costs, of)
    return {str(day): days.get(day, 0.0) for day in range(min(days), max(days) + 1)}


def by_resources(found: list[Metered], costs: Costs, of: str) -> dict[str, float]:
    """What each resource comes to, the largest first."""
    resources: dict[str, float] = defaultdict(float)
    many = len({each.account for each in found}) > 1
    for each in found:
        name = f"{each.account} {each.resource}" if many else each.resource
        resources[name[-64:]] += measure(each, each.units, costs, of)
    order = sorted(resources.items(), key=lambda item: (-item[1], item[0]))
    return dict(order[:MOST_BARS])


def measure(each: Metered, units: dict[str, float], costs: Costs, of: str) -> float:
    """What bars are of: the price of some units, or one unit's amount."""
    return costs.of(each.account, each.service, units) if of == "price" else units.get(of, 0.0)


def bar(amount: float, most: float, width: int) -> str:
    """A bar, to the eighth of a column."""
    eighths = round(amount / most * width * 8) if most else 0
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
