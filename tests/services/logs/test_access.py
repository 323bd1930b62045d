"""Who may do what with log groups: the ARNs that policies name, tags, other accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, refusal, user_client
from services.logs.made import GROUP, STREAM, events, make, now_of

if TYPE_CHECKING:
    from support.region import LocalRegion

ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"


@pytest.fixture
def ann(region: LocalRegion, logs: Any) -> Any:
    """A client of a user without permissions, beside a group."""
    make(logs, tags={"team": "race"})
    return user_client(region, "logs")


def test_actions_on_a_group_are_on_its_arn_with_a_star(region: LocalRegion, ann: Any) -> None:
    for resource in (ARN + ":*", "arn:aws:logs:*:*:log-group:/some/*", "*"):
        permit(region, allow("logs:FilterLogEvents", resource))
        ann.filter_log_events(logGroupName=GROUP)
    for resource in (ARN + "2:*", "arn:aws:logs:eu-west-1:*:*", ARN + ":log-stream:other"):
        permit(region, allow("logs:FilterLogEvents", resource))
        assert code(ann.filter_log_events, logGroupName=GROUP) == "AccessDeniedException"


def test_a_refusal_says_what_was_missing(ann: Any) -> None:
    found = refusal(ann.filter_log_events, logGroupName=GROUP)
    assert found["Message"] == (
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: logs:FilterLogEvents on resource: "
        f"{ARN}:log-stream: because no identity-based policy allows the logs:FilterLogEvents action"
    )


def test_actions_on_a_stream_are_on_the_streams_arn(region: LocalRegion, ann: Any) -> None:
    given = {"logGroupName": GROUP, "logStreamName": STREAM, "logEvents": events("m", at=now_of(region))}
    permit(region, allow("logs:PutLogEvents", f"{ARN}:log-stream:{STREAM}"))
    ann.put_log_events(**given)
    assert code(ann.put_log_events, **{**given, "logStreamName": "other"}) == "AccessDeniedException"
    permit(region, allow("logs:PutLogEvents", f"{ARN}:*"))
    ann.put_log_events(**given)


def test_listing_groups_is_on_all_groups(region: LocalRegion, ann: Any) -> None:
    permit(region, allow("logs:DescribeLogGroups", "arn:aws:logs:us-east-1:123456789012:log-group:*"))
    assert len(ann.describe_log_groups()["logGroups"]) == 1
    permit(region, allow("logs:DescribeLogGroups", ARN + ":*"))
    assert code(ann.describe_log_groups) == "AccessDeniedException"


def test_tags_are_on_the_bare_arn(region: LocalRegion, ann: Any) -> None:
    permit(region, allow(["logs:TagResource", "logs:ListTagsForResource"], ARN))
    ann.tag_resource(resourceArn=ARN, tags={"a": "b"})
    assert ann.list_tags_for_resource(resourceArn=ARN)["tags"] == {"team": "race", "a": "b"}


def test_conditions_on_a_groups_tags(region: LocalRegion, ann: Any) -> None:
    permit(region, allow("logs:*", "*", StringEquals={"aws:ResourceTag/team": "race"}))
    ann.describe_log_streams(logGroupName=GROUP)
    permit(region, allow("logs:*", "*", StringEquals={"aws:ResourceTag/team": "other"}))
    assert code(ann.describe_log_streams, logGroupName=GROUP) == "AccessDeniedException"


def test_who_makes_a_group_with_tags_may_give_them(region: LocalRegion, ann: Any) -> None:
    permit(region, allow("logs:CreateLogGroup"))
    ann.create_log_group(logGroupName="plain")
    assert code(ann.create_log_group, logGroupName="tagged", tags={"a": "b"}) == "AccessDeniedException"
    for number, action in enumerate(("logs:TagLogGroup", "logs:TagResource")):
        permit(region, allow(["logs:CreateLogGroup", action]))
        ann.create_log_group(logGroupName=f"tagged{number}", tags={"a": "b"})


def test_conditions_on_the_tags_that_are_given(region: LocalRegion, ann: Any) -> None:
    permit(region, allow(["logs:CreateLogGroup", "logs:TagResource"], StringEquals={"aws:RequestTag/team": "race"}))
    assert code(ann.create_log_group, logGroupName="none") == "AccessDeniedException"
    assert code(ann.create_log_group, logGroupName="other", tags={"team": "x"}) == "AccessDeniedException"
    ann.create_log_group(logGroupName="mine", tags={"team": "race"})


def test_unmasking_is_a_permission_of_its_own(region: LocalRegion, ann: Any) -> None:
    permit(region, allow(["logs:GetLogEvents", "logs:FilterLogEvents"]))
    ann.filter_log_events(logGroupName=GROUP)
    assert code(ann.filter_log_events, logGroupName=GROUP, unmask=True) == "AccessDeniedException"
    assert code(ann.get_log_events, logGroupName=GROUP, logStreamName=STREAM, unmask=True) == "AccessDeniedException"
    permit(region, allow(["logs:GetLogEvents", "logs:FilterLogEvents", "logs:Unmask"]))
    ann.filter_log_events(logGroupName=GROUP, unmask=True)


def test_a_live_tail_is_allowed_for_each_of_its_groups(region: LocalRegion, logs: Any, ann: Any) -> None:
    make(logs, "other")
    other = "arn:aws:logs:us-east-1:123456789012:log-group:other"
    permit(region, allow("logs:StartLiveTail", ARN + ":*"))
    assert code(ann.start_live_tail, logGroupIdentifiers=[ARN, other]) == "AccessDeniedException"
    assert code(ann.start_live_tail, logGroupIdentifiers=[other, ARN]) == "AccessDeniedException"


@pytest.mark.parametrize("operation", ["filter_log_events", "describe_log_streams"])
def test_other_accounts_have_no_way_in(region: LocalRegion, logs: Any, operation: str) -> None:
    make(logs)
    stranger = dev(region, "111122223333", "logs")
    assert code(getattr(stranger, operation), logGroupName=GROUP) == "ResourceNotFoundException"
    assert code(getattr(stranger, operation), logGroupIdentifier=ARN) == "AccessDeniedException"


def test_other_accounts_do_not_tail_or_tag(region: LocalRegion, logs: Any) -> None:
    make(logs)
    stranger = dev(region, "111122223333", "logs")
    make(stranger)
    mine = ARN.replace("123456789012", "111122223333")
    assert code(stranger.start_live_tail, logGroupIdentifiers=[ARN]) == "AccessDeniedException"
    assert code(stranger.start_live_tail, logGroupIdentifiers=[mine, ARN]) == "AccessDeniedException"
    assert code(stranger.tag_resource, resourceArn=ARN, tags={"a": "b"}) == "AccessDeniedException"
    assert code(stranger.describe_log_groups, logGroupIdentifiers=[ARN]) == "AccessDeniedException"
    assert code(stranger.describe_log_groups, logGroupIdentifiers=[mine, ARN]) == "ResourceNotFoundException"
    assert code(stranger.disassociate_kms_key, resourceIdentifier=ARN) == "AccessDeniedException"
    assert code(stranger.put_log_group_deletion_protection, logGroupIdentifier=ARN, deletionProtectionEnabled=True) == (
        "AccessDeniedException"
    )


@pytest.mark.parametrize(
    "on",
    [
        {"logGroupName": GROUP},
        {"logGroupNames": [GROUP]},
        {"logGroupNames": ["open", GROUP]},
        {"logGroupIdentifiers": [ARN]},
        {"logGroupIdentifiers": ["open", ARN]},
    ],
)
def test_queries_are_refused_by_a_tag_however_the_group_is_named(region: LocalRegion, ann: Any, on: Any) -> None:
    region.client("logs").create_log_group(logGroupName="open")
    closed = allow("logs:*", StringEquals={"aws:ResourceTag/team": "race"}) | {"Effect": "Deny"}
    permit(region, allow("logs:*"), closed)
    query = {"startTime": 1, "endTime": 2, "queryString": "fields @message"}
    assert code(ann.start_query, **on, **query) == "AccessDeniedException"
    ann.start_query(logGroupNames=["open"], **query)


def test_which_tags_are_taken_away_is_asked_in_both_ways(region: LocalRegion, ann: Any) -> None:
    kept = allow("logs:*", **{"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}) | {"Effect": "Deny"}
    permit(region, allow("logs:*"), kept)
    for keys in (["team"], ["other", "team"]):
        assert code(ann.untag_resource, resourceArn=ARN, tagKeys=keys) == "AccessDeniedException"
        assert code(ann.untag_log_group, logGroupName=GROUP, tags=keys) == "AccessDeniedException"
    ann.untag_resource(resourceArn=ARN, tagKeys=["other"])
    ann.untag_log_group(logGroupName=GROUP, tags=["other"])
