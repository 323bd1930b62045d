"""What use costs, by the operator's price file, else by the one that comes with Fogbank: AWS's public prices."""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.core.usage import Metered

DEFAULT: Final = Path(__file__).with_name("usage_prices.toml")
NAME: Final = "prices.toml"  # in the data directory
LARGEST: Final = 1 << 20  # bytes

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`price` for `per` of a unit, of which an account has `free` a month for nothing. It is shown as `label`, `shown_per` as one."""

    price: NotNegative
    per: Positive = 1.0
    free: NotNegative = 0.0
    label: str = ""
    shown_per: Positive = 1.0


class Prices(msgspec.Struct, frozen=True):
    """All prices, by service and unit."""

    services: dict[str, dict[str, Price]]
    currency: str = "USD"
    free_tier: bool = False

    def of(self, service: str, unit: str) -> Price | None:
        """The price of a unit, if it has one."""
        return self.services.get(service, {}).get(unit)


class Costs:
    """What a month's use costs. What is free is an account's: it is shared by all its resources, in proportion."""

    def __init__(self, prices: Prices, month: Iterable[Metered]) -> None:
        self._prices = prices
        self._totals: dict[tuple[str, str, str], float] = defaultdict(float)
        for each in month if prices.free_tier else ():
            for unit, amount in each.units.items():
                self._totals[each.account, each.service, unit] += amount

    def of(self, account: str, service: str, units: dict[str, float]) -> float:
        """What amounts of some units cost, which an account used."""
        return sum(self._cost(account, service, unit, amount) for unit, amount in units.items())

    def _cost(self, account: str, service: str, unit: str, amount: float) -> float:
        price = self._prices.of(service, unit)
        if price is None:
            return 0.0
        total = self._totals.get((account, service, unit), 0.0)
        paid = max(0.0, total - price.free) / total if total else 1.0
        return amount * paid * price.price / price.per


def load(path: Path | None, data: Path) -> tuple[Prices, Path]:
    """The prices in a file; without one in the data directory's, or Fogbank's own. RegionError if they cannot be read."""
    own = data / NAME
    found = path or (own if own.exists() else DEFAULT)
    try:
        with found.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise RegionError(f"cannot read the prices in {found}: {error.strerror}") from None
    try:
        if len(text) > LARGEST:
            raise ValueError("it is too large")
        return parse(tomllib.loads(text.decode())), found
    except (ValueError, msgspec.ValidationError) as error:
        raise RegionError(f"cannot use the prices in {found}: {error}") from None


def parse(said: dict[str, Any]) -> Prices:
    """The prices that a file says."""
    head: dict[str, Any] = {name: said.pop(name) for name in ("currency", "free_tier") if name in said}
    prices = msgspec.convert({"services": said, **head}, Prices)
    for service, units in prices.services.items():
        for unit, price in units.items():
            if not all(map(math.isfinite, (price.price, price.per, price.free, price.shown_per))):
                raise ValueError(f"{service}.{unit} has a number that is not finite")
    return prices
