"""Pages of lists."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.paging import read_marker, write_marker
from fogbank.services.lambda_.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fogbank.core.service import Input

PAGE: Final = 50  # at most, whatever is asked for


def after(req: Input) -> str | None:
    """The entry behind which a list goes on; InvalidParameterValueException for a marker that was not made here."""
    return read_marker(req.get("Marker"), invalid("Invalid Marker."))


def after_number(req: Input) -> int | None:
    """The number behind which a list goes on."""
    marker = after(req)
    if marker is None:
        return None
    if not marker.isdigit():
        raise invalid("Invalid Marker.")
    return int(marker)


def paged(
    req: Input, name: str, found: Iterable[tuple[object, Any]], tell: Callable[[Any], Any], most: int = PAGE
) -> dict[str, Any]:
    """One page: `found` are pairs of what a marker says and the entry, in order, behind the marker already."""
    count = min(int(req.get("MaxItems", most)), most)
    page = list(islice(found, count + 1))
    told: dict[str, Any] = {name: [tell(entry) for _, entry in page[:count]]}
    return told | ({"NextMarker": write_marker(str(page[count - 1][0]))} if len(page) > count else {})
