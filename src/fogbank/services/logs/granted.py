"""Resource policies: what lets other services put events into groups of this account.

They hold for services alone, and for two actions, as AWS has it.

Source: API Reference, PutResourcePolicy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.auth.policy import Policy
from fogbank.core.errors import AwsError
from fogbank.core.identity.documents import understood
from fogbank.services.logs.addressing import address
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

ACTIONS: Final = frozenset(("logs:CreateLogStream", "logs:PutLogEvents"))


class ResourcePolicy(Record, version=1):
    """A resource policy: of the account, by its name, or of the log group `arn`, which alone has a `revision`. `updated` is in ms."""

    name: str
    arn: str
    document: str
    updated: int
    revision: str = ""


policies = Table("logs.resource_policy", ResourcePolicy)  # account, region, the group's ARN or empty, name


def policy(call: Call, names: Input) -> Policy | None:
    """What the resource policies of the account and of the addressed group say; None where they do not hold."""
    if call.principal.kind != "service" or call.bound.action not in ACTIONS:
        return None
    try:
        account, region, name = address(call, names)
    except AwsError:
        return None
    arn = f"arn:aws:logs:{region}:{account}:log-group:{name}"
    found = [each for of in ("", arn) for _, each in policies.scan(call.tx, account, region, of)]
    compiled = [understood(each.document, "resource", each.name) for each in found]
    return joined([each for each in compiled if each is not None])


def joined(found: list[Policy]) -> Policy | None:
    """Several policies as one."""
    if len(found) < 2:
        return found[0] if found else None
    return Policy("resource policies", "resource", tuple(each for one in found for each in one.statements))
