"""Policies of buckets."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from fogbank.auth.policy import decide
from fogbank.core.conditions import Keys
from fogbank.core.errors import AwsError
from fogbank.core.identity.named import UnknownPrincipal, by_id, by_name
from fogbank.core.service import Permission
from fogbank.services.s3 import configuration, policy_check
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.acl_writing import blocked
from fogbank.services.s3.granted import DIGEST, block_of_bucket, unless_owners_root
from fogbank.services.s3.policy_public import is_public
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketPolicyRequestTypeDef,
        GetBucketPolicyRequestTypeDef,
        GetBucketPolicyStatusRequestTypeDef,
        PutBucketPolicyRequestTypeDef,
    )

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

KIND = "policy"


@s3.operation(
    "write",
    "bucket",
    takes="Bucket ContentMD5 ChecksumAlgorithm ConfirmRemoveSelfBucketAccess Policy ExpectedBucketOwner",
    policy=unless_owners_root,
)
def put_bucket_policy(call: Call, req: PutBucketPolicyRequestTypeDef) -> dict[str, Any]:
    """Replace the bucket's policy."""
    bucket = open_own(call, req)
    document = req["Policy"]
    parsed = policy_check.parsed(document, bucket.name)
    kept = named(call, document, parsed)
    policy_check.check(bucket.name, document)
    if is_public(document) and block_of_bucket(call, bucket).block_policy:
        raise blocked(call, "s3:PutBucketPolicy", bucket, "policies", "BlockPublicPolicy")
    if not req.get("ConfirmRemoveSelfBucketAccess", False):
        check_not_locked_out(call, bucket, policy_check.parsed(kept, bucket.name))
    configuration.keep(call.tx, bucket, KIND, {"given": document, "kept": kept})
    configuration.keep(call.tx, bucket, KIND, sha256(kept.encode()).hexdigest(), DIGEST)
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner", policy=unless_owners_root)
def get_bucket_policy(call: Call, req: GetBucketPolicyRequestTypeDef) -> dict[str, Any]:
    """The bucket's policy, with the names that its principals have now."""
    found = find_policy(call, open_own(call, req))
    return {"Policy": by_name(call.tx, found["given"], found["kept"])}


@s3.operation("write", "bucket", takes="Bucket ExpectedBucketOwner", policy=unless_owners_root)
def delete_bucket_policy(call: Call, req: DeleteBucketPolicyRequestTypeDef) -> dict[str, Any]:
    """Forget the bucket's policy, if it has one."""
    bucket = open_own(call, req)
    configuration.drop(call.tx, bucket, KIND, DIGEST)
    configuration.drop(call.tx, bucket, KIND)
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_policy_status(call: Call, req: GetBucketPolicyStatusRequestTypeDef) -> dict[str, Any]:
    """Whether the bucket's policy is public."""
    found = find_policy(call, open_bucket(call, req))
    return {"PolicyStatus": {"IsPublic": is_public(found["given"])}}


def find_policy(call: Call, bucket: Bucket) -> dict[str, str]:
    """The policy as it was given and as it is kept; NoSuchBucketPolicy if the bucket has none."""
    found: dict[str, str] | None = configuration.find(call.tx, bucket, KIND)
    if found is None:
        fields = {"BucketName": bucket.name}
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", status=404, fields=fields)
    return found


def open_own(call: Call, req: Input) -> Bucket:
    """The addressed bucket: its policy is for callers of its own account, whoever else is permitted."""
    bucket = open_bucket(call, req)
    if call.account != bucket.account:
        fields = {"Method": call.request.method, "ResourceType": "BUCKETPOLICY"}
        message = "The specified method is not allowed against this resource."
        raise AwsError("MethodNotAllowed", message, status=405, fields=fields)
    return bucket


def named(call: Call, document: str, parsed: Policy) -> str:
    """The document with unique ids for the users and roles that it names."""
    try:
        return by_id(call.tx, call.account, document, parsed)
    except UnknownPrincipal as unknown:
        raise policy_check.malformed("Invalid principal in policy", f'"{unknown.kind}" : "{unknown.value}"') from None


def check_not_locked_out(call: Call, bucket: Bucket, policy: Policy) -> None:
    """Refuse a policy that denies the caller to put another one, unless that is confirmed; the owner's root always may."""
    if call.principal.kind == "root":
        return
    action, resource = "s3:PutBucketPolicy", f"arn:aws:s3:::{bucket.name}"
    context = Keys(
        call, call.principal, call.bound, call.input, Permission(action, resource, call.input), bucket.account
    )
    decision = decide(action, resource, call.principal, context, call.principal.policies, resource_policy=policy)
    if decision.explicit and decision.kind == "resource":
        raise policy_check.malformed("The new policy would not allow you to change this bucket's policy in the future.")
