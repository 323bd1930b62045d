"""A region's state, opened beside its processes if it runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from fogbank.cli.options import home_relative
from fogbank.region.data import DataDir
from fogbank.region.errors import RegionError
from fogbank.store.api import StoreError
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.region.settings import Settings


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[SqliteStore, Blobs]]:
    """The state and the blobs. RegionError if there are none, or they cannot be read."""
    data = DataDir(settings.data)
    path = data.state / "state.db"
    if not path.exists():
        raise RegionError(
            f"there is no region in {home_relative(settings.data)} yet: start it with `fogbank up --detach`."
        )
    try:
        store = SqliteStore(path)
        try:
            yield store, Blobs(data.blobs)
        finally:
            store.close()
    except StoreError as error:
        raise RegionError(f"cannot use the region's state: {error}") from None


def bytes_told(size: float) -> str:
    """A size as people read it."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    raise AssertionError
