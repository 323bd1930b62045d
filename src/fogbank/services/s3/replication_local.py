"""Replicating to a bucket of this region: as the role of the configuration, whose every permission is asked.

Bytes are shared; the data key is wrapped anew for the destination.

Source: S3 User Guide, "Setting up permissions for live replication", "Replicating encrypted objects", "Changing the replica owner",
"Amazon S3 replication failure reasons".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity import sessions
from fogbank.core.service import Permission
from fogbank.services.s3 import acl, content, encryption, granted, happened, object_lock, object_retention, versions
from fogbank.services.s3.encryption_request import AES256, KEY, KMS, Wanted
from fogbank.services.s3.records import Encryption, Lock, buckets, objects

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object
    from fogbank.services.s3.replication_rules import Rule

SESSION: Final = "s3-replication"


class Failed(Exception):
    """A version cannot be replicated; `reason` is AWS's word for why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Source(msgspec.Struct, frozen=True):
    """A version that is replicated, seen by S3 itself."""

    call: Call
    bucket: Bucket
    key: str
    which: Object


def replicate_here(ctx: Background, source: Source, rule: Rule, role: str, *, update: bool) -> None:
    """Make the destination have the version as it is now. Raises Failed, with nothing done, if it cannot."""
    call = as_role(ctx, source, role)
    check_source(call, source)
    into = open_destination(call, source, rule)
    check_destination(call, source, rule, into)
    there = versions.find(call, into, source.key, source.which.version)
    if there is not None:
        if there.tags and not source.which.tags:  # they go
            need(call, into, "ReplicateTags", source.key, "DstPutTagsNotPermitted")
        if not there.marker:
            versions.update(call, into, source.key, changed(call, source, rule, into, there))
    elif not update:
        if versions.is_taken(call, into, source.key, source.which.stamp):
            raise Failed("DstVersionTaken")  # another version, of the same microsecond: its id would lead to this one
        insert(call, into, source.key, replica(call, source, rule, into))


def as_role(ctx: Background, source: Source, role: str) -> Call:
    """A call by the configuration's role, which has to trust S3."""
    tx, region = source.call.tx, source.bucket.region
    req = {"RoleArn": role, "RoleSessionName": SESSION}
    try:
        given = ctx.carry_out(tx, source.call.principal, ctx.bound("sts", "AssumeRole"), req, region)["Credentials"]
        session = sessions.unseal(source.call.vault, given["SessionToken"], given["AccessKeyId"])
        principal = sessions.principal_of(tx, session)
    except (AwsError, sessions.BadToken):
        raise Failed("AssumeRoleNotPermitted") from None
    return ctx.call(tx, principal, source.call.bound, source.call.input, region)


def need(call: Call, bucket: Bucket, action: str, key: str, reason: str, version: str = "", owner: str = "") -> None:
    """Raise Failed unless the role has a permission; on the bucket itself with an empty key. `owner`: whose the object is."""
    names = {"Bucket": bucket.name} | ({"Key": key} if key else {}) | ({"VersionId": version} if version else {})
    arn = f"arn:aws:s3:::{bucket.name}" + (f"/{key}" if key else "")
    if not call.may(Permission(f"s3:{action}", arn, names), owner or bucket.account):
        raise Failed(reason)


def check_source(call: Call, source: Source) -> None:
    """What the role needs of the source."""
    bucket, which, key = source.bucket, source.which, source.key
    need(call, bucket, "GetReplicationConfiguration", "", "InitiateReplicationNotPermitted")
    if which.marker:
        return
    owner = acl.owner_of(bucket, which)
    need(call, bucket, "GetObjectVersionForReplication", key, "SrcGetObjectNotPermitted", which.version, owner)
    if which.tags:
        need(call, bucket, "GetObjectVersionTagging", key, "SrcGetTagsNotPermitted", which.version, owner)
    if which.acl is not None:
        need(call, bucket, "GetObjectVersionAcl", key, "SrcGetAclNotPermitted", which.version, owner)


def open_destination(call: Call, source: Source, rule: Rule) -> Bucket:
    """The destination, if it still can take the version."""
    into = buckets.get(call.tx, rule.bucket)
    if into is None or (rule.account and rule.account != into.account):
        raise Failed("DstBucketNotFound")
    if into.versioning != "Enabled":
        raise Failed("DstBucketUnversioned")
    if source.which.lock is not None and not into.lock:
        raise Failed("DstBucketObjectLockConfigMissing")
    return into


def check_destination(call: Call, source: Source, rule: Rule, into: Bucket) -> None:
    """What the role needs of the destination, which may be another account's."""
    if source.which.marker:
        need(call, into, "ReplicateDelete", source.key, "DstDelObjNotPermitted")
        return
    need(call, into, "ReplicateObject", source.key, "DstPutObjectNotPermitted")
    if source.which.tags:
        need(call, into, "ReplicateTags", source.key, "DstPutTagsNotPermitted")
    if rule.to_owner:
        need(call, into, "ObjectOwnerOverrideToBucketOwner", source.key, "DstPutAclNotPermitted")
    elif opens(source.which, into) and granted.block_of_bucket(call, into).block_acls:
        raise Failed("DstPutAclNotPermitted")


def opens(which: Object, into: Bucket) -> bool:
    """Whether a version with its ACL would be public in the destination."""
    return into.ownership != acl.ENFORCED and acl.is_public(which.acl or ())


def ownership(source: Source, rule: Rule, into: Bucket) -> dict[str, object]:
    """Whose a replica is, and who may do what with it: as the source's, unless the rule gives it to the destination's owner."""
    owner = into.account if rule.to_owner else source.which.owner or source.bucket.account
    return {"owner": "" if owner == into.account else owner, "acl": None if rule.to_owner else source.which.acl}


def changed(call: Call, source: Source, rule: Rule, into: Bucket, there: Object) -> Object:
    """A replica with what can change of a version: tags, ACL, lock."""
    lock = locked_as(call, source, into, there)
    return msgspec.structs.replace(there, tags=source.which.tags, lock=lock, **ownership(source, rule, into))


def locked_as(call: Call, source: Source, into: Bucket, there: Object) -> Lock | None:
    """The source's lock for a replica, whose own retention nobody weakens from there: but for governance, by who may pass by it."""
    was, wanted = there.lock or Lock(), source.which.lock
    if wanted is None:
        return there.lock
    bypass = object_lock.may(call, "s3:BypassGovernanceRetention", into, source.key)
    if object_retention.weakens(call.now, was, wanted, bypass=bypass):
        wanted = msgspec.structs.replace(wanted, mode=was.mode, until=was.until)
    return msgspec.structs.replace(wanted, hold=was.hold if wanted.hold is None else wanted.hold)


def replica(call: Call, source: Source, rule: Rule, into: Bucket) -> Object:
    """The version as the destination has it."""
    which = source.which
    made = msgspec.structs.replace(
        which,
        replication="REPLICA",
        superseded=0,
        restored=None,
        storage_class=rule.storage_class or which.storage_class,
        encryption=wrapped(call, source, rule, into),
        **ownership(source, rule, into),
    )
    if which.marker:
        return made
    segments = content.share(call, which.segments)
    return object_lock.locked(call, into, msgspec.structs.replace(made, segments=segments))


def wrapped(call: Call, source: Source, rule: Rule, into: Bucket) -> Encryption | None:
    """The data key as the destination keeps it: encrypted in the source's way, with KMS by the rule's key.

    A customer's key wraps it as before: nobody here can open it.
    """
    was = source.which.encryption
    if was is None or was.algorithm not in (AES256, KMS):
        return was
    try:
        data_key = encryption.open_key(call, was, source.bucket, source.key)
    except AwsError:
        raise Failed("SrcKmsKeyNotPermitted") from None
    if was.algorithm == AES256:
        return encryption.wrap(call, Wanted(AES256), into, source.key, data_key).encryption
    return by_kms(call, rule, into, source.key, data_key)


def by_kms(call: Call, rule: Rule, into: Bucket, key: str, data_key: bytes) -> Encryption:
    """A data key wrapped for the rule's KMS key, which a role may encrypt with (it is not expected to generate data keys)."""
    secret = call.ids.random(KEY)
    context = encryption.kms_context({}, into.name, key, bucket_key=False)
    ask = {"KeyId": rule.kms_key, "Plaintext": secret, "EncryptionContext": context}
    try:
        made = encryption.kms(call, "Encrypt", ask, into.region)
    except AwsError as error:
        raise Failed("DstKmsKeyNotFound" if "NotFound" in error.code else "DstKmsKeyInvalidState") from None
    wrapped_key = encryption.wrap_with(call, secret, data_key)
    return Encryption(KMS, wrapped_key, made["KeyId"], made["CiphertextBlob"])


def insert(call: Call, into: Bucket, key: str, made: Object) -> None:
    """Put a version where it belongs among those that are there: replicas come in any order, and keep their ids."""
    before = versions.newest(call, into, key)
    if before is not None and before.stamp >= made.stamp:
        superseded = int(call.now.timestamp())
        versions.keep_noncurrent(call, into, key, msgspec.structs.replace(made, superseded=superseded))
    else:
        versions.supersede(call, into, key, keep_null=True)
        if made.marker:
            objects.delete(call.tx, into.name, key)
            versions.keep_noncurrent(call, into, key, made)
        else:
            objects.put(call.tx, made, into.name, key)
    happened.tell(call, into, "ObjectRemoved:DeleteMarkerCreated" if made.marker else "ObjectCreated:Put", key, made)
