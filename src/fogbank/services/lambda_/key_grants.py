"""Grants of keys to functions' roles: one for a key and a role of a function, retired when the function is deleted.

Source: Lambda Developer Guide, "Securing Lambda environment variables"; KMS Developer Guide, "Grants in AWS KMS".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from fogbank.core.errors import AwsError
from fogbank.core.identity import sessions
from fogbank.services.lambda_ import credentials
from fogbank.services.lambda_.service import lambda_
from fogbank.store import outbox
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.services.lambda_.records import Function
    from fogbank.store.api import Tx

KIND: Final = "lambda.retire_grant"
_log = logging.getLogger("fogbank.lambda")


class KeyGrant(Record, version=1):
    """A grant: of the key `key`, to the role `role`."""

    account: str
    region: str
    function: str
    id: str
    key: str
    role: str


key_grants = Table("lambda.key_grant", KeyGrant)  # account, region, function's name, grant's id


def is_there(tx: Tx, account: str, region: str, name: str, key: str, role: str) -> bool:
    """Whether a function's role has a key already."""
    found = (grant for _, grant in key_grants.scan(tx, account, region, name))
    return any((grant.key, grant.role) == (key, role) for grant in found)


def keep(tx: Tx, grant: KeyGrant) -> None:
    """Remember a grant, to retire it."""
    key_grants.put(tx, grant, grant.account, grant.region, grant.function, grant.id)


def forget(tx: Tx, function: Function, now: datetime) -> None:
    """A function is deleted: its role needs the keys no longer."""
    for parts, grant in list(key_grants.scan(tx, function.account, function.region, function.name)):
        key_grants.delete(tx, *parts)
        outbox.emit(tx, KIND, grant, now=now)


@lambda_.effect(KIND)
async def retire(ctx: Background, payload: bytes) -> None:
    """Retire a grant, as the role that has it. If the role or the key is gone, the grant is worth nothing."""
    grant = KeyGrant.decode(payload)
    arn = f"arn:aws:lambda:{grant.region}:{grant.account}:function:{grant.function}"
    try:
        with ctx.region.store.snapshot() as tx:
            held = credentials.assume(ctx, tx, grant.role, grant.account, grant.region, arn)
            role = sessions.principal_of(tx, held.session)
        await ctx.invoke(role, "kms", "RetireGrant", {"KeyId": grant.key, "GrantId": grant.id}, region=grant.region)
    except (AwsError, sessions.BadToken) as error:
        _log.info("a grant stays", extra={"fields": {"key": grant.key, "grant": grant.id, "why": str(error)}})
