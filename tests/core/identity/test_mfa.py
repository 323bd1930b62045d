"""TOTP: RFC 6238's test vectors, clocks that are off, and that no code counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity.mfa import check, code_at, consecutive, seed_context, step_of, totp_ok
from fogbank.core.identity.records import MfaDevice, mfa_devices
from fogbank.core.vault import Vault

if TYPE_CHECKING:
    from support.region import LocalRegion

SEED = b"12345678901234567890"
ACCOUNT = "123456789012"
SERIAL = f"arn:aws:iam::{ACCOUNT}:mfa/m"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VAULT = Vault({1: b"k" * 32})


# RFC 6238, Appendix B: times and 8-digit codes for SHA-1, of which the last six digits are the 6-digit code.
@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
     (2000000000, "69279037"), (20000000000, "65353130")],
)  # fmt: skip
def test_the_vectors_of_the_rfc(seconds: int, code: str) -> None:
    assert code_at(SEED, seconds // 30) == code[2:]


@pytest.mark.parametrize(("off", "found"), [(-2, None), (-1, 99), (0, 100), (1, 101), (2, None)])
def test_a_clock_may_be_off_by_a_step(off: int, found: int | None) -> None:
    assert totp_ok(SEED, code_at(SEED, 100 + off), 100) == found


def test_a_code_counts_once() -> None:
    assert totp_ok(SEED, code_at(SEED, 100), 100, after=100) is None
    assert totp_ok(SEED, code_at(SEED, 101), 100, after=100) == 101


@pytest.mark.parametrize("code", ["", "12345", "1234567", "ÄÖÜäöü", "000000 "])
def test_what_is_no_code(code: str) -> None:
    assert totp_ok(SEED, code, 100) is None


def test_two_codes_that_follow_each_other_set_a_clock() -> None:
    at = step_of(NOW) - 100
    assert consecutive(SEED, code_at(SEED, at), code_at(SEED, at + 1), NOW) == at + 1
    assert consecutive(SEED, code_at(SEED, at), code_at(SEED, at), NOW) is None
    assert consecutive(SEED, code_at(SEED, at + 1), code_at(SEED, at), NOW) is None
    assert consecutive(SEED, code_at(SEED, at), code_at(SEED, at + 1), NOW, after=at) is None
    far = step_of(NOW) - 5000
    assert consecutive(SEED, code_at(SEED, far), code_at(SEED, far + 1), NOW) is None


def write(region: LocalRegion, change: Any) -> Any:
    return region.run(region.region.store.write(change))


@pytest.fixture
def store(region: LocalRegion) -> LocalRegion:
    """A store with an enabled device of ann."""
    device = MfaDevice(
        serial=SERIAL,
        seed=VAULT.seal(SEED, seed_context(SERIAL)),
        user="ann",
        enabled=1,
        counter=-1,
        created=1,
        tags={},
    )
    write(region, lambda tx: mfa_devices.put(tx, device, ACCOUNT, SERIAL))
    return region


def asked(store: LocalRegion, code: str, user: str = "ann", serial: str = SERIAL, at: datetime = NOW) -> bool:
    return bool(write(store, lambda tx: check(tx, VAULT, ACCOUNT, user, serial, code, at)))


def test_check_spends_the_code(store: LocalRegion) -> None:
    code = code_at(SEED, step_of(NOW))
    assert asked(store, code, user="Ann")
    assert not asked(store, code)
    later = NOW + timedelta(seconds=30)
    assert asked(store, code_at(SEED, step_of(later)), at=later)


def test_check_refuses_what_is_not_the_users(store: LocalRegion) -> None:
    code = code_at(SEED, step_of(NOW))
    assert not asked(store, code, user="bob")
    assert not asked(store, code, user="")
    assert not asked(store, code, serial=SERIAL + "x")
    assert not asked(store, "٠١٢٣٤٥")
    assert asked(store, code)


def test_a_disabled_device_is_nobodys(store: LocalRegion) -> None:
    device = MfaDevice(
        serial=SERIAL, seed=VAULT.seal(SEED, seed_context(SERIAL)), user="", enabled=0, counter=-1, created=1, tags={}
    )
    write(store, lambda tx: mfa_devices.put(tx, device, ACCOUNT, SERIAL))
    assert not asked(store, code_at(SEED, step_of(NOW)), user="")
