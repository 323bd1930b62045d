"""The role that a function runs as: it is given by who may pass it, and it trusts Lambda.

Source: Lambda Developer Guide, "Defining Lambda function permissions with an execution role".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.core.authorize import ask
from fogbank.core.errors import AwsError
from fogbank.core.identity.documents import understood
from fogbank.core.identity.records import arn_of, key_of, roles
from fogbank.core.principal import service_of
from fogbank.core.service import Permission
from fogbank.services.lambda_.errors import invalid

if TYPE_CHECKING:
    from fogbank.core.call import Call

SERVICE: Final = "lambda.amazonaws.com"


def passing(role: str, function: str) -> Permission:
    """What it takes to give a role to a function."""
    keys = {"iam:passedtoservice": SERVICE, "iam:associatedresourcearn": function}
    return Permission("iam:PassRole", role, {}, keys)


def check(call: Call, role: str, function: str) -> None:
    """Refuse a role of another account, and one that Lambda cannot assume for the function."""
    if account_of(role) != call.account:
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", status=403)
    if not trusts(call, role, function):
        raise invalid("The role defined for the function cannot be assumed by Lambda.")


def account_of(role: str) -> str:
    """The account of a role, by its ARN."""
    return role.split(":")[4]


def trusts(call: Call, role: str, function: str) -> bool:
    """Whether a role is there, and lets Lambda assume it for a function."""
    found = roles.get(call.tx, call.account, key_of(role.rpartition("/")[2]))
    if found is None or arn_of(call.account, found) != role:
        return False
    trust = understood(found.trust, "trust", f"the trust policy of {role}")
    permission = Permission("sts:AssumeRole", role, {}, needs_policy=True)
    lambda_itself = service_of(SERVICE, call.account, function)
    asked = len(call.asked)
    decision = ask(call, lambda_itself, permission, call.account, bound=None, req={}, policy=trust, needs_policy=True)
    del call.asked[asked:]  # it is not the caller's question
    return decision.allowed
