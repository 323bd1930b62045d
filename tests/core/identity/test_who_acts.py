"""Who acts in a session, of each kind, and with which condition keys; a session outlives neither its identity nor its vault's key.

Source: IAM User Guide, "Compare AWS STS credentials", "AWS global condition context keys".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.core.identity import sessions
from fogbank.core.identity.records import Role, User, key_of, roles, users
from fogbank.core.identity.sessions import BadToken, principal_of, seal, unseal
from fogbank.core.principal import Session
from fogbank.core.vault import Vault
from support.region import ACCOUNT

if TYPE_CHECKING:
    from fogbank.core.principal import Principal
    from support.region import LocalRegion

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


def test_a_token_opens_with_a_key_that_was_followed_by_another() -> None:
    token = seal(Vault({1: b"k" * 32}), made())
    assert unseal(Vault({1: b"k" * 32, 2: b"n" * 32}), token, KEY) == made()
    for other in (Vault({1: b"n" * 32}), Vault({2: b"k" * 32})):
        with pytest.raises(BadToken):
            unseal(other, token, KEY)
    with pytest.raises(BadToken):
        unseal(Vault({1: b"k" * 32}), token + "A" * sessions.LONGEST, KEY)


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
