"""Buckets."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fogbank.core.authorize import NOBODYS
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.paging import read_marker, write_marker
from fogbank.core.public_access import CLOSED
from fogbank.core.service import Permission
from fogbank.services.s3 import acl, bucket_acl, configuration, content, tags
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.names import canonical_user, check_bucket_name
from fogbank.services.s3.ownership import SETTINGS, has_acls
from fogbank.services.s3.records import (
    Bucket,
    buckets,
    objects,
    owned,
    parts,
    put_bucket,
    uploads,
    versions,
    when,
)
from fogbank.services.s3.records import (
    delete_bucket as forget,
)
from fogbank.services.s3.remotes import remotes
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        CreateBucketRequestTypeDef,
        DeleteBucketRequestTypeDef,
        GetBucketLocationRequestTypeDef,
        HeadBucketRequestTypeDef,
        ListBucketsRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Grant

CLASSIC_REGION = "us-east-1"  # where a bucket has no location constraint, and making one twice succeeds
BUCKETS_PER_ACCOUNT = 10_000
PAGE = 10_000


def permissions(_call: Call, req: Input) -> list[Permission]:
    """What a bucket with Object Lock, an ACL, ownership controls or tags takes, besides the permission to make it."""
    actions = {
        "s3:PutBucketObjectLockConfiguration": bool(req.get("ObjectLockEnabledForBucket")),
        "s3:PutBucketVersioning": bool(req.get("ObjectLockEnabledForBucket")),
        "s3:PutBucketAcl": acl.is_said(req),
        "s3:PutBucketOwnershipControls": "ObjectOwnership" in req,
        "s3:TagResource": bool(req.get("CreateBucketConfiguration", {}).get("Tags")),
    }
    return [
        Permission(action, f"arn:aws:s3:::{req['Bucket']}", NOBODYS) for action, needed in actions.items() if needed
    ]


@s3.operation(
    "write",
    "bucket",
    makes=True,
    also=permissions,
    takes=f"Bucket {bucket_acl.SAID} CreateBucketConfiguration ObjectOwnership ObjectLockEnabledForBucket",
)
def create_bucket(call: Call, req: CreateBucketRequestTypeDef) -> dict[str, Any]:
    """Make a bucket in the region that the request is signed for, or where us-east-1 is told to make it."""
    name = req["Bucket"]
    check_bucket_name(name)
    ownership, grants = access_of(call, req)
    region = location(call, req)
    tagged = tags.of_bucket([{**tag} for tag in req.get("CreateBucketConfiguration", {}).get("Tags", [])])
    current = buckets.get(call.tx, name)
    if current is not None:
        check_again(call, current, region)
    elif remotes.get(call.tx, name) is not None:  # the operator named a bucket elsewhere so
        raise name_taken(name)
    elif sum(1 for _ in owned.scan(call.tx, call.account, limit=BUCKETS_PER_ACCOUNT)) == BUCKETS_PER_ACCOUNT:
        raise AwsError("TooManyBuckets", "You have attempted to create more buckets than allowed")
    else:
        lock = bool(req.get("ObjectLockEnabledForBucket"))
        made = Bucket(
            name=name,
            account=call.account,
            region=region,
            created=int(call.now.timestamp()),
            versioning="Enabled" if lock else "",
            ownership=ownership,
            lock=lock,
        )
        put_bucket(call.tx, made)
        configuration.keep(call.tx, made, "publicAccessBlock", CLOSED.told())
        if grants is not None:
            bucket_acl.keep(call.tx, made, grants)
        if tagged:
            configuration.keep(call.tx, made, "tagging", {"TagSet": tags.to_set(tagged)})
    return {"Location": f"/{name}", "BucketArn": f"arn:aws:s3:::{name}"}


def access_of(call: Call, req: CreateBucketRequestTypeDef) -> tuple[str, tuple[Grant, ...] | None]:
    """The ownership and the ACL for a new bucket. ACLs are disabled unless said otherwise; public ones are blocked in new buckets.

    A canned ACL that grants nothing to others, without ownership, makes a bucket that takes ACLs: clients send `private` for years.
    """
    ownership: str = req.get("ObjectOwnership", acl.ENFORCED)
    if ownership not in SETTINGS:
        fields = {"ArgumentName": "x-amz-object-ownership", "ArgumentValue": ownership[:200]}
        raise AwsError("InvalidArgument", "Invalid x-amz-object-ownership header", fields=fields)
    grants = acl.wanted(req, call.account, call.account, bucket=True)
    if grants is None:
        return ownership, None
    if ownership == acl.ENFORCED:
        if any(grant.grantee != canonical_user(call.account) for grant in grants):
            raise has_acls()
        return ownership if "ObjectOwnership" in req else acl.PREFERRED, None
    if acl.is_public(grants):
        what = "Bucket cannot have public ACLs set with BlockPublicAccess enabled"
        raise AwsError("InvalidBucketAclWithBlockPublicAccessError", what)
    return ownership, grants


def location(call: Call, req: CreateBucketRequestTypeDef) -> str:
    """The region for a new bucket."""
    configuration = req.get("CreateBucketConfiguration", {})
    if other := sorted(set(configuration) - {"LocationConstraint", "Tags"}):
        raise not_implemented(f"CreateBucketConfiguration's {other[0]}")
    constraint = {"EU": "eu-west-1"}.get(
        str(configuration.get("LocationConstraint", "")), configuration.get("LocationConstraint")
    )
    if call.region == CLASSIC_REGION:
        if constraint and constraint not in constraints():
            raise AwsError(
                "InvalidLocationConstraint",
                "The specified location-constraint is not valid",
                fields={"LocationConstraint": constraint},
            )
        if call.served and constraint and constraint not in call.served:
            what = f"The {constraint} region is not served here"
            raise AwsError("InvalidLocationConstraint", what, fields={"LocationConstraint": constraint})
        return constraint or CLASSIC_REGION
    if constraint != call.region:
        what = (
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region specific endpoint "
        )
        raise AwsError("IllegalLocationConstraintException", what + "this request was sent to.")
    return call.region


@cache
def constraints() -> frozenset[str]:
    """The regions that a location constraint can name: all but us-east-1."""
    shape = s3.model.operations["CreateBucket"].input
    assert shape is not None
    return frozenset(shape.members["CreateBucketConfiguration"].members["LocationConstraint"].traits["enum"])


def name_taken(name: str) -> AwsError:
    """S3's error for the name of somebody else's bucket."""
    what = "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
    return AwsError(
        "BucketAlreadyExists", what + "Please select a different name and try again.", fields={"BucketName": name}
    )


def check_again(call: Call, current: Bucket, region: str) -> None:
    """Making an own bucket again is an error, except in us-east-1; anybody else's name is taken."""
    if current.account != call.account:
        raise name_taken(current.name)
    if not current.region == region == CLASSIC_REGION:
        what = "Your previous request to create the named bucket succeeded and you already own it."
        raise AwsError("BucketAlreadyOwnedByYou", what, fields={"BucketName": current.name})


@s3.operation("read", "bucket", action="s3:ListBucket", takes="Bucket ExpectedBucketOwner")
def head_bucket(call: Call, req: HeadBucketRequestTypeDef) -> dict[str, Any]:
    """Whether the bucket is there, and where."""
    bucket = open_bucket(call, req)
    return {"BucketRegion": bucket.region, "BucketArn": f"arn:aws:s3:::{bucket.name}"}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_location(call: Call, req: GetBucketLocationRequestTypeDef) -> dict[str, Any]:
    """The bucket's location constraint; null for us-east-1."""
    bucket = open_bucket(call, req)
    return {} if bucket.region == CLASSIC_REGION else {"LocationConstraint": bucket.region}


@s3.operation("scan", "*", action="s3:ListAllMyBuckets", takes="MaxBuckets ContinuationToken Prefix BucketRegion")
def list_buckets(call: Call, req: ListBucketsRequestTypeDef) -> dict[str, Any]:
    """The caller's buckets, by name."""
    prefix, region, most = req.get("Prefix", ""), req.get("BucketRegion"), req.get("MaxBuckets", PAGE)
    after = read_marker(req.get("ContinuationToken"), bad_token(req.get("ContinuationToken", "")))
    found: list[Bucket] = []
    result: dict[str, Any] = {"Owner": {"ID": canonical_user(call.account)}}
    for _, bucket in owned.scan(call.tx, call.account, start_after=after):
        if bucket.name.startswith(prefix) and region in (None, bucket.region):
            if len(found) == most:
                result["ContinuationToken"] = write_marker(found[-1].name)
                break
            found.append(bucket)
    if "Prefix" in req:
        result["Prefix"] = prefix
    result["Buckets"] = [listed(bucket) for bucket in found]
    return result


def listed(bucket: Bucket) -> dict[str, Any]:
    """A bucket as ListBuckets tells it."""
    return {
        "Name": bucket.name,
        "CreationDate": when(bucket.created),
        "BucketRegion": bucket.region,
        "BucketArn": f"arn:aws:s3:::{bucket.name}",
    }


def bad_token(token: str) -> AwsError:
    """S3's error for a continuation token that it did not give."""
    fields = {"ArgumentName": "continuation-token", "ArgumentValue": token[:200]}
    return AwsError("InvalidArgument", "The continuation token provided is incorrect", fields=fields)


@s3.operation("bulk", "bucket", takes="Bucket ExpectedBucketOwner")
def delete_bucket(call: Call, req: DeleteBucketRequestTypeDef) -> dict[str, Any]:
    """Delete a bucket that holds no object; uploads in progress go with it."""
    bucket = open_bucket(call, req)
    for table in (objects, versions):
        for _ in table.scan(call.tx, bucket.name, limit=1):
            what = "The bucket you tried to delete is not empty"
            if table is versions:
                what += ". You must delete all versions in the bucket."
            raise AwsError("BucketNotEmpty", what, fields={"BucketName": bucket.name})
    configuration.drop_all(call.tx, bucket)
    for key, part in list(parts.scan(call.tx, bucket.name)):
        content.release(call, part.segments)
        parts.delete(call.tx, *key)
    for key, _upload in list(uploads.scan(call.tx, bucket.name)):
        uploads.delete(call.tx, *key)
    forget(call.tx, bucket)
    return {}
