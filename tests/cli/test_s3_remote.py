"""`fogbank s3 remote`: buckets elsewhere, named in a region that does not run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fogbank.core.vault import Vault
from fogbank.region.data import DataDir, master_keys, root_credentials
from fogbank.services.s3 import remotes
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

OWN = "123456789012"
ADD = (
    "s3",
    "remote",
    "add",
    "backup",
    "--endpoint-url",
    "https://s3.eu-west-1.amazonaws.com/",
    "--access-key-id",
    "AKIA",
)


@pytest.fixture
def data(home: Path) -> DataDir:
    """The data directory of a region that ran before."""
    made = DataDir(home / ".local/share/fogbank")
    made.create()
    root_credentials(made, OWN)
    SqliteStore(made.state / "state.db").close()
    return made


@pytest.fixture(autouse=True)
def secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The secret, as the command finds it in the environment (where `home` left nothing)."""
    assert home
    monkeypatch.setenv("REMOTE_SECRET_ACCESS_KEY", "hush-hush-hush")
    return "hush-hush-hush"


def kept(data: DataDir) -> remotes.Remote | None:
    """What is kept of the remote."""
    store = SqliteStore(data.state / "state.db")
    try:
        with store.snapshot() as tx:
            return remotes.find(tx, "backup", OWN)
    finally:
        store.close()


def test_a_remote_is_added(fogbank: Callable[..., Result], data: DataDir, secret: str) -> None:
    result = fogbank(*ADD, "--bucket", "backup-of-mine", "--region", "eu-west-1")
    assert result.exit_code == 0, result.output
    assert "arn:aws:s3:::backup" in result.output
    made = kept(data)
    assert made is not None
    assert (made.bucket, made.region, made.endpoint) == (
        "backup-of-mine", "eu-west-1", "https://s3.eu-west-1.amazonaws.com",
    )  # fmt: skip
    assert remotes.secret_of(Vault(master_keys(data)), made) == secret
    assert not any(secret.encode() in path.read_bytes() for path in data.root.rglob("*") if path.is_file())


def test_remotes_are_listed_without_their_secrets(fogbank: Callable[..., Result], data: DataDir, secret: str) -> None:
    fogbank(*ADD)
    text = fogbank("s3", "remote", "list").output
    assert "backup at https://s3.eu-west-1.amazonaws.com" in text
    (told,) = json.loads(fogbank("s3", "remote", "list", "--json").output)
    assert (told["name"], told["account"], told["waiting"]) == ("backup", OWN, 0)
    assert secret not in json.dumps(told) + text


def test_a_remote_is_removed(fogbank: Callable[..., Result], data: DataDir) -> None:
    fogbank(*ADD)
    assert fogbank("s3", "remote", "remove", "backup").exit_code == 0
    assert kept(data) is None
    again = fogbank("s3", "remote", "remove", "backup")
    assert again.exit_code == 1
    assert "there is no bucket elsewhere" in again.output


def test_what_cannot_be(fogbank: Callable[..., Result], data: DataDir) -> None:
    for arguments in (("--bucket", "A/B"), ("--endpoint-url", "no-url"), ("--region", "")):
        result = fogbank(*ADD, *arguments)
        assert result.exit_code == 1
        assert kept(data) is None
