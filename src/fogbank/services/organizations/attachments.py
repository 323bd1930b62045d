"""Policies attached to the root, to units and to accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.identity.accounts import attach_control, changed, controls_of, detach_control, targets_of
from fogbank.core.service import Permission
from fogbank.services.organizations.listing import paged
from fogbank.services.organizations.names import absent, arn_of, constraint, opened
from fogbank.services.organizations.policies import found, need_control, summary
from fogbank.services.organizations.service import organizations
from fogbank.services.organizations.tree import name_of, told_target

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.identity.accounts import Organization
    from fogbank.core.service import Input

PER_TARGET: Final = 5


def on_target(call: Call, req: Input) -> list[Permission]:
    """Attaching and detaching are authorised on the target, too."""
    return [Permission(call.bound.action, arn_of(call, req["TargetId"]), req)]


@organizations.operation("write", "PolicyId", takes="PolicyId TargetId", also=on_target)
def attach_policy(call: Call, req: Input) -> dict[str, Any]:
    """Attach a policy: it counts at once for the accounts below."""
    organization, policy, target = addressed(call, req)
    if not organization.controls:
        raise AwsError("PolicyTypeNotEnabledException", "The specified policy type isn't enabled.", status=400)
    if controls_of.get(call.tx, organization.id, target, policy) is not None:
        what = "The selected policy is already attached to the specified target."
        raise AwsError("DuplicatePolicyAttachmentException", what, status=400)
    if count(call, organization, target) >= PER_TARGET:
        raise constraint(
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You have exceeded the number of policies attached to an entity.",
        )
    attach_control(call.tx, organization, policy, target)
    changed(call.tx, organization)
    return {}


@organizations.operation("write", "PolicyId", takes="PolicyId TargetId", also=on_target)
def detach_policy(call: Call, req: Input) -> dict[str, Any]:
    """Detach a policy: one has to stay, as nothing is allowed without."""
    organization, policy, target = addressed(call, req)
    if controls_of.get(call.tx, organization.id, target, policy) is None:
        raise AwsError("PolicyNotAttachedException", "The policy isn't attached to the specified target.", status=400)
    if count(call, organization, target) == 1:
        raise constraint(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", "You cannot remove the last policy attached to the entity."
        )
    detach_control(call.tx, organization, policy, target)
    changed(call.tx, organization)
    return {}


@organizations.operation("scan", "TargetId", takes="TargetId Filter NextToken MaxResults")
def list_policies_for_target(call: Call, req: Input) -> dict[str, Any]:
    """The policies attached to a root, unit or account itself."""
    organization = opened(call)
    need_control(req["Filter"])
    target = need_target(call, organization, req["TargetId"])
    kept = (
        (each.policy, found(call, organization, each.policy))
        for _, each in controls_of.scan(call.tx, organization.id, target)
    )
    return paged(req, "Policies", kept, lambda policy: summary(organization, policy))


@organizations.operation("scan", "PolicyId", takes="PolicyId NextToken MaxResults")
def list_targets_for_policy(call: Call, req: Input) -> dict[str, Any]:
    """What a policy is attached to."""
    organization = opened(call)
    policy = found(call, organization, req["PolicyId"]).id
    kept = ((each.target, each.target) for _, each in targets_of.scan(call.tx, organization.id, policy))
    return paged(req, "Targets", kept, lambda target: told_target(call, organization, target))


def addressed(call: Call, req: Input) -> tuple[Organization, str, str]:
    """The organization, and the ids of the policy and the target, which are there."""
    organization = opened(call)
    policy = found(call, organization, req["PolicyId"]).id
    return organization, policy, need_target(call, organization, req["TargetId"])


def need_target(call: Call, organization: Organization, target: str) -> str:
    """The id of a root, unit or account that is there."""
    if not name_of(call, organization, target):
        raise absent("TargetNotFoundException", "a root, OU, account, or policy")
    return target


def count(call: Call, organization: Organization, target: str) -> int:
    """How many policies are attached to a target."""
    return sum(1 for _ in controls_of.scan(call.tx, organization.id, target))
