"""AssumeRole.

Source: STS API Reference, AssumeRole; IAM User Guide, "Pass session tags in AWS STS", "Monitor and control actions taken with
assumed roles", "Access to AWS accounts owned by third parties".
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha512
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, refusal
from services.sts.made import OTHER, assume, make_role, policy, session, trust, user
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

TAGGING = ["sts:AssumeRole", "sts:TagSession"]


def test_a_session_is_what_its_role_is(region: LocalRegion, s3: Any, bucket: str) -> None:
    role = make_role(region)
    answer = assume(user(region), role, "nightly")
    told = answer["AssumedRoleUser"]
    identity = session(region, answer["Credentials"], "sts").get_caller_identity()
    assert told["Arn"] == identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/nightly"
    assert told["AssumedRoleId"] == identity["UserId"]
    assert told["AssumedRoleId"].startswith("AROA")
    assert told["AssumedRoleId"].endswith(":nightly")
    assert "PackedPolicySize" not in answer
    assert session(region, answer["Credentials"]).list_buckets()["Buckets"][0]["Name"] == bucket
    assert code(session(region, answer["Credentials"], "iam").list_users) == "AccessDenied"


def test_credentials(region: LocalRegion) -> None:
    made = assume(user(region), make_role(region))["Credentials"]
    assert made["AccessKeyId"].startswith("ASIA")
    assert len(made["AccessKeyId"]) == 20
    assert len(made["SecretAccessKey"]) == 40
    assert abs((made["Expiration"] - region.clock.now()).total_seconds() - 3600) < 60


def test_the_caller_needs_the_permission_where_its_account_is_trusted(region: LocalRegion) -> None:
    role = make_role(region)
    client = user(region, allow("sts:AssumeRole", f"{role}x"))
    error = refusal(client.assume_role, RoleArn=role, RoleSessionName="s1")
    assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in error["Message"]
    permit(region, allow("sts:AssumeRole", role))
    assert assume(client, role)


def test_a_user_who_is_trusted_by_name_needs_no_more(region: LocalRegion) -> None:
    client = user(region, allow("s3:*"))
    assert assume(client, make_role(region, trust(f"arn:aws:iam::{ACCOUNT}:user/ann")))


@pytest.mark.parametrize(
    "trusted",
    [
        trust("444455556666"),
        trust({"Service": "lambda.amazonaws.com"}),
        trust(ACCOUNT, "sts:AssumeRoleWithWebIdentity"),
        trust(ACCOUNT, StringEquals={"sts:ExternalId": "x1"}),
        trust(ACCOUNT, StringEquals={"sts:RoleSessionName": "ann"}),
        trust(ACCOUNT, Bool={"aws:MultiFactorAuthPresent": "true"}),
        {**trust(), "Effect": "Deny"},
    ],
    ids=str,
)
def test_a_role_that_does_not_trust_the_caller(region: LocalRegion, trusted: Any) -> None:
    assert code(user(region).assume_role, RoleArn=make_role(region, trusted), RoleSessionName="s1") == "AccessDenied"


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iam::{ACCOUNT}:role/none-such",
        f"arn:aws:iam::{ACCOUNT}:role/path/worker",
        f"arn:aws:iam::{ACCOUNT}:role/Worker",
        f"arn:aws:iam::{ACCOUNT}:role/*",
        f"arn:aws:iam::{ACCOUNT}:user/worker",
        "arn:aws:iam::444455556666:role/worker",
        f"arn:aws-cn:iam::{ACCOUNT}:role/worker",
        f"arn:aws:iam::{ACCOUNT}:role/worker ",
        "worker-worker-worker-worker",
        "arn:aws:iam::*:role/worker",
    ],
)
def test_a_role_that_is_not_there_is_told_as_one_that_trusts_nobody(region: LocalRegion, arn: str) -> None:
    make_role(region)
    assert code(user(region).assume_role, RoleArn=arn, RoleSessionName="s1") == "AccessDenied"


def test_roots_cannot_assume_roles(region: LocalRegion) -> None:
    role = make_role(region)
    error = refusal(region.client("sts").assume_role, RoleArn=role, RoleSessionName="s1")
    assert (error["Code"], error["Message"]) == ("AccessDenied", "Roles may not be assumed by root accounts.")


@pytest.mark.parametrize("name", ["a" * 65, "a b", "a/b", "a:b", "é1"])
def test_session_names(region: LocalRegion, name: str) -> None:
    assert code(user(region).assume_role, RoleArn=make_role(region), RoleSessionName=name) == "ValidationError"


def test_external_ids_and_session_names_are_conditions(region: LocalRegion) -> None:
    role = make_role(region, trust(StringEquals={"sts:ExternalId": "x-1", "sts:RoleSessionName": "${aws:username}"}))
    client = user(region)
    assert assume(client, role, "ann", ExternalId="x-1")
    assert code(client.assume_role, RoleArn=role, RoleSessionName="ann", ExternalId="x-2") == "AccessDenied"
    assert code(client.assume_role, RoleArn=role, RoleSessionName="bob", ExternalId="x-1") == "AccessDenied"


def test_another_account_needs_both_sides(region: LocalRegion) -> None:
    client = user(region)
    theirs = make_role(region, trust(ACCOUNT), account=OTHER, name="theirs")
    own = make_role(region, trust(OTHER), account=OTHER, name="own")
    permit(region, allow("s3:*"))
    assert code(client.assume_role, RoleArn=theirs, RoleSessionName="s1") == "AccessDenied"
    permit(region, allow("sts:AssumeRole", theirs), allow("sts:AssumeRole", own))
    answer = assume(client, theirs)
    assert answer["AssumedRoleUser"]["Arn"].startswith(f"arn:aws:sts::{OTHER}:assumed-role/theirs/")
    assert session(region, answer["Credentials"], "sts").get_caller_identity()["Account"] == OTHER
    assert code(client.assume_role, RoleArn=own, RoleSessionName="s1") == "AccessDenied"


def test_what_a_session_makes_is_its_accounts(region: LocalRegion) -> None:
    role = make_role(region, trust(ACCOUNT), account=OTHER)
    session(region, assume(user(region), role)["Credentials"]).create_bucket(Bucket="made-there")
    assert [each["Name"] for each in dev(region, OTHER).list_buckets()["Buckets"]] == ["made-there"]
    assert not region.client("s3").list_buckets()["Buckets"]


def test_durations(region: LocalRegion) -> None:
    client, role = user(region), make_role(region, MaxSessionDuration=7200)
    made = assume(client, role, DurationSeconds=7200)["Credentials"]
    assert abs((made["Expiration"] - region.clock.now()).total_seconds() - 7200) < 60
    for seconds in (7201, 43200, 43201, 2**31 - 1):
        assert (
            code(client.assume_role, RoleArn=role, RoleSessionName="s1", DurationSeconds=seconds) == "ValidationError"
        )


def test_session_policies_limit_a_session(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    client, role = user(region), make_role(region)
    answer = assume(client, role, Policy=policy(allow(["s3:GetObject", "iam:*"])))
    assert 0 < answer["PackedPolicySize"] < 100
    limited = session(region, answer["Credentials"])
    assert limited.get_object(Bucket=bucket, Key="k")
    error = refusal(limited.list_buckets)
    assert "because no session policy allows the s3:ListAllMyBuckets action" in error["Message"]
    assert code(session(region, answer["Credentials"], "iam").list_users) == "AccessDenied"


def test_managed_session_policies(region: LocalRegion, bucket: str) -> None:
    client, role = user(region), make_role(region)
    iam = region.client("iam")
    own = iam.create_policy(PolicyName="listing", PolicyDocument=policy(allow("s3:ListAllMyBuckets")))["Policy"]["Arn"]
    more = iam.create_policy(PolicyName="more", PolicyDocument=policy(allow("iam:*")))["Policy"]["Arn"]
    arns = [{"arn": own}, {"arn": more}, {"arn": own}]
    limited = session(region, assume(client, role, PolicyArns=arns)["Credentials"])
    assert limited.list_buckets()
    assert code(limited.list_objects_v2, Bucket=bucket) == "AccessDenied"
    iam.delete_policy(PolicyArn=own)
    assert code(limited.list_buckets) == "AccessDenied"  # what limited it is gone: closed


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": policy({"Effect": "Allow", "Action": "s3:*"})}, "MalformedPolicyDocument"),
        ({"Policy": policy(trust())}, "MalformedPolicyDocument"),
        ({"Policy": policy(allow("s3:*", "arn:aws:s3:::" + "x" * 2048))}, "ValidationError"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/NoSuchPolicyAtAll"}]}, "ValidationError"),
        ({"PolicyArns": [{"arn": f"arn:aws:iam::{OTHER}:policy/listing"}]}, "ValidationError"),
        ({"PolicyArns": [{"arn": "listing-listing-listing"}]}, "ValidationError"),
        (
            {"PolicyArns": [{"arn": f"arn:aws:iam::aws:policy/Policy{number}"} for number in range(11)]},
            "ValidationError",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_session_policies_that_are_none(region: LocalRegion, given: Any, expected: str) -> None:
    client, role = user(region), make_role(region)
    assert code(client.assume_role, RoleArn=role, RoleSessionName="s1", **given) == expected


def pairs(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_session_tags(region: LocalRegion, bucket: str) -> None:
    """Tags need sts:TagSession of the caller and of the trust policy; they override the role's."""
    role = make_role(region, trust(ACCOUNT, TAGGING), may="s3:ListBucket", Tags=pairs(Team="none"))
    named = allow("s3:ListAllMyBuckets", StringEquals={"aws:PrincipalTag/team": "blue"})
    region.client("iam").put_role_policy(RoleName="worker", PolicyName="may", PolicyDocument=policy(named))
    client = user(region, allow("sts:AssumeRole"))
    given = {"RoleArn": role, "RoleSessionName": "s1", "Tags": pairs(team="blue")}
    error = refusal(client.assume_role, **given)
    assert (error["Code"], "sts:TagSession" in error["Message"]) == ("AccessDenied", True)
    permit(region, allow(TAGGING, role, StringEquals={"aws:RequestTag/Team": "blue"}))
    answer = client.assume_role(**given)
    assert answer["PackedPolicySize"] > 0
    assert session(region, answer["Credentials"]).list_buckets()
    assert code(client.assume_role, **{**given, "Tags": pairs(team="red")}) == "AccessDenied"


def test_a_trust_policy_that_does_not_let_tags_in(region: LocalRegion) -> None:
    role = make_role(region)
    given = {"RoleArn": role, "RoleSessionName": "s1", "Tags": pairs(team="blue")}
    assert code(user(region).assume_role, **given) == "AccessDenied"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Tags": pairs(a="1", A="2")}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "InvalidParameterValue"),
        ({"Tags": pairs(a="1"), "TransitiveTagKeys": ["b"]}, "InvalidParameterValue"),
        ({"Tags": pairs(**{f"k{n}": "" for n in range(51)})}, "ValidationError"),
        ({"Tags": pairs(a="x" * 257)}, "ValidationError"),
        ({"Tags": pairs(**{"k" * 129: "x"})}, "ValidationError"),
        ({"Tags": pairs(a="<script>")}, "ValidationError"),
        (
            {"Tags": pairs(**{sha512(bytes([n])).hexdigest(): sha512(bytes([n, n])).hexdigest() for n in range(50)})},
            "PackedPolicyTooLarge",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_tags_that_are_none(region: LocalRegion, given: Any, expected: str) -> None:
    client, role = user(region), make_role(region, trust(ACCOUNT, TAGGING))
    assert code(client.assume_role, RoleArn=role, RoleSessionName="s1", **given) == expected


def test_a_chain_passes_on_transitive_tags_and_the_source_identity(region: LocalRegion) -> None:
    every = [*TAGGING, "sts:SetSourceIdentity"]
    first = make_role(region, trust(ACCOUNT, every), may="sts:*", MaxSessionDuration=7200)
    conditions = {"StringEquals": {"sts:SourceIdentity": "ann", "aws:PrincipalTag/team": "blue"}}
    second = make_role(region, trust(ACCOUNT, every, **conditions), may="s3:*", name="second", MaxSessionDuration=7200)
    tags = {"Tags": pairs(team="blue", other="x"), "TransitiveTagKeys": ["Team"]}
    answer = assume(user(region), first, SourceIdentity="ann", **tags)
    assert answer["SourceIdentity"] == "ann"
    chained = session(region, answer["Credentials"], "sts")
    next_one = assume(chained, second)
    assert next_one["SourceIdentity"] == "ann"
    made = region.identities.find  # what the second session says of itself
    with region.region.store.snapshot() as tx:
        found = made(
            tx, next_one["Credentials"]["AccessKeyId"], next_one["Credentials"]["SessionToken"], region.clock.now()
        )
    assert found is not None
    assert found.session is not None
    assert (found.session.tags, found.session.transitive, found.session.chained) == ({"team": "blue"}, ("team",), True)
    given = {"RoleArn": second, "RoleSessionName": "s1"}
    assert code(chained.assume_role, **given, Tags=pairs(TEAM="red")) == "InvalidParameterValue"
    assert code(chained.assume_role, **given, SourceIdentity="bob") == "AccessDenied"
    assert code(chained.assume_role, **given, DurationSeconds=3601) == "ValidationError"


def test_a_source_identity_needs_a_permission(region: LocalRegion) -> None:
    role = make_role(region)
    client = user(region)
    assert code(client.assume_role, RoleArn=role, RoleSessionName="s1", SourceIdentity="ann") == "AccessDenied"
    role = make_role(region, trust(ACCOUNT, ["sts:AssumeRole", "sts:SetSourceIdentity"]), name="other")
    permit(region, allow("sts:AssumeRole"))
    assert code(client.assume_role, RoleArn=role, RoleSessionName="s1", SourceIdentity="ann") == "AccessDenied"


def test_a_chain_needs_the_source_identity_let_in(region: LocalRegion) -> None:
    first = make_role(region, trust(ACCOUNT, ["sts:AssumeRole", "sts:SetSourceIdentity"]), may="sts:*")
    second = make_role(region, name="second")
    chained = session(region, assume(user(region), first, SourceIdentity="ann")["Credentials"], "sts")
    assert code(chained.assume_role, RoleArn=second, RoleSessionName="s1") == "AccessDenied"


def test_a_named_role_is_trusted_in_every_session(region: LocalRegion) -> None:
    first = make_role(region, may="s3:*")
    second = make_role(region, trust(first), name="second")
    chained = session(region, assume(user(region), first)["Credentials"], "sts")
    assert assume(chained, second)
    region.client("iam").delete_role_policy(RoleName="worker", PolicyName="may")
    region.client("iam").delete_role(RoleName="worker")
    again = make_role(region, may="s3:*")  # a namesake is not the role that was trusted
    namesake = session(region, assume(user(region, name="bob"), again)["Credentials"], "sts")
    assert code(namesake.assume_role, RoleArn=second, RoleSessionName="s1") == "AccessDenied"


def test_the_calls_that_make_and_use_sessions_do_not_write_their_secrets_down(region: LocalRegion) -> None:
    made = assume(user(region), make_role(region))["Credentials"]
    session(region, made, "sts").get_caller_identity()
    region.run(nothing())
    files = b"".join(path.read_bytes() for path in region.directory.glob("state.db*"))
    said = files + b"".join(region.lines)
    for secret in (made["SecretAccessKey"], made["SessionToken"]):
        assert secret.encode() not in said


async def nothing() -> None:
    """A turn of the region's loop."""


def test_a_session_in_the_past_of_its_clock(region: LocalRegion) -> None:
    """A session ends by the region's clock, at its second."""
    made = assume(user(region), make_role(region), DurationSeconds=900)["Credentials"]
    region.clock.advance(timedelta(seconds=880))
    assert session(region, made, "sts").get_caller_identity()
    region.clock.advance(timedelta(seconds=21))
    error = refusal(session(region, made, "sts").get_caller_identity)
    assert (error["Code"], error["Status"]) == ("ExpiredToken", 403)
    assert code(session(region, made, "s3").list_buckets) == "ExpiredToken"
