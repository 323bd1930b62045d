"""Session tokens: sealed, bound to their keys, and what they open to."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.core.identity.denials import open_message
from fogbank.core.identity.sessions import BadToken, account_of, new_key_id, seal, unseal
from fogbank.core.ids import Ids
from fogbank.core.principal import Session
from fogbank.core.vault import Vault

VAULT = Vault({1: bytes(32)})
KEY = "ASIA" + "A" * 16
OTHER = "ASIA" + "B" * 16
TEXT = st.text(max_size=40)


def made(**changed: Any) -> Session:
    fields = {
        "key_id": KEY,
        "secret": "s" * 40,
        "account": "123456789012",
        "of": "role",
        "name": "r",
        "id": "AROAX",
        "label": "l",
    }
    return Session(**{**fields, "issued": 1, "expires": 2, **changed})


TOKEN = seal(VAULT, made())


@settings(max_examples=60, deadline=None)
@given(
    tags=st.dictionaries(TEXT, TEXT, max_size=5),
    keys=st.dictionaries(TEXT, TEXT | st.lists(TEXT, max_size=3).map(tuple), max_size=4),
    policies=st.lists(st.text(max_size=2048), max_size=2).map(tuple),
    of=st.sampled_from(["role", "user", "federated", "root"]),
    times=st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)),
)
def test_what_is_sealed_is_what_opens(tags: Any, keys: Any, policies: Any, of: Any, times: Any) -> None:
    session = made(tags=tags, keys=keys, policies=policies, of=of, issued=times[0], expires=times[1])
    token = seal(VAULT, session)
    assert unseal(VAULT, token, KEY) == session
    with pytest.raises(BadToken):
        unseal(VAULT, token, OTHER)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=400) | st.binary(max_size=300).map(lambda raw: b64encode(raw).decode()))
def test_what_was_not_sealed_does_not_open(text: str) -> None:
    with pytest.raises(BadToken):
        unseal(VAULT, text, KEY)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(b64decode(TOKEN)) - 1), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(at: int, bit: int) -> None:
    raw = bytearray(b64decode(TOKEN))
    raw[at] ^= 1 << bit
    with pytest.raises(BadToken):
        unseal(VAULT, b64encode(bytes(raw)).decode(), KEY)


@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=200))
def test_sealed_bytes_that_are_no_session(raw: bytes) -> None:
    with pytest.raises(BadToken):
        unseal(VAULT, b64encode(VAULT.seal(raw, f"session:{KEY}")).decode(), KEY)


@settings(max_examples=100, deadline=None)
@given(number=st.integers(0, 10**12 - 1))
def test_a_key_id_says_its_account(number: int) -> None:
    key = new_key_id(Ids(), f"{number:012d}")
    assert len(key) == 20
    assert key.startswith("ASIA")
    assert account_of(key) == f"{number:012d}"
    assert new_key_id(Ids(), f"{number:012d}") != key


@settings(max_examples=100, deadline=None)
@given(text=TEXT | TEXT.map(lambda text: f"ASIA{text}"))
def test_other_texts_say_no_account(text: str) -> None:
    found = account_of(text)
    assert found is None or (len(text) == 20 and len(found) == 12)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200))
def test_messages_that_were_not_sealed(text: str) -> None:
    assert open_message(VAULT, text, "123456789012") is None


def test_no_secret_in_a_repr() -> None:
    assert "s" * 40 not in repr(made())
