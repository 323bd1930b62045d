"""How many filters of a group have regular expressions: five at most, metric and subscription filters together.

Source: CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fogbank.services.logs.records import Group
    from fogbank.store.api import Tx

MOST_REGEX_FILTERS: Final = 5

# What finds filters of a kind that have regular expressions: (kind, name) of each.
counters: Final[list[Callable[[Tx, Group], Iterator[tuple[str, str]]]]] = []
