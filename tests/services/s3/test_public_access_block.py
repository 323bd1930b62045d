"""Public access blocks of buckets and accounts: each switch, in both places.

Source: S3 User Guide, "Blocking public access to your Amazon S3 storage".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, anonymous, code, dev, make_public, put_policy, refusal, signed, status, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Block = Callable[..., None]

OTHER = "111122223333"
SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
READ = allow("s3:GetObject", "arn:aws:s3:::bucket/*")
PUBLIC = READ | {"Principal": "*"}
BOTH = READ | {"Principal": {"AWS": [OTHER, ACCOUNT]}}
LIMITED = PUBLIC | {"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket with ACLs, in which all is allowed that is public, and an object."""
    s3.create_bucket(Bucket="bucket", ObjectOwnership="ObjectWriter")
    make_public(s3, "bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"kept")
    return "bucket"


@pytest.fixture(params=["bucket", "account"])
def block(region: LocalRegion, s3: Any, bucket: str, request: pytest.FixtureRequest) -> Block:
    """Turns switches on, at the bucket or at its account."""

    def turn(*switches: str) -> None:
        configuration = dict.fromkeys(switches, True)
        if request.param == "bucket":
            s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=configuration)
        else:
            control = region.client("s3control")
            control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=configuration)

    return turn


def reads(client: Any) -> bool:
    """Whether a client may read the object."""
    try:
        client.get_object(Bucket="bucket", Key="k")
    except client.exceptions.ClientError:
        return False
    return True


def test_a_new_bucket_blocks_all(s3: Any) -> None:
    s3.create_bucket(Bucket="new")
    told = s3.get_public_access_block(Bucket="new")["PublicAccessBlockConfiguration"]
    assert told == dict.fromkeys(SWITCHES, True)
    error = refusal(put_policy_of, s3=s3, bucket="new", statement=PUBLIC | {"Resource": "arn:aws:s3:::new/*"})
    assert error["Code"] == "AccessDenied"


def put_policy_of(*, s3: Any, bucket: str, statement: dict[str, Any]) -> None:
    put_policy(s3, bucket, statement)


def test_the_switches_are_told_as_they_were_put(s3: Any, bucket: str) -> None:
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    told = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert told == dict.fromkeys(SWITCHES, False) | {"IgnorePublicAcls": True}
    assert status(s3.delete_public_access_block(Bucket=bucket)) == 204
    assert status(s3.delete_public_access_block(Bucket=bucket)) == 204
    error = refusal(s3.get_public_access_block, Bucket=bucket)
    assert (error["Code"], error["Status"]) == ("NoSuchPublicAccessBlockConfiguration", 404)


@pytest.mark.parametrize(
    "body",
    [b"", b"<", b"<PublicAccessBlockConfiguration>", b"<PublicAccessBlockConfiguration/>", b"{}", b"\0"]
    + [f"<PublicAccessBlockConfiguration><BlockPublicAcls>{value}</BlockPublicAcls></PublicAccessBlockConfiguration>".encode()
       for value in ("yes", "", "2", "<a/>")],
)  # fmt: skip
def test_what_is_no_configuration(region: LocalRegion, s3: Any, bucket: str, body: bytes) -> None:
    answer = signed(region, "PUT", f"/{bucket}?publicAccessBlock", {}, body)
    assert answer.status == 400
    assert code(s3.get_public_access_block, Bucket=bucket) == "NoSuchPublicAccessBlockConfiguration"


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        (PUBLIC, ["ann", "root"]),
        (BOTH, ["root", "other"]),  # not public: left as it is
        (LIMITED, ["ann", "root", "other", "anonymous"]),
    ],
)
def test_restrict_public_buckets(
    region: LocalRegion, s3: Any, bucket: str, block: Block, statement: dict[str, Any], allowed: list[str]
) -> None:
    callers = {
        "ann": user_client(region, "s3"),
        "root": s3,
        "other": dev(region, OTHER),
        "anonymous": anonymous(region),
    }
    put_policy(s3, bucket, statement)
    block("RestrictPublicBuckets")
    assert [name for name, client in callers.items() if reads(client)] == allowed


def test_restrict_public_buckets_blocks_accounts_that_a_public_policy_names_too(
    region: LocalRegion, s3: Any, bucket: str, block: Block
) -> None:
    put_policy(s3, bucket, PUBLIC, BOTH)
    assert reads(dev(region, OTHER))
    block("RestrictPublicBuckets")
    assert not reads(dev(region, OTHER))
    assert reads(s3)


def test_restrict_public_buckets_leaves_what_is_denied(region: LocalRegion, s3: Any, bucket: str, block: Block) -> None:
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    put_policy(s3, bucket, PUBLIC, READ | {"Principal": {"AWS": OTHER}, "Effect": "Deny"})
    block("RestrictPublicBuckets")
    assert not reads(dev(region, OTHER))
    assert reads(anonymous(region))  # by the ACL


def test_block_public_policy(s3: Any, bucket: str, block: Block) -> None:
    put_policy(s3, bucket, PUBLIC)
    block("BlockPublicPolicy")
    document = json.dumps({"Version": "2012-10-17", "Statement": [PUBLIC]})
    assert code(s3.put_bucket_policy, Bucket=bucket, Policy=document) == "AccessDenied"
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": True}
    put_policy(s3, bucket, LIMITED)


@pytest.mark.parametrize("acl", ["public-read", "public-read-write", "authenticated-read"])
def test_block_public_acls(s3: Any, bucket: str, block: Block, acl: str) -> None:
    s3.put_object_acl(Bucket=bucket, Key="k", ACL=acl)
    block("BlockPublicAcls")
    error = refusal(s3.put_object_acl, Bucket=bucket, Key="k", ACL=acl)
    assert error["Code"] == "AccessDenied"
    assert "blocked by the BlockPublicAcls block public access setting" in error["Message"]
    assert code(s3.put_bucket_acl, Bucket=bucket, ACL=acl) == "AccessDenied"
    assert code(s3.put_object, Bucket=bucket, Key="new", ACL=acl) == "AccessDenied"
    assert code(s3.create_multipart_upload, Bucket=bucket, Key="new", ACL=acl) == "AccessDenied"
    assert code(s3.copy_object, Bucket=bucket, Key="new", CopySource=f"{bucket}/k", ACL=acl) == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="new", ACL="private")


def test_ignore_public_acls(region: LocalRegion, s3: Any, bucket: str, block: Block) -> None:
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert reads(anonymous(region))
    assert anonymous(region).list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    block("IgnorePublicAcls")
    assert not reads(anonymous(region))
    assert not reads(dev(region, OTHER))
    assert code(anonymous(region).list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert len(s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]) == 2
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")


def test_ignore_public_acls_leaves_grants_to_accounts(region: LocalRegion, s3: Any, bucket: str, block: Block) -> None:
    other = dev(region, OTHER).list_buckets()["Owner"]["ID"]
    s3.put_object_acl(Bucket=bucket, Key="k", GrantRead=f'id="{other}"')
    block(*SWITCHES)
    assert reads(dev(region, OTHER))


def test_switches_of_bucket_and_account_add_up(region: LocalRegion, s3: Any, bucket: str) -> None:
    control = region.client("s3control")
    put_policy(s3, bucket, PUBLIC)
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert reads(anonymous(region))
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert not reads(anonymous(region))
    control.delete_public_access_block(AccountId=ACCOUNT)
    assert reads(anonymous(region))
