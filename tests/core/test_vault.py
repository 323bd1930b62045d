"""Sealed secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.core.vault import Unsealable, Vault

ONE, TWO = b"1" * 32, b"2" * 32


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_and_does_not_show(data: bytes, context: str) -> None:
    vault = Vault({1: ONE})
    sealed = vault.seal(data, context)
    assert vault.open(sealed, context) == data
    assert len(data) < 4 or data not in sealed
    assert vault.seal(data, context) != sealed


@given(st.binary(max_size=80))
def test_any_other_bytes_do_not(data: bytes) -> None:
    with pytest.raises(Unsealable):
        Vault({1: ONE}).open(data, "c")


@given(st.data())
def test_changed_bytes_do_not(data: st.DataObject) -> None:
    vault = Vault({1: ONE})
    sealed = bytearray(vault.seal(b"secret", "c"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unsealable):
        vault.open(bytes(sealed), "c")


def test_another_purpose_or_key_does_not() -> None:
    vault = Vault({1: ONE})
    with pytest.raises(Unsealable):
        vault.open(vault.seal(b"secret", "access-key:A"), "access-key:B")
    with pytest.raises(Unsealable):
        Vault({1: TWO}).open(vault.seal(b"secret", "c"), "c")


def test_rotation_keeps_what_is_sealed() -> None:
    before, after = Vault({1: ONE}), Vault({1: ONE, 2: TWO})
    assert after.open(before.seal(b"old", "c"), "c") == b"old"
    with pytest.raises(Unsealable):
        before.open(after.seal(b"new", "c"), "c")


def test_the_keys_do_not_show() -> None:
    assert repr(Vault({1: ONE, 2: TWO})) == "Vault([1, 2])"


def test_a_derived_key_is_the_same_every_time_and_survives_a_newer_master_key() -> None:
    number, key = Vault({1: ONE}).derive("aws/s3")
    assert (number, len(key)) == (1, 32)
    later = Vault({1: ONE, 2: TWO})
    assert later.derive("aws/s3", 1) == (1, key)
    assert later.derive("aws/s3")[0] == 2
    assert len({key, later.derive("aws/s3")[1], later.derive("aws/ebs", 1)[1], ONE}) == 4
    with pytest.raises(Unsealable):
        later.derive("aws/s3", 3)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_apart_opens_for_its_purpose_only(data: bytes, context: str) -> None:
    vault = Vault({1: ONE})
    sealed = vault.seal_apart(data, context)
    assert vault.open_apart(sealed, context) == data
    assert len(data) < 4 or data not in sealed
    with pytest.raises(Unsealable):
        vault.open_apart(sealed, context + "x")
    with pytest.raises(Unsealable):
        vault.open(sealed, context)


def test_what_was_sealed_apart_under_an_earlier_key_opens() -> None:
    sealed = Vault({1: ONE}).seal_apart(b"secret", "c")
    assert Vault({1: ONE, 2: TWO}).open_apart(sealed, "c") == b"secret"
    for wrong in (
        sealed[:-1],
        sealed[:5],
        b"",
        bytes([sealed[0], 9]) + sealed[2:],
        sealed[:-1] + bytes([sealed[-1] ^ 1]),
    ):
        with pytest.raises(Unsealable):
            Vault({1: ONE, 2: TWO}).open_apart(wrong, "c")
