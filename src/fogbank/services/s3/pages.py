"""Pages of keys under a prefix, rolled up at a delimiter: what all of S3's listings by key have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from fogbank.core.errors import AwsError
from fogbank.store import keys
from fogbank.store.keys import prefix_end
from fogbank.store.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fogbank.core.service import Input
    from fogbank.store.api import Tx
    from fogbank.store.table import Table

R = TypeVar("R", bound=Record)
PAGE = 1000
AMBIGUOUS = frozenset(b"\0\1\2")  # what `keys` writes escapes with


class Wanted(msgspec.Struct, frozen=True):
    """What is listed: keys of `bucket` that start with `prefix`, behind `after` (the parts of a table's key), at most `most`.

    `after` may name a common prefix, all of which the caller has then seen.
    """

    bucket: str
    prefix: str
    delimiter: str
    after: tuple[str, ...]
    most: int


class Page(msgspec.Struct, Generic[R]):
    """Entries (the parts of their keys behind the bucket, and the record) and common prefixes; at most `most` of both.

    `last` is the last entry or prefix: where the next page goes on, if the page is truncated.
    """

    entries: list[tuple[tuple[Any, ...], R]]
    prefixes: list[str]
    truncated: bool = False
    last: tuple[Any, ...] = ()


def page_of(tx: Tx, table: Table[R], wanted: Wanted, decode: Callable[[bytes], Any] | None = None) -> Page[R]:
    """One page. A common prefix costs one seek, however many keys lie under it, and a page costs the same at any depth."""
    page: Page[R] = Page([], [])
    lower, upper = table.span(wanted.bucket, starting_with=wanted.prefix, start_after=wanted.after or None)
    if wanted.delimiter and wanted.after and (rolled := common_prefix(wanted.after[0], wanted)):
        lower = max(lower, prefix_end(table.open_prefix(wanted.bucket, rolled)))
    room, cut, decode = wanted.most, len(table.prefix(wanted.bucket)), decode or table.decode
    for raw, value in rows(tx, table.key(), wanted, lower, upper) if room else ():
        if room == 0:
            page.truncated = True
            break
        room -= 1
        parts = keys.decode(raw[cut:])
        rolled = common_prefix(str(parts[0]), wanted) if wanted.delimiter else ""
        if rolled:
            page.prefixes.append(rolled)
            page.last = (rolled,)
        else:
            page.entries.append((parts, decode(value)))
            page.last = parts
    return page


def rows(tx: Tx, head: bytes, wanted: Wanted, lower: bytes, upper: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What a page is made of, and one row more: of a common prefix the first row only. `head` is what a table's keys begin with."""
    if not wanted.delimiter:
        return tx.scan(lower, upper, limit=wanted.most + 1)
    opened = head + keys.encode_open(wanted.bucket, wanted.prefix)
    delimiter = keys.encode_open(wanted.delimiter)[1:]
    if AMBIGUOUS.isdisjoint(delimiter):
        return tx.scan_groups(lower, upper, at=len(opened), delimiter=delimiter, limit=wanted.most + 1)
    return seek_groups(tx, head, wanted, lower, upper)


def seek_groups(tx: Tx, head: bytes, wanted: Wanted, lower: bytes, upper: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Rows by common prefix, for a delimiter that a stored key's escapes could be taken for."""
    for _ in range(wanted.most + 1):
        row = next(tx.scan(lower, upper, limit=1), None)
        if row is None:
            return
        yield row
        rolled = common_prefix(str(keys.decode(row[0][len(head) :])[1]), wanted)
        lower = prefix_end(head + keys.encode_open(wanted.bucket, rolled)) if rolled else row[0] + b"\0"


def common_prefix(key: str, wanted: Wanted) -> str:
    """The key up to and including the first delimiter behind the prefix; nothing if there is none."""
    if not key.startswith(wanted.prefix):
        return ""
    cut = key.find(wanted.delimiter, len(wanted.prefix))
    return key[: cut + len(wanted.delimiter)] if cut >= 0 else ""


def page_size(most: int | None, name: str) -> int:
    """How many entries a page has: 1,000 at the most, and by default."""
    if most is None:
        return PAGE
    return min(natural(most, name), PAGE)


def natural(value: int, name: str) -> int:
    """An integer argument that cannot be negative."""
    if not 0 <= value < 2**31:
        fields = {"ArgumentName": name, "ArgumentValue": value}
        raise AwsError("InvalidArgument", f"Argument {name} must be an integer between 0 and 2147483647", fields=fields)
    return value


def encoder(req: Input) -> Any:
    """The function that writes keys into the answer: percent-encoded when the caller asks, since XML lacks characters."""
    encoding = req.get("EncodingType")
    if encoding is None:
        return str
    if encoding != "url":
        fields = {"ArgumentName": "encoding-type", "ArgumentValue": encoding[:100]}
        raise AwsError("InvalidArgument", "Invalid Encoding Method specified in Request", fields=fields)
    return quote


def echoed(req: Input, *names: str) -> dict[str, Any]:
    """Those of the request's members that the answer repeats, where they are given, with keys encoded like the others."""
    encode = encoder(req)
    encoded = {"Prefix", "Delimiter", "StartAfter", "Marker", "KeyMarker"}
    return {name: encode(req[name]) if name in encoded else req[name] for name in names if name in req}
