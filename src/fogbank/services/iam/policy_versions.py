"""Versions of managed policies."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import ManagedPolicy, PolicyVersion, key_of, versions, when
from fogbank.services.iam.entities import encoded
from fogbank.services.iam.listing import paged
from fogbank.services.iam.policies import check_document, keep, open_own, open_policy, touched
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreatePolicyVersionRequestTypeDef,
        DeletePolicyVersionRequestTypeDef,
        GetPolicyVersionRequestTypeDef,
        ListPolicyVersionsRequestTypeDef,
        SetDefaultPolicyVersionRequestTypeDef,
    )

    from fogbank.core.call import Call

MOST = 5


@iam.operation("write", "policy", takes="PolicyArn PolicyDocument SetAsDefault")
def create_policy_version(call: Call, req: CreatePolicyVersionRequestTypeDef) -> dict[str, Any]:
    """Add a version; it is in force if it is to be the default."""
    policy, document = open_own(call, req["PolicyArn"]), req["PolicyDocument"]
    check_document(document)
    if sum(1 for _ in versions.scan(call.tx, call.account, key_of(policy.name))) >= MOST:
        raise AwsError(
            "LimitExceeded",
            f"A managed policy can have up to {MOST} versions. Before you create a new version, you must delete an existing version.",
        )
    number, default = policy.latest + 1, req.get("SetAsDefault", False)
    version = PolicyVersion(document=document, created=int(call.now.timestamp()))
    versions.put(call.tx, version, call.account, key_of(policy.name), number)
    keep(call, touched(call, policy, latest=number, default=number if default else policy.default))
    return {"PolicyVersion": told(number, version, default)}


@iam.operation("read", "policy", takes="PolicyArn VersionId")
def get_policy_version(call: Call, req: GetPolicyVersionRequestTypeDef) -> dict[str, Any]:
    """A version, with its document."""
    policy = open_policy(call, req["PolicyArn"])
    if not isinstance(policy, ManagedPolicy):
        if req["VersionId"] != policy.version:
            raise no_such_version(req["PolicyArn"], req["VersionId"])
        created = datetime.fromisoformat(policy.updated)
        told_version = {"VersionId": policy.version, "IsDefaultVersion": True, "CreateDate": created}
        return {"PolicyVersion": {"Document": encoded(policy.document), **told_version}}
    number, version = open_version(call, policy, req["PolicyArn"], req["VersionId"])
    document = {"Document": encoded(version.document)}
    return {"PolicyVersion": document | told(number, version, number == policy.default)}


@iam.operation("scan", "policy", takes="PolicyArn Marker MaxItems")
def list_policy_versions(call: Call, req: ListPolicyVersionsRequestTypeDef) -> dict[str, Any]:
    """A policy's versions, the newest first."""
    policy = open_policy(call, req["PolicyArn"])
    if not isinstance(policy, ManagedPolicy):
        created = datetime.fromisoformat(policy.updated)
        only = {"VersionId": policy.version, "IsDefaultVersion": True, "CreateDate": created}
        return {"Versions": [only], "IsTruncated": False}
    found = versions.scan(call.tx, call.account, key_of(policy.name), reverse=True)
    listed = ((int(parts[2]), version) for parts, version in found)
    # Markers rise, the numbers fall.
    page, more = paged(
        req, ((f"{10**9 - number:09}", told(number, version, number == policy.default)) for number, version in listed)
    )
    return {"Versions": page, **more}


@iam.operation("write", "policy", takes="PolicyArn VersionId")
def set_default_policy_version(call: Call, req: SetDefaultPolicyVersionRequestTypeDef) -> dict[str, Any]:
    """Put another version in force."""
    policy = open_own(call, req["PolicyArn"])
    number, _ = open_version(call, policy, req["PolicyArn"], req["VersionId"])
    keep(call, touched(call, policy, default=number))
    return {}


@iam.operation("write", "policy", takes="PolicyArn VersionId")
def delete_policy_version(call: Call, req: DeletePolicyVersionRequestTypeDef) -> dict[str, Any]:
    """Delete a version that is not in force."""
    policy = open_own(call, req["PolicyArn"])
    number, _ = open_version(call, policy, req["PolicyArn"], req["VersionId"])
    if number == policy.default:
        raise AwsError("DeleteConflict", "Cannot delete the default version of a policy.")
    versions.delete(call.tx, call.account, key_of(policy.name), number)
    return {}


def no_such_version(arn: str, version: str) -> AwsError:
    """IAM's error for a version that there is not."""
    return AwsError("NoSuchEntity", f"Policy {arn} version {version} does not exist or is not attachable.")


def open_version(call: Call, policy: ManagedPolicy, arn: str, version: str) -> tuple[int, PolicyVersion]:
    """A version by its id, as `v3`."""
    number = int(version[1:]) if re.fullmatch(r"v[1-9][0-9]{0,8}", version) else 0
    found = versions.get(call.tx, call.account, key_of(policy.name), number) if number else None
    if found is None:
        raise no_such_version(arn, version)
    return number, found


def told(number: int, version: PolicyVersion, default: bool) -> dict[str, Any]:
    """A version as IAM tells it, without its document."""
    return {"VersionId": f"v{number}", "IsDefaultVersion": default, "CreateDate": when(version.created)}
