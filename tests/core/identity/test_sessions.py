"""Session tokens: what opens, what does not, and who acts in a session.

Source: IAM User Guide, "Temporary security credentials in IAM", "Compare AWS STS credentials", "AWS global condition context keys".
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from fogbank.core.identity import sessions
from fogbank.core.identity.records import Role, User, key_of, roles, users
from fogbank.core.identity.sessions import BadToken, account_of, new_key_id, principal_of, seal, unseal
from fogbank.core.ids import Ids
from fogbank.core.principal import Session
from fogbank.core.vault import Vault
from support.region import ACCOUNT

if TYPE_CHECKING:
    from fogbank.core.principal import Principal
    from support.region import LocalRegion

VAULT = Vault({1: b"k" * 32})
KEY = "ASIAQAAAAAAAAAAAAAAA"
ROLE = Role(
    name="worker", id="AROA1", path="/team/", created=0, tags={"team": "role", "kept": "1"}, trust="{}", trust_given="{}"
)  # fmt: skip
USER = User(name="Ann", id="AIDA1", path="/", created=0, tags={"team": "user"})


def made(of: Any = "role", **changed: Any) -> Session:
    name, ident = {"role": ("worker", "AROA1"), "root": ("", "")}.get(of, ("Ann", "AIDA1"))
    base = Session(KEY, "secret", ACCOUNT, of, name, ident, "" if of == "user" else "label", 1000, 4600)
    return msgspec.structs.replace(base, **changed)


def who(region: LocalRegion, session: Session) -> Principal:
    """Who acts in a session, where the role and the user exist."""

    def put(tx: Any) -> None:
        roles.put(tx, ROLE, ACCOUNT, key_of("worker"))
        users.put(tx, USER, ACCOUNT, key_of("Ann"))

    region.run(region.region.store.write(put))
    with region.region.store.snapshot() as tx:
        return principal_of(tx, session)


@given(
    policies=some.lists(some.text(max_size=300), max_size=2).map(tuple),
    tags=some.dictionaries(some.text(max_size=20), some.text(max_size=20), max_size=5),
    keys=some.dictionaries(
        some.text(max_size=9), some.text(max_size=9) | some.lists(some.text()).map(tuple), max_size=3
    ),
    label=some.text(max_size=64),
)
@settings(max_examples=40, deadline=None)
def test_what_is_sealed_is_opened(policies: Any, tags: Any, keys: Any, label: str) -> None:
    session = made(policies=policies, tags=tags, keys=keys, label=label)
    assert unseal(VAULT, seal(VAULT, session), KEY) == session


@given(at=some.integers(0, 10_000), bit=some.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_bit_that_changed(at: int, bit: int) -> None:
    raw = bytearray(b64decode(seal(VAULT, made())))
    raw[at % len(raw)] ^= 1 << bit
    with pytest.raises(BadToken):
        unseal(VAULT, b64encode(bytes(raw)).decode(), KEY)


@given(some.text(max_size=200) | some.binary(max_size=200).map(lambda raw: b64encode(raw).decode()))
@settings(max_examples=60, deadline=None)
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(BadToken):
        unseal(VAULT, text, KEY)


@pytest.mark.parametrize(
    "inner",
    [
        b"",
        b"\x00",
        b"x" * 100,
        zlib.compress(b""),
        zlib.compress(b"\xc1"),
        zlib.compress(msgspec.msgpack.encode(["a"])),
    ],
    ids=repr,
)
def test_what_the_vault_opens_and_is_no_session(inner: bytes) -> None:
    with pytest.raises(BadToken):
        unseal(VAULT, b64encode(VAULT.seal(inner, f"session:{KEY}")).decode(), KEY)


def test_another_key_another_vault_another_length() -> None:
    token = seal(VAULT, made())
    for vault, text, key in (
        (VAULT, token, f"{KEY[:-1]}B"),
        (VAULT, token, ""),
        (Vault({1: b"o" * 32}), token, KEY),
        (Vault({2: b"k" * 32}), token, KEY),
        (VAULT, token + "A" * sessions.LONGEST, KEY),
    ):
        with pytest.raises(BadToken):
            unseal(vault, text, key)


def test_a_key_of_the_vault_that_was_followed_by_another_still_opens() -> None:
    assert unseal(Vault({1: b"k" * 32, 2: b"n" * 32}), seal(VAULT, made()), KEY) == made()


@given(some.integers(0, 10**12 - 1))
@settings(max_examples=60, deadline=None)
def test_key_ids_say_their_account(number: int) -> None:
    account = f"{number:012d}"
    key = new_key_id(Ids(), account)
    assert (len(key), key[:4], account_of(key)) == (20, "ASIA", account)


@given(
    some.text(max_size=24)
    | some.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=16).map("ASIA{}".format)
)
@settings(max_examples=60, deadline=None)
def test_key_ids_that_say_anything(key: str) -> None:
    found = account_of(key)
    assert found is None or (len(found) == 12 and found.isdigit())


def test_a_role(region: LocalRegion) -> None:
    found = who(region, made(tags={"team": "session"}, source_identity="ann", provider="arn:p", keys={"p:sub": "u"}))
    assert found.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/label"
    assert (found.kind, found.issuer) == ("role", f"arn:aws:iam::{ACCOUNT}:role/team/worker")
    assert (found.id, found.name, found.access_key_id) == ("AROA1:label", "worker", KEY)
    wanted = {
        "aws:principaltype": "AssumedRole",
        "aws:principalarn": found.issuer,
        "aws:principaltag/team": "session",  # the session's tag stands before the role's
        "aws:principaltag/kept": "1",
        "aws:sourceidentity": "ann",
        "aws:federatedprovider": "arn:p",
        "aws:tokenissuetime": "1000",
        "aws:multifactorauthpresent": "false",
        "p:sub": "u",
    }
    assert wanted.items() <= found.keys.items()
    assert found.policies.session is None


def test_a_user(region: LocalRegion) -> None:
    found = who(region, made("user", mfa=1000))
    assert (found.kind, found.arn, found.id) == ("user", f"arn:aws:iam::{ACCOUNT}:user/Ann", "AIDA1")
    wanted = {"aws:username": "Ann", "aws:multifactorauthpresent": "true", "aws:principaltag/team": "user"}
    assert wanted.items() <= found.keys.items()
    assert found.policies.control == (sessions.LIMITS["user"],)


@pytest.mark.parametrize("root", [False, True])
def test_a_federated_user(region: LocalRegion, root: bool) -> None:
    session = made("federated", **({"name": "", "id": ""} if root else {}))
    found = who(region, session)
    assert found.arn == found.issuer == f"arn:aws:sts::{ACCOUNT}:federated-user/label"
    assert (found.kind, found.id, found.name) == ("federated", f"{ACCOUNT}:label", "")
    assert "aws:username" not in found.keys
    assert "aws:principaltag/team" not in found.keys
    assert found.policies.control == (sessions.LIMITS["federated"],)
    assert found.policies.session is not None  # without session policies: one that allows nothing


def test_a_root(region: LocalRegion) -> None:
    found = who(region, made("root"))
    assert (found.kind, found.arn, found.id) == ("root", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)


@pytest.mark.parametrize(
    ("of", "changed"),
    [
        ("role", {"name": "other"}),
        ("role", {"id": "AROA2"}),
        ("role", {"account": "111122223333"}),
        ("user", {"name": "bob"}),
        ("user", {"id": "AIDA2"}),
        ("federated", {"id": "AIDA2"}),
    ],
    ids=str,
)
def test_an_identity_that_is_gone_or_another(region: LocalRegion, of: str, changed: Any) -> None:
    with pytest.raises(BadToken):
        who(region, made(of, **changed))


def test_a_session_policy_that_is_gone_denies(region: LocalRegion) -> None:
    found = who(region, made(scoped=True, arns=(f"arn:aws:iam::{ACCOUNT}:policy/gone",)))
    scope = found.policies.session
    assert scope is not None
    assert [policy.statements[0].effect for policy in scope.policies] == ["Deny"]
