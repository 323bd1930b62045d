"""The roles that are assumed, and whom they trust."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fogbank.core.identity.accounts import is_closed
from fogbank.core.identity.documents import understood
from fogbank.core.identity.records import arn_of, key_of, roles

if TYPE_CHECKING:
    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.identity.records import Role
    from fogbank.core.service import Input
    from fogbank.store.api import Tx

_ROLE: Final = re.compile(r"arn:aws:iam::([0-9]{12}):role/(?:[!-~]+/)?([A-Za-z0-9_+=,.@-]{1,64})", re.ASCII)


def account_in(arn: str) -> str | None:
    """The account in a role's ARN; None if it is no role's."""
    found = _ROLE.fullmatch(arn)
    return found[1] if found else None


def find_role(tx: Tx, arn: str) -> tuple[str, Role] | None:
    """The account and the role of an ARN; None if there is no such role, or its account is closed."""
    found = _ROLE.fullmatch(arn)
    role = roles.get(tx, found[1], key_of(found[2])) if found else None
    if found is None or role is None or arn_of(found[1], role) != arn or is_closed(tx, found[1]):
        return None
    return found[1], role


def trust_of(call: Call, req: Input) -> Policy | None:
    """The trust policy of the addressed role. Without a role, and where it is not understood, nobody is trusted."""
    found = find_role(call.tx, req["RoleArn"])
    return None if found is None else understood(found[1].trust, "trust", f"the trust policy of {req['RoleArn']}")
