"""Passwords: what a policy asks of them, and how they are kept.

Source: IAM User Guide, "Set an account password policy for IAM users".
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.services.iam.account_records import PasswordPolicy

SYMBOLS: Final = frozenset("!@#$%^&*()_+-=[]{}|'")
DEFAULT_LENGTH: Final = 8  # characters, where the account has no policy
DEFAULT_CLASSES: Final = 3  # of upper-case and lower-case letters, digits and symbols, where the account has no policy
SALT: Final = 16  # bytes
_COST: Final = 2**14  # scrypt's N with r = 8: 16 MiB and some 50 ms


def classes(password: str) -> Mapping[str, bool]:
    """Which of the four kinds of characters a password has."""
    return {
        "uppercase letter": any("A" <= each <= "Z" for each in password),
        "lowercase letter": any("a" <= each <= "z" for each in password),
        "number": any("0" <= each <= "9" for each in password),
        "symbol": not SYMBOLS.isdisjoint(password),
    }


def lacking(password: str, policy: PasswordPolicy | None, account: str) -> str | None:
    """What a password lacks, in the words of PasswordPolicyViolation; None if it is good. No policy: AWS's default one."""
    has = classes(password)
    if policy is None:
        if len(password) < DEFAULT_LENGTH:
            return f"Password should have a minimum length of {DEFAULT_LENGTH}"
        if sum(has.values()) < DEFAULT_CLASSES:
            return f"Password should have at least {DEFAULT_CLASSES} of uppercase letters, lowercase letters, numbers and symbols"
        return "Password should not be the account's name" if password == account else None
    if len(password) < policy.length:
        return f"Password should have a minimum length of {policy.length}"
    wanted = zip(has.items(), (policy.upper, policy.lower, policy.numbers, policy.symbols), strict=True)
    return next(
        (f"Password should have at least one {kind}" for (kind, there), asked in wanted if asked and not there), None
    )


def hashed(password: str, salt: bytes) -> bytes:
    """What is kept of a password. Takes long, on purpose: not for the event loop."""
    return hashlib.scrypt(password.encode(), salt=salt, n=_COST, r=8, p=1, maxmem=64 << 20, dklen=32)


def same(one: bytes, other: bytes) -> bool:
    """Whether two hashes are equal, in the same time for all."""
    return hmac.compare_digest(one, other)
