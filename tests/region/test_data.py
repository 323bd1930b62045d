"""The data directory: modes, the marker, the lock, the root credentials."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from fogbank.region.data import DataDir, master_keys, read_root_credentials, root_credentials, take_lock, write_file
from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    directory = DataDir(tmp_path / "deep" / "data")
    directory.create()
    return directory


def test_what_is_made_is_private(data: DataDir) -> None:
    for path in (data.root, data.run, data.logs, data.state, data.blobs):
        assert mode(path) == 0o700
    assert data.exists()
    data.create()  # again: nothing happens
    data.root.chmod(0o755)
    data.create()
    assert mode(data.root) == 0o700


def test_someone_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(RegionError, match="not empty and not a Fogbank data directory"):
        DataDir(tmp_path).create()
    assert [entry.name for entry in tmp_path.iterdir()] == ["precious"]


def test_a_directory_with_only_settings_is_taken(tmp_path: Path) -> None:
    (tmp_path / "fogbank.toml").touch()
    DataDir(tmp_path).create()
    assert DataDir(tmp_path).exists()


def test_newer_and_damaged_formats_are_refused(data: DataDir) -> None:
    marker = data.root / "FORMAT"
    marker.write_text(marker.read_text().replace("1", "2"))
    with pytest.raises(RegionError, match="newer Fogbank"):
        data.create()
    marker.write_bytes(b"\xff\x00")
    with pytest.raises(RegionError, match="damaged"):
        data.create()


def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RegionError, match="cannot use the data directory"):
        DataDir(tmp_path / "file" / "below").create()
    with pytest.raises(RegionError, match="cannot use the data directory"):
        DataDir(tmp_path / "file").create()


def test_one_lock(data: DataDir) -> None:
    first = take_lock(data)
    assert first is not None
    assert take_lock(data) is None
    assert not os.get_inheritable(first)
    os.close(first)
    second = take_lock(data)
    assert second is not None
    os.close(second)


def test_root_credentials_are_made_once(data: DataDir) -> None:
    assert read_root_credentials(data) is None
    made = root_credentials(data)
    assert re.fullmatch(r"[0-9]{12}", made.account)
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made.access_key_id)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", made.secret_access_key)
    assert mode(data.credentials) == 0o600
    assert root_credentials(data) == made
    assert made.secret_access_key not in repr(made)


def test_an_account_is_for_good(data: DataDir) -> None:
    assert root_credentials(data, "012345678901").account == "012345678901"
    assert root_credentials(data, "012345678901").account == "012345678901"
    with pytest.raises(RegionError, match="belongs to account 012345678901, not 111111111111"):
        root_credentials(data, "111111111111")


def test_root_credentials_that_others_can_read_are_refused(data: DataDir) -> None:
    root_credentials(data)
    data.credentials.chmod(0o640)
    with pytest.raises(RegionError, match="chmod 600"):
        root_credentials(data)


def test_damaged_root_credentials_are_not_replaced_nor_quoted(data: DataDir) -> None:
    secret = root_credentials(data).secret_access_key
    text = data.credentials.read_text()
    for broken in (text.replace("account =", ""), text.replace('"', "", 1), text[: len(text) // 2], "x = [" * 1000):
        data.credentials.write_text(broken)
        with pytest.raises(RegionError, match="damaged") as caught:
            root_credentials(data)
        assert secret not in str(caught.value)
        assert data.credentials.read_text() == broken


def test_write_file_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    previous = os.umask(0)
    try:
        write_file(path, "old", 0o600)
    finally:
        os.umask(previous)
    assert mode(path) == 0o600

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fogbank.region.data.os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_file(path, "new", 0o600)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_master_keys_are_made_once_and_private(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.create()
    made = master_keys(data)
    assert list(made) == [1]
    assert len(made[1]) == 32
    assert master_keys(data) == made
    assert data.keys.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "1", "1 00", "0 " + "0" * 64, "x " + "0" * 64, "1 " + "g" * 64, "\xff\x00"])
def test_damaged_master_keys_are_told(tmp_path: Path, text: str) -> None:
    data = DataDir(tmp_path / "data")
    data.create()
    write_file(data.keys, text, 0o600)
    with pytest.raises(RegionError, match="damaged"):
        master_keys(data)


def test_master_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.create()
    master_keys(data)
    data.keys.chmod(0o640)
    with pytest.raises(RegionError, match="chmod 600"):
        master_keys(data)
