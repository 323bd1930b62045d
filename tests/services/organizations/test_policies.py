"""EnablePolicyType, DisablePolicyType, CreatePolicy, UpdatePolicy, DeletePolicy, DescribePolicy, ListPolicies, AttachPolicy,
DetachPolicy, ListPoliciesForTarget, ListTargetsForPolicy, and what service control policies do.

Source: Organizations User Guide, "Service control policies (SCPs)", "SCP evaluation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, permit, refusal, user_client
from services.organizations.made import CONTROL, FULL, deny, document
from services.sts.made import session
from support.region import ACCOUNT

if TYPE_CHECKING:
    from services.organizations.made import House
    from support.region import LocalRegion

NO_S3 = deny("s3:*")


@pytest.fixture
def member(house: House) -> str:
    """An account in the organization."""
    return house.account()


def test_the_life_of_a_policy(house: House, member: str) -> None:
    client = house.client
    given = {"Content": document(NO_S3), "Description": "d", "Name": "n", "Type": CONTROL}
    made = client.create_policy(**given, Tags=[{"Key": "a", "Value": "1"}])["Policy"]
    summary = made["PolicySummary"]
    policy = summary["Id"]
    head = f"arn:aws:organizations::{ACCOUNT}:policy/{house.organization['Id']}/service_control_policy"
    assert summary["Arn"] == f"{head}/{policy}"
    assert (summary["Type"], summary["AwsManaged"], summary["Description"]) == (CONTROL, False, "d")
    assert client.describe_policy(PolicyId=policy)["Policy"] == made
    assert code(client.create_policy, **given) == "DuplicatePolicyException"
    assert [each["Id"] for each in client.list_policies(Filter=CONTROL)["Policies"]] == sorted([FULL, policy])
    house.attach(policy, member)
    assert code(client.attach_policy, PolicyId=policy, TargetId=member) == "DuplicatePolicyAttachmentException"
    attached = client.list_policies_for_target(TargetId=member, Filter=CONTROL)["Policies"]
    assert {each["Id"] for each in attached} == {FULL, policy}
    targets = client.list_targets_for_policy(PolicyId=policy)["Targets"]
    assert [(each["TargetId"], each["Type"], each["Name"]) for each in targets] == [(member, "ACCOUNT", "dev")]
    assert code(client.delete_policy, PolicyId=policy) == "PolicyInUseException"
    renamed = client.update_policy(PolicyId=policy, Name="m", Description="")["Policy"]
    assert (renamed["PolicySummary"]["Name"], renamed["Content"]) == ("m", made["Content"])
    house.detach(policy, member)
    assert code(client.detach_policy, PolicyId=policy, TargetId=member) == "PolicyNotAttachedException"
    client.delete_policy(PolicyId=policy)
    assert code(client.describe_policy, PolicyId=policy) == "PolicyNotFoundException"


def test_a_deny_stops_the_root_and_the_users_of_a_member_at_once(
    region: LocalRegion, house: House, member: str
) -> None:
    iam = house.root_of(member, "iam")
    iam.create_user(UserName="bob")
    iam.put_user_policy(UserName="bob", PolicyName="a", PolicyDocument=document(allow("*")))
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    given = house.root_of(member, "sts").get_session_token()["Credentials"]
    clients = [
        house.root_of(member, "s3"),
        region.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"]),
        session(region, given),
    ]
    policy = house.policy(NO_S3)
    for place in (member, house.root):
        assert all(client.list_buckets() for client in clients)
        house.attach(policy, place)
        for client in clients:
            error = refusal(client.list_buckets)
            assert error["Code"] == "AccessDenied"
            assert "with an explicit deny in a service control policy" in error["Message"]
        house.detach(policy, place)
    house.attach(policy, member)
    house.client.update_policy(PolicyId=policy, Content=document(deny("ec2:*")))
    assert all(client.list_buckets() for client in clients)


def test_the_management_account_is_never_limited(region: LocalRegion, house: House) -> None:
    for place in (house.root, ACCOUNT):
        policy = house.policy(NO_S3, name=place)
        house.attach(policy, place)
    assert region.client("s3").list_buckets()


def test_every_level_has_to_allow(house: House, member: str) -> None:
    """Allows are not inherited: root, each unit and the account need one; a deny anywhere counts."""
    outer = house.unit("outer")
    inner = house.unit("inner", outer)
    house.move(member, inner)
    s3 = house.root_of(member, "s3")
    assert s3.list_buckets()
    only_iam = house.policy(allow("iam:*"), name="iam")
    only_s3 = house.policy(allow("s3:*"), name="s3")
    for place in (house.root, outer, inner, member):
        house.attach(only_iam, place)
        house.detach(FULL, place)
        assert "no service control policy allows" in refusal(s3.list_buckets)["Message"]
        house.attach(only_s3, place)
        assert s3.list_buckets()
    no = house.policy(NO_S3)
    house.attach(no, outer)
    assert code(s3.list_buckets) == "AccessDenied"
    house.move(member, house.root)
    assert s3.list_buckets()


def test_conditions_and_resources(house: House, member: str) -> None:
    conditions = {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1"]}}
    house.attach(house.policy(deny("s3:CreateBucket", **conditions)), member)
    s3 = house.root_of(member, "s3")
    s3.create_bucket(Bucket="here")
    key, secret = house.keys[member]
    elsewhere = house.region.client("s3", key=key, secret=secret, region="eu-west-1")
    there = {"LocationConstraint": "eu-west-1"}
    assert code(elsewhere.create_bucket, Bucket="there", CreateBucketConfiguration=there) == "AccessDenied"


def test_out_of_force(house: House, member: str) -> None:
    s3 = house.root_of(member, "s3")
    policy = house.policy(NO_S3)
    house.attach(policy, member)
    assert code(s3.list_buckets) == "AccessDenied"
    given = {"RootId": house.root, "PolicyType": CONTROL}
    assert code(house.client.enable_policy_type, **given) == "PolicyTypeAlreadyEnabledException"
    assert house.client.disable_policy_type(**given)["Root"]["PolicyTypes"] == []
    assert s3.list_buckets()
    assert code(house.client.disable_policy_type, **given) == "PolicyTypeNotEnabledException"
    assert code(house.client.attach_policy, PolicyId=policy, TargetId=member) == "PolicyTypeNotEnabledException"
    told = house.client.enable_policy_type(**given)["Root"]
    assert told["PolicyTypes"] == [{"Type": CONTROL, "Status": "ENABLED"}]
    assert s3.list_buckets()  # what was attached is not any more
    other = {"RootId": house.root, "PolicyType": "TAG_POLICY"}
    assert code(house.client.enable_policy_type, **other) == "NotImplemented"
    assert code(house.client.enable_policy_type, RootId="r-none", PolicyType=CONTROL) == "RootNotFoundException"


def test_leaving_leaves_control(house: House, member: str) -> None:
    house.attach(house.policy(NO_S3), house.root)
    s3 = house.root_of(member, "s3")
    assert code(s3.list_buckets) == "AccessDenied"
    house.client.remove_account_from_organization(AccountId=member)
    assert s3.list_buckets()


def test_limits_of_attaching(house: House, member: str) -> None:
    error = refusal(house.client.detach_policy, PolicyId=FULL, TargetId=member)
    assert (error["Code"], error["Status"]) == ("ConstraintViolationException", 400)
    policies = [house.policy(NO_S3, name=f"p{number}") for number in range(5)]
    for policy in policies[:4]:
        house.attach(policy, member)
    assert code(house.client.attach_policy, PolicyId=policies[4], TargetId=member) == "ConstraintViolationException"
    assert code(house.client.attach_policy, PolicyId=policies[4], TargetId="444455556666") == "TargetNotFoundException"
    assert code(house.client.attach_policy, PolicyId="p-" + "a" * 8, TargetId=member) == "PolicyNotFoundException"
    assert code(house.client.list_policies_for_target, TargetId="r-none", Filter=CONTROL) == "TargetNotFoundException"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "MalformedPolicyDocumentException"),
        (document(), "MalformedPolicyDocumentException"),
        (document({"Effect": "Deny", "Action": "s3:*"}), "MalformedPolicyDocumentException"),
        (document({**NO_S3, "Principal": "*"}), "MalformedPolicyDocumentException"),
        (document({**NO_S3, "Sid": "x" * 5120}), "ConstraintViolationException"),
    ],
    ids=["JSON", "empty", "no resource", "principal", "long"],
)
def test_policies_that_are_none(house: House, content: str, expected: str) -> None:
    given: dict[str, Any] = {"Description": "", "Name": "n", "Type": CONTROL}
    assert code(house.client.create_policy, Content=content, **given) == expected
    policy = house.policy(NO_S3)
    assert code(house.client.update_policy, PolicyId=policy, Content=content) == expected
    other = {**given, "Type": "TAG_POLICY"}
    assert code(house.client.create_policy, Content="{}", **other) == "NotImplemented"


def test_the_policy_of_aws_stays_as_it_is(house: House) -> None:
    told = house.client.describe_policy(PolicyId=FULL)["Policy"]["PolicySummary"]
    assert told["Arn"] == f"arn:aws:organizations::aws:policy/service_control_policy/{FULL}"
    assert told["AwsManaged"]
    assert code(house.client.update_policy, PolicyId=FULL, Name="x") == "InvalidInputException"
    assert code(house.client.delete_policy, PolicyId=FULL) == "InvalidInputException"
    targets = house.client.list_targets_for_policy(PolicyId=FULL)["Targets"]
    assert {each["TargetId"] for each in targets} == {house.root, ACCOUNT}


def test_the_type_of_policy_is_a_condition(region: LocalRegion, house: House) -> None:
    client = user_client(region, "organizations")
    policy = house.policy(NO_S3)
    for kind, expected in (("TAG_POLICY", "AccessDeniedException"), (CONTROL, "")):
        permit(region, allow("organizations:*", StringEquals={"organizations:PolicyType": kind}))
        if expected:
            assert code(client.describe_policy, PolicyId=policy) == expected
            assert code(client.list_policies, Filter=CONTROL) == expected
        else:
            client.attach_policy(PolicyId=policy, TargetId=house.root)
            assert client.list_policies(Filter=CONTROL)
