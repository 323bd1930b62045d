"""Managed policies, the customer's and AWS's."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core import managed
from fogbank.core.errors import AwsError
from fogbank.core.identity.records import (
    ManagedPolicy,
    PolicyVersion,
    arn_of,
    attached_to,
    key_of,
    policies,
    versions,
    when,
)
from fogbank.services.iam.arns import tagging
from fogbank.services.iam.entities import SIZES, check_new, parse, size
from fogbank.services.iam.identifiers import bounded
from fogbank.services.iam.listing import paged
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import told_tags, with_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_iam.type_defs import (
        CreatePolicyRequestTypeDef,
        DeletePolicyRequestTypeDef,
        GetPolicyRequestTypeDef,
        ListPoliciesRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.managed import AwsPolicy

_ARN: Final = re.compile(r"arn:aws:iam::(aws|\d{12}):policy/(?:[!-~]*/)?([\w+=,.@-]{1,128})", re.ASCII)
CREATED_WITH = "PolicyName Path PolicyDocument Description Tags"


@iam.operation("write", "new_policy", takes=CREATED_WITH, also=tagging("TagPolicy", "new_policy"))
def create_policy(call: Call, req: CreatePolicyRequestTypeDef) -> dict[str, Any]:
    """Make a managed policy, in its first version."""
    name, document, now = req["PolicyName"], req["PolicyDocument"], int(call.now.timestamp())
    check_document(document)
    check_new(call, policies, "policy", name)
    policy = ManagedPolicy(
        name=name,
        id=call.ids.unique("ANPA"),
        path=req.get("Path", "/"),
        created=now,
        updated=now,
        tags=with_tags({}, req.get("Tags", [])),
        description=req.get("Description", ""),
        default=1,
        latest=1,
    )
    keep(call, policy)
    versions.put(call.tx, PolicyVersion(document=document, created=now), call.account, key_of(name), 1)
    return {"Policy": told(call, policy)}


@iam.operation("read", "policy", takes="PolicyArn")
def get_policy(call: Call, req: GetPolicyRequestTypeDef) -> dict[str, Any]:
    """A managed policy, without its documents."""
    found = open_policy(call, req["PolicyArn"])
    return {"Policy": told(call, found) if isinstance(found, ManagedPolicy) else told_aws(call, found)}


@iam.operation("scan", "*", takes="Scope OnlyAttached PathPrefix PolicyUsageFilter Marker MaxItems")
def list_policies(call: Call, req: ListPoliciesRequestTypeDef) -> dict[str, Any]:
    """Managed policies: the account's, AWS's or both."""
    prefix, usage = req.get("PathPrefix", "/"), req.get("PolicyUsageFilter")
    counts = {"PermissionsPolicy": "AttachmentCount", "PermissionsBoundary": "PermissionsBoundaryUsageCount"}
    wanted = [counts[usage]] if usage else list(counts.values())
    needs_use = req.get("OnlyAttached", False) or usage is not None
    page, more = paged(
        req,
        (
            (f"{'aws' in told_one['Arn'].split(':')[4]:d}{key_of(told_one['PolicyName'])}", told_one)
            for told_one in _all(call, req.get("Scope", "All"))
            if told_one["Path"].startswith(prefix) and (not needs_use or any(told_one[count] for count in wanted))
        ),
    )
    return {"Policies": [{k: v for k, v in one.items() if k not in ("Tags", "Description")} for one in page], **more}


@iam.operation("write", "policy", takes="PolicyArn")
def delete_policy(call: Call, req: DeletePolicyRequestTypeDef) -> dict[str, Any]:
    """Delete a policy that is attached to nothing and has only its default version left."""
    policy = open_own(call, req["PolicyArn"])
    arn = arn_of(call.account, policy)
    if attachments(call, arn) or boundaries(call, arn):
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.")
    found = [parts for parts, _ in versions.scan(call.tx, call.account, key_of(policy.name))]
    if len(found) > 1:
        raise AwsError(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy.",
        )
    for parts in found:
        versions.delete(call.tx, *parts)
    policies.delete(call.tx, call.account, key_of(policy.name))
    return {}


def keep(call: Call, policy: ManagedPolicy) -> None:
    """Store a policy."""
    policies.put(call.tx, policy, call.account, key_of(policy.name))


def check_document(document: str) -> None:
    """Refuse what is no policy, and one that is too long."""
    parse(document, "identity")
    if size(document) > SIZES["managed"]:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for PolicySize: {SIZES['managed']}")


def find_policy(call: Call, arn: str) -> ManagedPolicy | AwsPolicy | None:
    """The policy of an ARN: the account's own, or AWS's; None if there is none."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise AwsError("InvalidInput", f"ARN {arn[:256]} is not valid.")
    account, name = match.groups()
    if account == "aws":
        return managed.find(arn)
    own = policies.get(call.tx, account, key_of(name)) if account == call.account else None
    return own if own and arn_of(account, own) == arn else None


def check_attachable(call: Call, arn: str, what: str, unit: str) -> str:
    """A policy's ARN, if it may be attached to customers' identities. `what` and `unit` are words of the errors."""
    found = find_policy(call, arn)
    if found is None:
        raise AwsError("NoSuchEntity", f"{what} {arn} does not exist or is not attachable.")
    if not isinstance(found, ManagedPolicy) and found.path.startswith("/aws-service-role/"):
        raise AwsError("PolicyNotAttachable", f"Cannot attach a Service Role Policy to a Customer {unit}.")
    return arn


def check_boundary(call: Call, arn: str, unit: str) -> str:
    """A boundary, which has to be a managed policy that there is."""
    return check_attachable(call, arn, "Scope ARN:", unit)


def open_policy(call: Call, arn: str) -> ManagedPolicy | AwsPolicy:
    """The policy of an ARN: the account's own, or AWS's."""
    found = find_policy(call, arn)
    if found is None:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.")
    return found


def open_own(call: Call, arn: str) -> ManagedPolicy:
    """The account's own policy of an ARN; AWS's are nobody's to change."""
    found = open_policy(call, arn)
    if not isinstance(found, ManagedPolicy):
        raise AwsError("AccessDenied", f"Policy {arn} is an AWS managed policy and cannot be changed.", status=403)
    return found


def attachments(call: Call, arn: str) -> int:
    """How many users, groups and roles of the account a policy is attached to."""
    return sum(1 for _ in call.tx.scan(*attached_to.span(arn, call.account)))


def boundaries(call: Call, arn: str) -> int:
    """How many users and roles of the account have a policy as their boundary."""
    return sum(1 for _ in call.tx.scan(*bounded.span(arn, call.account)))


def told(call: Call, policy: ManagedPolicy) -> dict[str, Any]:
    """A customer managed policy as IAM tells it."""
    arn = arn_of(call.account, policy)
    member: dict[str, Any] = {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default}",
        "AttachmentCount": attachments(call, arn),
        "PermissionsBoundaryUsageCount": boundaries(call, arn),
        "IsAttachable": True,
        "CreateDate": when(policy.created),
        "UpdateDate": when(policy.updated),
        "Description": policy.description,
        "Tags": told_tags(policy.tags),
    }
    return {name: value for name, value in member.items() if value not in ("", [])}


def told_aws(call: Call, policy: AwsPolicy) -> dict[str, Any]:
    """An AWS managed policy as IAM tells it."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.version,
        "AttachmentCount": attachments(call, policy.arn),
        "PermissionsBoundaryUsageCount": boundaries(call, policy.arn),
        "IsAttachable": True,
        "CreateDate": datetime.fromisoformat(policy.created),
        "UpdateDate": datetime.fromisoformat(policy.updated),
        "Description": policy.description,
    }


def _all(call: Call, scope: str) -> Iterator[dict[str, Any]]:
    """The policies of a scope, by name; the account's own first."""
    if scope in ("All", "Local"):
        yield from (told(call, policy) for _, policy in policies.scan(call.tx, call.account))
    if scope in ("All", "AWS"):
        every = sorted(managed.all_policies(), key=lambda each: key_of(each.name))
        yield from (told_aws(call, policy) for policy in every)


def touched(call: Call, policy: ManagedPolicy, **changes: Any) -> ManagedPolicy:
    """A policy with changes, as of now."""
    return msgspec.structs.replace(policy, updated=int(call.now.timestamp()), **changes)
