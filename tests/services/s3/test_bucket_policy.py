"""Policies of buckets: what is refused as one, whom they let in, and how they are told.

Source: S3 User Guide, "Bucket policies", "Examples of Amazon S3 bucket policies"; IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.errors import AwsError
from fogbank.core.principal import service_of
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

OTHER = "111122223333"
BUCKET = "arn:aws:s3:::bucket"
OBJECTS = f"{BUCKET}/*"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ME = {"AWS": ROOT}


def to(principal: Any, action: Any = "s3:GetObject", resource: Any = OBJECTS, **conditions: Any) -> dict[str, Any]:
    """A statement that allows a principal something."""
    return allow(action, resource, **conditions) | {"Principal": principal}


def deny(principal: Any, action: Any = "s3:GetObject", resource: Any = OBJECTS, **conditions: Any) -> dict[str, Any]:
    """A statement that denies it."""
    return to(principal, action, resource, **conditions) | {"Effect": "Deny"}


@pytest.fixture
def there(s3: Any, bucket: str) -> str:
    """A bucket that may be public, with an object."""
    make_public(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    return bucket


def can_read(client: Any) -> bool:
    """Whether a client may read the object."""
    try:
        answer = client.get_object(Bucket="bucket", Key="k")
    except client.exceptions.ClientError as error:
        return bool(error.response["Error"]["Code"] != "AccessDenied")
    return bool(answer["Body"].read() == b"kept")


def test_a_policy_is_told_as_it_was_put(s3: Any, bucket: str) -> None:
    text = json.dumps({"Id": "mine", "Version": "2012-10-17", "Statement": to(ME, Bool={"aws:SecureTransport": False})})
    assert status(s3.put_bucket_policy(Bucket=bucket, Policy=text)) == 204
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert status(s3.delete_bucket_policy(Bucket=bucket)) == 204
    assert status(s3.delete_bucket_policy(Bucket=bucket)) == 204
    error = refusal(s3.get_bucket_policy, Bucket=bucket)
    assert (error["Code"], error["Status"], error["BucketName"]) == ("NoSuchBucketPolicy", 404, bucket)
    assert code(s3.get_bucket_policy_status, Bucket=bucket) == "NoSuchBucketPolicy"


def test_a_deleted_buckets_policy_goes_with_it(s3: Any, there: str) -> None:
    put_policy(s3, there, to("*"))
    s3.delete_object(Bucket=there, Key="k")
    s3.delete_bucket(Bucket=there)
    s3.create_bucket(Bucket=there)
    assert code(s3.get_bucket_policy, Bucket=there) == "NoSuchBucketPolicy"


def statement(**changes: Any) -> str:
    """A policy of one statement, with changes; None takes an element away."""
    whole = to(ME) | changes
    made = {name: value for name, value in whole.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [made]})


INVALID_JSON = "Policies must be valid JSON and the first byte must be '{'"
NO_RESOURCE = "Policy has invalid resource"
NO_ACTION = "Policy has invalid action"
NO_FIT = "Action does not apply to any resource(s) in statement"
NO_CONDITION = "Conditions do not apply to combination of actions and resources in statement"
NOBODY = "Invalid principal in policy"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("[]", INVALID_JSON),
        (" {}", INVALID_JSON),
        ("<xml/>", INVALID_JSON),
        ("{", "This policy contains invalid Json"),
        ('{"Statement": []}', "Missing required field Statement"),
        ('{"Version": "2020-01-01", "Statement": []}', "The policy must contain a valid version string"),
        ('{"Version": "2012-10-17", "Statement": [], "Bucket": "b"}', "Unknown field Bucket"),
        (statement(Principal=None), "Missing required field Principal"),
        (statement(Action=None), "Missing required field Action"),
        (statement(Resource=None), "Missing required field Resource"),
        (statement(Effect="allow"), "Invalid effect: allow"),
        (statement(Principal={"AWS": "ann"}), NOBODY),
        (statement(Principal={"AWS": ANN}), NOBODY),
        (statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/none"}), NOBODY),
        (statement(Principal={"AWS": "AIDAIOSFODNN7EXAMPLE"}), NOBODY),
        (statement(Principal={"Service": "nobody.example.com"}), NOBODY),
        (statement(Principal={"CanonicalUser": "abc"}), NOBODY),
        (statement(Principal=None, NotPrincipal=ME), "Allow with NotPrincipal is not allowed."),
        ('{"Statement": ' + '[' * 5000, "This policy contains invalid Json"),
        (statement(Resource="*"), NO_RESOURCE),
        (statement(Resource="arn:aws:s3:::other/*"), NO_RESOURCE),
        (statement(Resource=["arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket-2/*"]), NO_RESOURCE),
        (statement(Resource="arn:aws:sqs:us-east-1:123456789012:bucket"), NO_RESOURCE),
        (statement(Resource="arn:aws:s3:us-east-1::bucket/*"), NO_RESOURCE),
        (statement(Action="s3:GetObjects"), NO_ACTION),
        (statement(Action="sqs:SendMessage"), NO_ACTION),
        (statement(Action=["s3:GetObject", "s3:Nothing*"]), NO_ACTION),
        (statement(Resource=BUCKET), NO_FIT),
        (statement(Action="s3:ListBucket"), NO_FIT),
        (statement(Action=["s3:GetObject", "s3:ListBucket"]), NO_FIT),
        (statement(Action="s3:ListAllMyBuckets", Resource=[BUCKET, OBJECTS]), NO_FIT),
        (statement(Condition={"StringEquals": {"s3:prefix": "a"}}), NO_CONDITION),
        (statement(Condition={"StringEquals": {"s3:x-amz-acl": "public-read"}}), NO_CONDITION),
        (statement(Condition={"StringEquals": {"s3:colour": "blue"}}), "Policy has an invalid condition key"),
        (statement(Condition={"StringEquals": {"aws:colour": "blue"}}), "Policy has an invalid condition key"),
        (statement(Condition={"Equals": {"s3:prefix": "a"}}), "Invalid Condition type : Equals"),
    ],
)  # fmt: skip
def test_what_is_no_policy_of_the_bucket(s3: Any, bucket: str, document: str, message: str) -> None:
    error = refusal(s3.put_bucket_policy, Bucket=bucket, Policy=document)
    assert (error["Code"], error["Status"]) == ("MalformedPolicy", 400)
    assert error["Message"].startswith(message)
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    "changes",
    [
        {"Action": "*", "Resource": [BUCKET, OBJECTS]},
        {"Action": "s3:*"},
        {"Action": "s3:Get*", "Resource": BUCKET},
        {"Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [BUCKET, OBJECTS]},
        {"Action": ["s3:GetObject", "s3:ListBucket"], "Resource": f"{BUCKET}*"},
        {"Resource": "arn:aws:s3:::*/*"},
        {"Resource": "arn:aws:s3:::b?cket/a/b?/*"},
        {"Resource": f"{BUCKET}/${{aws:username}}/*"},
        {"Action": None, "NotAction": "s3:DeleteObject"},
        {"Resource": None, "NotResource": f"{BUCKET}/secret/*"},
        {"Principal": None, "NotPrincipal": ME, "Effect": "Deny"},
        {"Principal": {"AWS": [OTHER, f"arn:aws:iam::{OTHER}:role/r"], "Service": "logging.s3.amazonaws.com"}},
        {"Principal": {"CanonicalUser": "0" * 64}},
        {"Action": "s3:ListBucket", "Resource": BUCKET, "Condition": {"StringLike": {"s3:prefix": "a/*"}}},
        {"Condition": {"NumericGreaterThan": {"s3:signatureAge": 1000}, "StringEquals": {"s3:ExistingObjectTag/a": "b"}}},
        {"Action": "s3:PutObject", "Condition": {"Null": {"s3:if-none-match": "true", "s3:RequestObjectTag/a": True}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:Referer": "http://a/"}}},
    ],
)  # fmt: skip
def test_what_is_a_policy(s3: Any, bucket: str, changes: dict[str, Any]) -> None:
    make_public(s3, bucket)
    document = statement(**changes)
    s3.put_bucket_policy(Bucket=bucket, Policy=document)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == document


def test_a_policy_has_20_kilobytes(s3: Any, bucket: str) -> None:
    def of(size: int) -> str:
        return statement(Sid="x" * (size - len(json.dumps(json.loads(statement(Sid="")), separators=(",", ":")))))

    s3.put_bucket_policy(Bucket=bucket, Policy=of(20480))
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(json.loads(of(20480)), indent=4))  # white space is free
    assert code(s3.put_bucket_policy, Bucket=bucket, Policy=of(20481)) == "PolicyTooLarge"
    assert code(s3.put_bucket_policy, Bucket=bucket, Policy=statement() + " " * 200_000) == "PolicyTooLarge"


PUBLIC = [to("*")]
GIVEN = allow("s3:GetObject", OBJECTS)
REFUSED = GIVEN | {"Effect": "Deny"}


@pytest.mark.parametrize(
    ("statements", "identity", "allowed"),
    [
        ([], [], "root"),
        ([], [GIVEN], "user root"),
        ([], [REFUSED], "root"),
        (PUBLIC, [], "user root other anonymous"),
        (PUBLIC, [REFUSED], "root other anonymous"),
        ([to({"AWS": "*"})], [], "user root other anonymous"),
        ([to({"AWS": ANN})], [], "user root"),
        ([to({"AWS": ANN})], [REFUSED], "root"),
        ([to(ME)], [], "root"),  # the account: its own policies decide further
        ([to(ME)], [GIVEN], "user root"),
        ([to({"AWS": ACCOUNT})], [GIVEN], "user root"),
        ([to({"AWS": OTHER})], [], "root other"),
        ([to({"AWS": f"arn:aws:iam::{OTHER}:root"})], [GIVEN], "user root other"),
        ([to({"AWS": OTHER}, resource=f"{BUCKET}/other")], [], "root"),
        ([to({"AWS": OTHER}, "s3:PutObject")], [], "root"),
        ([*PUBLIC, deny({"AWS": ANN})], [GIVEN], "root other anonymous"),
        ([*PUBLIC, deny({"AWS": OTHER})], [], "user root anonymous"),
        ([*PUBLIC, deny("*")], [GIVEN], ""),
        ([deny("*", Bool={"aws:SecureTransport": "false"})], [GIVEN], ""),
        ([deny("*", Bool={"aws:SecureTransport": "true"})], [GIVEN], "user root"),
        ([to("*", IpAddress={"aws:SourceIp": "127.0.0.0/8"})], [], "user root other anonymous"),
        ([to("*", IpAddress={"aws:SourceIp": "10.0.0.0/8"})], [], "root"),
        ([to("*", NotIpAddress={"aws:SourceIp": "127.0.0.1"})], [], "root"),
        ([to("*", StringEquals={"aws:PrincipalAccount": OTHER})], [], "root other"),
        ([to("*", StringEquals={"s3:authType": "REST-HEADER"})], [], "user root other"),
        ([deny("*", Null={"s3:signatureversion": "true"}), *PUBLIC], [], "user root other"),
        ([to("*", StringEquals={"s3:ResourceAccount": ACCOUNT})], [], "user root other anonymous"),
        ([to({"Service": "logging.s3.amazonaws.com"})], [], "root"),
    ],
)  # fmt: skip
def test_whom_a_policy_lets_in(
    region: LocalRegion, s3: Any, there: str, statements: list[Any], identity: list[Any], allowed: str
) -> None:
    callers = {
        "user": user_client(region, "s3"),
        "root": s3,
        "other": dev(region, OTHER),
        "anonymous": anonymous(region),
    }
    if identity:
        permit(region, *identity)
    if statements:
        put_policy(s3, there, *statements)
    assert [name for name, client in callers.items() if can_read(client)] == allowed.split()


def test_a_user_of_another_account_needs_both(region: LocalRegion, s3: Any, there: str) -> None:
    iam = dev(region, OTHER, "iam")
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    bob = region.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    put_policy(s3, there, to({"AWS": OTHER}))
    assert not can_read(bob)
    permit(region, GIVEN, name="bob", account=OTHER)
    assert can_read(bob)
    put_policy(s3, there, to({"AWS": f"arn:aws:iam::{OTHER}:user/bob"}))
    assert can_read(bob)
    s3.delete_bucket_policy(Bucket=there)
    assert not can_read(bob)


def test_the_owners_root_always_changes_the_policy(region: LocalRegion, s3: Any, there: str) -> None:
    put_policy(s3, there, deny("*", "s3:*", [BUCKET, OBJECTS]))
    assert code(s3.get_object, Bucket=there, Key="k") == "AccessDenied"
    assert code(s3.get_bucket_policy_status, Bucket=there) == "AccessDenied"
    assert "Deny" in s3.get_bucket_policy(Bucket=there)["Policy"]
    put_policy(s3, there, deny("*", "s3:*", [BUCKET, OBJECTS]))
    s3.delete_bucket_policy(Bucket=there)
    assert can_read(s3)


def test_a_user_is_not_locked_out_unawares(region: LocalRegion, s3: Any, there: str) -> None:
    ann = user_client(region, "s3")
    permit(region, allow("s3:*"))
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny("*", "s3:PutBucketPolicy", BUCKET)]})
    assert code(ann.put_bucket_policy, Bucket=there, Policy=document) == "MalformedPolicy"
    ann.put_bucket_policy(Bucket=there, Policy=document, ConfirmRemoveSelfBucketAccess=True)
    assert code(ann.put_bucket_policy, Bucket=there, Policy=document) == "AccessDenied"


def test_other_accounts_may_not_handle_the_policy_even_if_permitted(region: LocalRegion, s3: Any, there: str) -> None:
    actions = ["s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"]
    put_policy(s3, there, to({"AWS": OTHER}, actions, BUCKET))
    other = dev(region, OTHER)
    document = json.dumps({"Version": "2012-10-17", "Statement": [to(ME)]})
    assert refusal(other.put_bucket_policy, Bucket=there, Policy=document)["Status"] == 405
    assert code(other.get_bucket_policy, Bucket=there) == "MethodNotAllowed"
    assert code(other.delete_bucket_policy, Bucket=there) == "MethodNotAllowed"


def test_a_user_that_is_made_again_does_not_regain_access(region: LocalRegion, s3: Any, there: str) -> None:
    ann, iam = user_client(region, "s3"), region.client("iam")
    put_policy(s3, there, to({"AWS": ANN}))
    assert can_read(ann)
    unique = iam.get_user(UserName="ann")["User"]["UserId"]
    iam.delete_access_key(UserName="ann", AccessKeyId=ann._request_signer._credentials.access_key)
    iam.delete_user(UserName="ann")
    assert json.loads(s3.get_bucket_policy(Bucket=there)["Policy"])["Statement"][0]["Principal"] == {"AWS": unique}
    assert not can_read(user_client(region, "s3"))


def test_a_user_that_is_renamed_keeps_access_and_is_told_by_the_new_name(
    region: LocalRegion, s3: Any, there: str
) -> None:
    ann = user_client(region, "s3")
    put_policy(s3, there, to({"AWS": ANN}))
    region.client("iam").update_user(UserName="ann", NewUserName="anna")
    assert can_read(ann)
    assert f"{ANN}a" in s3.get_bucket_policy(Bucket=there)["Policy"]


def test_sessions_of_a_role_come_in_by_the_role_or_by_themselves(region: LocalRegion, s3: Any, there: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    arn = region.client("iam").create_role(
        RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    user_client(region, "s3")
    permit(region, allow("sts:AssumeRole"))
    sts = user_client(region, "sts", "carl")
    permit(region, allow("sts:AssumeRole"), name="carl")
    given = sts.assume_role(RoleArn=arn, RoleSessionName="now")["Credentials"]
    session = region.client("s3", key=given["AccessKeyId"], secret=given["SecretAccessKey"])
    session._request_signer._credentials.token = given["SessionToken"]
    assert not can_read(session)
    for principal in (arn, f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/now"):
        put_policy(s3, there, to({"AWS": principal}))
        assert can_read(session), principal
    put_policy(s3, there, to({"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/then"}))
    assert not can_read(session)


LOGS = {"Service": "logging.s3.amazonaws.com"}
FROM_HERE = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::source*"}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}


@pytest.mark.parametrize(
    ("statements", "works"),
    [
        ([], False),
        ([to(LOGS, "s3:PutObject")], True),
        ([to(LOGS, "s3:PutObject", **FROM_HERE)], True),
        ([to(LOGS, "s3:PutObject", ArnLike={"aws:SourceArn": "arn:aws:s3:::other*"})], False),
        ([to(LOGS, "s3:PutObject", StringEquals={"aws:SourceAccount": OTHER})], False),
        ([to({"Service": "s3.amazonaws.com"}, "s3:PutObject")], False),
        ([to(ME, "s3:PutObject")], False),
        ([to("*", "s3:PutObject")], True),
        ([to(LOGS, "s3:PutObject"), deny("*", "s3:*", Bool={"aws:PrincipalIsAWSService": "true"})], False),
        ([to(LOGS, "s3:PutObject"), deny("*", "s3:PutObject", Bool={"aws:PrincipalIsAWSService": "false"})], True),
    ],
)
def test_services_of_aws_come_in_by_the_policy_alone(
    region: LocalRegion, s3: Any, there: str, statements: list[Any], works: bool
) -> None:
    """S3 User Guide, "Enabling Amazon S3 server access logging", permissions for log delivery."""
    if statements:
        put_policy(s3, there, *statements)
    block(s3, there, RestrictPublicBuckets=True)
    principal = service_of("logging.s3.amazonaws.com", ACCOUNT, "arn:aws:s3:::source")
    delivery = region.background.invoke(principal, "s3", "PutObject", {"Bucket": there, "Key": "log"}, data=b"line")
    if works:
        region.run(delivery)
        assert s3.head_object(Bucket=there, Key="log")["ContentLength"] == 4
    else:
        with pytest.raises(AwsError, match="not authorized"):
            region.run(delivery)


def test_a_policy_of_one_bucket_says_nothing_of_another(region: LocalRegion, s3: Any, there: str) -> None:
    s3.create_bucket(Bucket="bucket-2")
    s3.put_object(Bucket="bucket-2", Key="k", Body=b"kept")
    put_policy(s3, there, to("*", ["s3:GetObject", "s3:ListBucket"], f"{BUCKET}*"))
    assert code(anonymous(region).get_object, Bucket="bucket-2", Key="k") == "AccessDenied"
    assert anonymous(region).list_objects_v2(Bucket=there)["KeyCount"] == 1


@pytest.mark.parametrize(
    ("statements", "public"),
    [
        ([to("*")], True),
        ([to({"AWS": "*"})], True),
        ([to({"AWS": [ROOT, "*"]})], True),
        ([to(ME)], False),
        ([to({"AWS": OTHER})], False),
        ([to({"Service": "logging.s3.amazonaws.com"})], False),
        ([deny("*")], False),
        ([to(ME), to("*")], True),
        ([to("*", StringEquals={"aws:SourceVpc": "vpc-1"})], False),
        ([to("*", StringLike={"aws:SourceVpc": "vpc-*"})], True),
        ([to("*", StringLike={"aws:SourceVpc": "vpc-91237329"})], False),
        ([to("*", StringEquals={"aws:SourceVpc": ["vpc-1", "vpc-${aws:username}"]})], True),
        ([to("*", StringEquals={"aws:PrincipalOrgID": "o-1234567890"})], False),
        ([to("*", StringEqualsIfExists={"aws:PrincipalOrgID": "o-1234567890"})], True),
        ([to("*", StringNotEquals={"aws:SourceVpc": "vpc-1"})], True),
        ([to("*", IpAddress={"aws:SourceIp": "192.0.2.0/24"})], False),
        ([to("*", IpAddress={"aws:SourceIp": "9.0.0.0/8"})], False),
        ([to("*", IpAddress={"aws:SourceIp": "0.0.0.0/1"})], True),
        ([to("*", IpAddress={"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/0"]})], True),
        ([to("*", IpAddress={"aws:SourceIp": "2001:db8::/32"})], False),
        ([to("*", IpAddress={"aws:SourceIp": "2000::/3"})], True),
        ([to("*", NotIpAddress={"aws:SourceIp": "192.0.2.0/24"})], True),
        ([to("*", StringEquals={"aws:Referer": "http://example.com/"})], True),
        ([to("*", ArnLike={"aws:SourceArn": "arn:aws:sns:us-east-1:123456789012:t"})], False),
        ([to("*", StringLike={"aws:userid": "AROAEXAMPLEID:*"})], False),
        ([to("*", StringLike={"aws:userid": "*:name"})], True),
        ([to("*", ArnLike={"s3:DataAccessPointArn": f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/*"})], False),
        ([to("*", ArnLike={"s3:DataAccessPointArn": "arn:aws:s3:us-east-1:*:accesspoint/a"})], True),
    ],
)  # fmt: skip
def test_what_is_public(s3: Any, bucket: str, statements: list[Any], public: bool) -> None:
    """S3 User Guide, "The meaning of 'public'"."""
    make_public(s3, bucket)
    put_policy(s3, bucket, *statements)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is public
    block(s3, bucket, BlockPublicPolicy=True)
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    if public:
        error = refusal(s3.put_bucket_policy, Bucket=bucket, Policy=document)
        assert error["Code"] == "AccessDenied"
        assert "blocked by the BlockPublicPolicy block public access setting" in error["Message"]
    else:
        s3.put_bucket_policy(Bucket=bucket, Policy=document)


def block(s3: Any, bucket: str, **switches: bool) -> None:
    """Set the bucket's public access block."""
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=switches)


def test_a_policy_with_a_wrong_digest_is_refused(region: LocalRegion, s3: Any, bucket: str) -> None:
    body = statement().encode()
    answer = signed(region, "PUT", f"/{bucket}?policy", {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, body)
    assert answer.status == 400
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\0", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"null", b'{"Statement": "x"}', b'{"Statement": [[]]}', b'{"Statement": {}}',
        statement().encode("utf-16"),
        statement(Sid="\ud800").encode().replace(b"s3:", b"s3:\\ud800"),
        statement(Action={"a": 1}).encode(), statement(Resource=1e400).encode(), statement(Principal=[]).encode(),
        statement(Condition={"StringLike": {"s3:prefix": "*" * 10_000}}).encode(),
        statement(Condition={"StringEquals": {"aws:userid": [[]]}}).encode(),
        statement(Resource=[f"{BUCKET}/{'*a' * 500}" for _ in range(20)]).encode(),
        statement().encode()[:-1] + b"9" * 5000,
    ],
)  # fmt: skip
def test_hostile_bodies(region: LocalRegion, s3: Any, bucket: str, body: bytes) -> None:
    answer = signed(region, "PUT", f"/{bucket}?policy", {}, body)
    assert 400 <= answer.status < 500
    assert code(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


def test_odd_text_is_told_as_it_was_put(s3: Any, bucket: str) -> None:
    for text in ("\u202e", "\U0001f600", "</Policy>"):
        document = statement(Sid=text, Resource=f"{BUCKET}/{text}*")
        s3.put_bucket_policy(Bucket=bucket, Policy=document)
        assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == document
        s3.put_object(Bucket=bucket, Key="k")
