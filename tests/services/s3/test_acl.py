"""Access control lists and ownership: what is refused as one, whom they let in, whose objects are.

Source: S3 User Guide, "Access control list (ACL) overview", "Controlling ownership of objects and disabling ACLs for your bucket".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import (
    allow,
    anonymous,
    code,
    dev,
    make_public,
    permit,
    put_policy,
    refusal,
    signed,
    status,
    user_client,
)
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER, THIRD = "111122223333", "444455556666"
GROUPS = "http://acs.amazonaws.com/groups/"
ALL, AUTHENTICATED, LOGS = f"{GROUPS}global/AllUsers", f"{GROUPS}global/AuthenticatedUsers", f"{GROUPS}s3/LogDelivery"


@pytest.fixture
def open_bucket(s3: Any) -> str:
    """A bucket with ACLs whose objects are their writers', and an object of the owner's."""
    return made(s3, "ObjectWriter")


def made(s3: Any, ownership: str) -> str:
    """A bucket of this ownership, where others may write."""
    s3.create_bucket(Bucket="bucket", ObjectOwnership=ownership)
    make_public(s3, "bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"kept")
    return "bucket"


def id_of(client: Any) -> str:
    """The canonical user id of a client's account."""
    return str(client.list_buckets()["Owner"]["ID"])


def grants(answer: Any) -> list[tuple[str, str]]:
    """The grants of an ACL as they are told."""
    return [(one["Grantee"].get("ID") or one["Grantee"]["URI"], one["Permission"]) for one in answer["Grants"]]


def may(client: Any, operation: str, **arguments: Any) -> bool:
    """Whether a client may do something."""
    try:
        getattr(client, operation)(Bucket="bucket", **arguments)
    except client.exceptions.ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] != 403)
    return True


READ = {"operation": "get_object", "Key": "k"}
LIST = {"operation": "list_objects_v2"}
WRITE = {"operation": "put_object", "Key": "new"}
READ_ACL = {"operation": "get_object_acl", "Key": "k"}
WRITE_ACL = {"operation": "put_object_acl", "Key": "k", "ACL": "private"}
READ_BUCKETS_ACL = {"operation": "get_bucket_acl"}
WRITE_BUCKETS_ACL = {"operation": "put_bucket_acl", "ACL": "private"}
ASKED = {
    "read": READ, "list": LIST, "write": WRITE, "read-acl": READ_ACL, "write-acl": WRITE_ACL,
    "read-bucket's": READ_BUCKETS_ACL, "write-bucket's": WRITE_BUCKETS_ACL,
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "anybody", "other"),
    [
        ({"ACL": "private"}, "", ""),
        ({"ACL": "public-read"}, "read", "read"),
        ({"ACL": "public-read-write"}, "read", "read"),
        ({"ACL": "authenticated-read"}, "", "read"),
        ({"ACL": "aws-exec-read"}, "", ""),
        ({"ACL": "bucket-owner-full-control"}, "", ""),
        ({"GrantRead": "id={other}"}, "", "read"),
        ({"GrantReadACP": 'id="{other}", id="{third}"'}, "", "read-acl"),
        ({"GrantWriteACP": "id='{other}'"}, "", "write-acl"),
        ({"GrantFullControl": "id={other}"}, "", "read read-acl write-acl"),
        ({"GrantRead": f"uri={ALL}", "GrantReadACP": f'uri="{AUTHENTICATED}"'}, "read", "read read-acl"),
        ({"GrantRead": "id={third}"}, "", ""),
    ],
)
def test_whom_an_objects_acl_lets_in(
    region: LocalRegion, s3: Any, open_bucket: str, said: dict[str, str], anybody: str, other: str
) -> None:
    outsider = dev(region, OTHER)
    filled = {name: fill(value, region) for name, value in said.items()}
    s3.put_object_acl(Bucket=open_bucket, Key="k", **filled)
    assert [name for name, asked in ASKED.items() if may(anonymous(region), **asked)] == anybody.split()
    assert [name for name, asked in ASKED.items() if may(outsider, **asked)] == other.split()


@pytest.mark.parametrize(
    ("said", "anybody", "other"),
    [
        ({"ACL": "private"}, "", ""),
        ({"ACL": "public-read"}, "list", "list"),
        ({"ACL": "public-read-write"}, "list write", "list write"),
        ({"ACL": "authenticated-read"}, "", "list"),
        ({"ACL": "log-delivery-write"}, "", ""),
        ({"ACL": "bucket-owner-full-control"}, "", ""),
        ({"GrantWrite": "id={other}"}, "", "write"),
        ({"GrantReadACP": "id={other}"}, "", "read-bucket's"),
        ({"GrantWriteACP": "id={other}"}, "", "write-bucket's"),
        ({"GrantFullControl": "id={other}"}, "", "list write read-bucket's write-bucket's"),
    ],
)
def test_whom_a_buckets_acl_lets_in(
    region: LocalRegion, s3: Any, open_bucket: str, said: dict[str, str], anybody: str, other: str
) -> None:
    outsider = dev(region, OTHER)
    s3.put_bucket_acl(Bucket=open_bucket, **{name: fill(value, region) for name, value in said.items()})
    assert [name for name, asked in ASKED.items() if may(anonymous(region), **asked)] == anybody.split()
    assert [name for name, asked in ASKED.items() if may(outsider, **asked)] == other.split()


def fill(value: str, region: LocalRegion) -> str:
    """A header's value, with accounts' canonical ids."""
    for name, account in (("other", OTHER), ("third", THIRD)):
        if f"{{{name}}}" in value:
            value = value.replace(f"{{{name}}}", id_of(dev(region, account)))
    return value


def test_a_grant_to_an_account_is_for_its_users_as_far_as_their_policies_allow(
    region: LocalRegion, s3: Any, open_bucket: str
) -> None:
    s3.put_object_acl(Bucket=open_bucket, Key="k", GrantRead=fill("id={other}", region))
    iam = dev(region, OTHER, "iam")
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    bob = region.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert not may(bob, **READ)
    permit(region, allow("s3:GetObject"), name="bob", account=OTHER)
    assert may(bob, **READ)


def test_a_policy_that_denies_wins_over_an_acl(region: LocalRegion, s3: Any, open_bucket: str) -> None:
    s3.put_object_acl(Bucket=open_bucket, Key="k", ACL="public-read")
    put_policy(s3, open_bucket, allow("s3:GetObject", "arn:aws:s3:::bucket/*") | {"Effect": "Deny", "Principal": "*"})
    assert not may(anonymous(region), **READ)
    assert not may(s3, **READ)


def test_an_acl_is_told(region: LocalRegion, s3: Any, open_bucket: str) -> None:
    mine, theirs = id_of(s3), id_of(dev(region, OTHER))
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == [(mine, "FULL_CONTROL")]
    s3.put_object_acl(Bucket=open_bucket, Key="k", ACL="public-read-write")
    told = s3.get_object_acl(Bucket=open_bucket, Key="k")
    assert told["Owner"] == {"ID": mine}
    assert grants(told) == [(mine, "FULL_CONTROL"), (ALL, "READ"), (ALL, "WRITE")]
    assert [one["Grantee"]["Type"] for one in told["Grants"]] == ["CanonicalUser", "Group", "Group"]
    s3.put_bucket_acl(Bucket=open_bucket, GrantRead=f"id={theirs},uri={LOGS}")
    assert grants(s3.get_bucket_acl(Bucket=open_bucket)) == [(theirs, "READ"), (LOGS, "READ")]


def test_an_acl_is_put_as_it_is_told(region: LocalRegion, s3: Any, open_bucket: str) -> None:
    s3.put_object_acl(Bucket=open_bucket, Key="k", ACL="authenticated-read")
    for get, put in ((s3.get_object_acl, s3.put_object_acl), (s3.get_bucket_acl, s3.put_bucket_acl)):
        key = {"Key": "k"} if get == s3.get_object_acl else {}
        told = get(Bucket=open_bucket, **key)
        policy = {"Owner": told["Owner"], "Grants": told["Grants"]}
        put(Bucket=open_bucket, AccessControlPolicy=policy, **key)
        assert grants(get(Bucket=open_bucket, **key)) == grants(told)


ME = "{me}"
SOMEBODY = {"ID": "b" * 64, "Type": "CanonicalUser"}


def policy_of(*given: Any, owner: str = ME) -> dict[str, Any]:
    return {"AccessControlPolicy": {"Owner": {"ID": owner}, "Grants": [*given]}}


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, "MissingSecurityHeader"),
        ({"ACL": "log-delivery-write"}, "InvalidArgument"),
        ({"ACL": "everybody"}, "InvalidArgument"),
        ({"ACL": "private", "GrantRead": f"uri={ALL}"}, "InvalidRequest"),
        ({"ACL": "private"} | policy_of(), "UnexpectedContent"),
        ({"GrantRead": ""}, "MissingSecurityHeader"),
        ({"GrantRead": "abc"}, "InvalidArgument"),
        ({"GrantRead": "id=abc"}, "InvalidArgument"),
        ({"GrantRead": f"id={'B' * 64}"}, "InvalidArgument"),
        ({"GrantRead": f"id={'b' * 64};id={'b' * 64}"}, "InvalidArgument"),
        ({"GrantRead": f"id={'b' * 64},"}, "InvalidArgument"),
        ({"GrantRead": f'id="{"b" * 64}'}, "InvalidArgument"),
        ({"GrantRead": "uri=http://acs.amazonaws.com/groups/global/Nobody"}, "InvalidArgument"),
        ({"GrantRead": "emailAddress=a@example.com"}, "MethodNotAllowed"),
        ({"GrantRead": ", ".join(f"id={index:064x}" for index in range(101))}, "MalformedACLError"),
        (policy_of({"Grantee": SOMEBODY, "Permission": "READ"}, owner="c" * 64), "AccessDenied"),
        (policy_of({"Grantee": SOMEBODY, "Permission": "DANCE"}), "MalformedXML"),
        (policy_of({"Permission": "READ"}), "MalformedACLError"),
        (policy_of({"Grantee": {"Type": "CanonicalUser"}, "Permission": "READ"}), "MalformedACLError"),
        (policy_of({"Grantee": {"Type": "Group", "URI": "http://a/"}, "Permission": "READ"}), "InvalidArgument"),
        (
            policy_of({"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": "a@b.c"}, "Permission": "READ"}),
            "MethodNotAllowed",
        ),
        ({"AccessControlPolicy": {"Grants": []}}, "MalformedACLError"),
        (policy_of(*({"Grantee": SOMEBODY | {"ID": f"{i:064x}"}, "Permission": "READ"} for i in range(101))), "MalformedACLError"),
    ],
)  # fmt: skip
def test_what_is_no_acl(s3: Any, open_bucket: str, said: dict[str, Any], error: str) -> None:
    mine = id_of(s3)
    policy = said.get("AccessControlPolicy")
    if policy and policy.get("Owner") == {"ID": ME}:
        said = said | {"AccessControlPolicy": policy | {"Owner": {"ID": mine}}}
    assert code(s3.put_object_acl, Bucket=open_bucket, Key="k", **said) == error
    assert grants(s3.get_object_acl(Bucket=open_bucket, Key="k")) == [(mine, "FULL_CONTROL")]


@pytest.mark.parametrize(
    "body",
    [
        b"<", b"<AccessControlPolicy/>", b"<AccessControlList/>", b"{}", b"\0",
        b"<AccessControlPolicy><Owner><ID></ID></Owner><AccessControlList/></AccessControlPolicy>",
        b"<AccessControlPolicy><Owner><ID>a</ID></Owner><AccessControlList><Grant/></AccessControlList></AccessControlPolicy>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><AccessControlPolicy>&b;</AccessControlPolicy>',
    ],
)  # fmt: skip
def test_hostile_bodies(region: LocalRegion, s3: Any, open_bucket: str, body: bytes) -> None:
    for target in (f"/{open_bucket}?acl", f"/{open_bucket}/k?acl"):
        assert signed(region, "PUT", target, {}, body).status in (400, 403)
    assert grants(s3.get_bucket_acl(Bucket=open_bucket)) == [(id_of(s3), "FULL_CONTROL")]


def test_acls_are_not_there_unless_wanted(region: LocalRegion, s3: Any, bucket: str) -> None:
    make_public(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    mine = id_of(s3)
    for acl in ("private", "public-read", "authenticated-read"):
        error = refusal(s3.put_bucket_acl, Bucket=bucket, ACL=acl)
        assert (error["Code"], error["Status"]) == ("AccessControlListNotSupported", 400)
        assert code(s3.put_object_acl, Bucket=bucket, Key="k", ACL=acl) == "AccessControlListNotSupported"
        assert code(s3.put_object, Bucket=bucket, Key="k", ACL=acl) == "AccessControlListNotSupported"
    assert code(s3.put_object, Bucket=bucket, Key="k", GrantRead=f"uri={ALL}") == "AccessControlListNotSupported"
    assert grants(s3.get_bucket_acl(Bucket=bucket)) == [(mine, "FULL_CONTROL")]
    assert grants(s3.get_object_acl(Bucket=bucket, Key="k")) == [(mine, "FULL_CONTROL")]
    full = {"Grantee": {"ID": mine, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    policy = {"Owner": {"ID": mine}, "Grants": [full]}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy)
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    s3.put_object(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")


@pytest.mark.parametrize(
    ("ownership", "said", "owns", "owner_reads"),
    [
        ("ObjectWriter", {}, OTHER, False),
        ("ObjectWriter", {"ACL": "bucket-owner-read"}, OTHER, True),
        ("ObjectWriter", {"ACL": "bucket-owner-full-control"}, OTHER, True),
        ("BucketOwnerPreferred", {}, OTHER, False),
        ("BucketOwnerPreferred", {"ACL": "private"}, OTHER, False),
        ("BucketOwnerPreferred", {"ACL": "bucket-owner-full-control"}, ACCOUNT, True),
        ("BucketOwnerEnforced", {}, ACCOUNT, True),
        ("BucketOwnerEnforced", {"ACL": "bucket-owner-full-control"}, ACCOUNT, True),
    ],
)
@pytest.mark.parametrize("how", ["put", "copy", "multipart"])
def test_whose_objects_are_that_others_write(
    region: LocalRegion, s3: Any, ownership: str, said: dict[str, str], owns: str, owner_reads: bool, how: str
) -> None:
    bucket, other = made(s3, ownership), dev(region, OTHER)
    put_policy(s3, bucket, allow("s3:Put*", "arn:aws:s3:::bucket/*") | {"Principal": {"AWS": OTHER}})
    write(other, how, Key="theirs", **said)
    callers = {ACCOUNT: s3, OTHER: other}
    assert may(s3, "get_object", Key="theirs") is owner_reads
    assert may(other, "get_object", Key="theirs") is (owns == OTHER)
    told = callers[owns].get_object_acl(Bucket=bucket, Key="theirs")
    assert told["Owner"] == {"ID": id_of(callers[owns])}
    listed = {one["Key"]: one["Owner"]["ID"] for one in s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"]}
    assert listed == {"k": id_of(s3), "theirs": id_of(callers[owns])}


def write(client: Any, how: str, **said: Any) -> None:
    """Write an object in one of three ways."""
    if how == "put":
        client.put_object(Bucket="bucket", **said)
    elif how == "copy":
        client.create_bucket(Bucket="source")
        client.put_object(Bucket="source", Key="k")
        client.copy_object(Bucket="bucket", CopySource="source/k", **said)
    else:
        upload = client.create_multipart_upload(Bucket="bucket", **said)
        where = {"Bucket": "bucket", "Key": said["Key"], "UploadId": upload["UploadId"]}
        part = client.upload_part(**where, PartNumber=1, Body=b"x")
        client.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})


def test_the_buckets_owner_may_delete_and_deny_but_not_open_others_objects(
    region: LocalRegion, s3: Any, open_bucket: str
) -> None:
    other = dev(region, OTHER)
    put_policy(s3, open_bucket, allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::bucket/*") | {"Principal": "*"})
    other.put_object(Bucket=open_bucket, Key="theirs")
    assert not may(anonymous(region), "get_object", Key="theirs")  # a policy is for the owner's own objects
    assert may(anonymous(region), "get_object", Key="k")
    assert code(s3.put_object_acl, Bucket=open_bucket, Key="theirs", ACL="private") == "AccessDenied"
    deny = allow("s3:GetObject", "arn:aws:s3:::bucket/*") | {"Effect": "Deny", "Principal": {"AWS": OTHER}}
    put_policy(s3, open_bucket, deny)
    assert not may(other, "get_object", Key="theirs")
    assert code(other.delete_object, Bucket=open_bucket, Key="theirs") == "AccessDenied"
    s3.delete_object(Bucket=open_bucket, Key="theirs")


def test_disabling_acls_gives_all_objects_to_the_buckets_owner(region: LocalRegion, s3: Any, open_bucket: str) -> None:
    other = dev(region, OTHER)
    put_policy(s3, open_bucket, allow("s3:Put*", "arn:aws:s3:::bucket/*") | {"Principal": {"AWS": OTHER}})
    other.put_object(Bucket=open_bucket, Key="theirs", ACL="public-read")
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=open_bucket, OwnershipControls=rules)
    assert not may(other, "get_object", Key="theirs")
    assert not may(anonymous(region), "get_object", Key="theirs")
    assert s3.get_object_acl(Bucket=open_bucket, Key="theirs")["Owner"]["ID"] == id_of(s3)
    s3.delete_bucket_ownership_controls(Bucket=open_bucket)
    assert may(anonymous(region), "get_object", Key="theirs")  # ACLs that were disabled are as they were


def test_ownership_controls_are_told(s3: Any, bucket: str) -> None:
    told = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert told == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    for setting in ("BucketOwnerPreferred", "ObjectWriter"):
        rules = {"Rules": [{"ObjectOwnership": setting}]}
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)
        assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == rules
    assert status(s3.delete_bucket_ownership_controls(Bucket=bucket)) == 204
    error = refusal(s3.get_bucket_ownership_controls, Bucket=bucket)
    assert (error["Code"], error["Status"]) == ("OwnershipControlsNotFoundError", 404)


def test_acls_that_grant_to_others_are_not_disabled(s3: Any, open_bucket: str) -> None:
    s3.put_bucket_acl(Bucket=open_bucket, ACL="public-read")
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    put = s3.put_bucket_ownership_controls
    assert code(put, Bucket=open_bucket, OwnershipControls=rules) == "InvalidBucketAclWithObjectOwnership"
    s3.put_bucket_acl(Bucket=open_bucket, ACL="private")
    put(Bucket=open_bucket, OwnershipControls=rules)


@pytest.mark.parametrize("rules", [[], [{"ObjectOwnership": "Nobody"}], [{"ObjectOwnership": "ObjectWriter"}] * 2])
def test_what_are_no_ownership_controls(s3: Any, bucket: str, rules: list[Any]) -> None:
    put = s3.put_bucket_ownership_controls
    assert code(put, Bucket=bucket, OwnershipControls={"Rules": rules}) == "MalformedXML"


def test_an_acl_with_an_object_needs_the_permission_for_it(region: LocalRegion, s3: Any, open_bucket: str) -> None:
    ann = user_client(region, "s3")
    permit(region, allow("s3:PutObject"))
    assert may(ann, **WRITE)
    assert not may(ann, **WRITE, ACL="private")
    permit(region, allow(["s3:PutObject", "s3:PutObjectAcl"]))
    assert may(ann, **WRITE, ACL="private")


def test_acls_of_versions(region: LocalRegion, s3: Any, open_bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=open_bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=open_bucket, Key="v", Body=b"1", ACL="public-read")["VersionId"]
    second = s3.put_object(Bucket=open_bucket, Key="v", Body=b"2")["VersionId"]
    assert may(anonymous(region), "get_object", Key="v", VersionId=first)
    assert not may(anonymous(region), "get_object", Key="v")
    s3.put_object_acl(Bucket=open_bucket, Key="v", VersionId=first, ACL="private")
    s3.put_object_acl(Bucket=open_bucket, Key="v", ACL="public-read")
    assert not may(anonymous(region), "get_object", Key="v", VersionId=first)
    assert may(anonymous(region), "get_object", Key="v", VersionId=second)
    assert len(s3.get_object_acl(Bucket=open_bucket, Key="v")["Grants"]) == 2
    assert code(s3.get_object_acl, Bucket=open_bucket, Key="v", VersionId="0" * 32) == "NoSuchVersion"
    assert code(s3.get_object_acl, Bucket=open_bucket, Key="none") == "NoSuchKey"
