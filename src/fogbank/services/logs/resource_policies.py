"""Resource policies: of the account, up to ten, and of log groups, one each.

Source: API Reference, PutResourcePolicy, DescribeResourcePolicies, DeleteResourcePolicy.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fogbank.auth.policy import PolicyError, parse_policy
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.logs.addressing import address_of_arn, need_at
from fogbank.services.logs.errors import aborted, invalid, not_found, too_many
from fogbank.services.logs.granted import ResourcePolicy, policies
from fogbank.services.logs.groups import group_gone
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Group
    from fogbank.store.api import Tx

MOST: Final = 10  # policies of an account
LARGEST: Final = 5120  # characters of one of those
PAGE: Final = 50
OF_GROUP: Final = "RESOURCE"


@logs.operation("write", "*", takes="policyName policyDocument resourceArn expectedRevisionId")
def put_resource_policy(call: Call, req: Input) -> dict[str, Any]:
    """Set a policy of the account, or that of a log group."""
    arn, name = where(call, req)
    document = checked(req)
    old = policies.get(call.tx, call.account, call.region, arn, name)
    check_revision(req, arn, old)
    if not arn and old is None and len(list(policies.scan(call.tx, call.account, call.region, ""))) >= MOST:
        raise too_many("Resource limit exceeded.")
    made = ResourcePolicy(
        name=name,
        arn=arn,
        document=document,
        updated=milliseconds(call),
        revision=call.ids.uuid() if arn else "",
    )
    policies.put(call.tx, made, call.account, call.region, arn, name)
    return {"resourcePolicy": told(made), **({"revisionId": made.revision} if arn else {})}


@logs.operation("write", "*", takes="policyName resourceArn expectedRevisionId")
def delete_resource_policy(call: Call, req: Input) -> dict[str, Any]:
    """Forget a policy of the account, or that of a log group."""
    arn, name = where(call, req)
    old = policies.get(call.tx, call.account, call.region, arn, name)
    if old is None:
        raise not_found(
            f"Policy with name [{name}] does not exist" if name else "The specified resource policy does not exist."
        )
    check_revision(req, arn, old)
    policies.delete(call.tx, call.account, call.region, arn, name)
    return {}


@logs.operation("scan", "*", takes="nextToken limit resourceArn policyScope")
def describe_resource_policies(call: Call, req: Input) -> dict[str, Any]:
    """The policies of the account, or those of log groups."""
    most, arn = req.get("limit", PAGE), req.get("resourceArn")
    after = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid."))
    of_groups = arn is not None or req.get("policyScope") == OF_GROUP
    if arn is not None:
        arn = group_arn(call, arn)
    found = [each for _, each in policies.scan(call.tx, call.account, call.region) if bool(each.arn) == of_groups]
    behind = (each for each in found if (after is None or key(each) > after) and arn in (None, each.arn))
    page = list(islice(behind, most + 1))
    more = {"nextToken": write_marker(key(page[most - 1]))} if len(page) > most else {}
    return {"resourcePolicies": [told(each) for each in page[:most]], **more}


def where(call: Call, req: Input) -> tuple[str, str]:
    """Which policy is addressed: the log group's ARN and an empty name, or an empty ARN and the name."""
    if "resourceArn" in req:
        return group_arn(call, req["resourceArn"]), ""
    if not req.get("policyName"):
        raise invalid("Policy name must not be null or empty.")
    return "", req["policyName"]


def group_arn(call: Call, arn: str) -> str:
    """The ARN of a log group of the caller's, which is there."""
    group = need_at(call, address_of_arn(arn))
    if group.account != call.account:
        raise invalid("The specified ARN is not valid for a log group.")
    return group.arn


def checked(req: Input) -> str:
    """The document of a policy. InvalidParameterException for one that cannot be."""
    document: str = req.get("policyDocument", "")
    if not document:
        raise invalid("Policy document must not be null or empty.")
    if "resourceArn" not in req and len(document) > LARGEST:
        raise too_many("Policy document exceeds the size limit of 5120 characters.")
    try:
        parse_policy(document, "resource")
    except PolicyError as error:
        raise invalid(f"Policy document is invalid: {error.reason}") from None
    return document


def check_revision(req: Input, arn: str, old: ResourcePolicy | None) -> None:
    """A log group's policy is changed by who knows what it is."""
    if arn and req.get("expectedRevisionId") != (old.revision if old else None):
        raise aborted()


def key(policy: ResourcePolicy) -> str:
    """By which policies are in order."""
    return f"{policy.arn} {policy.name}"


def told(policy: ResourcePolicy) -> dict[str, Any]:
    """A policy as output members."""
    of_group = {"resourceArn": policy.arn, "revisionId": policy.revision} if policy.arn else {"policyName": policy.name}
    scope = OF_GROUP if policy.arn else "ACCOUNT"
    return {"policyDocument": policy.document, "lastUpdatedTime": policy.updated, "policyScope": scope, **of_group}


def forget(tx: Tx, group: Group) -> None:
    """A deleted group's policy goes with it."""
    policies.delete(tx, group.account, group.region, group.arn, "")


group_gone.append(forget)
