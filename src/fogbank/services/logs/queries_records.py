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
MOST_RESULTS: Final = 1 << 30  # bytes of the results that an account has in a region: the oldest queries are forgotten
PAGE: Final = 500  # rows of a record
MOST_PAGE: Final = 64 << 20  # bytes of a page; none comes near it

Rows = list[list[tuple[str, str]]]


class Query(Record, version=1):
    """A query. Times are in milliseconds since the epoch; `start` and `end` are inclusive. `groups` are names, or ARNs as given.

    `asker` is who started it, by ARN; `rows` counts the results, which have `size` bytes as they are kept.
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
    size: int = 0
    fault: str = ""


class Page(Record, version=1):
    """A part of a query's results, sealed."""

    sealed: bytes


class Turn(Record, version=1):
    """A query that is active. One that is parked is not in the outbox: it is put there when another of its account has ended."""

    created: int
    running: bool = False
    parked: bool = False


class Weight(Record, version=1):
    """How many bytes the results of all queries have."""

    bytes: int = 0


queries = Table("logs.query", Query)  # account, region, id
weights = Table("logs.query_weight", Weight)  # account, region
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
    query = queries.get(tx, account, region, number)
    if query is None:
        return
    for where in [where for where, _ in pages.scan(tx, number)]:
        pages.delete(tx, *where)
    queries.delete(tx, account, region, number)
    weigh(tx, account, region, -query.size)


def keep_results(tx: Tx, query: Query, sealed: list[Page]) -> None:
    """Keep a query that is complete, and its results; the oldest of its account are forgotten where they are too much."""
    for number, page in enumerate(sealed):
        pages.put(tx, page, query.id, number)
    size = sum(len(page.sealed) for page in sealed)
    keep(tx, msgspec.structs.replace(query, size=size))
    if weigh(tx, query.account, query.region, size) > MOST_RESULTS:
        others = [
            each for _, each in queries.scan(tx, query.account, query.region) if each.size and each.id != query.id
        ]
        for old in sorted(others, key=lambda each: (each.created, each.id)):
            drop(tx, old.account, old.region, old.id)
            if weigh(tx, old.account, old.region, 0) <= MOST_RESULTS:
                break


def weigh(tx: Tx, account: str, region: str, more: int) -> int:
    """How many bytes the results of an account have, with so many more."""
    now = (weights.get(tx, account, region) or Weight()).bytes + more
    if more:
        weights.put(tx, Weight(bytes=now), account, region)
    return now


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
