"""Who owns what a request addresses, and what its policy and its ACLs allow, as one policy.

Both are asked before every operation: a bucket without policy and ACLs costs a look at its record. An ACL becomes statements that
allow; an object that another account wrote is its writer's, and the bucket's policy can then only deny.

Source: S3 User Guide, "How Amazon S3 authorizes a request", "Access control list (ACL) overview", "Controlling ownership of objects",
"Blocking public access to your Amazon S3 storage".
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from fogbank.auth.policy import Policy, parse_policy
from fogbank.core.errors import AwsError
from fogbank.core.identity.documents import understood
from fogbank.core.public_access import OPEN, block_of, block_of_account
from fogbank.services.s3 import configuration, policy_public, versions
from fogbank.services.s3.access import no_such_bucket
from fogbank.services.s3.acl import ALL_USERS, AUTHENTICATED, ENFORCED, LOG_DELIVERY, of_bucket
from fogbank.services.s3.records import buckets, objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.auth.policy.policies import Statement
    from fogbank.core.call import Call
    from fogbank.core.public_access import Block
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket, Grant, Object

Acl = tuple["Grant", ...]

# What is the object's owner's to allow, where that is not the bucket's.
OWNERS: Final = frozenset(
    f"s3:{verb}Object{what}"
    for verb, whats in {
        "Get": (
            "",
            "Version",
            "VersionForReplication",
            "Acl",
            "VersionAcl",
            "Attributes",
            "VersionAttributes",
            "Torrent",
            "VersionTorrent",
        ),
        "Put": ("Acl", "VersionAcl"),
    }.items()
    for what in whats
) | {f"s3:{verb}Object{version}Tagging" for verb in ("Get", "Put", "Delete") for version in ("", "Version")}
_OWNERS_LOWER: Final = frozenset(action.lower() for action in OWNERS)

_ON_BUCKETS: Final = {
    "READ": "s3:ListBucket s3:ListBucketVersions s3:ListBucketMultipartUploads",
    "WRITE": "s3:PutObject",
    "READ_ACP": "s3:GetBucketAcl",
    "WRITE_ACP": "s3:PutBucketAcl",
}
_ON_OBJECTS: Final = {
    "READ": "s3:GetObject s3:GetObjectVersion s3:GetObjectVersionForReplication s3:GetObjectTorrent",
    "WRITE": "",
    "READ_ACP": "s3:GetObjectAcl s3:GetObjectVersionAcl",
    "WRITE_ACP": "s3:PutObjectAcl s3:PutObjectVersionAcl",
}
_NOBODY: Final[Acl] = ()
WRITER: Final = "WriterOfNewObject"  # among names: the account whose an object is that a request makes
DIGEST: Final = "digest"  # the name under which a policy's digest is kept beside it
MOST_COMPILED: Final = 1024  # policies
_DENY: Final = {"Sid": "NotUnderstood", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
_DENY_ALL: Final = json.dumps({"Statement": [_DENY]})


class Stored:
    """A bucket's policy, compiled: whole, what is left of it where it is restricted, and whether it is public."""

    __slots__ = ("closed", "policy", "public")

    def __init__(self, policy: Policy, closed: Policy, public: bool) -> None:
        self.policy, self.closed, self.public = policy, closed, public


_NO_POLICY: Final = Stored(Policy("", "resource", ()), Policy("", "resource", ()), public=False)
_compiled: Final[dict[tuple[str, str], Stored]] = {}  # by bucket and digest; what is read may be shared between threads


def owner(call: Call, names: Input) -> str | None:
    """The account that an addressed bucket or object belongs to; S3's ARNs do not say it.

    That a bucket is not there is told to everybody, strangers included, before anybody is refused: NoSuchBucket, as on AWS.
    """
    if WRITER in names:
        return cast("str", names[WRITER])
    name = names.get("Bucket")
    if not name:
        return None
    bucket = buckets.get(call.tx, name)
    if bucket is None:
        raise no_such_bucket(name)
    if bucket.ownership != ENFORCED and "Key" in names and _is_of_object(call, names):
        found = find_object(call, bucket, names)
        if found is not None and found.owner:
            return found.owner
    return bucket.account


def _is_of_object(call: Call, names: Input) -> bool:
    """Whether the object's owner decides. Names of its own has only what an operation reads besides: the source of a copy."""
    return names is not call.input or call.bound.action_of(names) in OWNERS


def find_object(call: Call, bucket: Bucket, names: Input) -> Object | None:
    """The addressed object, or version of it."""
    version = names.get("VersionId")
    if version is None:
        return objects.get(call.tx, bucket.name, names["Key"])
    try:
        return versions.find(call, bucket, names["Key"], version)
    except AwsError:  # no version has such an id, which the operation tells whoever may know
        return None


def policy(call: Call, names: Input) -> Policy | None:
    """What the policy and the ACLs of an addressed bucket or object allow and deny."""
    name = names.get("Bucket")
    bucket = buckets.get(call.tx, name) if name else None
    if bucket is None:
        return None
    has_policy, has_acls = "policy" in bucket.configured, bucket.ownership != ENFORCED
    if not has_policy and not has_acls:
        return None
    stored = _stored(call, bucket) if has_policy else _NO_POLICY
    restricted = stored.public and _is_restricted(call, bucket)
    if not has_acls:
        return stored.closed if restricted else stored.policy
    found = find_object(call, bucket, names) if "Key" in names else None
    foreign = found is not None and bool(found.owner)
    grants = _heeded(call, bucket, of_bucket(call, bucket) if "acl" in bucket.configured else _NOBODY)
    of_object = _heeded(call, bucket, found.acl or _NOBODY) if found is not None else _NOBODY
    return _whole(stored, restricted, foreign, grants, of_object)


def unless_owners_root(call: Call, names: Input) -> Policy | None:
    """The policy, but for the root user of the bucket's owner, who may always put another one."""
    if call.principal.kind == "root" and call.account == owner(call, names):
        return None
    return policy(call, names)


def block_of_bucket(call: Call, bucket: Bucket) -> Block:
    """What is blocked for a bucket, by itself and by its account."""
    own = configuration.find(call.tx, bucket, "publicAccessBlock")
    return (block_of(own) if own else OPEN) | block_of_account(call.tx, bucket.account)


def _stored(call: Call, bucket: Bucket) -> Stored:
    """The bucket's policy, compiled. Only its digest is read, unless it is new to this process."""
    digest = configuration.find(call.tx, bucket, "policy", DIGEST)
    found = _compiled.get((bucket.name, digest))
    if found is None:
        if len(_compiled) >= MOST_COMPILED:
            _compiled.clear()
        document = configuration.find(call.tx, bucket, "policy")["kept"]
        found = _compiled[bucket.name, digest] = stored_of(document, bucket.name)
    return found


def stored_of(document: str, bucket: str) -> Stored:
    """A policy that is kept; it denies everything if it is not understood."""
    name = f"arn:aws:s3:::{bucket}"
    policy = understood(document, "resource", name) or parse_policy(_DENY_ALL, "resource", name)
    closed = Policy(name, "resource", tuple(each for each in policy.statements if each.effect == "Deny"))
    return Stored(policy, closed, policy_public.is_public(document))


def _is_restricted(call: Call, bucket: Bucket) -> bool:
    """Whether a public policy allows nothing to this caller: RestrictPublicBuckets leaves the owner's account and AWS's services."""
    principal = call.principal
    if principal.kind == "service" or principal.account == bucket.account:
        return False
    return block_of_bucket(call, bucket).restrict


def _heeded(call: Call, bucket: Bucket, grants: Acl) -> Acl:
    """The grants that count: IgnorePublicAcls takes the public ones away."""
    public = (ALL_USERS, AUTHENTICATED)
    if any(grant.grantee in public for grant in grants) and block_of_bucket(call, bucket).ignore_acls:
        return tuple(grant for grant in grants if grant.grantee not in public)
    return grants


@lru_cache(maxsize=4096)
def _whole(stored: Stored, restricted: bool, foreign: bool, grants: Acl, of_object: Acl) -> Policy:
    """Policy and ACLs, compiled."""
    statements: list[Statement] = []
    for each in (stored.closed if restricted else stored.policy).statements:
        if foreign and each.effect == "Allow":
            statements.append(msgspec.structs.replace(each, actions=_others(each), other_actions=False))
        else:
            statements.append(each)
    for acl, meaning in ((grants, _ON_BUCKETS), (of_object, _ON_OBJECTS)):
        statements += _of_acl(acl, meaning)
    return Policy(stored.policy.name, "resource", tuple(statements))


def _others(statement: Statement) -> Callable[[str], bool]:
    """A statement's actions but for those that the object's owner decides."""
    return lambda action: action not in _OWNERS_LOWER and statement.covers(action)


def _of_acl(acl: Acl, meaning: dict[str, str]) -> tuple[Statement, ...]:
    """Grants as statements. They are only ever asked about the bucket, or the object, that they are of."""
    made: list[dict[str, Any]] = []
    for grant in acl:
        permissions = list(meaning) if grant.permission == "FULL_CONTROL" else [grant.permission]
        actions = " ".join(meaning[permission] for permission in permissions).split()
        if actions:
            made.append(
                {"Sid": "ACL", "Effect": "Allow", "Action": actions, "Resource": "*"} | _principal(grant.grantee)
            )
    if not made:
        return ()
    text = json.dumps({"Version": "2012-10-17", "Statement": made})
    return parse_policy(text, "resource", "access control list").statements


def _principal(grantee: str) -> dict[str, Any]:
    if grantee == ALL_USERS:
        return {"Principal": "*"}
    if grantee == AUTHENTICATED:
        kinds = ["Account", "User", "AssumedRole", "FederatedUser"]
        return {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalType": kinds}}}
    if grantee == LOG_DELIVERY:
        return {"Principal": {"Service": "logging.s3.amazonaws.com"}}
    return {"Principal": {"CanonicalUser": grantee}}
