"""Pages of lists."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.paging import read_marker, write_marker
from fogbank.services.events.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fogbank.core.service import Input

PAGE: Final = 100


def after(req: Input) -> str | None:
    """The entry behind which a listing goes on; ValidationException for a token that was not made here."""
    return read_marker(req.get("NextToken"), invalid("Parameter NextToken is not valid."))


def paged(
    req: Input, name: str, found: Iterable[tuple[str, Any]], tell: Callable[[Any], Any] = lambda each: each
) -> dict[str, Any]:
    """One page: `found` are pairs of an entry's name and the entry, in order, behind the token already."""
    most = int(req.get("Limit", PAGE))
    page = list(islice(found, most + 1))
    told: dict[str, Any] = {name: [tell(entry) for _, entry in page[:most]]}
    return told | ({"NextToken": write_marker(page[most - 1][0])} if len(page) > most else {})
