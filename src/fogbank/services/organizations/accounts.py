"""Accounts: made, listed, closed.

Source: Organizations API Reference, CreateAccount, CloseAccount; User Guide, "Create a member account", "Accessing member accounts
with OrganizationAccountAccessRole".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.identity.accounts import (
    Account,
    EmailTaken,
    accounts,
    make_account,
    members,
    shut,
)
from fogbank.core.identity.records import Role, attach, key_of, roles, when
from fogbank.services.organizations.listing import paged
from fogbank.services.organizations.names import absent, constraint, invalid, new_id, opened, told_arn
from fogbank.services.organizations.organization import root_email
from fogbank.services.organizations.records import Creation, creations
from fogbank.services.organizations.service import organizations
from fogbank.services.organizations.tags import keep_tags, new_tags

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.identity.accounts import Membership, Organization
    from fogbank.core.service import Input

ACCESS_ROLE: Final = "OrganizationAccountAccessRole"
ADMINISTRATOR: Final = "arn:aws:iam::aws:policy/AdministratorAccess"
MOST: Final = 1000  # accounts in an organization
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


@organizations.operation("write", "*", takes="Email AccountName RoleName Tags")
def create_account(call: Call, req: Input) -> dict[str, Any]:
    """Make an account, with a role that the management account can assume. It is there with the answer: there is no wait."""
    organization = opened(call)
    if sum(1 for _ in members.scan(call.tx, organization.id, limit=MOST)) >= MOST:
        raise constraint("ACCOUNT_NUMBER_LIMIT_EXCEEDED", "You have exceeded the allowed number of AWS accounts.")
    if not _EMAIL.fullmatch(req["Email"]):
        raise invalid("INVALID_EMAIL_ADDRESS_TARGET", "You specified an invalid email address.")
    tags = new_tags(req)
    number, reason = "", ""
    try:
        made = make_account(
            call.tx, call.ids, call.now, name=req["AccountName"], email=req["Email"], owner=call.account
        )
    except EmailTaken:
        reason = "EMAIL_ALREADY_EXISTS"
    else:
        number = made.number
        make_access_role(call, number, req.get("RoleName", ACCESS_ROLE))
        keep_tags(call, organization, number, tags)
    request = Creation(
        id=new_id(call, "car-", 32), name=req["AccountName"], requested=int(call.now.timestamp()), account=number, reason=reason
    )  # fmt: skip
    creations.put(call.tx, request, organization.id, request.id)
    return {"CreateAccountStatus": told_creation(request)}


def make_access_role(call: Call, account: str, name: str) -> None:
    """The role in a new account that the management account administers it with."""
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{call.account}:root"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    )
    made = Role(
        name=name, id=call.ids.unique("AROA"), path="/", created=int(call.now.timestamp()), tags={}, trust=trust,
        trust_given=trust,
    )  # fmt: skip
    roles.put(call.tx, made, account, key_of(name))
    attach(call.tx, account, "role", name, ADMINISTRATOR)


@organizations.operation("read", "*", takes="CreateAccountRequestId")
def describe_create_account_status(call: Call, req: Input) -> dict[str, Any]:
    """How a request for an account went."""
    found = creations.get(call.tx, opened(call).id, req["CreateAccountRequestId"])
    if found is None:
        raise absent("CreateAccountStatusNotFoundException", "a request for an account")
    return {"CreateAccountStatus": told_creation(found)}


@organizations.operation("scan", "*", takes="States NextToken MaxResults")
def list_create_account_status(call: Call, req: Input) -> dict[str, Any]:
    """How requests for accounts went."""
    wanted = req.get("States") or ("SUCCEEDED", "FAILED")
    found = (
        (each.id, each)
        for _, each in creations.scan(call.tx, opened(call).id)
        if ("FAILED" if each.reason else "SUCCEEDED") in wanted
    )
    return paged(req, "CreateAccountStatuses", found, told_creation)


@organizations.operation("scan", "*", takes="NextToken MaxResults")
def list_accounts(call: Call, req: Input) -> dict[str, Any]:
    """The organization's accounts, by number."""
    organization = opened(call)
    found = ((each.account, each) for _, each in members.scan(call.tx, organization.id))
    return paged(req, "Accounts", found, lambda each: told(call, organization, each))


@organizations.operation("read", "AccountId", takes="AccountId")
def describe_account(call: Call, req: Input) -> dict[str, Any]:
    """One account."""
    organization = opened(call)
    return {"Account": told(call, organization, member(call, organization, req["AccountId"]))}


@organizations.operation("write", "AccountId", takes="AccountId")
def close_account(call: Call, req: Input) -> dict[str, Any]:
    """Close an account: nobody of it may do anything from now on."""
    organization = opened(call)
    number = member(call, organization, req["AccountId"]).account
    if number == organization.management:
        raise constraint("CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You cannot close the management account.")
    account = accounts.get(call.tx, number)
    if account is None:
        raise absent("AccountNotFoundException", "an account")
    if account.status != "ACTIVE":
        raise AwsError("AccountAlreadyClosedException", "The account is closed already.", status=400)
    shut(call.tx, account)
    return {}


def member(call: Call, organization: Organization, account: str) -> Membership:
    """An account's place in the organization."""
    found = members.get(call.tx, organization.id, account)
    if found is None:
        raise absent("AccountNotFoundException", "an account")
    return found


def told(call: Call, organization: Organization, place: Membership) -> dict[str, Any]:
    """An account as it is told."""
    account = accounts.get(call.tx, place.account) or Account(
        number=place.account, name="management", email=root_email(place.account), status="ACTIVE",
        created=place.joined, owner="",
    )  # fmt: skip
    return {
        "Id": place.account,
        "Arn": told_arn(organization, place.account),
        "Email": account.email,
        "Name": account.name,
        "Status": account.status,
        "State": account.status,
        "JoinedMethod": "INVITED" if place.account == organization.management else "CREATED",
        "JoinedTimestamp": when(place.joined),
    }


def told_creation(request: Creation) -> dict[str, Any]:
    """A request for an account as it is told."""
    state = {"State": "SUCCEEDED", "AccountId": request.account}
    if request.reason:
        state = {"State": "FAILED", "FailureReason": request.reason}
    return {
        "Id": request.id,
        "AccountName": request.name,
        "RequestedTimestamp": when(request.requested),
        "CompletedTimestamp": when(request.requested),
        **state,
    }
