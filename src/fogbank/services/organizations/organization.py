"""The organization: made by the account that will manage it, which brings in the accounts that it made before.

Source: Organizations API Reference; User Guide, "Create an organization".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.identity.accounts import (
    Organization,
    accounts,
    control_policies,
    join,
    leave,
    members,
    organization_of,
    organizations,
    units,
)
from fogbank.services.organizations.listing import paged
from fogbank.services.organizations.names import CONTROL, member_of, new_id, opened, told_arn
from fogbank.services.organizations.records import creations, tags_of
from fogbank.services.organizations.service import organizations as service

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.store.table import Table


@service.operation("write", "*", takes="FeatureSet")
def create_organization(call: Call, req: Input) -> dict[str, Any]:
    """Make an organization that the caller's account manages."""
    if organization_of(call.tx, call.account) is not None:
        raise AwsError("AlreadyInOrganizationException", "The AWS account is already a member of an organization.")
    if req.get("FeatureSet", "ALL") != "ALL":
        raise not_implemented("An organization without all features")
    now = int(call.now.timestamp())
    made = Organization(id=new_id(call, "o-", 10), root=new_id(call, "r-", 4), management=call.account, created=now)
    organizations.put(call.tx, made, made.id)
    join(call.tx, made, call.account, made.root, now)
    for _, account in accounts.scan(call.tx):
        if account.owner == call.account and organization_of(call.tx, account.number) is None:
            join(call.tx, made, account.number, made.root, account.created)
    return {"Organization": told(call, made)}


@service.operation("read", "*", takes="")
def describe_organization(call: Call, _req: Input) -> dict[str, Any]:
    """The organization that the caller's account is in."""
    return {"Organization": told(call, member_of(call))}


@service.operation("bulk", "*", takes="")
def delete_organization(call: Call, _req: Input) -> dict[str, Any]:
    """Delete an organization that has no other account, no unit and no policy left."""
    organization = opened(call)
    others = [each for _, each in members.scan(call.tx, organization.id, limit=2) if each.account != call.account]
    kept = [table for table in (units, control_policies) if any(table.scan(call.tx, organization.id, limit=1))]
    if others or kept:
        what = "To delete an organization you must first remove all member accounts, units and policies."
        raise AwsError("OrganizationNotEmptyException", what, status=400)
    leave(call.tx, organization, call.account)
    tables: tuple[Table[Any], ...] = (creations, tags_of)
    for table in tables:
        for parts, _ in list(table.scan(call.tx, organization.id)):
            table.delete(call.tx, *parts)
    organizations.delete(call.tx, organization.id)
    return {}


@service.operation("read", "*", takes="NextToken MaxResults")
def list_roots(call: Call, req: Input) -> dict[str, Any]:
    """The root of the organization."""
    organization = opened(call)
    return paged(req, "Roots", [(organization.root, organization)], told_root)


@service.operation(
    "read", "*", takes="NextToken MaxResults", action="organizations:ListAWSServiceAccessForOrganization"
)
def list_aws_service_access_for_organization(call: Call, req: Input) -> dict[str, Any]:
    """The services that were given access to the organization: none can be."""
    opened(call)
    return paged(req, "EnabledServicePrincipals", [], dict)


def told(call: Call, organization: Organization) -> dict[str, Any]:
    """An organization as it is told."""
    account = accounts.get(call.tx, organization.management)
    return {
        "Id": organization.id,
        "Arn": f"arn:aws:organizations::{organization.management}:organization/{organization.id}",
        "FeatureSet": "ALL",
        "MasterAccountArn": told_arn(organization, organization.management),
        "MasterAccountId": organization.management,
        "MasterAccountEmail": account.email if account else root_email(organization.management),
        "AvailablePolicyTypes": [{"Type": CONTROL, "Status": "ENABLED"}],
    }


def told_root(organization: Organization) -> dict[str, Any]:
    """The root of an organization as it is told."""
    enabled = [{"Type": CONTROL, "Status": "ENABLED"}] if organization.controls else []
    arn = told_arn(organization, organization.root)
    return {"Id": organization.root, "Arn": arn, "Name": "Root", "PolicyTypes": enabled}


def root_email(account: str) -> str:
    """The address of the installation's own account, which was made without one."""
    return f"root@{account}.fogbank.local"
