"""Who may do what: every permission that a request needs is asked here, and nowhere passed by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.auth.policy import Decision, decide
from fogbank.core.conditions import Keys
from fogbank.core.errors import AwsError
from fogbank.core.identity.denials import seal_message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.principal import Principal
    from fogbank.core.service import Bound, Permission
    from fogbank.core.vault import Vault

# AWS has three codes for a refused action, by the protocol of the service.
DENIED_CODES = {"ec2": "UnauthorizedOperation", "json": "AccessDeniedException", "rest-json": "AccessDeniedException"}

# IAM User Guide, "Troubleshoot access denied error messages".
_EXPLICIT = {
    "identity": "an identity-based policy",
    "resource": "a resource-based policy",
    "boundary": "a permissions boundary",
    "session": "a session policy",
    "control": "a service control policy",
}
_IMPLICIT = {
    "identity": "no identity-based policy allows",
    "resource": "no resource-based policy allows",
    "boundary": "no permissions boundary allows",
    "session": "no session policy allows",
    "control": "no service control policy allows",
}


class Asked(msgspec.Struct, frozen=True):
    """A question that was asked, and what was decided."""

    action: str
    resource: str
    decision: Decision


def ask(
    call: Call,
    principal: Principal,
    permission: Permission,
    owner: str,
    *,
    bound: Bound | None,
    req: Mapping[str, Any],
    policy: Policy | None = None,
    needs_policy: bool = False,
) -> Decision:
    """May the principal do this to a resource of the account `owner`? `policy` is the resource's own. What was asked is noted."""
    decision = decide(
        permission.action,
        permission.resource,
        principal,
        Keys(call, principal, bound, req, permission, owner),
        principal.policies,
        resource_policy=policy,
        same_account=principal.account == owner,
        needs_resource_policy=needs_policy,
    )
    call.asked.append(Asked(permission.action, permission.resource, decision))
    return decision


def denied(
    principal: Principal, action: str, resource: str, decision: Decision, protocol: str, vault: Vault | None = None
) -> AwsError:
    """The error for a refused question, in AWS's words. EC2 seals what was decided into it, if it is given the vault."""
    code = DENIED_CODES.get(protocol, "AccessDenied")
    if principal.kind == "anonymous":
        return AwsError(code, "Access Denied", status=403)
    why = (
        f"with an explicit deny in {_EXPLICIT[decision.kind]}"
        if decision.explicit
        else f"because {_IMPLICIT[decision.kind]} the {action} action"
    )
    message = f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} {why}"
    if protocol == "ec2" and vault is not None:
        encoded = seal_message(vault, principal, action, resource, decision)
        message = f"You are not authorized to perform this operation. {message}. Encoded authorization failure message: {encoded}"
    return AwsError(code, message, status=403)
