"""Pages of lists."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.paging import read_marker, write_marker
from fogbank.services.organizations.names import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fogbank.core.service import Input

PAGE: Final = 20


def paged(req: Input, name: str, found: Iterable[tuple[str, Any]], tell: Callable[[Any], Any]) -> dict[str, Any]:
    """One page of what was found, which are pairs of a key and a value in the order of the keys; the answer under `name`."""
    wrong = invalid("INVALID_NEXT_TOKEN", "You provided an invalid NextToken.")
    after = read_marker(req.get("NextToken"), wrong)
    most = int(req.get("MaxResults", PAGE))
    rest = ((key, value) for key, value in found if after is None or key > after)
    page = list(islice(rest, most + 1))
    told: dict[str, Any] = {name: [tell(value) for _, value in page[:most]]}
    return told | ({"NextToken": write_marker(page[most - 1][0])} if len(page) > most else {})
