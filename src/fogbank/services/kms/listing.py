"""Pages of lists."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.paging import read_marker, write_marker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fogbank.core.service import Input

PAGE: Final = 100
FEW: Final = 50  # of aliases, grants and tags


def after(req: Input) -> str | None:
    """The entry behind which a listing goes on; InvalidMarkerException for a marker that was not made here."""
    return read_marker(
        req.get("Marker"), AwsError("InvalidMarkerException", "Could not deserialize marker", status=400)
    )


def paged(
    req: Input, name: str, found: Iterable[tuple[str, Any]], tell: Callable[[Any], Any], most: int = PAGE
) -> dict[str, Any]:
    """One page: `found` are pairs of an entry's name and the entry, in order, behind the marker already."""
    most = int(req.get("Limit", most))
    page = list(islice(found, most + 1))
    told: dict[str, Any] = {name: [tell(entry) for _, entry in page[:most]], "Truncated": len(page) > most}
    return told | ({"NextMarker": write_marker(page[most - 1][0])} if len(page) > most else {})


def behind(req: Input, found: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    """What is behind the marker, of pairs that are in order."""
    marker = after(req)
    return found if marker is None else ((name, entry) for name, entry in found if name > marker)
