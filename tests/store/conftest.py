"""Fixtures of the store's tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that tests.store.* can be imported, however pytest is started

from tests.store.memory import MemoryStore

from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Store


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteStore]:
    """An empty SQLite store."""
    store = SqliteStore(tmp_path / "state.db")
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each implementation, the model among them."""
    made: Store = SqliteStore(tmp_path / "state.db") if request.param == "sqlite" else MemoryStore()
    yield made
    made.close()
