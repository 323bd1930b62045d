"""What the policy of a function, of a version or of an alias allows.

Source: Lambda Developer Guide, "Viewing resource-based IAM policies in Lambda".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.documents import compiled
from fogbank.services.lambda_ import gone
from fogbank.services.lambda_.names import LATEST, function_of
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.names import Name
    from fogbank.store.api import Tx


class Permission(msgspec.Struct, frozen=True, array_like=True):
    """A statement of a policy: as it was given, and as it is kept, with ids for users and roles."""

    sid: str
    given: str
    kept: str


class Grants(Record, version=1):
    """The policy of a function (qualifier `""`), of a version or of an alias, in the order in which it was given."""

    revision: str
    permissions: tuple[Permission, ...]

    def document(self) -> str:
        """The policy as it is kept."""
        return written(one.kept for one in self.permissions)


policies: Final = Table("lambda.policy", Grants)  # account, region, name, qualifier


def written(statements: Iterable[str]) -> str:
    """A policy of statements that are JSON already."""
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{",".join(statements)}]}}'


def find(tx: Tx, name: Name) -> Grants | None:
    """The policy of what is addressed. $LATEST has none of its own: the function's, which is about the unqualified ARN."""
    return policies.get(tx, name.account, name.region, name.name, "" if name.qualifier == LATEST else name.qualifier)


def policy(call: Call, names: Input) -> Policy | None:
    """What the policy of the addressed function, version or alias says; None where there is none."""
    if "FunctionName" not in names:
        return None
    try:
        name = function_of(call, names)
    except AwsError:  # the operation will say what is wrong with it
        return None
    found = find(call.tx, name)
    return compiled(found.document(), name.arn, "resource") if found else None


@gone.reaction
def forget(tx: Tx, name: Name) -> None:
    """A function is deleted, or one version or alias of it: its policies go with it."""
    if name.qualifier:
        policies.delete(tx, name.account, name.region, name.name, name.qualifier)
        return
    for parts, _ in list(policies.scan(tx, name.account, name.region, name.name)):
        policies.delete(tx, *parts)


def json_of(statement: dict[str, object]) -> str:
    """A statement as Lambda writes it."""
    return json.dumps(statement, separators=(",", ":"))
