"""Organizational units, and what is directly in them.

Source: Organizations API Reference; User Guide, "Quotas and service limits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.accounts import FULL_ACCESS, Unit, attach_control, detach_all, path_to, units
from fogbank.services.organizations.accounts import told as told_account
from fogbank.services.organizations.listing import paged
from fogbank.services.organizations.names import absent, constraint, invalid, new_id, opened, told_arn
from fogbank.services.organizations.records import tags_of
from fogbank.services.organizations.service import organizations
from fogbank.services.organizations.tags import keep_tags, new_tags
from fogbank.services.organizations.tree import accounts_in, need_parent, units_in

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.identity.accounts import Organization
    from fogbank.core.service import Input

DEEPEST: Final = 5  # units below each other
MOST: Final = 2000  # units in an organization


@organizations.operation("write", "ParentId", takes="ParentId Name Tags")
def create_organizational_unit(call: Call, req: Input) -> dict[str, Any]:
    """Make a unit in the root or in another unit."""
    organization = opened(call)
    parent = need_parent(call, organization, req["ParentId"])
    if len(path_to(call.tx, organization, parent)) > DEEPEST:
        raise constraint("OU_DEPTH_LIMIT_EXCEEDED", "You have exceeded the number of levels of OUs.")
    if sum(1 for _ in units.scan(call.tx, organization.id, limit=MOST)) >= MOST:
        raise constraint("OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of OUs.")
    need_new_name(call, organization, parent, req["Name"])
    tags = new_tags(req)
    made = Unit(id=new_id(call, f"ou-{organization.root[2:]}-", 8), name=req["Name"], parent=parent)
    units.put(call.tx, made, organization.id, made.id)
    keep_tags(call, organization, made.id, tags)
    if organization.controls:
        attach_control(call.tx, organization, FULL_ACCESS, made.id)
    return {"OrganizationalUnit": told(organization, made)}


@organizations.operation("read", "OrganizationalUnitId", takes="OrganizationalUnitId")
def describe_organizational_unit(call: Call, req: Input) -> dict[str, Any]:
    """A unit."""
    organization = opened(call)
    return {"OrganizationalUnit": told(organization, unit_of(call, organization, req))}


@organizations.operation("write", "OrganizationalUnitId", takes="OrganizationalUnitId Name")
def update_organizational_unit(call: Call, req: Input) -> dict[str, Any]:
    """Rename a unit."""
    organization = opened(call)
    unit = unit_of(call, organization, req)
    name = req.get("Name", unit.name)
    if name != unit.name:
        need_new_name(call, organization, unit.parent, name)
    made = msgspec.structs.replace(unit, name=name)
    units.put(call.tx, made, organization.id, made.id)
    return {"OrganizationalUnit": told(organization, made)}


@organizations.operation("write", "OrganizationalUnitId", takes="OrganizationalUnitId")
def delete_organizational_unit(call: Call, req: Input) -> dict[str, Any]:
    """Delete a unit that has nothing in it."""
    organization = opened(call)
    unit = unit_of(call, organization, req)
    if any(accounts_in(call, organization, unit.id)) or any(units_in(call, organization, unit.id)):
        what = "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try again."
        raise AwsError("OrganizationalUnitNotEmptyException", what, status=400)
    detach_all(call.tx, organization, unit.id)
    units.delete(call.tx, organization.id, unit.id)
    tags_of.delete(call.tx, organization.id, unit.id)
    return {}


@organizations.operation("scan", "ParentId", takes="ParentId NextToken MaxResults")
def list_organizational_units_for_parent(call: Call, req: Input) -> dict[str, Any]:
    """The units directly in a root or unit."""
    organization = opened(call)
    found = units_in(call, organization, need_parent(call, organization, req["ParentId"]))
    return paged(req, "OrganizationalUnits", found, lambda unit: told(organization, unit))


@organizations.operation("scan", "ParentId", takes="ParentId NextToken MaxResults")
def list_accounts_for_parent(call: Call, req: Input) -> dict[str, Any]:
    """The accounts directly in a root or unit."""
    organization = opened(call)
    found = accounts_in(call, organization, need_parent(call, organization, req["ParentId"]))
    return paged(req, "Accounts", found, lambda each: told_account(call, organization, each))


def unit_of(call: Call, organization: Organization, req: Input) -> Unit:
    """The addressed unit."""
    found = units.get(call.tx, organization.id, req["OrganizationalUnitId"])
    if found is None:
        raise absent("OrganizationalUnitNotFoundException", "an OU")
    return found


def need_new_name(call: Call, organization: Organization, parent: str, name: str) -> None:
    """Raise if a unit in the same place has the name."""
    if not name.strip():
        raise invalid("INVALID_PATTERN", "You provided a name that is empty.")
    if any(unit.name == name for _, unit in units_in(call, organization, parent)):
        raise AwsError("DuplicateOrganizationalUnitException", "An OU with the same name already exists.", status=400)


def told(organization: Organization, unit: Unit) -> dict[str, Any]:
    """A unit as it is told."""
    return {"Id": unit.id, "Arn": told_arn(organization, unit.id), "Name": unit.name}
