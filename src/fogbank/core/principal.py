"""Who makes a request."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["root", "user", "service", "anonymous"]


class Principal(msgspec.Struct, frozen=True):
    """A caller whose signature was verified, or the anonymous one.

    `id` is the unique id that policies see as aws:userid (the account's number for its root).
    """

    kind: Kind
    account: str
    arn: str
    id: str
    access_key_id: str = ""


ANONYMOUS = Principal(kind="anonymous", account="anonymous", arn="*", id="anonymous")


def root_of(account: str, access_key_id: str = "") -> Principal:
    """The root user of an account."""
    return Principal("root", account, f"arn:aws:iam::{account}:root", account, access_key_id)
