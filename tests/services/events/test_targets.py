"""Targets: what they may be, and what they are sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.events.made import FUNCTION, HERE, OTHER, QUEUE, SHOP, entry, put, rule
from services.helpers import allow, code, dev, permit, refusal, user_client

if TYPE_CHECKING:
    from services.events.conftest import Inbox
    from support.region import LocalRegion

ROLE = "arn:aws:iam::123456789012:role/r"
BUS = f"{HERE}:event-bus/other"


@pytest.fixture
def made(events: Any, inbox: Inbox) -> Any:
    """A client of a region with a rule without targets."""
    events.put_rule(Name="r", EventPattern=json.dumps(SHOP))
    return events


def target(**more: Any) -> dict[str, Any]:
    """A function as a target."""
    return {"Id": "1", "Arn": FUNCTION, **more}


def wrong(events: Any, **more: Any) -> str:
    """The message of the refusal of a target."""
    error = refusal(events.put_targets, Rule="r", Targets=[target(**more)])
    assert error["Code"] == "ValidationException"
    return str(error["Message"])


def transformer(template: str, **paths: str) -> dict[str, Any]:
    """A transformer; in names of variables `_` stands for itself."""
    return {"InputTransformer": {"InputTemplate": template, "InputPathsMap": paths}}


def test_targets_come_back(made: Any) -> None:
    given = [
        target(
            RetryPolicy={"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}, DeadLetterConfig={"Arn": QUEUE}
        ),
        target(Id="2", Input='{"a": 1}'),
        target(Id="3", InputPath="$.detail"),
        target(Id="4", **transformer("<a>", a="$.detail.a")),
        {"Id": "5", "Arn": BUS, "RoleArn": ROLE},
    ]
    answer = made.put_targets(Rule="r", Targets=given)
    assert (answer["FailedEntryCount"], answer["FailedEntries"]) == (0, [])
    assert made.list_targets_by_rule(Rule="r")["Targets"] == given
    first = made.list_targets_by_rule(Rule="r", Limit=4)
    rest = made.list_targets_by_rule(Rule="r", NextToken=first["NextToken"])
    assert [each["Id"] for each in rest["Targets"]] == ["5"]


def test_a_rule_has_five_targets(made: Any) -> None:
    made.put_targets(Rule="r", Targets=[target(Id=str(number)) for number in range(5)])
    made.put_targets(Rule="r", Targets=[target(Id="4", Input="1")])
    error = refusal(made.put_targets, Rule="r", Targets=[target(Id="5")])
    assert (error["Code"], error["Message"]) == (
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    )
    made.remove_targets(Rule="r", Ids=["0"])
    made.put_targets(Rule="r", Targets=[target(Id="5")])


def test_targets_of_a_rule_that_is_not_there(events: Any, inbox: Inbox) -> None:
    assert code(events.put_targets, Rule="r", Targets=[target()]) == "ResourceNotFoundException"
    assert code(events.remove_targets, Rule="r", Ids=["1"]) == "ResourceNotFoundException"
    assert code(events.list_targets_by_rule, Rule="r") == "ResourceNotFoundException"


def test_whether_a_target_is_there_is_not_asked(made: Any, inbox: Inbox) -> None:
    inbox.there.clear()
    made.put_targets(Rule="r", Targets=[target()])


def test_what_no_target_is(made: Any) -> None:
    bad = "Provided Arn is not in correct format."
    for arn in ("f", FUNCTION.replace("us-east-1", "eu-west-1"), "arn:aws:lambda:::function:f", "arn:" + "a" * 1500):
        assert wrong(made, Arn=arn) == f"Parameter {arn} is not valid. Reason: {bad}"
    assert wrong(made, Input="{") == "Input for target 1 is not a valid JSON text."
    assert wrong(made, Input="[" * 5000) == "Input for target 1 is not a valid JSON text."
    assert wrong(made, Input="1", InputPath="$") == (
        "Only one of Input, InputPath, or InputTransformer must be provided for target 1."
    )
    assert wrong(made, InputPath="detail") == "Invalid JSONPath detail for target 1."
    assert wrong(made, DeadLetterConfig={"Arn": FUNCTION}).endswith(bad)
    assert "not supported" in wrong(made, Arn=BUS, Input="1")
    assert "1 validation error" in wrong(made, RetryPolicy={"MaximumRetryAttempts": 186})
    assert "1 validation error" in wrong(made, RetryPolicy={"MaximumEventAgeInSeconds": 59})
    assert "1 validation error" in wrong(made, Input="1" * 8193)
    assert "1 validation error" in wrong(made, Id="a b")


def test_what_no_transformer_is(made: Any) -> None:
    assert wrong(made, **transformer("<a>")) == "InputTemplate for target 1 contains invalid placeholder a."
    assert "1 validation error" in wrong(made, **transformer("1", **{"aws.events.event": "$.a"}))
    assert wrong(made, **transformer("<a>", a="$.[")) == "Invalid JSONPath $.[ for target 1."
    for template in ("{", '{"a": <a>', "{<a>: 1}", '{"a": <a> <a>}', "[1,]"):
        assert wrong(made, **transformer(template, a="$.a")).startswith("Invalid InputTemplate for target 1 :")
    many = {f"v{number}": "$.a" for number in range(101)}
    assert "1 validation error" in wrong(made, **transformer("1", **many))


@pytest.mark.parametrize(
    "more",
    [
        {"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:m"},
        {"Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"},
        {"Arn": "arn:aws:sns:us-east-1:123456789012:t"},
        {"RoleArn": ROLE},
        {"SqsParameters": {"MessageGroupId": "g"}},
        {"EcsParameters": {"TaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/t"}},
    ],
)
def test_targets_that_nothing_would_come_of_are_refused(made: Any, more: dict[str, Any]) -> None:
    assert code(made.put_targets, Rule="r", Targets=[target(**more)]) == "NotImplemented"
    assert made.list_targets_by_rule(Rule="r")["Targets"] == []


def test_dead_letter_queues_wait_for_queues(region: LocalRegion, events: Any) -> None:
    events.put_rule(Name="r", EventPattern=json.dumps(SHOP))
    given = [{"Id": "1", "Arn": BUS, "DeadLetterConfig": {"Arn": QUEUE}}]
    assert code(events.put_targets, Rule="r", Targets=given) == "NotImplemented"


def test_a_target_with_a_role_needs_permission_to_pass_it(region: LocalRegion, made: Any) -> None:
    client = user_client(region, "events")
    permit(region, allow("events:PutTargets"))
    given = [{"Id": "1", "Arn": BUS, "RoleArn": ROLE}]
    assert code(client.put_targets, Rule="r", Targets=given) == "AccessDeniedException"
    permit(region, allow("events:PutTargets"), allow("iam:PassRole", ROLE))
    client.put_targets(Rule="r", Targets=given)


DETAIL = {"who": 'Ann "A"', "n": 3.50, "list": [{"x": 1}, {"x": 2}], "o": {"k": True}, "no": None, "a/b": "c", "a-b": 1}
TEXT = json.dumps(DETAIL).replace("3.5", "3.50")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"Input": '{"constant": [1, 2]}'}, '{"constant": [1, 2]}'),
        ({"InputPath": "$.detail.list"}, '[{"x":1},{"x":2}]'),
        ({"InputPath": "$.detail.list[1].x"}, "2"),
        ({"InputPath": "$.detail.list[*].x"}, "[1,2]"),
        ({"InputPath": "$.detail['a-b']"}, "1"),
        ({"InputPath": "$.detail.a/b"}, '"c"'),
        ({"InputPath": "$.detail.n"}, "3.50"),
        ({"InputPath": "$.detail.nothing"}, "null"),
        ({"InputPath": "$.detail.list[9].x"}, "null"),
        (transformer('{"a": <a>, "b": "<a> is"}', a="$.detail.who"), r'{"a": "Ann \"A\"", "b": "Ann \"A\" is"}'),
        (transformer('{"n": <n>, "o": <o>, "l": <l>}', n="$.detail.n", o="$.detail.o", l="$.detail.list"),
         '{"n": 3.50, "o": {"k":true}, "l": [{"x":1},{"x":2}]}'),
        (transformer('"<n> of <o>"', n="$.detail.n", o="$.detail.o"), r'"3.50 of {\"k\":true}"'),
        (transformer("<who> paid <n>", who="$.detail.who", n="$.detail.n"), r'"Ann \"A\" paid 3.50"'),
        (transformer('{"gone": <g>, "text": "<g>"}', g="$.detail.nothing"), '{"gone": "", "text": ""}'),
        (transformer('{"null": <g>}', g="$.detail.no"), '{"null": null}'),
        (transformer('{"r": <aws.events.rule-arn>, "n": "<aws.events.rule-name>"}'), f'{{"r": "{HERE}:rule/r", "n": "r"}}'),
        (transformer("<a>", a="$.detail.list[0]"), '{"x":1}'),
    ],
)  # fmt: skip
def test_what_a_target_is_sent(
    region: LocalRegion, made: Any, inbox: Inbox, more: dict[str, Any], expected: str
) -> None:
    made.put_targets(Rule="r", Targets=[target(**more)])
    put(made, entry(Detail=TEXT))
    region.settle()
    ((_, _, message),) = inbox.received
    assert message.decode() == expected


def test_a_part_of_a_large_event(region: LocalRegion, made: Any, inbox: Inbox) -> None:
    made.put_targets(Rule="r", Targets=[target(InputPath="$.detail.list[*].x")])
    put(made, entry(Detail=json.dumps({"list": [{"x": number} for number in range(20_000)]})))
    region.settle()
    region.settle()
    assert inbox.take() == [list(range(20_000))]


def test_several_lines_of_strings(region: LocalRegion, made: Any, inbox: Inbox) -> None:
    made.put_targets(Rule="r", Targets=[target(**transformer('"one <a>"\n"two <a>"', a="$.source"))])
    put(made)
    region.settle()
    assert inbox.received[0][2] == b'"one shop"\n"two shop"'


def test_the_whole_event_in_a_template(region: LocalRegion, made: Any, inbox: Inbox) -> None:
    template = '{"all": <aws.events.event.json>, "about": <aws.events.event>, "at": <aws.events.event.ingestion-time>}'
    made.put_targets(Rule="r", Targets=[target(**transformer(template)), {"Id": "2", "Arn": OTHER}])
    put(made)
    region.settle()
    (sent,), (whole,) = inbox.take(), inbox.take(OTHER)
    assert sent["all"] == whole
    assert sent["about"] == {name: value for name, value in whole.items() if name != "detail"}
    assert sent["at"][:16] == whole["time"][:16]


def test_text_that_cannot_be_written_is_not_sent(region: LocalRegion, made: Any, inbox: Inbox) -> None:
    made.put_targets(Rule="r", Targets=[target(InputPath="$.detail.a"), {"Id": "2", "Arn": OTHER}])
    put(made, entry(Detail=r'{"a": "\ud800"}'))
    region.settle()
    assert inbox.take() == []
    assert len(inbox.take(OTHER)) == 1


def test_a_rules_role_serves_its_targets(region: LocalRegion, events: Any, inbox: Inbox) -> None:
    rule(events, "r", None, {"Id": "1", "Arn": FUNCTION}, RoleArn=ROLE)
    put(events)
    region.settle()
    assert len(inbox.take()) == 1


def test_a_role_of_another_account_is_passed_by_nobody(region: LocalRegion, events: Any) -> None:
    theirs = dev(region, "111122223333", "events")
    assert code(theirs.put_rule, Name="r", EventPattern=json.dumps(SHOP), RoleArn=ROLE) == "AccessDeniedException"
    theirs.put_rule(Name="r", EventPattern=json.dumps(SHOP))
    refused = refusal(theirs.put_targets, Rule="r", Targets=[{"Id": "1", "Arn": BUS, "RoleArn": ROLE}])
    assert (refused["Code"], refused["Message"]) == ("AccessDeniedException", "Cross-account pass role is not allowed.")
    assert theirs.list_targets_by_rule(Rule="r")["Targets"] == []
