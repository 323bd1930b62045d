"""Pages of listings: MaxItems, Marker, IsTruncated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fogbank.core.paging import read_marker, write_marker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.store.record import Record
    from fogbank.store.table import Table

PAGE = 100
T = TypeVar("T")
R = TypeVar("R", bound="Record")


def named(call: Call, req: Input, table: Table[R], *prefix: str) -> Iterator[tuple[str, R]]:
    """The records of an account below `prefix`, each with the last part of its key, from the page that is asked for."""
    after = read_marker(req.get("Marker"))
    for parts, record in table.scan(call.tx, call.account, *prefix, start_after=after):
        yield str(parts[-1]), record


def paged(req: Input, found: Iterable[tuple[str, T]]) -> tuple[list[T], dict[str, Any]]:
    """The items of a page, and IsTruncated and Marker.

    `found` are pairs of a sort key and an item, in the order of the keys; those up to the marker are passed over, so that a scan
    may begin at the marker or before it.
    """
    most, after = req.get("MaxItems", PAGE), read_marker(req.get("Marker"))
    page: list[T] = []
    last = ""
    for key, item in found:
        if after is not None and key <= after:
            continue
        if len(page) == most:
            return page, {"IsTruncated": True, "Marker": write_marker(last)}
        page.append(item)
        last = key
    return page, {"IsTruncated": False}
