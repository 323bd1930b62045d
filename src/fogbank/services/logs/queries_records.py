"""What is kept of queries: what was asked, how it stands, and its results, sealed; for seven days, as AWS keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import zstandard

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.vault import Vault
    from fogbank.store.api import Tx

SCHEDULED, RUNNING, COMPLETE, FAILED = "Scheduled", "Running", "Complete", "Failed"
CANCELLED, TIMEOUT = "Cancelled", "Timeout"
ACTIVE: Final = (SCHEDULED, RUNNING)
KEPT: Final = 7 * 86_400_000  # milliseconds
PAGE: Final = 500  # rows of a record
MOST_PAGE: Final = 64 << 20  # bytes of a page; none comes near it

Rows = list[list[tuple[str, str]]]


class Query(Record, version=1):
    """A query. Times are in milliseconds since the epoch; `start` and `end` are inclusive. `groups` are names, or ARNs as given.

    `asker` is who started it, by ARN; `rows` counts the results.
    """

    account: str
    region: str
    id: str
    query: str
    groups: tuple[str, ...]
    start: int
    end: int
    limit: int
    status: str
    created: int
    asker: str = ""
    ended: int = 0
    scanned: int = 0
    matched: int = 0
    bytes: int = 0
    rows: int = 0
    fault: str = ""


class Page(Record, version=1):
    """A part of a query's results, sealed."""

    sealed: bytes


class Turn(Record, version=1):
    """A query that is active. One that is parked is not in the outbox: it is put there when another of its account has ended."""

    created: int
    running: bool = False
    parked: bool = False


queries = Table("logs.query", Query)  # account, region, id
turns = Table("logs.query_turn", Turn)  # account, region, id
pages = Table("logs.query_rows", Page)  # query's id, number of the page


def keep(tx: Tx, query: Query) -> None:
    """Keep how a query stands."""
    where = (query.account, query.region, query.id)
    queries.put(tx, query, *where)
    if query.status in ACTIVE:
        turns.put(tx, Turn(created=query.created, running=query.status == RUNNING), *where)
    else:
        turns.delete(tx, *where)


def drop(tx: Tx, account: str, region: str, number: str) -> None:
    """Forget a query that has ended."""
    for where in [where for where, _ in pages.scan(tx, number)]:
        pages.delete(tx, *where)
    queries.delete(tx, account, region, number)


def sealed_pages(vault: Vault, query: str, rows: Rows) -> list[Page]:
    """Results, ready to be kept. In a thread: they may be large."""
    compressor = zstandard.ZstdCompressor(level=1)
    packed = [compressor.compress(msgspec.msgpack.encode(rows[at : at + PAGE])) for at in range(0, len(rows), PAGE)]
    return [Page(sealed=vault.seal(data, _context(query, number))) for number, data in enumerate(packed)]


def read_rows(tx: Tx, vault: Vault, query: str, start: int) -> Iterator[list[tuple[str, str]]]:
    """Results, from one on."""
    first = start // PAGE
    for where, page in pages.scan(tx, query, start=first):
        data = vault.open(page.sealed, _context(query, int(where[1])))
        raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=MOST_PAGE)
        rows: Rows = msgspec.msgpack.decode(raw)
        yield from rows[start - first * PAGE :] if where[1] == first else rows


def _context(query: str, number: int) -> str:
    return f"logs.query:{query}:{number}"
