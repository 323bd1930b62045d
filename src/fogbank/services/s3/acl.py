"""Access control lists: what a caller says, as grants; and grants, as they are told.

Source: S3 User Guide, "Access control list (ACL) overview"; API Reference, PutBucketAcl, PutObjectAcl.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration
from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.records import Grant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket, Object, Upload

ENFORCED: Final = "BucketOwnerEnforced"
PREFERRED: Final = "BucketOwnerPreferred"
MOST: Final = 100  # grants
GRANTS: Final = {
    "GrantFullControl": "FULL_CONTROL",
    "GrantRead": "READ",
    "GrantReadACP": "READ_ACP",
    "GrantWrite": "WRITE",
    "GrantWriteACP": "WRITE_ACP",
}
_SAYS: Final = frozenset(("ACL", "AccessControlPolicy", *GRANTS))
HEADERS: Final = {
    "GrantFullControl": "x-amz-grant-full-control",
    "GrantRead": "x-amz-grant-read",
    "GrantReadACP": "x-amz-grant-read-acp",
    "GrantWrite": "x-amz-grant-write",
    "GrantWriteACP": "x-amz-grant-write-acp",
}
PERMISSIONS: Final = frozenset(GRANTS.values())
_GROUPS: Final = "http://acs.amazonaws.com/groups/"
ALL_USERS: Final = f"{_GROUPS}global/AllUsers"
AUTHENTICATED: Final = f"{_GROUPS}global/AuthenticatedUsers"
LOG_DELIVERY: Final = f"{_GROUPS}s3/LogDelivery"
PUBLIC: Final = frozenset((ALL_USERS, AUTHENTICATED))
EC2: Final = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"  # whom aws-exec-read means

_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_GRANTEE: Final = re.compile(
    r"""\s*(id|uri|emailaddress)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^,"']*))\s*""", re.ASCII | re.IGNORECASE
)
# What canned ACLs grant beside the owner's full control. An empty grantee is the bucket's owner.
_CANNED: Final[dict[str, tuple[Grant, ...]]] = {
    "private": (),
    "public-read": (Grant(ALL_USERS, "READ"),),
    "public-read-write": (Grant(ALL_USERS, "READ"), Grant(ALL_USERS, "WRITE")),
    "authenticated-read": (Grant(AUTHENTICATED, "READ"),),
    "aws-exec-read": (Grant(EC2, "READ"),),
    "bucket-owner-read": (Grant("", "READ"),),
    "bucket-owner-full-control": (Grant("", "FULL_CONTROL"),),
    "log-delivery-write": (Grant(LOG_DELIVERY, "WRITE"), Grant(LOG_DELIVERY, "READ_ACP")),
}
# Canned ACLs that the other kind of resource does not have: a bucket ignores an object's, an object refuses a bucket's.
_OF_OBJECTS: Final = frozenset(("bucket-owner-read", "bucket-owner-full-control"))
_OF_BUCKETS: Final = frozenset(("log-delivery-write",))


def not_supported() -> AwsError:
    """S3's error where ACLs are disabled."""
    return AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


def malformed() -> AwsError:
    """S3's error for an ACL that is none."""
    return AwsError(
        "MalformedACLError", "The XML you provided was not well-formed or did not validate against our published schema"
    )


def owner_of(bucket: Bucket, which: Object | Upload) -> str:
    """The account that an object belongs to, or will."""
    return bucket.account if bucket.ownership == ENFORCED else which.owner or bucket.account


def of_bucket(call: Call, bucket: Bucket) -> tuple[Grant, ...]:
    """The grants of a bucket, its owner's among them."""
    found = None if bucket.ownership == ENFORCED else configuration.find(call.tx, bucket, "acl")
    if found is None:
        return (Grant(canonical_user(bucket.account), "FULL_CONTROL"),)
    return tuple(Grant(*each) for each in found["grants"])


def of_object(bucket: Bucket, which: Object) -> tuple[Grant, ...]:
    """The grants of an object, its owner's among them."""
    if bucket.ownership == ENFORCED or which.acl is None:
        return (Grant(canonical_user(owner_of(bucket, which)), "FULL_CONTROL"),)
    return which.acl


def told(owner: str, grants: tuple[Grant, ...]) -> dict[str, Any]:
    """An ACL as output members; `owner` is an account."""
    listed = []
    for grant in grants:
        group = grant.grantee.startswith("http")
        grantee = {"Type": "Group", "URI": grant.grantee} if group else {"Type": "CanonicalUser", "ID": grant.grantee}
        listed.append({"Grantee": grantee, "Permission": grant.permission})
    return {"Owner": {"ID": canonical_user(owner)}, "Grants": listed}


def is_public(grants: tuple[Grant, ...]) -> bool:
    """Whether anything is granted to one of the two public groups."""
    return any(grant.grantee in PUBLIC for grant in grants)


def is_said(req: Input) -> bool:
    """Whether a request says anything of ACLs."""
    return not req.keys().isdisjoint(_SAYS)


def wanted(req: Input, owner: str, bucket_owner: str, *, bucket: bool = False) -> tuple[Grant, ...] | None:
    """The grants that a request says, in one of the three ways; None if it says nothing. Owners are accounts."""
    headers = [member for member in GRANTS if member in req]
    policy = req.get("AccessControlPolicy")
    if policy is not None and ("ACL" in req or headers):
        raise AwsError("UnexpectedContent", "This request does not support content")
    if "ACL" in req and headers:
        raise AwsError("InvalidRequest", "Specifying both Canned ACLs and Header Grants is not allowed")
    if policy is not None:
        return _of_xml(policy, owner)
    if "ACL" in req:
        return _of_canned(req["ACL"], canonical_user(owner), canonical_user(bucket_owner), bucket=bucket)
    if not headers:
        return None
    found = [Grant(each, GRANTS[member]) for member in headers for each in _of_header(HEADERS[member], req[member])]
    return _checked(found)


def _of_canned(name: str, owner: str, bucket_owner: str, *, bucket: bool) -> tuple[Grant, ...]:
    extra = _CANNED.get(name)
    if extra is None or (name in _OF_BUCKETS and not bucket):
        fields = {"ArgumentName": "x-amz-acl", "ArgumentValue": name[:200]}
        raise AwsError("InvalidArgument", "", fields=fields)
    if bucket and name in _OF_OBJECTS:
        extra = ()
    found = (Grant(owner, "FULL_CONTROL"), *(Grant(one.grantee or bucket_owner, one.permission) for one in extra))
    return tuple(dict.fromkeys(found))


def _of_xml(policy: Input, owner: str) -> tuple[Grant, ...]:
    if "Owner" not in policy or "Grants" not in policy:
        raise malformed()
    if policy["Owner"].get("ID") != canonical_user(owner):
        raise AwsError("AccessDenied", "Access Denied", status=403)
    found = []
    for grant in policy["Grants"]:
        if grant.get("Permission") not in PERMISSIONS or "Grantee" not in grant:
            raise malformed()
        found.append(Grant(grantee_of(grant["Grantee"]), grant["Permission"]))
    return _checked(found)


def grantee_of(given: Input) -> str:
    """A grantee as grants keep it; S3's error for one that there cannot be."""
    kind = given.get("Type")
    if kind == "CanonicalUser" and "ID" in given:
        return _id("CanonicalUser/ID", given["ID"])
    if kind == "Group" and "URI" in given:
        return _group("Group/URI", given["URI"])
    if kind == "AmazonCustomerByEmail":
        raise _by_email()
    raise malformed()


def _of_header(header: str, value: str) -> Iterator[str]:
    """The grantees of a header: `id="…", uri="…"`."""
    at = 0
    while True:
        match = _GRANTEE.match(value, at)
        if match is None or (match.end() < len(value) and value[match.end()] != ","):
            fields = {"ArgumentName": header, "ArgumentValue": value[:200]}
            raise AwsError("InvalidArgument", "Argument format not recognized", fields=fields)
        name, text = match[1].lower(), next(each for each in match.groups()[1:] if each is not None).strip()
        if name == "emailaddress":
            raise _by_email()
        yield _id(name, text) if name == "id" else _group(name, text)
        at = match.end() + 1
        if at > len(value):
            return


def _id(where: str, value: str) -> str:
    if not _ID.fullmatch(value):
        raise AwsError("InvalidArgument", "Invalid id", fields={"ArgumentName": where, "ArgumentValue": value[:200]})
    return value


def _group(where: str, value: str) -> str:
    if value not in (ALL_USERS, AUTHENTICATED, LOG_DELIVERY):
        fields = {"ArgumentName": where, "ArgumentValue": value[:200]}
        raise AwsError("InvalidArgument", "Invalid group uri", fields=fields)
    return value


def _by_email() -> AwsError:
    """Grants by e-mail address ended on 1 October 2025."""
    return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", status=405)


def _checked(found: list[Grant]) -> tuple[Grant, ...]:
    grants = tuple(dict.fromkeys(found))
    if len(grants) > MOST:
        raise malformed()
    return grants
