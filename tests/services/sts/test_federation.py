"""GetFederationToken.

Source: STS API Reference, GetFederationToken; IAM User Guide, "Permissions for GetFederationToken".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, permit, refusal
from services.sts.made import assume, make_role, policy, session, user
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

READS = policy(allow(["s3:ListAllMyBuckets", "iam:ListUsers", "sts:AssumeRole"]))


def test_a_federated_user_can_do_what_both_allow(region: LocalRegion, bucket: str) -> None:
    client = user(region, allow(["s3:*", "sts:*", "iam:*"]))
    answer = client.get_federation_token(Name="app-1", Policy=READS)
    told = answer["FederatedUser"]
    assert told == {
        "FederatedUserId": f"{ACCOUNT}:app-1",
        "Arn": f"arn:aws:sts::{ACCOUNT}:federated-user/app-1",
    }
    assert answer["PackedPolicySize"] > 0
    credentials = answer["Credentials"]
    identity = session(region, credentials, "sts").get_caller_identity()
    assert (identity["Arn"], identity["UserId"]) == (told["Arn"], told["FederatedUserId"])
    assert session(region, credentials).list_buckets()
    assert code(session(region, credentials).list_objects_v2, Bucket=bucket) == "AccessDenied"
    permit(region, allow("sts:*"))
    assert code(session(region, credentials).list_buckets) == "AccessDenied"


def test_it_calls_neither_iam_nor_sts(region: LocalRegion) -> None:
    client = user(region, allow("*"))
    credentials = client.get_federation_token(Name="app", Policy=policy(allow("*")))["Credentials"]
    assert session(region, credentials).list_buckets()
    assert code(session(region, credentials, "iam").list_users) == "AccessDenied"
    sts = session(region, credentials, "sts")
    assert code(sts.assume_role, RoleArn=make_role(region), RoleSessionName="s1") == "AccessDenied"
    assert code(sts.get_session_token) == "AccessDenied"
    assert code(sts.get_federation_token, Name="more") == "AccessDenied"


def test_without_a_policy_it_can_do_nothing_by_itself(region: LocalRegion) -> None:
    answer = user(region, allow("*")).get_federation_token(Name="app")
    assert "PackedPolicySize" not in answer
    assert code(session(region, answer["Credentials"]).list_buckets) == "AccessDenied"


def test_a_roots_federated_user(region: LocalRegion, bucket: str) -> None:
    answer = region.client("sts").get_federation_token(Name="app", Policy=READS, DurationSeconds=43200)
    assert session(region, answer["Credentials"]).list_buckets()
    assert code(session(region, answer["Credentials"]).list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert abs((answer["Credentials"]["Expiration"] - region.clock.now()).total_seconds() - 3600) < 60


def test_the_permission_is_on_the_federated_user(region: LocalRegion) -> None:
    client = user(region, allow("sts:GetFederationToken", f"arn:aws:sts::{ACCOUNT}:federated-user/${{aws:username}}-*"))
    assert client.get_federation_token(Name="ann-1")
    error = refusal(client.get_federation_token, Name="bob-1")
    assert f"sts:GetFederationToken on resource: arn:aws:sts::{ACCOUNT}:federated-user/bob-1" in error["Message"]


def test_tags(region: LocalRegion) -> None:
    client = user(region, allow("sts:GetFederationToken"), allow("s3:*", StringEquals={"aws:PrincipalTag/team": "x"}))
    tags = [{"Key": "team", "Value": "x"}]
    assert code(client.get_federation_token, Name="app", Tags=tags) == "AccessDenied"
    permit(region, allow("sts:*"), allow("s3:*", StringEquals={"aws:PrincipalTag/team": "x"}))
    answer = client.get_federation_token(Name="app", Tags=tags, Policy=READS)
    assert session(region, answer["Credentials"]).list_buckets()
    other = client.get_federation_token(Name="app", Policy=READS)
    assert code(session(region, other["Credentials"]).list_buckets) == "AccessDenied"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Name": "a" * 33}, "ValidationError"),
        ({"Name": "a b"}, "ValidationError"),
        ({"Name": "app", "DurationSeconds": 129601}, "ValidationError"),
        ({"Name": "app", "Policy": "[]"}, "MalformedPolicyDocument"),
        ({"Name": "app", "Policy": "x" * 2049}, "ValidationError"),
        ({"Name": "app", "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/None-such"}]}, "ValidationError"),
    ],
    ids=str,
)
def test_what_it_does_not_take(region: LocalRegion, given: Any, expected: str) -> None:
    assert code(user(region).get_federation_token, **given) == expected


def test_sessions_cannot_federate(region: LocalRegion) -> None:
    client = session(region, assume(user(region), make_role(region, may="*"))["Credentials"], "sts")
    error = refusal(client.get_federation_token, Name="app")
    assert (error["Code"], error["Message"]) == (
        "AccessDenied",
        "Cannot call GetFederationToken with session credentials",
    )


def test_the_user_who_made_it_is_deleted(region: LocalRegion) -> None:
    client = user(region, allow("*"))
    credentials = client.get_federation_token(Name="app", Policy=READS)["Credentials"]
    iam = region.client("iam")
    iam.delete_user_policy(UserName="ann", PolicyName="only")
    for key in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="ann")
    assert code(session(region, credentials, "sts").get_caller_identity) == "InvalidClientTokenId"
