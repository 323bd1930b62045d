"""Who gets in without a signature, by a URL that somebody else signed, or from another account; and whose bucket was expected.

Source: S3 User Guide, "Sharing objects with presigned URLs", "Bucket owner granting cross-account bucket permissions",
"Verifying bucket ownership with bucket owner condition".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, anonymous, code, dev, error_of, make_public, permit, put_policy, user_client
from services.test_permissions import GUARDED, minimal, snake
from support.region import ACCOUNT

if TYPE_CHECKING:
    from fogbank.core.service import Bound
    from support.region import Answer, LocalRegion

OTHER = "111122223333"
OBJECTS = "arn:aws:s3:::bucket/*"
BUCKET = "arn:aws:s3:::bucket"


@pytest.fixture
def there(s3: Any, bucket: str) -> str:
    """A bucket that may be public, with an object."""
    make_public(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    return bucket


def follow(region: LocalRegion, url: str, method: str = "GET", body: bytes = b"") -> Answer:
    """Use a presigned URL."""
    return region.raw(method, url.partition(":4566")[2], {}, body)


PUBLIC_ACTIONS = {
    "s3:GetObject": ("get_object", {"Key": "k"}),
    "s3:PutObject": ("put_object", {"Key": "new", "Body": b"x"}),
    "s3:DeleteObject": ("delete_object", {"Key": "k"}),
    "s3:ListBucket": ("list_objects_v2", {}),
    "s3:ListBucketVersions": ("list_object_versions", {}),
    "s3:GetBucketLocation": ("get_bucket_location", {}),
    "s3:PutBucketTagging": ("put_bucket_tagging", {"Tagging": {"TagSet": []}}),
    "s3:GetBucketAcl": ("get_bucket_acl", {}),
}


@pytest.mark.parametrize("action", PUBLIC_ACTIONS)
def test_anonymous_callers_do_what_is_public_and_nothing_else(
    region: LocalRegion, s3: Any, there: str, action: str
) -> None:
    client = anonymous(region)
    put_policy(s3, there, allow(action, [BUCKET, OBJECTS]) | {"Principal": "*"})
    allowed = {each for each, (operation, said) in PUBLIC_ACTIONS.items() if passes(client, operation, said)}
    assert allowed == {action}


def passes(client: Any, operation: str, said: dict[str, Any]) -> bool:
    """Whether an operation is allowed."""
    try:
        getattr(client, operation)(Bucket="bucket", **said)
    except client.exceptions.ClientError as error:
        return bool(error.response["Error"]["Code"] != "AccessDenied")
    return True


def test_anonymous_callers_delete_many_as_far_as_each_is_public(region: LocalRegion, s3: Any, there: str) -> None:
    s3.put_object(Bucket=there, Key="open/k")
    put_policy(s3, there, allow("s3:DeleteObject", f"{BUCKET}/open/*") | {"Principal": "*"})
    keys = {"Objects": [{"Key": "k"}, {"Key": "open/k"}]}
    answer = anonymous(region).delete_objects(Bucket=there, Delete=keys)
    assert [one["Key"] for one in answer["Deleted"]] == ["open/k"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("k", "AccessDenied")]


def test_what_an_anonymous_caller_writes_is_the_buckets(region: LocalRegion, s3: Any, there: str) -> None:
    put_policy(s3, there, allow("s3:PutObject", OBJECTS) | {"Principal": "*"})
    anonymous(region).put_object(Bucket=there, Key="new", Body=b"x")
    assert s3.get_object_acl(Bucket=there, Key="new")["Owner"]["ID"] == s3.list_buckets()["Owner"]["ID"]


def test_anonymous_callers_own_nothing(region: LocalRegion) -> None:
    assert code(anonymous(region).create_bucket, Bucket="mine") == "AccessDenied"
    assert code(anonymous(region).list_buckets) == "AccessDenied"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_does_what_its_signer_may_until_it_expires(
    region: LocalRegion, there: str, version: str
) -> None:
    credentials = user_client(region, "s3")._request_signer._credentials
    signer = region.client("s3", credentials.access_key, credentials.secret_key, signature_version=version)
    url = signer.generate_presigned_url("get_object", {"Bucket": there, "Key": "k"}, ExpiresIn=60)
    assert error_of(follow(region, url)) == (403, "AccessDenied")
    permit(region, allow("s3:GetObject", OBJECTS))
    assert follow(region, url).body == b"kept"
    assert follow(region, url, "PUT", b"new").status == 403  # another method than the one that was signed
    region.advance(seconds=61)
    assert error_of(follow(region, url)) == (403, "AccessDenied")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_upload(region: LocalRegion, s3: Any, there: str, version: str) -> None:
    signer = region.client("s3", signature_version=version)
    url = signer.generate_presigned_url("put_object", {"Bucket": there, "Key": "new"})
    assert follow(region, url, "PUT", b"theirs").status == 200
    assert s3.get_object(Bucket=there, Key="new")["Body"].read() == b"theirs"


def test_a_presigned_url_of_a_deleted_key_is_worth_nothing(region: LocalRegion, there: str) -> None:
    credentials = user_client(region, "s3")._request_signer._credentials
    permit(region, allow("s3:GetObject"))
    signer = region.client("s3", credentials.access_key, credentials.secret_key, signature_version="s3v4")
    url = signer.generate_presigned_url("get_object", {"Bucket": there, "Key": "k"})
    region.client("iam").delete_access_key(UserName="ann", AccessKeyId=credentials.access_key)
    assert error_of(follow(region, url)) == (403, "InvalidAccessKeyId")


def test_a_presigned_url_overrides_headers_and_an_anonymous_request_does_not(
    region: LocalRegion, s3: Any, there: str
) -> None:
    said = {"ResponseContentType": "text/html", "ResponseContentDisposition": "attachment"}
    for version in ("s3", "s3v4"):
        signer = region.client("s3", signature_version=version)
        answer = follow(region, signer.generate_presigned_url("get_object", {"Bucket": there, "Key": "k", **said}))
        assert (answer.headers["content-type"], answer.headers["content-disposition"]) == ("text/html", "attachment")
    put_policy(s3, there, allow("s3:GetObject", OBJECTS) | {"Principal": "*"})
    assert error_of(region.raw("GET", "/bucket/k?response-content-type=text/html")) == (400, "InvalidRequest")


def test_a_policy_denies_presigned_urls_that_are_old(region: LocalRegion, s3: Any, there: str) -> None:
    """S3 User Guide, "Limiting presigned URL capabilities": signatures older than ten minutes."""
    old = allow("s3:*", OBJECTS, NumericGreaterThan={"s3:signatureAge": 600000}) | {"Effect": "Deny", "Principal": "*"}
    put_policy(s3, there, old)
    url = region.client("s3", signature_version="s3v4").generate_presigned_url(
        "get_object", {"Bucket": there, "Key": "k"}, ExpiresIn=3600
    )
    assert follow(region, url).status == 200
    region.advance(seconds=601)
    assert follow(region, url).status == 403


@pytest.mark.parametrize(
    ("policy", "identity", "works"),
    [
        (None, None, False),
        (None, allow("s3:*"), False),
        (allow("s3:GetObject", OBJECTS), None, False),
        (allow("s3:GetObject", OBJECTS), allow("s3:*"), True),
        (allow("s3:GetObject", OBJECTS), allow("s3:GetObject", f"{BUCKET}/other"), False),
        (allow("s3:PutObject", OBJECTS), allow("s3:*"), False),
        (allow("s3:GetObject", OBJECTS), allow("s3:GetObject") | {"Effect": "Deny"}, False),
        (allow("s3:GetObject", OBJECTS) | {"Effect": "Deny"}, allow("s3:*"), False),
    ],
)
@pytest.mark.parametrize("principal", ["account", "user"])
def test_across_accounts_both_have_to_allow(
    region: LocalRegion, s3: Any, there: str, policy: Any, identity: Any, works: bool, principal: str
) -> None:
    iam = dev(region, OTHER, "iam")
    arn = iam.create_user(UserName="bob")["User"]["Arn"]
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    bob = region.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    if policy:
        put_policy(s3, there, policy | {"Principal": {"AWS": OTHER if principal == "account" else arn}})
    if identity:
        permit(region, identity, name="bob", account=OTHER)
    assert passes(bob, "get_object", {"Key": "k"}) is works


def test_a_role_of_another_account(region: LocalRegion, s3: Any, there: str) -> None:
    iam = dev(region, OTHER, "iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    reads = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject", OBJECTS)]})
    iam.put_role_policy(RoleName="reader", PolicyName="reads", PolicyDocument=reads)
    iam.create_user(UserName="bob")
    permit(region, allow("sts:AssumeRole"), name="bob", account=OTHER)
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    sts = region.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    given = sts.assume_role(RoleArn=arn, RoleSessionName="now")["Credentials"]
    session = region.client("s3", key=given["AccessKeyId"], secret=given["SecretAccessKey"])
    session._request_signer._credentials.token = given["SessionToken"]
    assert not passes(session, "get_object", {"Key": "k"})
    put_policy(s3, there, allow("s3:GetObject", OBJECTS) | {"Principal": {"AWS": arn}})
    assert passes(session, "get_object", {"Key": "k"})
    iam.delete_role_policy(RoleName="reader", PolicyName="reads")
    iam.delete_role(RoleName="reader")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document)
    iam.put_role_policy(RoleName="reader", PolicyName="reads", PolicyDocument=reads)
    again = sts.assume_role(RoleArn=arn, RoleSessionName="now")["Credentials"]
    session = region.client("s3", key=again["AccessKeyId"], secret=again["SecretAccessKey"])
    session._request_signer._credentials.token = again["SessionToken"]
    assert not passes(session, "get_object", {"Key": "k"})  # a namesake


EXPECTING = [
    bound
    for bound in GUARDED
    if bound.service.name == "s3" and bound.model.input and "ExpectedBucketOwner" in bound.model.input.members
]


@pytest.mark.parametrize("bound", EXPECTING, ids=lambda bound: bound.name)
def test_a_bucket_of_an_unexpected_owner(region: LocalRegion, s3: Any, there: str, bound: Bound) -> None:
    call = getattr(s3, snake(bound))
    error = code(call, **minimal(bound), ExpectedBucketOwner=OTHER)
    assert error == ("403" if bound.name.startswith("Head") else "AccessDenied")
    assert s3.get_object(Bucket=there, Key="k", ExpectedBucketOwner=ACCOUNT)["Body"].read() == b"kept"


@pytest.mark.parametrize("owner", ["12", "11112222333a", "1" * 13, "root"])
def test_an_expected_owner_is_an_account(s3: Any, there: str, owner: str) -> None:
    assert code(s3.get_object, Bucket=there, Key="k", ExpectedBucketOwner=owner) == "InvalidBucketOwnerAWSAccountID"
