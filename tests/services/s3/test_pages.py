"""Pages of keys, for any keys, prefixes and delimiters: what a list of all keys says, whatever the size of a page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fogbank.services.s3 import object_versions
from fogbank.services.s3.pages import Wanted, page_of
from fogbank.services.s3.records import LAST_STAMP, Object, objects, versions
from fogbank.store import keys
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fogbank.store.api import Tx

# What stored keys are escaped with is among them, and what sorts before and behind.
KEY = st.text(alphabet="ab/\x00\x01\x02\x03.\u00e9\U0001f600", min_size=1, max_size=6)
KEYS = st.sets(KEY, max_size=30)
PLAIN = Object(
    size=1,
    etag="e",
    modified=0,
    headers={},
    metadata={},
    storage_class="STANDARD",
    checksum=None,
    segments=(),
    parts=(),
)


def expected(names: Iterable[str], prefix: str, delimiter: str) -> list[str]:
    """Keys and common prefixes, in order, as AWS describes them."""
    found: list[str] = []
    for name in sorted(names, key=str.encode):
        if name.startswith(prefix):
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            told = name if cut < 0 else name[: cut + len(delimiter)]
            if not found or found[-1] != told:
                found.append(told)
    return found


def filled(store: SqliteStore, current: set[str], noncurrent: set[str]) -> None:
    """A bucket with these keys only, between others; versions have times that hold every byte."""

    def fill(tx: Tx) -> None:
        for table in (objects, versions):
            for where, _ in list(table.scan(tx)):
                table.delete(tx, *where)
        for bucket in ("bucke", "bucket", "bucket-"):
            for key in current:
                objects.put(tx, PLAIN, bucket, key)
            for number, key in enumerate(sorted(noncurrent)):
                versions.put(tx, PLAIN, bucket, key, LAST_STAMP - 0x2F2F2F2F2F2F2F - number * 0x2F)

    asyncio.run(store.write(fill))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEYS, KEYS, st.one_of(st.just(""), KEY), st.one_of(st.just(""), st.just("/"), KEY), st.integers(1, 5))
def test_pages_are_what_a_list_of_all_keys_says(
    tmp_path: Path, current: set[str], noncurrent: set[str], prefix: str, delimiter: str, most: int
) -> None:
    store = SqliteStore(tmp_path / "state.db")
    try:
        filled(store, current, noncurrent)
        with store.snapshot() as tx:
            assert walked(tx, prefix, delimiter, most) == expected(current, prefix, delimiter)
            told = dict.fromkeys(walked_versions(tx, prefix, delimiter, most))  # a key may have two versions
            assert list(told) == expected(current | noncurrent, prefix, delimiter)
    finally:
        store.close()


def walked(tx: Tx, prefix: str, delimiter: str, most: int) -> list[str]:
    """All pages of objects, one after another."""
    found: list[str] = []
    after: tuple[str, ...] = ()
    while True:
        page = page_of(tx, objects, Wanted("bucket", prefix, delimiter, after, most))
        told = sorted([str(parts[0]) for parts, _ in page.entries] + page.prefixes, key=str.encode)
        assert len(told) <= most
        assert not page.truncated or len(told) == most
        found += told
        if not page.truncated:
            return found
        after = page.last


def walked_versions(tx: Tx, prefix: str, delimiter: str, most: int) -> list[str]:
    """All pages of versions, one after another; each goes on behind the last entry's place."""
    found: list[str] = []
    lower = keys.encode_open("bucket", prefix)
    while True:
        page = object_versions.page_of(tx, Wanted("bucket", prefix, delimiter, (), most), lower)
        told = sorted([key for key, _ in page.entries] + page.prefixes, key=str.encode)
        assert len(told) <= most
        found += told
        if not page.truncated:
            return found
        last = page.last[0]
        rolled = last in page.prefixes
        lower = keys.prefix_end(keys.encode_open("bucket", last) if rolled else keys.encode("bucket", last))
