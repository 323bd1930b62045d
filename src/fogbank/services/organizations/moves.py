"""Accounts that move within the organization, or leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.identity.accounts import join, leave
from fogbank.core.service import Permission
from fogbank.services.organizations.accounts import member
from fogbank.services.organizations.names import absent, arn_of, member_of, opened
from fogbank.services.organizations.records import tags_of
from fogbank.services.organizations.service import organizations
from fogbank.services.organizations.tree import is_parent

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.identity.accounts import Organization
    from fogbank.core.service import Input


def both_parents(call: Call, req: Input) -> list[Permission]:
    """A move is authorised on where the account comes from and on where it goes, too."""
    places = (req["SourceParentId"], req["DestinationParentId"])
    return [Permission("organizations:MoveAccount", arn_of(call, place), req) for place in places]


@organizations.operation("write", "AccountId", takes="AccountId SourceParentId DestinationParentId", also=both_parents)
def move_account(call: Call, req: Input) -> dict[str, Any]:
    """Move an account to the root or to an organizational unit."""
    organization = opened(call)
    place = member(call, organization, req["AccountId"])
    target = req["DestinationParentId"]
    if place.parent != req["SourceParentId"]:
        raise absent("SourceParentNotFoundException", "a source root or parent")
    if not is_parent(call, organization, target):
        raise absent("DestinationParentNotFoundException", "a destination root or parent")
    if target == place.parent:
        raise AwsError("DuplicateAccountException", "The account is already there.", status=400)
    join(call.tx, organization, place.account, target, place.joined)
    return {}


@organizations.operation("write", "AccountId", takes="AccountId")
def remove_account_from_organization(call: Call, req: Input) -> dict[str, Any]:
    """Let an account stand alone."""
    organization = opened(call)
    depart(call, organization, member(call, organization, req["AccountId"]).account)
    return {}


@organizations.operation("write", "*", takes="")
def leave_organization(call: Call, _req: Input) -> dict[str, Any]:
    """Let the caller's account stand alone."""
    depart(call, member_of(call), call.account)
    return {}


def depart(call: Call, organization: Organization, account: str) -> None:
    """Take an account out, with all that the organization knew of it."""
    if account == organization.management:
        what = "The management account cannot leave the organization; delete the organization instead."
        raise AwsError("MasterCannotLeaveOrganizationException", what, status=400)
    leave(call.tx, organization, account)
    tags_of.delete(call.tx, organization.id, account)
