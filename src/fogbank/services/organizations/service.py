"""Organizations: the ARNs of what an organization is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.service import Service
from fogbank.services.organizations.names import CONTROL, arn_of
from fogbank.services.organizations.records import tags_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input


def named(member: str) -> Callable[[Call, Input], str]:
    """A function that finds the ARN of what an input member names by its id."""
    return lambda call, req: arn_of(call, str(req[member]))


def tags(call: Call, _req: Input, arn: str) -> Mapping[str, str]:
    """The tags of what is addressed."""
    return tags_at(call, arn)


def keys(_call: Call, req: Input, _arn: str) -> Mapping[str, str]:
    """The condition keys of Organizations: organizations:PolicyType."""
    kind = req.get("PolicyType") or req.get("Type") or req.get("Filter") or (CONTROL if "PolicyId" in req else None)
    return {"organizations:policytype": str(kind)} if kind else {}


organizations = Service(
    "organizations",
    resources={
        member: named(member)
        for member in (
            "AccountId",
            "ChildId",
            "OrganizationalUnitId",
            "ParentId",
            "PolicyId",
            "ResourceId",
            "RootId",
            "TargetId",
        )
    },
    modules=("organization", "accounts", "moves", "tree", "units", "policies", "attachments", "tags"),
    tags=tags,
    keys=keys,
)
