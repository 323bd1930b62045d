"""The tree of an organization: what is above and below its root, units and accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.identity.accounts import accounts, members, units
from fogbank.services.organizations.listing import paged
from fogbank.services.organizations.names import absent, kind_of, opened, told_arn
from fogbank.services.organizations.service import organizations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.identity.accounts import Membership, Organization, Unit
    from fogbank.core.service import Input

TYPES = {"account": "ACCOUNT", "ou": "ORGANIZATIONAL_UNIT", "root": "ROOT"}


def is_parent(call: Call, organization: Organization, name: str) -> bool:
    """Whether an id is the root's, or an organizational unit's."""
    return name == organization.root or units.get(call.tx, organization.id, name) is not None


def need_parent(call: Call, organization: Organization, name: str) -> str:
    """The id of a root or unit that is there."""
    if not is_parent(call, organization, name):
        raise absent("ParentNotFoundException", "a root or OU")
    return name


def accounts_in(call: Call, organization: Organization, parent: str) -> Iterator[tuple[str, Membership]]:
    """The accounts that are directly in a root or unit."""
    found = members.scan(call.tx, organization.id)
    return ((each.account, each) for _, each in found if each.parent == parent)


def units_in(call: Call, organization: Organization, parent: str) -> Iterator[tuple[str, Unit]]:
    """The units that are directly in a root or unit."""
    return ((each.id, each) for _, each in units.scan(call.tx, organization.id) if each.parent == parent)


@organizations.operation("scan", "ParentId", takes="ParentId ChildType NextToken MaxResults")
def list_children(call: Call, req: Input) -> dict[str, Any]:
    """The accounts or the units directly in a root or unit."""
    organization = opened(call)
    parent = need_parent(call, organization, req["ParentId"])
    kind = req["ChildType"]
    below: Iterator[tuple[str, Any]] = (accounts_in if kind == "ACCOUNT" else units_in)(call, organization, parent)
    names = ((name, name) for name, _ in below)
    return paged(req, "Children", names, lambda name: {"Id": name, "Type": kind})


@organizations.operation("read", "ChildId", takes="ChildId NextToken MaxResults")
def list_parents(call: Call, req: Input) -> dict[str, Any]:
    """The root or unit that an account or unit is directly in."""
    organization = opened(call)
    child = req["ChildId"]
    found = members.get(call.tx, organization.id, child) or units.get(call.tx, organization.id, child)
    if found is None:
        raise absent("ChildNotFoundException", "an account or OU")
    parent = found.parent
    return paged(req, "Parents", [(parent, parent)], lambda name: {"Id": name, "Type": TYPES[kind_of(name)]})


def name_of(call: Call, organization: Organization, target: str) -> str:
    """The name of a root, unit or account; empty if it is not there."""
    if target == organization.root:
        return "Root"
    unit = units.get(call.tx, organization.id, target)
    if unit is not None:
        return unit.name
    if members.get(call.tx, organization.id, target) is None:
        return ""
    account = accounts.get(call.tx, target)
    return account.name if account else "management"


def told_target(call: Call, organization: Organization, target: str) -> dict[str, Any]:
    """What a policy is attached to, as it is told."""
    return {
        "TargetId": target,
        "Arn": told_arn(organization, target),
        "Name": name_of(call, organization, target),
        "Type": TYPES[kind_of(target)],
    }
