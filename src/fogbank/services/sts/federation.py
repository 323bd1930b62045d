"""GetFederationToken: temporary credentials for a user of the caller's own application.

Source: STS API Reference, GetFederationToken; IAM User Guide, "Permissions for GetFederationToken".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.service import Permission
from fogbank.services.sts.grants import credentials, grant, need_long_term, new_session, own_duration
from fogbank.services.sts.service import sts

if TYPE_CHECKING:
    from types_boto3_sts.type_defs import GetFederationTokenRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input


def arn_of(call: Call, req: Input) -> str:
    """The federated user's ARN."""
    return f"arn:aws:sts::{call.account}:federated-user/{req['Name']}"


def also(call: Call, req: Input) -> list[Permission]:
    """Tags need a permission of their own."""
    return [Permission("sts:TagSession", arn_of(call, req), req)] if req.get("Tags") else []


@sts.operation("read", "federated", takes="Name Policy PolicyArns DurationSeconds Tags", also=also)
def get_federation_token(call: Call, req: GetFederationTokenRequestTypeDef) -> dict[str, Any]:
    """Credentials that can do what both the caller and the session policies allow; without these, what resources' policies allow."""
    need_long_term(call, "GetFederationToken")
    who = call.principal
    given = grant(call, req, call.account)
    session = new_session(
        call, call.account, of="federated", name=who.name, id=who.id, label=req["Name"], lasts=own_duration(call, req),
        scoped=bool(given.policies or given.arns), policies=given.policies, arns=given.arns, tags=given.tags,
    )  # fmt: skip
    user = {"FederatedUserId": f"{call.account}:{req['Name']}", "Arn": arn_of(call, req)}
    return {"Credentials": credentials(call, session), "FederatedUser": user, **given.told}
