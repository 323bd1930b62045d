"""Second factors: TOTP codes, and that none counts twice.

Source: RFC 6238 (TOTP) over RFC 4226 (HOTP), with SHA-1, steps of 30 seconds and 6 digits, as the IAM User Guide,
"Assign a virtual MFA device", asks of an authenticator.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.identity.records import key_of, mfa_devices
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.identity.records import MfaDevice
    from fogbank.core.vault import Vault
    from fogbank.store.api import Tx

STEP: Final = 30  # seconds
DIGITS: Final = 6
NEAR: Final = 1  # steps that a device's clock may be off either way
WRONG: Final = 10  # codes, after which a device takes none
MOST_SHOWN: Final = 65_536  # devices whose codes are counted in a process
LOCKED: Final = 300  # seconds that it takes none for
FAR: Final = 240  # steps that are searched for two consecutive codes: two hours either way


class Attempts:
    """Codes that this process was shown lately and that were not right yet, counted before they are checked: a burst of guesses is
    over before the first of them is in the state."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, str, str], tuple[int, float]] = {}  # count and when it began

    def may(self, account: str, user_name: str, serial: str, now: datetime) -> bool:
        """Count a code that a user shows; whether it is to be looked at."""
        key, seconds = (account, user_name, serial), now.timestamp()
        count, since = self._shown.get(key, (0, seconds))
        if seconds - since >= LOCKED:
            count, since = 0, seconds
        if len(self._shown) >= MOST_SHOWN:
            self._shown.clear()
        self._shown[key] = (count + 1, since)
        return count < WRONG

    def right(self, account: str, user_name: str, serial: str) -> None:
        """A code was right: those before it count no more."""
        self._shown.pop((account, user_name, serial), None)


class Failures(Record, version=1):
    """Wrong codes for a device: how many since when."""

    count: int
    since: int


failures = Table("iam.mfa_failures", Failures)  # account, serial


def failed(tx: Tx, account: str, user_name: str, serial: str, now: datetime) -> None:
    """Count a wrong code for the user's own device. Without a bound, who has a user's key could try every code of a minute."""
    device = mfa_devices.get(tx, account, serial)
    if device is None or not device.user or key_of(device.user) != key_of(user_name):
        return
    seconds = int(now.timestamp())
    known = failures.get(tx, account, serial)
    if known is None or seconds - known.since >= LOCKED:
        known = Failures(count=0, since=seconds)
    failures.put(tx, msgspec.structs.replace(known, count=known.count + 1), account, serial)


def is_locked(tx: Tx, account: str, serial: str, now: datetime) -> bool:
    """Whether a device had too many wrong codes lately: then the right one is not taken, either."""
    known = failures.get(tx, account, serial)
    return known is not None and known.count >= WRONG and int(now.timestamp()) - known.since < LOCKED


def code_at(seed: bytes, step: int) -> str:
    """The code of a step: RFC 4226's HOTP."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def totp_ok(seed: bytes, code: str, step: int, *, after: int = -1, near: int = NEAR) -> int | None:
    """The step that a code is of, within `near` steps of `step` and later than the step `after`; None if it is of none."""
    given = code.encode()
    found = None
    for each in range(max(step - near, after + 1, 0), step + near + 1):
        if hmac.compare_digest(code_at(seed, each).encode(), given):
            found = each
    return found


def consecutive(seed: bytes, first: str, second: str, now: datetime, *, after: int = -1) -> int | None:
    """The step of the second of two codes that follow each other; None if they do not, or are not of these hours."""
    present = step_of(now)
    for each in sorted(
        range(max(present - FAR, after + 1, 0), present + FAR + 1), key=lambda step: abs(step - present)
    ):
        if hmac.compare_digest(code_at(seed, each) + code_at(seed, each + 1), first + second):
            return each + 1
    return None


def step_of(now: datetime) -> int:
    """The step of a time."""
    return int(now.timestamp()) // STEP


def seed_context(serial: str) -> str:
    """What the seed of a device is sealed for."""
    return f"mfa:{serial}"


def shown(
    tx: Tx, vault: Vault, account: str, user_name: str, serial: str, code: str, now: datetime
) -> MfaDevice | None:
    """The user's device, with the code as its last used one, if that is the one that it shows now; it is not spent yet."""
    device = mfa_devices.get(tx, account, serial)
    if device is None or not device.user or key_of(device.user) != key_of(user_name):
        return None
    if is_locked(tx, account, serial, now) or len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    seed = vault.open(device.seed, seed_context(serial))
    found = totp_ok(seed, code, step_of(now) + device.drift, after=device.counter)
    return None if found is None else msgspec.structs.replace(device, counter=found)


def check(tx: Tx, vault: Vault, account: str, user_name: str, serial: str, code: str, now: datetime) -> bool:
    """Whether a code is the one that the user's device shows now. It is spent: the same code is not taken again.

    The transaction has to be committed for that, so this is for operations that write.
    """
    device = shown(tx, vault, account, user_name, serial, code, now)
    if device is not None:
        mfa_devices.put(tx, device, account, serial)
    return device is not None
