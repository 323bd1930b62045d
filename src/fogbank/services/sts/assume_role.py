"""AssumeRole: the session of a role that trusts the caller.

Source: STS API Reference, AssumeRole; IAM User Guide, "Monitor and control actions taken with assumed roles".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.services.sts.grants import (
    credentials,
    device_shown,
    grant,
    inherited_by,
    new_session,
    role_duration,
    spend,
)
from fogbank.services.sts.roles import find_role, trust_of
from fogbank.services.sts.service import sts

if TYPE_CHECKING:
    from types_boto3_sts.type_defs import AssumeRoleRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.identity.records import Role
    from fogbank.core.principal import Session, Value
    from fogbank.core.service import Input


def keys(call: Call, req: Input) -> dict[str, Value]:
    """The condition keys that a request to assume a role has."""
    found: dict[str, Value] = {"sts:rolesessionname": req["RoleSessionName"]}
    if "ExternalId" in req:
        found["sts:externalid"] = req["ExternalId"]
    if source := req.get("SourceIdentity") or inherited_by(call).source_identity:
        found["sts:sourceidentity"] = source
    if transitive := (*inherited_by(call).tags, *req.get("TransitiveTagKeys", ())):
        found["sts:transitivetagkeys"] = transitive
    if device_shown(call, req) is not None:
        found |= {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": "0"}
    return found


def also(call: Call, req: Input) -> list[Permission]:
    """Setting a source identity and tags needs permissions of their own, of the caller and of the role's trust policy; so does
    passing on those that the caller's session has."""
    inherited = inherited_by(call)
    actions = []
    if "SourceIdentity" in req or inherited.source_identity:
        actions.append("sts:SetSourceIdentity")
    if req.get("Tags") or inherited.tags:
        actions.append("sts:TagSession")
    given = keys(call, req) if actions else {}
    return [Permission(action, req["RoleArn"], req, given, needs_policy=True) for action in actions]


@sts.operation(
    "write",  # the code of an MFA device is spent
    "role",
    takes="RoleArn RoleSessionName PolicyArns Policy DurationSeconds Tags TransitiveTagKeys ExternalId SerialNumber TokenCode"
    " SourceIdentity",
    policy=trust_of,
    needs_policy=True,
    also=also,
    keys=keys,
)
def assume_role(call: Call, req: AssumeRoleRequestTypeDef) -> dict[str, Any]:
    """Temporary credentials of a role."""
    account, role = opened(call, req["RoleArn"])
    chained = call.principal.kind == "role"
    inherited = inherited_by(call)
    source = req.get("SourceIdentity", inherited.source_identity)
    if inherited.source_identity not in ("", source):
        raise AwsError("AccessDenied", "The source identity of the calling session cannot be changed.", status=403)
    given = grant(call, req, account, inherited)
    lasts = role_duration(req, role, chained=chained)
    spend(call, req)
    session = new_session(
        call, account, of="role", name=role.name, id=role.id, label=req["RoleSessionName"], lasts=lasts,
        scoped=bool(given.policies or given.arns), policies=given.policies, arns=given.arns, tags=given.tags,
        transitive=given.transitive, source_identity=source, chained=chained,
    )  # fmt: skip
    told = {"Credentials": credentials(call, session), "AssumedRoleUser": assumed(role, session), **given.told}
    return told | ({"SourceIdentity": source} if source else {})


def opened(call: Call, arn: str) -> tuple[str, Role]:
    """The account and the role of an ARN. One that is not there is told as one that trusts nobody."""
    found = find_role(call.tx, arn)
    if found is None:
        raise AwsError("AccessDenied", f"Not authorized to assume {arn[:2048]}", status=403)
    return found


def assumed(role: Role, session: Session) -> dict[str, str]:
    """The session as AssumeRole tells it."""
    arn = f"arn:aws:sts::{session.account}:assumed-role/{role.name}/{session.label}"
    return {"AssumedRoleId": f"{role.id}:{session.label}", "Arn": arn}
