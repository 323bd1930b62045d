"""`fogbank keys`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fogbank.core.vault import Vault
from fogbank.region.data import DataDir, master_keys, root_credentials, take_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def data(home: Path) -> DataDir:
    """The data directory of a region, as after a first `fogbank up`."""
    made = DataDir(home / ".local/share/fogbank")
    made.create()
    root_credentials(made, "123456789012")
    return made


def test_rotate_adds_a_key_and_keeps_the_others(fogbank: Callable[..., Result], data: DataDir) -> None:
    first = master_keys(data)
    sealed = Vault(first).seal(b"secret", "test")
    for number in (2, 3):
        assert f"Added master key {number}" in fogbank("keys", "rotate").output
    found = master_keys(data)
    assert list(found) == [1, 2, 3]
    assert found[1] == first[1]
    assert len(set(found.values())) == 3
    vault = Vault(found)
    assert vault.open(sealed, "test") == b"secret"
    assert vault.is_current(vault.seal(b"x", "test"))
    assert not vault.is_current(sealed)
    assert data.keys.stat().st_mode & 0o777 == 0o600


def test_list_tells_numbers_and_no_keys(fogbank: Callable[..., Result], data: DataDir) -> None:
    master_keys(data)
    fogbank("keys", "rotate")
    output = fogbank("keys", "list").output
    assert [line.split() for line in output.splitlines()] == [["1", "opens"], ["2", "seals", "and", "opens"]]
    assert all(key.hex() not in output for key in master_keys(data).values())


def test_a_region_that_runs_keeps_its_keys(fogbank: Callable[..., Result], data: DataDir) -> None:
    before = master_keys(data)
    assert take_lock(data) is not None
    result = fogbank("keys", "rotate")
    assert result.exit_code != 0
    assert "fogbank down" in result.output
    assert master_keys(data) == before


@pytest.mark.parametrize("command", ["list", "rotate"])
def test_where_there_is_no_region(fogbank: Callable[..., Result], home: Path, command: str) -> None:
    result = fogbank("keys", command)
    assert result.exit_code != 0
    assert "there is no region" in result.output
