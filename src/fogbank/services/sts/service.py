"""STS: the roles and federated users that its operations are on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.core.service import Service
from fogbank.services.sts.roles import account_in, find_role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input


def role(call: Call, req: Input) -> str:
    """The ARN of the role that is assumed."""
    if call.principal.kind == "root":
        raise AwsError("AccessDenied", "Roles may not be assumed by root accounts.", status=403)
    return str(req["RoleArn"])


def owner(_call: Call, req: Input) -> str | None:
    """The account of the role that is assumed."""
    return account_in(req["RoleArn"]) if "RoleArn" in req else None


def tags(call: Call, req: Input, _arn: str) -> Mapping[str, str]:
    """The tags of the role that is assumed."""
    found = find_role(call.tx, req["RoleArn"]) if "RoleArn" in req else None
    return found[1].tags if found else {}


sts = Service(
    "sts",
    resources={"role": role, "federated": "arn:aws:sts::{account}:federated-user/{Name}"},
    modules=("caller", "assume_role", "session_token", "federation", "web_identity", "lookups"),
    owner=owner,
    tags=tags,
)
