"""Lifecycles that run: current versions expire and move.

Source: S3 User Guide, "Expiring objects", "Transitioning objects using Amazon S3 Lifecycle", "How Amazon S3 handles conflicts in
lifecycle configurations".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.s3.happened import _reactions
from services.helpers import code, kept
from services.s3.lifecycles import classes, history, keys, later, put, rule, versioned
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.region import LocalRegion

pytestmark = pytest.mark.usefixtures("signed_on_time")
LARGE = 128 * 1024


@pytest.fixture
def told() -> Iterator[list[tuple[str, str]]]:
    """The events of buckets with a lifecycle, as they are told to who reacts: (name, key)."""
    events: list[tuple[str, str]] = []
    one = ("lifecycle", lambda _call, _bucket, event, key, _which: events.append((event, key)))
    _reactions.append(one)
    yield events
    _reactions.remove(one)


def midnight(moment: datetime, days: int) -> datetime:
    """The midnight that follows `days` days after a time."""
    whole = moment.replace(microsecond=0) + timedelta(days=days)
    return (whole - timedelta(seconds=1)).replace(hour=0, minute=0, second=0) + timedelta(days=1)


def test_objects_expire_after_their_days(region: LocalRegion, s3: Any, bucket: str, told: list[Any]) -> None:
    put(s3, bucket, rule(prefix="logs/", Expiration={"Days": 3}))
    for key in ("logs/a", "logs/b", "other"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    told.clear()
    later(region, 3)
    assert keys(s3, bucket) == ["logs/a", "logs/b", "other"]  # the midnight behind the third day has not come
    later(region, 1)
    assert keys(s3, bucket) == ["other"]
    assert told == [("LifecycleExpiration:Delete", "logs/a"), ("LifecycleExpiration:Delete", "logs/b")]
    assert kept(region)[0] == 1


def test_nothing_is_done_before_midnight(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    put(s3, bucket, rule(Expiration={"Days": 1}))
    at = midnight(region.clock.now(), 1)
    region.advance(seconds=(at - region.clock.now()).total_seconds() - 60)
    region.settle()
    assert keys(s3, bucket) == ["k"]
    region.advance(seconds=61)
    region.settle()
    assert keys(s3, bucket) == []


def test_a_clock_that_is_put_back_brings_nothing_forward(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(Expiration={"Days": 2}))
    s3.put_object(Bucket=bucket, Key="old", Body=b"x")
    region.advance(days=1)
    s3.put_object(Bucket=bucket, Key="new", Body=b"x")
    region.settle()
    region.clock._offset -= timedelta(hours=30)
    region.settle()
    later(region, 1)
    assert keys(s3, bucket) == ["new", "old"]
    later(region, 2)
    assert keys(s3, bucket) == ["new"]
    later(region, 2)
    assert keys(s3, bucket) == []


def test_objects_expire_at_a_date(region: LocalRegion, s3: Any, bucket: str) -> None:
    at = midnight(region.clock.now(), 5)
    put(s3, bucket, rule(Expiration={"Date": at}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    later(region, 5)
    assert keys(s3, bucket) == ["k"]
    later(region, 1)
    assert keys(s3, bucket) == []


def test_a_disabled_rule_does_nothing(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(Expiration={"Days": 1}) | {"Status": "Disabled"})
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    later(region, 9)
    assert keys(s3, bucket) == ["k"]


def test_a_lifecycle_that_was_removed_does_nothing(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(Expiration={"Days": 1}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_bucket_lifecycle(Bucket=bucket)
    later(region, 9)
    assert keys(s3, bucket) == ["k"]


def test_a_bucket_that_is_made_again_has_no_lifecycle(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(Expiration={"Days": 1}))
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    later(region, 9)
    assert keys(s3, bucket) == ["k"]


def test_new_rules_apply_to_objects_that_are_there(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    later(region, 30)
    put(s3, bucket, rule(Expiration={"Days": 10}))
    region.settle()
    assert keys(s3, bucket) == []


def test_objects_are_chosen_by_tags_and_sizes(region: LocalRegion, s3: Any, bucket: str) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    put(
        s3,
        bucket,
        rule("one", Filter={"Tag": {"Key": "go", "Value": "x y"}}, Expiration={"Days": 1}),
        rule("two", Filter={"And": {"Prefix": "t/", "Tags": tags}}, Expiration={"Days": 1}),
        rule("large", Filter={"ObjectSizeGreaterThan": 9}, Expiration={"Days": 1}),
        rule("small", Filter={"And": {"Prefix": "s/", "ObjectSizeLessThan": 3}}, Expiration={"Days": 1}),
    )
    gone = {"a": (b"", "go=x+y"), "t/both": (b"", "a=1&b=2&c=3"), "ten": (b"x" * 10, ""), "s/two": (b"xx", "")}
    stay = {"b": (b"", "go=x"), "t/a": (b"", "a=1"), "u": (b"", "a=1&b=2"), "nine": (b"x" * 9, ""), "s/3": (b"xxx", "")}
    for key, (body, tagging) in (gone | stay).items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, Tagging=tagging)
    later(region, 2)
    assert keys(s3, bucket) == sorted(stay)


def test_the_shorter_of_two_expirations_counts(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule("long", Expiration={"Days": 90}), rule("short", "k", Expiration={"Days": 2}))
    told = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["Expiration"]
    assert told.endswith('rule-id="short"')
    later(region, 3)
    assert keys(s3, bucket) == []


def test_expiry_is_told_wherever_the_object_is(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule("days & more", Expiration={"Days": 10}))
    made = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    at = midnight(region.clock.now(), 10)
    told = f'expiry-date="{format_datetime(at, usegmt=True)}", rule-id="days%20%26%20more"'
    where = start(s3, bucket, "m")
    parts = upload(s3, where, {1: b"x"})
    answers = [
        made,
        s3.get_object(Bucket=bucket, Key="k"),
        s3.head_object(Bucket=bucket, Key="k"),
        s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"}),
        complete(s3, where, parts),
    ]
    assert [answer["Expiration"] for answer in answers] == [told] * 5


def test_a_time_that_no_calendar_has_is_not_told(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(
        s3,
        bucket,
        rule(Expiration={"Days": 2**31 - 1}),
        rule("u", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2**31 - 1}),
    )
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "AbortDate" not in s3.create_multipart_upload(Bucket=bucket, Key="k")
    later(region, 9)
    assert keys(s3, bucket) == ["k"]


def test_an_object_that_keeps_versions_expires_behind_a_marker(
    region: LocalRegion, s3: Any, bucket: str, told: list[Any]
) -> None:
    versioned(s3, bucket)
    put(s3, bucket, rule(Expiration={"Days": 1}))
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    told.clear()
    later(region, 2)
    later(region, 2)
    assert history(s3, bucket) == ["marker", "1"]
    assert told == [("LifecycleExpiration:DeleteMarkerCreated", "k")]
    answer = s3.get_object(Bucket=bucket, Key="k", VersionId=version)
    assert (answer["Body"].read(), "Expiration" in answer) == (b"x", False)
    assert code(s3.get_object, Bucket=bucket, Key="k") == "NoSuchKey"


def test_an_object_expires_in_a_bucket_that_keeps_versions_no_more(region: LocalRegion, s3: Any, bucket: str) -> None:
    versioned(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    versioned(s3, bucket, "Suspended")
    s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    put(s3, bucket, rule(Expiration={"Days": 1}))
    later(region, 2)
    assert history(s3, bucket) == ["marker", "1"]


def test_objects_move_to_other_classes(region: LocalRegion, s3: Any, bucket: str, told: list[Any]) -> None:
    moves = [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER"}]
    put(s3, bucket, rule(Transitions=moves, Expiration={"Days": 100}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * LARGE)
    told.clear()
    before = s3.head_object(Bucket=bucket, Key="k")
    later(region, 31)
    after = s3.head_object(Bucket=bucket, Key="k")
    assert after["StorageClass"] == "STANDARD_IA"
    assert [before[name] for name in ("LastModified", "ETag")] == [after[name] for name in ("LastModified", "ETag")]
    later(region, 30)
    assert code(s3.get_object, Bucket=bucket, Key="k") == "InvalidObjectState"
    later(region, 40)
    assert keys(s3, bucket) == []
    assert [event for event, _ in told] == ["LifecycleTransition"] * 2 + ["LifecycleExpiration:Delete"]


def test_objects_move_at_a_date(region: LocalRegion, s3: Any, bucket: str) -> None:
    at = midnight(region.clock.now(), 5)
    put(s3, bucket, rule(Transitions=[{"Date": at, "StorageClass": "GLACIER_IR"}]))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * LARGE)
    later(region, 5)
    assert classes(s3, bucket) == {"k": "STANDARD"}
    later(region, 1)
    assert classes(s3, bucket) == {"k": "GLACIER_IR"}


def test_an_object_moves_at_once_with_no_days(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(Transitions=[{"Days": 0, "StorageClass": "INTELLIGENT_TIERING"}]))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * LARGE)
    later(region, 1)
    assert classes(s3, bucket) == {"k": "INTELLIGENT_TIERING"}


def test_small_objects_stay_in_their_class(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(Transitions=[{"Days": 0, "StorageClass": "GLACIER"}]))
    s3.put_object(Bucket=bucket, Key="large", Body=b"x" * LARGE)
    s3.put_object(Bucket=bucket, Key="small", Body=b"x" * (LARGE - 1))
    later(region, 1)
    assert classes(s3, bucket) == {"large": "GLACIER", "small": "STANDARD"}


def test_small_objects_are_archived_where_that_varies(region: LocalRegion, s3: Any, bucket: str) -> None:
    rules = [
        rule("g", "g", Transitions=[{"Days": 0, "StorageClass": "GLACIER"}]),
        rule("i", "i", Transitions=[{"Days": 0, "StorageClass": "GLACIER_IR"}]),
    ]
    put(s3, bucket, *rules, TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    for key in ("g", "i"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    later(region, 1)
    assert classes(s3, bucket) == {"g": "GLACIER", "i": "STANDARD"}


def test_small_objects_move_where_the_rule_has_a_size(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(Filter={"ObjectSizeGreaterThan": 0}, Transitions=[{"Days": 30, "StorageClass": "ONEZONE_IA"}]))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    later(region, 31)
    assert classes(s3, bucket) == {"k": "ONEZONE_IA"}


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        ("GLACIER", "STANDARD_IA", "GLACIER"),
        ("INTELLIGENT_TIERING", "STANDARD_IA", "INTELLIGENT_TIERING"),
        ("INTELLIGENT_TIERING", "GLACIER_IR", "INTELLIGENT_TIERING"),
        ("INTELLIGENT_TIERING", "GLACIER", "GLACIER"),
        ("DEEP_ARCHIVE", "GLACIER", "DEEP_ARCHIVE"),
    ],
)
def test_of_two_moves_the_cheaper_is_made(
    region: LocalRegion, s3: Any, bucket: str, first: str, second: str, chosen: str
) -> None:
    moves = ([{"Days": 30, "StorageClass": name}] for name in (first, second))
    put(s3, bucket, *(rule(f"r{number}", Transitions=move) for number, move in enumerate(moves)))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * LARGE)
    later(region, 31)
    assert classes(s3, bucket) == {"k": chosen}


def test_no_object_moves_back(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(Transitions=[{"Days": 30, "StorageClass": "STANDARD_IA"}]))
    for name in ("GLACIER", "ONEZONE_IA", "INTELLIGENT_TIERING"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"x" * LARGE, StorageClass=name)
    later(region, 31)
    assert all(key == name for key, name in classes(s3, bucket).items())


def test_an_object_that_expires_for_good_does_not_move_before(
    region: LocalRegion, s3: Any, bucket: str, told: list[Any]
) -> None:
    move = rule("m", Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])
    put(s3, bucket, move, rule("e", Expiration={"Days": 1}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * LARGE)
    told.clear()
    later(region, 2)
    assert told == [("LifecycleExpiration:Delete", "k")]


def test_an_object_moves_before_a_marker_is_put(region: LocalRegion, s3: Any, bucket: str) -> None:
    versioned(s3, bucket)
    move = rule("m", Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])
    put(s3, bucket, move, rule("e", Expiration={"Days": 1}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * LARGE)
    later(region, 2)
    found = s3.list_object_versions(Bucket=bucket)
    assert [entry["StorageClass"] for entry in found["Versions"]] == ["GLACIER"]
    assert len(found["DeleteMarkers"]) == 1
