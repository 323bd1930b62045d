"""What was used last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity.records import AccessKey, keys_used, put_key
from fogbank.core.identity.used import ActionUsed, Use, actions_used, forget, last_use, note, services_of

if TYPE_CHECKING:
    from support.region import LocalRegion

ACCOUNT = "123456789012"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"


def use(at: int, service: str = "s3", action: str = "GetObject", key: str = "AKIA1", entity: str = ANN) -> Use:
    return Use(ACCOUNT, entity, key, service, action, "eu-west-1", at)


def write(region: LocalRegion, change: Any) -> Any:
    return region.run(region.region.store.write(change))


@pytest.fixture
def store(region: LocalRegion) -> LocalRegion:
    """A store with an access key."""
    key = AccessKey(id="AKIA1", account=ACCOUNT, user="ann", sealed=b"x", active=True, created=1)
    write(region, lambda tx: put_key(tx, key))
    return region


def test_the_latest_use_is_kept(store: LocalRegion) -> None:
    write(store, lambda tx: note(tx, [use(30), use(50, action="PutObject"), use(40)]))
    write(store, lambda tx: note(tx, [use(20), use(45, "sqs", "SendMessage")]))
    with store.region.store.snapshot() as tx:
        found = dict(services_of(tx, ACCOUNT, ANN))
        assert (found["s3"].at, found["s3"].action, found["sqs"].at) == (50, "PutObject", 45)
        assert actions_used.get(tx, ACCOUNT, ANN, "s3", "GetObject") == ActionUsed(at=40, region="eu-west-1")
        assert keys_used.get(tx, "AKIA1") is not None
        last = last_use(tx, ACCOUNT, ANN)
        assert last is not None
        assert last.at == 50


def test_only_keys_that_are_there_have_a_last_use(store: LocalRegion) -> None:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    write(store, lambda tx: note(tx, [use(1, key="AKIA2"), use(2, key=""), use(3, key="AKIAROOT", entity=root)]))
    with store.region.store.snapshot() as tx:
        assert keys_used.get(tx, "AKIA2") is None
        assert keys_used.get(tx, "") is None
        assert keys_used.get(tx, "AKIAROOT") is not None


def test_what_is_forgotten(store: LocalRegion) -> None:
    write(store, lambda tx: note(tx, [use(1), use(2, entity=ANN + "a")]))
    write(store, lambda tx: forget(tx, ACCOUNT, ANN))
    with store.region.store.snapshot() as tx:
        assert last_use(tx, ACCOUNT, ANN) is None
        assert not list(actions_used.scan(tx, ACCOUNT, ANN))
        assert last_use(tx, ACCOUNT, ANN + "a") is not None
