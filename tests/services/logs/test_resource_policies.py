"""PutResourcePolicy, DescribeResourcePolicies, DeleteResourcePolicy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.errors import AwsError
from fogbank.core.principal import service_of
from services.helpers import code, refusal
from services.logs.made import GROUP, STREAM, events, filtered, make, now_of

if TYPE_CHECKING:
    from support.region import LocalRegion

ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
RULE = "arn:aws:events:us-east-1:123456789012:rule/r"


def document(action: Any = "logs:PutLogEvents", resource: str = ARN + ":*", **more: Any) -> str:
    """A policy that lets EventBridge do something."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        **more,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def service_puts(region: LocalRegion, message: str = "from a service") -> str:
    """EventBridge puts an event; the code of its refusal, empty for none."""
    principal = service_of("events.amazonaws.com", "123456789012", RULE)
    req = {"logGroupName": GROUP, "logStreamName": STREAM, "logEvents": events(message, at=now_of(region))}
    try:
        region.run(region.background.invoke(principal, "logs", "PutLogEvents", req))
    except AwsError as error:
        return error.code
    return ""


def test_policies_are_kept_told_and_forgotten(region: LocalRegion, logs: Any) -> None:
    made = logs.put_resource_policy(policyName="p", policyDocument=document())["resourcePolicy"]
    assert made["policyName"] == "p"
    assert made["policyDocument"] == document()
    assert made["policyScope"] == "ACCOUNT"
    assert made["lastUpdatedTime"] <= now_of(region)
    assert logs.describe_resource_policies()["resourcePolicies"] == [made]
    logs.delete_resource_policy(policyName="p")
    assert logs.describe_resource_policies()["resourcePolicies"] == []
    assert code(logs.delete_resource_policy, policyName="p") == "ResourceNotFoundException"


def test_a_service_may_what_a_policy_says(region: LocalRegion, logs: Any) -> None:
    make(logs)
    assert service_puts(region) == "AccessDeniedException"
    logs.put_resource_policy(policyName="p", policyDocument=document())
    assert service_puts(region) == ""
    assert filtered(logs) == ["from a service"]


@pytest.mark.parametrize(
    "given",
    [
        document(resource=ARN + "other:*"),
        document(action="logs:CreateLogStream"),
        document(Effect="Deny"),
        document(Principal={"Service": "s3.amazonaws.com"}),
        document(Condition={"ArnEquals": {"aws:SourceArn": RULE + "2"}}),
        document(Condition={"StringEquals": {"aws:SourceAccount": "111122223333"}}),
    ],
)
def test_a_service_may_nothing_else(region: LocalRegion, logs: Any, given: str) -> None:
    make(logs)
    logs.put_resource_policy(policyName="p", policyDocument=given)
    assert service_puts(region) == "AccessDeniedException"


def test_conditions_on_the_source_hold(region: LocalRegion, logs: Any) -> None:
    make(logs)
    condition = {"ArnLike": {"aws:SourceArn": RULE}, "StringEquals": {"aws:SourceAccount": "123456789012"}}
    logs.put_resource_policy(policyName="p", policyDocument=document(Condition=condition))
    assert service_puts(region) == ""


def test_several_policies_hold_together(region: LocalRegion, logs: Any) -> None:
    make(logs)
    logs.put_resource_policy(policyName="allow", policyDocument=document())
    logs.put_resource_policy(policyName="deny", policyDocument=document(Effect="Deny"))
    assert service_puts(region) == "AccessDeniedException"
    logs.delete_resource_policy(policyName="deny")
    assert service_puts(region) == ""


def test_a_group_has_a_policy_of_its_own(region: LocalRegion, logs: Any) -> None:
    make(logs)
    made = logs.put_resource_policy(resourceArn=ARN, policyDocument=document())
    assert made["resourcePolicy"]["policyScope"] == "RESOURCE"
    assert made["resourcePolicy"]["resourceArn"] == ARN
    assert logs.describe_resource_policies()["resourcePolicies"] == []
    assert logs.describe_resource_policies(policyScope="RESOURCE")["resourcePolicies"] == [made["resourcePolicy"]]
    assert logs.describe_resource_policies(resourceArn=ARN)["resourcePolicies"] == [made["resourcePolicy"]]
    assert service_puts(region) == ""
    logs.delete_log_group(logGroupName=GROUP)
    make(logs)
    assert service_puts(region) == "AccessDeniedException"


def test_a_groups_policy_is_changed_by_who_knows_it(logs: Any) -> None:
    make(logs)
    first = logs.put_resource_policy(resourceArn=ARN, policyDocument=document())["revisionId"]
    again = {"resourceArn": ARN, "policyDocument": document()}
    assert code(logs.put_resource_policy, **again) == "OperationAbortedException"
    assert code(logs.put_resource_policy, **again, expectedRevisionId="other") == "OperationAbortedException"
    second = logs.put_resource_policy(**again, expectedRevisionId=first)["revisionId"]
    assert code(logs.delete_resource_policy, resourceArn=ARN, expectedRevisionId=first) == "OperationAbortedException"
    logs.delete_resource_policy(resourceArn=ARN, expectedRevisionId=second)


def test_an_account_has_ten_policies(logs: Any) -> None:
    for number in range(10):
        logs.put_resource_policy(policyName=f"p{number}", policyDocument=document())
    found = refusal(logs.put_resource_policy, policyName="one more", policyDocument=document())
    assert (found["Code"], found["Message"]) == ("LimitExceededException", "Resource limit exceeded.")
    logs.put_resource_policy(policyName="p0", policyDocument=document())
    pages = list(page(logs, 4))
    assert [len(each) for each in pages] == [4, 4, 2]


def page(logs: Any, limit: int) -> Any:
    """The policies, page by page."""
    answer = logs.describe_resource_policies(limit=limit)
    yield answer["resourcePolicies"]
    while "nextToken" in answer:
        answer = logs.describe_resource_policies(limit=limit, nextToken=answer["nextToken"])
        yield answer["resourcePolicies"]


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        "[]",
        "{}",
        '{"Version": "2012-10-17"}',
        "x",
        document(Principal="nobody"),
        document().replace("Action", "Actoin"),
    ],
)
def test_documents_that_are_none_are_refused(logs: Any, wrong: str) -> None:
    assert code(logs.put_resource_policy, policyName="p", policyDocument=wrong) == "InvalidParameterException"


def test_a_document_is_bounded(logs: Any) -> None:
    large = document(Sid="x" * 5200)
    assert code(logs.put_resource_policy, policyName="p", policyDocument=large) == "LimitExceededException"
