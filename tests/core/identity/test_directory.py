"""Credentials are found, kept, and never longer than they are true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity import records
from fogbank.core.identity.directory import Directory, Root, dev_account, seal_old_keys
from fogbank.core.vault import Vault
from fogbank.store import keys
from services.helpers import allow, permit
from support.region import ACCOUNT, KEY_ID, SECRET

if TYPE_CHECKING:
    from fogbank.core.identity.directory import Credential
    from support.region import LocalRegion


@pytest.fixture
def key(region: LocalRegion) -> str:
    """The access key of a user, ann."""
    iam = region.client("iam")
    iam.create_user(UserName="ann")
    return str(iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"])


def find(region: LocalRegion, key: str, directory: Directory | None = None) -> Credential | None:
    with region.region.store.snapshot() as tx:
        return (directory or region.identities).find(tx, key, None, region.clock.now())


def found(region: LocalRegion, key: str) -> Credential:
    credential = find(region, key)
    assert credential is not None
    return credential


def test_what_is_found_is_kept(region: LocalRegion, key: str) -> None:
    assert found(region, key) is found(region, key)
    assert found(region, key).principal.arn == f"arn:aws:iam::{ACCOUNT}:user/ann"


def test_a_change_counts_in_every_process_at_once(region: LocalRegion, key: str) -> None:
    """Another process has its own directory; what tells it is in the state."""
    other = Directory(Root(ACCOUNT, KEY_ID, SECRET), region.region.vault)
    before = find(region, key, other)
    permit(region, allow("s3:*"))
    after = find(region, key, other)
    assert before is not None
    assert after is not None
    assert after is not before
    assert len(after.principal.policies.identity.policies) == 1


def test_another_accounts_change_forgets_nothing(region: LocalRegion, key: str) -> None:
    before = found(region, key)
    region.client("iam", key="111122223333", secret="test").create_user(UserName="bob")
    assert found(region, key) is before


def test_a_key_that_is_switched_off_or_deleted_is_gone(region: LocalRegion, key: str) -> None:
    iam = region.client("iam")
    assert find(region, key)
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
    assert find(region, key) is None
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Active")
    assert find(region, key)
    iam.delete_access_key(UserName="ann", AccessKeyId=key)
    assert find(region, key) is None


def test_secrets_are_not_in_the_state(region: LocalRegion, key: str) -> None:
    secret = found(region, key).secret.encode()
    files = [path.read_bytes() for path in region.directory.glob("state.db*")]
    assert any(key.encode() in data for data in files)
    assert not any(secret in data for data in files)


def test_secrets_of_an_earlier_release_are_sealed(region: LocalRegion, key: str) -> None:
    old = records.AccessKeyV1(id="AKIAOLD", account=ACCOUNT, user="ann", secret="s3cret", active=True, created=1)
    raw = [records.access_keys.key("AKIAOLD"), records.keys_of.key(ACCOUNT, "ann", "AKIAOLD")]

    def put(tx: Any) -> None:
        for place in raw:
            tx.put(place, old.encode())

    region.run(region.region.store.write(put))
    assert found(region, "AKIAOLD").secret == "s3cret"
    vault = region.region.vault
    assert region.run(region.region.store.write(lambda tx: seal_old_keys(tx, vault))) == 1
    assert found(region, "AKIAOLD").secret == "s3cret"
    with region.region.store.snapshot() as tx:
        assert all(b"s3cret" not in (tx.get(place) or b"") for place in raw)
    assert region.run(region.region.store.write(lambda tx: seal_old_keys(tx, vault))) == 0


def test_a_stored_policy_that_is_not_understood_denies_all(region: LocalRegion, key: str) -> None:
    permit(region, allow("*"), {"Effect": "Perhaps"})
    client = region.client("s3", key=key, secret=found(region, key).secret)
    with pytest.raises(client.exceptions.ClientError, match="explicit deny"):
        client.list_buckets()


def test_names_of_development_accounts() -> None:
    assert [dev_account(name) for name in ("test", "123456789012", "12345678901", "12345678901x", "١٢٣٤٥٦٧٨٩٠١٢")] == [
        "000000000000", "123456789012", None, None, None,
    ]  # fmt: skip


def test_nothing_shows_a_secret(region: LocalRegion, key: str) -> None:
    credential = found(region, key)
    assert credential.secret not in repr(credential) + repr(credential.principal)
    assert SECRET not in repr(Root(ACCOUNT, KEY_ID, SECRET))
    assert repr(Vault({1: b"k" * 32})) == "Vault([1])"
    assert keys.encode("iam.generation")  # the table's name is part of the format
