"""`fogbank account`: on a region that does not run, whose state is then asked as the region would."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from fogbank.core.clock import Clock
from fogbank.core.identity.accounts import Organization, join, members, organizations
from fogbank.core.identity.directory import Directory, Root
from fogbank.core.vault import Vault
from fogbank.region.data import DataDir, master_keys, root_credentials
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from fogbank.core.identity.directory import Credential

OWN = "123456789012"


@pytest.fixture
def data(home: Path) -> DataDir:
    """The data directory of a region, as after a first `fogbank up`."""
    made = DataDir(home / ".local/share/fogbank")
    made.create()
    root_credentials(made, OWN)
    return made


def find(data: DataDir, key_id: str) -> Credential | None:
    """What the region would find for an access key."""
    store = SqliteStore(data.state / "state.db")
    try:
        with store.snapshot() as tx:
            root = Root(OWN, "AKIAIOSFODNN7EXAMPLE", "none")
            return Directory(root, Vault(master_keys(data))).find(tx, key_id, None, Clock().now())
    finally:
        store.close()


def made(fogbank: Callable[..., Result], *arguments: str) -> Any:
    result = fogbank("account", "create", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_create(fogbank: Callable[..., Result], data: DataDir) -> None:
    told = made(fogbank, "dev", "--email", "dev@example.com")
    assert (len(told["account"]), told["name"], told["email"]) == (12, "dev", "dev@example.com")
    credential = find(data, told["access_key_id"])
    assert credential is not None
    assert credential.secret == told["secret_access_key"]
    assert credential.principal.arn == f"arn:aws:iam::{told['account']}:root"
    secret = told["secret_access_key"].encode()
    assert not any(secret in path.read_bytes() for path in data.root.rglob("*") if path.is_file())


def test_create_tells_the_key_once(fogbank: Callable[..., Result], data: DataDir) -> None:
    text = fogbank("account", "create", "My team").output
    assert "aws_access_key_id = AKIA" in text
    secret = text.partition("aws_secret_access_key = ")[2].split()[0]
    assert len(secret) == 40
    assert secret not in fogbank("account", "list", "--json").output


def test_list(fogbank: Callable[..., Result], data: DataDir) -> None:
    number = made(fogbank, "dev")["account"]
    told = json.loads(fogbank("account", "list", "--json").output)
    assert [(each["account"], each["status"]) for each in told] == [(OWN, "ACTIVE"), (number, "ACTIVE")]
    assert told[1]["email"] == f"dev@{OWN}.fogbank.local"
    text = fogbank("account", "list").output
    assert f"{OWN}  ACTIVE     the region's own" in text
    assert f"{number}  ACTIVE     dev" in text


def test_close(fogbank: Callable[..., Result], data: DataDir) -> None:
    told = made(fogbank, "dev")
    assert fogbank("account", "close", told["account"], answer="n\n").exit_code == 1
    assert find(data, told["access_key_id"]) is not None
    assert fogbank("account", "close", told["account"], "--yes").exit_code == 0
    assert find(data, told["access_key_id"]) is None
    assert "closed already" in fogbank("account", "close", told["account"], "--yes").output
    assert json.loads(fogbank("account", "list", "--json").output)[1]["status"] == "SUSPENDED"


def test_a_profile(fogbank: Callable[..., Result], data: DataDir) -> None:
    result = fogbank("account", "create", "dev", "--profile", "dev")
    assert result.exit_code == 0, result.output
    session = botocore.session.Session(profile="dev")
    found = session.get_credentials()
    assert found is not None
    credential = find(data, found.access_key)
    assert credential is not None
    assert credential.secret == found.secret_key
    assert session.get_scoped_config()["endpoint_url"] == "http://127.0.0.1:4566"
    again = fogbank("account", "create", "two", "--profile", "dev")
    assert (again.exit_code, "already" in again.output) == (1, True)
    assert len(json.loads(fogbank("account", "list", "--json").output)) == 2


def test_a_new_account_is_in_the_organization(fogbank: Callable[..., Result], data: DataDir) -> None:
    store = SqliteStore(data.state / "state.db")
    kept = Organization(id="o-aaaaaaaaaa", root="r-aaaa", management=OWN, created=1)

    def organize(tx: Any) -> None:
        organizations.put(tx, kept, kept.id)
        join(tx, kept, OWN, kept.root, 1)

    asyncio.run(store.write(organize))
    number = made(fogbank, "dev")["account"]
    with store.snapshot() as tx:
        assert members.get(tx, kept.id, number) is not None
    store.close()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("create", "  "), "1 to 50 printable characters"),
        (("create", "a\nb"), "1 to 50 printable characters"),
        (("create", "x" * 51), "1 to 50 printable characters"),
        (("create", "dev", "--profile", "a b"), "cannot be a profile's name"),
        (("close", "none", "--yes"), "there is no account none"),
        (("close", OWN, "--yes"), "the region's own account"),
    ],
    ids=str,
)
def test_what_cannot_be_done(fogbank: Callable[..., Result], data: DataDir, arguments: Any, why: str) -> None:
    result = fogbank("account", *arguments)
    assert (result.exit_code, why in result.output) == (1, True)


def test_an_address_twice(fogbank: Callable[..., Result], data: DataDir) -> None:
    made(fogbank, "dev")
    result = fogbank("account", "create", "DEV")
    assert (result.exit_code, "another account has the address" in result.output) == (1, True)


def test_no_region(fogbank: Callable[..., Result], home: Path) -> None:
    result = fogbank("account", "list")
    assert (result.exit_code, "there is no region in" in result.output) == (1, True)
