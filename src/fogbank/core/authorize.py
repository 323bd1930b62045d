"""Who may do what: every permission that a request needs is asked here, and nowhere passed by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.auth.policy import Decision, decide
from fogbank.core.conditions import Keys
from fogbank.core.errors import AwsError
from fogbank.core.identity.denials import seal_message
from fogbank.core.service import NO_PERMISSION_NEEDED, Permission

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.principal import Principal
    from fogbank.core.service import Bound, Input
    from fogbank.core.vault import Vault

NOBODYS: Input = {}  # names that find no owner: the resource is the caller's

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


def authorise(call: Call, protocol: str) -> None:
    """Ask for every permission that a call needs; AwsError, in the words of the protocol, for the first that is refused."""
    bound, req, principal = call.bound, call.input, call.principal
    if bound.action != NO_PERMISSION_NEEDED:
        names = NOBODYS if bound.makes else req
        keys = bound.keys(call, req) if bound.keys else {}
        need(call, protocol, Permission(bound.action_of(req), bound.arn(call, req), names, keys))
    elif principal.kind == "anonymous" and not bound.anonymous:
        raise AwsError(DENIED_CODES.get(protocol, "AccessDenied"), "Access Denied", status=403)
    if bound.also is not None:
        for permission in bound.also(call, req):
            need(call, protocol, permission)


def need(call: Call, protocol: str, permission: Permission) -> None:
    """Raise unless the caller has a permission."""
    bound, principal = call.bound, call.principal
    owner = bound.service.owner(call, permission.names) if bound.service.owner else None
    if not call.may(permission, owner or principal.account):
        raise denied(principal, permission.action, permission.resource, call.asked[-1].decision, protocol, call.vault)


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
