"""Service control policies: what the accounts of an organization may do at most.

Source: Organizations API Reference; User Guide, "Service control policies", "SCP syntax", "Quotas and service limits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.auth.policy import PolicyError, parse_policy
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.identity.accounts import (
    FULL,
    FULL_ACCESS,
    ControlPolicy,
    attach_control,
    changed,
    control_policies,
    control_policy,
    detach_all,
    targets,
    targets_of,
)
from fogbank.core.identity.accounts import (
    organizations as organizations_kept,
)
from fogbank.services.organizations.listing import paged
from fogbank.services.organizations.names import CONTROL, absent, constraint, invalid, new_id, opened, told_arn
from fogbank.services.organizations.organization import told_root
from fogbank.services.organizations.records import tags_of
from fogbank.services.organizations.service import organizations
from fogbank.services.organizations.tags import keep_tags, new_tags

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.identity.accounts import Organization
    from fogbank.core.service import Input

LARGEST: Final = 5120  # characters
MOST: Final = 1000  # policies in an organization


@organizations.operation("bulk", "RootId", takes="RootId PolicyType")
def enable_policy_type(call: Call, req: Input) -> dict[str, Any]:
    """Put service control policies in force: to start with, the one that allows all is attached to everything."""
    organization = of_root(call, req)
    if organization.controls:
        raise AwsError("PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.", status=400)
    return {"Root": switch(call, organization, on=True)}


@organizations.operation("bulk", "RootId", takes="RootId PolicyType")
def disable_policy_type(call: Call, req: Input) -> dict[str, Any]:
    """Put service control policies out of force: they are detached from everything."""
    organization = of_root(call, req)
    if not organization.controls:
        raise AwsError("PolicyTypeNotEnabledException", "The specified policy type isn't enabled.", status=400)
    return {"Root": switch(call, organization, on=False)}


def of_root(call: Call, req: Input) -> Organization:
    """The organization, if the request names its root and the type of policy that works here."""
    organization = opened(call)
    need_control(req["PolicyType"])
    if req["RootId"] != organization.root:
        raise absent("RootNotFoundException", "a root")
    return organization


def need_control(kind: str) -> None:
    """Raise for another type of policy."""
    if kind != CONTROL:
        raise not_implemented(f"The policy type {kind}")


def switch(call: Call, organization: Organization, *, on: bool) -> dict[str, Any]:
    """Enable or disable service control; the root as it is then."""
    made = msgspec.structs.replace(organization, controls=on)
    organizations_kept.put(call.tx, made, made.id)
    for target in list(targets(call.tx, made)):
        if on:
            attach_control(call.tx, made, FULL_ACCESS, target)
        else:
            detach_all(call.tx, made, target)
    changed(call.tx, made)
    return told_root(made)


@organizations.operation("write", "*", takes="Content Description Name Type Tags")
def create_policy(call: Call, req: Input) -> dict[str, Any]:
    """Make a policy, attached to nothing."""
    organization = opened(call)
    need_control(req["Type"])
    if sum(1 for _ in control_policies.scan(call.tx, organization.id, limit=MOST)) >= MOST:
        raise constraint("POLICY_NUMBER_LIMIT_EXCEEDED", "You have exceeded the number of policies.")
    need_new_name(call, organization, req["Name"])
    tags = new_tags(req)
    made = ControlPolicy(
        id=new_id(call, "p-", 8), name=req["Name"], description=req["Description"], document=checked(req["Content"])
    )
    control_policies.put(call.tx, made, organization.id, made.id)
    keep_tags(call, organization, made.id, tags)
    return {"Policy": told(organization, made)}


@organizations.operation("write", "PolicyId", takes="PolicyId Name Description Content")
def update_policy(call: Call, req: Input) -> dict[str, Any]:
    """Change a policy: it counts at once, wherever it is attached."""
    organization = opened(call)
    policy = own(call, organization, req["PolicyId"])
    name = req.get("Name", policy.name)
    if name != policy.name:
        need_new_name(call, organization, name)
    document = checked(req["Content"]) if "Content" in req else policy.document
    description = req.get("Description", policy.description)
    made = msgspec.structs.replace(policy, name=name, description=description, document=document)
    control_policies.put(call.tx, made, organization.id, made.id)
    changed(call.tx, organization)
    return {"Policy": told(organization, made)}


@organizations.operation("write", "PolicyId", takes="PolicyId")
def delete_policy(call: Call, req: Input) -> dict[str, Any]:
    """Delete a policy that is attached to nothing."""
    organization = opened(call)
    policy = own(call, organization, req["PolicyId"])
    if any(targets_of.scan(call.tx, organization.id, policy.id, limit=1)):
        raise AwsError("PolicyInUseException", "The policy is attached to one or more entities.", status=400)
    control_policies.delete(call.tx, organization.id, policy.id)
    tags_of.delete(call.tx, organization.id, policy.id)
    return {}


@organizations.operation("read", "PolicyId", takes="PolicyId")
def describe_policy(call: Call, req: Input) -> dict[str, Any]:
    """A policy, with its content."""
    organization = opened(call)
    return {"Policy": told(organization, found(call, organization, req["PolicyId"]))}


@organizations.operation("scan", "*", takes="Filter NextToken MaxResults")
def list_policies(call: Call, req: Input) -> dict[str, Any]:
    """The organization's policies, and AWS's."""
    organization = opened(call)
    need_control(req["Filter"])
    own_ones = [(each.id, each) for _, each in control_policies.scan(call.tx, organization.id)]
    every = sorted([*own_ones, (FULL.id, FULL)], key=lambda pair: pair[0])
    return paged(req, "Policies", every, lambda policy: summary(organization, policy))


def checked(document: str) -> str:
    """The content of a policy, if it is one and not too long."""
    if len(document) > LARGEST:
        what = f"A service control policy has at most {LARGEST} characters."
        raise constraint("POLICY_CONTENT_LIMIT_EXCEEDED", what)
    try:
        parse_policy(document, "control")
    except PolicyError as error:
        raise AwsError("MalformedPolicyDocumentException", error.reason, status=400) from None
    return document


def found(call: Call, organization: Organization, policy: str) -> ControlPolicy:
    """A policy, the organization's or AWS's."""
    kept = control_policy(call.tx, organization, policy)
    if kept is None:
        raise absent("PolicyNotFoundException", "a policy")
    return kept


def own(call: Call, organization: Organization, policy: str) -> ControlPolicy:
    """A policy that may be changed."""
    if policy == FULL_ACCESS:
        raise invalid("IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.")
    return found(call, organization, policy)


def need_new_name(call: Call, organization: Organization, name: str) -> None:
    """Raise if another policy has the name."""
    if name == FULL.name or any(each.name == name for _, each in control_policies.scan(call.tx, organization.id)):
        raise AwsError("DuplicatePolicyException", "A policy with the same name already exists.", status=400)


def told(organization: Organization, policy: ControlPolicy) -> dict[str, Any]:
    """A policy as it is told."""
    return {"PolicySummary": summary(organization, policy), "Content": policy.document}


def summary(organization: Organization, policy: ControlPolicy) -> dict[str, Any]:
    """A policy without its content."""
    return {
        "Id": policy.id,
        "Arn": told_arn(organization, policy.id),
        "Name": policy.name,
        "Description": policy.description,
        "Type": CONTROL,
        "AwsManaged": policy.id == FULL_ACCESS,
    }
