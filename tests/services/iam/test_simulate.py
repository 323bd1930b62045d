"""SimulateCustomPolicy, SimulatePrincipalPolicy, GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.core.errors import AwsError
from fogbank.services.iam.policy_sources import context_keys, grants, positions
from fogbank.services.iam.simulation import context_of
from services.helpers import allow, code
from services.iam.made import document, put_group, put_inline, put_policy, put_role
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
OBJECT = "arn:aws:s3:::bucket/k"
# AWS CLI Command Reference, simulate-custom-policy, Example 1: the policy, and what is told of it.
EXAMPLE = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
    '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root, and a user ann."""
    client = region.client("iam", parameter_validation=False)
    client.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "red"}])
    return client


def entry(name: str, *values: str, kind: str = "string") -> dict[str, Any]:
    return {"ContextKeyName": name, "ContextKeyValues": list(values), "ContextKeyType": kind}


def custom(iam: Any, *policies: str, **more: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"ActionNames": ["s3:GetObject"], "ResourceArns": [OBJECT], **more}
    return list(iam.simulate_custom_policy(PolicyInputList=list(policies), **given)["EvaluationResults"])


def test_the_example_of_the_documentation(iam: Any) -> None:
    given = {"PolicyInputList": [EXAMPLE], "ActionNames": ["dynamodb:CreateBackup"]}
    late = [entry("aws:CurrentTime", "2019-04-25T11:00:00Z", kind="date")]
    (found,) = iam.simulate_custom_policy(**given, ContextEntries=late)["EvaluationResults"]
    (statement,) = found.pop("MatchedStatements")
    assert found == {
        "EvalActionName": "dynamodb:CreateBackup",
        "EvalResourceName": "*",
        "EvalDecision": "allowed",
        "MissingContextValues": [],
    }
    assert statement["SourcePolicyId"] == "PolicyInputList.1"
    assert statement["StartPosition"] == {"Line": 1, "Column": 38}
    assert statement["EndPosition"] == {"Line": 1, "Column": 167}
    early = [entry("aws:CurrentTime", "2014-04-25T11:00:00Z", kind="date")]
    (found,) = iam.simulate_custom_policy(**given, ContextEntries=early)["EvaluationResults"]
    assert (found["EvalDecision"], found["MatchedStatements"]) == ("implicitDeny", [])


def test_an_explicit_deny_is_the_only_match(iam: Any) -> None:
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": OBJECT}
    (found,) = custom(iam, document(allow("*")), document(allow("s3:*"), deny))
    assert found["EvalDecision"] == "explicitDeny"
    assert [each["SourcePolicyId"] for each in found["MatchedStatements"]] == ["PolicyInputList.2"]
    assert found["ResourceSpecificResults"][0]["EvalResourceDecision"] == "explicitDeny"


def test_actions_times_resources_in_pages(iam: Any) -> None:
    given = {"ActionNames": ["s3:GetObject", "s3:PutObject"], "ResourceArns": [OBJECT, "arn:aws:s3:::other/k"]}
    policy = document(allow("s3:GetObject", OBJECT))
    first = iam.simulate_custom_policy(PolicyInputList=[policy], **given, MaxItems=3)
    rest = iam.simulate_custom_policy(PolicyInputList=[policy], **given, Marker=first["Marker"])
    found = [*first["EvaluationResults"], *rest["EvaluationResults"]]
    assert (first["IsTruncated"], rest["IsTruncated"], len(found)) == (True, False, 4)
    assert [each["EvalDecision"] for each in found] == ["allowed", "implicitDeny", "implicitDeny", "implicitDeny"]


def test_missing_context_values_are_as_the_policy_writes_them(iam: Any) -> None:
    policy = document(allow("s3:*", StringEquals={"aws:PrincipalTag/Team": "red"}))
    (found,) = custom(iam, policy)
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("implicitDeny", ["aws:PrincipalTag/Team"])
    (found,) = custom(iam, policy, ContextEntries=[entry("aws:principaltag/team", "red")])
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("allowed", [])


def test_boundaries_and_service_control(iam: Any) -> None:
    everything, little = document(allow("*")), document(allow("s3:ListBucket"))
    (found,) = custom(iam, everything, PermissionsBoundaryPolicyInputList=[little])
    assert found["EvalDecision"] == "implicitDeny"
    assert found["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    (found,) = custom(iam, everything, PermissionsBoundaryPolicyInputList=[everything])
    assert found["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    levels = [{"ServiceControlPolicyInputList": [everything]}, {"ServiceControlPolicyInputList": [little]}]
    (found,) = custom(iam, everything, OrderedOrganizationPolicyInputList=levels)
    assert found["EvalDecision"] == "implicitDeny"
    assert found["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}


def test_resource_policies_and_other_accounts(iam: Any) -> None:
    grant = {"Effect": "Allow", "Principal": {"AWS": ANN}, "Action": "s3:GetObject", "Resource": OBJECT}
    given: dict[str, Any] = {"ResourcePolicy": document(grant), "CallerArn": ANN}
    (found,) = custom(iam, document(allow("sqs:*")), **given)
    assert found["EvalDecision"] == "allowed"
    assert [each["SourcePolicyType"] for each in found["MatchedStatements"]] == ["resource"]
    given["ResourceOwner"] = "arn:aws:iam::111122223333:root"
    (found,) = custom(iam, document(allow("sqs:*")), **given)
    assert found["EvalDecision"] == "implicitDeny"
    assert found["EvalDecisionDetails"] == {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}
    (found,) = custom(iam, document(allow("s3:*")), **given)
    assert found["EvalDecision"] == "allowed"
    del given["CallerArn"]
    with pytest.raises(Exception, match="CallerArn is required"):
        custom(iam, document(allow("s3:*")), **given)


def test_simulate_principal_policy(region: LocalRegion, iam: Any) -> None:
    put_group(region, "g", "ann")
    put_inline(region, "group", "g", "of-group", document(allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username}")))
    managed = put_policy(
        region,
        "managed",
        document(allow("s3:PutObject", StringEquals={"aws:PrincipalTag/team": "red"})),
        ("user", "ann"),
    )
    given = {"PolicySourceArn": ANN, "ActionNames": ["s3:GetObject", "s3:PutObject"]}
    found = iam.simulate_principal_policy(**given, ResourceArns=["arn:aws:s3:::bucket/ann"])["EvaluationResults"]
    assert [each["EvalDecision"] for each in found] == ["allowed", "allowed"]
    sources = [(each["SourcePolicyId"], each["SourcePolicyType"]) for one in found for each in one["MatchedStatements"]]
    assert sources == [("of-group", "group"), (managed.rpartition("/")[2], "user-managed")]
    more = document({"Effect": "Deny", "Action": "*", "Resource": "*"})
    found = iam.simulate_principal_policy(**given, PolicyInputList=[more])["EvaluationResults"]
    assert [each["EvalDecision"] for each in found] == ["explicitDeny", "explicitDeny"]


def test_a_roles_boundary_counts(region: LocalRegion, iam: Any) -> None:
    boundary = put_policy(region, "boundary", document(allow("s3:*")))
    role = put_role(region, "r", boundary=boundary)
    put_inline(region, "role", "r", "all", document(allow("*")))
    found = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["s3:GetObject", "sqs:SendMessage"])
    decided = [(each["EvalDecision"], each["PermissionsBoundaryDecisionDetail"]) for each in found["EvaluationResults"]]
    assert decided == [
        ("allowed", {"AllowedByPermissionsBoundary": True}),
        ("implicitDeny", {"AllowedByPermissionsBoundary": False}),
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"ActionNames": ["s3:Get*"]}, "InvalidInput"),
        ({"ActionNames": ["GetObject"]}, "InvalidInput"),
        ({"ActionNames": ["a"]}, "ValidationError"),
        ({"PolicyInputList": ["{"]}, "InvalidInput"),
        ({"PolicyInputList": [document({"Effect": "Allow", "Action": "s3:*"})]}, "InvalidInput"),
        ({"ResourcePolicy": "[]", "CallerArn": ANN}, "InvalidInput"),
        ({"ResourcePolicy": EXAMPLE, "CallerArn": ANN}, "InvalidInput"),
        ({"CallerArn": f"arn:aws:iam::{ACCOUNT}:role/r"}, "InvalidInput"),
        ({"ResourceOwner": ACCOUNT}, "InvalidInput"),
        ({"ContextEntries": [entry("aws:CurrentTime", "soon", kind="date")]}, "InvalidInput"),
        ({"ContextEntries": [entry("aws:SourceIp", "1.2.3", kind="ip")]}, "InvalidInput"),
        ({"ContextEntries": [entry("s3:max-keys", "many", kind="numeric")]}, "InvalidInput"),
        ({"ContextEntries": [entry("aws:SecureTransport", "yes", kind="boolean")]}, "InvalidInput"),
        ({"ContextEntries": [entry("aws:username", "a", "b")]}, "InvalidInput"),
        ({"ContextEntries": [{"ContextKeyName": "aws:username"}]}, "InvalidInput"),
        ({"Marker": "nonsense"}, "ValidationError"),
        ({"ResourceHandlingOption": "EC2-VPC-EBS"}, "NotImplemented"),
    ],
    ids=range(17),
)
def test_what_cannot_be_simulated(iam: Any, change: dict[str, Any], error: str) -> None:
    given = {"PolicyInputList": [EXAMPLE], "ActionNames": ["s3:GetObject"], **change}
    assert code(iam.simulate_custom_policy, **given) == error


@pytest.mark.parametrize(
    ("arn", "error"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/eve", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:user/ANN", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:user/path/ann", "NoSuchEntity"),
        ("arn:aws:iam::111122223333:user/ann", "NoSuchEntity"),
        (f"arn:aws:iam::{ACCOUNT}:root", "InvalidInput"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", "InvalidInput"),
        ("x" * 20, "InvalidInput"),
    ],
)
def test_sources_that_are_not_there(iam: Any, arn: str, error: str) -> None:
    assert code(iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["s3:GetObject"]) == error
    assert code(iam.get_context_keys_for_principal_policy, PolicySourceArn=arn) == error


def test_context_keys(region: LocalRegion, iam: Any) -> None:
    """GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy."""
    policy = document(
        allow("s3:*", "arn:aws:s3:::b/${aws:username}/*", StringLike={"s3:prefix": "${aws:PrincipalTag/team, 'none'}"}),
        allow("s3:*", Bool={"aws:SecureTransport": "true"}),
    )
    names = ["aws:PrincipalTag/team", "aws:SecureTransport", "aws:username", "s3:prefix"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[policy])["ContextKeyNames"] == names
    put_inline(region, "user", "ann", "p", policy)
    more = document(allow("s3:*", IpAddress={"aws:sourceIp": "1.2.3.4", "AWS:SourceIp": "1.2.3.4"}))
    found = iam.get_context_keys_for_principal_policy(PolicySourceArn=ANN, PolicyInputList=[more])
    assert [each.lower() for each in found["ContextKeyNames"]] == sorted(
        each.lower() for each in [*names, "aws:SourceIp"]
    )
    assert code(iam.get_context_keys_for_custom_policy, PolicyInputList=["{}"]) == "InvalidInput"


def test_positions_in_lists_and_lines() -> None:
    text = '{\n "Id": "Statement",\n "Statement": [\n  {"Effect": "Allow", "Sid": "{[\\"",\n   "Condition": {}},\n  {}\n ]\n}'
    found = [(text[start - 1 : end][:2], text[end - 1]) for start, end in positions(text)]
    assert found == [('{"', "}"), ("{}", "}")]


@pytest.mark.parametrize(
    ("statement", "granted"),
    [
        ({"Action": "s3:GetObject"}, True),
        ({"Action": ["sqs:*", "S3:*"]}, True),
        ({"Action": "*"}, True),
        ({"Action": "s*:Get*"}, True),
        ({"Action": "s3-outposts:*"}, False),
        ({"NotAction": "s3:*"}, False),
        ({"NotAction": "s3:Put*"}, True),
        ({"NotAction": "iam:*"}, True),
        ({"NotAction": "*"}, False),
        ({"Action": "s3:*", "Effect": "Deny"}, False),
        ({}, False),
    ],
)
def test_which_services_a_policy_grants(statement: dict[str, Any], granted: bool) -> None:
    assert grants(document({"Effect": "Allow", "Resource": "*", **statement}), "s3") is granted


def test_many_results_of_a_long_policy(iam: Any) -> None:
    policy = document(*[allow("s3:*", f"arn:aws:s3:::b{number}/*") for number in range(500)])
    given: dict[str, Any] = {"ActionNames": [f"s3:Get{number}" for number in range(40)], "MaxItems": 1000}
    found = custom(iam, policy, **given, ResourceArns=[f"arn:aws:s3:::b{number}/k" for number in range(20)])
    assert (len(found), {each["EvalDecision"] for each in found}) == (800, {"allowed"})
    assert len({each["MatchedStatements"][0]["StartPosition"]["Column"] for each in found}) == 20
    many = {"ActionNames": ["s3:GetObject"] * 400, "ResourceArns": [OBJECT] * 300}
    assert code(iam.simulate_custom_policy, PolicyInputList=[policy], **many) == "InvalidInput"


context_types = st.sampled_from(["string", "numeric", "boolean", "ip", "date", "binary"]).flatmap(
    lambda kind: st.sampled_from([kind, f"{kind}List"])
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=3), context_types)
def test_any_context_entry_is_taken_or_refused(values: list[str], kind: str) -> None:
    try:
        found = context_of([entry("aws:Key", *values, kind=kind)])
    except AwsError as error:
        if error.code != "InvalidInput":
            raise
    else:
        assert found["aws:key"] == (tuple(values) if kind.endswith("List") else values[0])


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]",:\\\n aStatement$', max_size=80))
def test_any_text_has_keys_and_positions(text: str) -> None:
    assert isinstance(context_keys(text), list)
    assert all(0 <= start <= end <= len(text) for start, end in positions(text))
