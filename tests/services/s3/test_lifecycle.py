"""Lifecycle configurations: what can be one.

Source: S3 API Reference, PutBucketLifecycleConfiguration; S3 User Guide, "Lifecycle configuration elements", "Constraints and
considerations for transitions".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, error_of, permit, refusal, signed, status, user_client
from services.s3.lifecycles import put, rule

if TYPE_CHECKING:
    from support.region import LocalRegion

MIDNIGHT = datetime(2030, 1, 1, tzinfo=UTC)
DAYS = {"Days": 1}
TAG = {"Key": "a", "Value": "1"}
ABORT = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
ALL = [
    rule("full", Filter={"And": {"Prefix": "a/", "Tags": [TAG], "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 9}})
    | {
        "Expiration": {"Days": 400},
        "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 60, "StorageClass": "GLACIER"}],
        "NoncurrentVersionTransitions": [
            {"NoncurrentDays": 30, "StorageClass": "ONEZONE_IA", "NewerNoncurrentVersions": 2}
        ],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 90, "NewerNoncurrentVersions": 5},
    },
    rule("abort", "b/", **ABORT),
    rule("marker", Expiration={"ExpiredObjectDeleteMarker": True}) | {"Status": "Disabled"},
    rule("tag", Filter={"Tag": TAG}, Expiration={"Date": MIDNIGHT}),
    rule("size", Filter={"ObjectSizeGreaterThan": 0}, Transitions=[{"Days": 0, "StorageClass": "GLACIER_IR"}]),
]


def test_put_bucket_lifecycle_configuration_keeps_what_is_given(s3: Any, bucket: str) -> None:
    answer = put(s3, bucket, *ALL)
    assert (status(answer), answer["TransitionDefaultMinimumObjectSize"]) == (200, "all_storage_classes_128K")
    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert found["Rules"] == ALL
    assert found["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"


def test_it_replaces_the_one_before(s3: Any, bucket: str) -> None:
    put(s3, bucket, *ALL)
    put(s3, bucket, rule(Expiration=DAYS), TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert [one["ID"] for one in found["Rules"]] == ["r"]
    assert found["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"


def test_a_bucket_without_a_lifecycle(s3: Any, bucket: str) -> None:
    error = refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    assert (error["Code"], error["Status"]) == ("NoSuchLifecycleConfiguration", 404)
    assert error["Message"] == "The lifecycle configuration does not exist"


def test_delete_bucket_lifecycle(s3: Any, bucket: str) -> None:
    put(s3, bucket, *ALL)
    assert status(s3.delete_bucket_lifecycle(Bucket=bucket)) == 204
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == "NoSuchLifecycleConfiguration"
    assert status(s3.delete_bucket_lifecycle(Bucket=bucket)) == 204


def test_a_rule_without_an_id_is_given_one(s3: Any, bucket: str) -> None:
    put(s3, bucket, *({name: value for name, value in rule(Expiration=DAYS).items() if name != "ID"} for _ in range(2)))
    ids = [one["ID"] for one in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]]
    assert len(set(ids)) == 2
    assert all(ids)


def test_the_older_way_to_name_a_prefix(s3: Any, bucket: str) -> None:
    old = {"ID": "r", "Status": "Enabled", "Prefix": "logs/", "Expiration": DAYS}
    put(s3, bucket, old)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [old]


def test_the_older_operations_are_the_same_requests(s3: Any, bucket: str) -> None:
    old = {"ID": "r", "Status": "Enabled", "Prefix": "", "Transition": {"Days": 1, "StorageClass": "GLACIER"}}
    s3.put_bucket_lifecycle(Bucket=bucket, LifecycleConfiguration={"Rules": [old]})
    assert s3.get_bucket_lifecycle(Bucket=bucket)["Rules"] == [old]
    moves = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Transitions"]
    assert moves == [{"Days": 1, "StorageClass": "GLACIER"}]


def test_a_thousand_rules_and_not_one_more(s3: Any, bucket: str) -> None:
    rules = [rule(f"r{number}", f"p{number}/", Expiration=DAYS) for number in range(1001)]
    put(s3, bucket, *rules[:1000])
    assert code(put, s3=s3, bucket=bucket) == "MalformedXML"
    error = refusal(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert error["Code"] == "MalformedXML"
    assert len(s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]) == 1000


MALFORMED = {
    "no filter": {"ID": "r", "Status": "Enabled", "Expiration": DAYS},
    "filter and prefix": rule(Expiration=DAYS) | {"Prefix": ""},
    "two terms": rule(Filter={"Prefix": "a", "ObjectSizeLessThan": 9}, Expiration=DAYS),
    "and with a term": rule(Filter={"Prefix": "a", "And": {"Prefix": "b", "Tags": [TAG]}}, Expiration=DAYS),
    "status": rule(Expiration=DAYS) | {"Status": "enabled"},
    "empty expiration": rule(Expiration={}),
    "days and date": rule(Expiration={"Days": 1, "Date": MIDNIGHT}),
    "days and marker": rule(Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True}),
    "no class": rule(Transitions=[{"Days": 1}]),
    "class": rule(Transitions=[{"Days": 1, "StorageClass": "STANDARD"}]),
    "no time": rule(Transitions=[{"StorageClass": "GLACIER"}]),
    "two times": rule(Transitions=[{"Days": 1, "Date": MIDNIGHT, "StorageClass": "GLACIER"}]),
    "no noncurrent days": rule(NoncurrentVersionExpiration={"NewerNoncurrentVersions": 1}),
    "no initiation": rule(AbortIncompleteMultipartUpload={}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_rule_that_is_malformed(s3: Any, bucket: str, name: str) -> None:
    configuration = {"Rules": [MALFORMED[name]]}
    error = refusal(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=configuration)
    assert (error["Code"], error["Status"]) == ("MalformedXML", 400)


def transitions(*pairs: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"Days": days, "StorageClass": name} for days, name in pairs]


INVALID = {
    "id": (rule("i" * 256, Expiration=DAYS), "ID length should not exceed allowed limit of 255"),
    "zero days": (rule(Expiration={"Days": 0}), "'Days' for Expiration action must be a positive integer"),
    "negative days": (rule(Expiration={"Days": -1}), "'Days' for Expiration action must be a positive integer"),
    "noon": (rule(Expiration={"Date": MIDNIGHT.replace(hour=12)}), "'Date' must be at midnight GMT"),
    "noon of a move": (
        rule(Transitions=[{"Date": MIDNIGHT.replace(second=1), "StorageClass": "GLACIER"}]),
        "'Date' must be at midnight GMT",
    ),
    "initiation": (
        rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 0}),
        "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
    ),
    "noncurrent": (
        rule(NoncurrentVersionExpiration={"NoncurrentDays": 0}),
        "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
    ),
    "negative move": (
        rule(Transitions=transitions((-1, "GLACIER"))),
        "'Days' in Transition action must be nonnegative",
    ),
    "early": (
        rule(Transitions=transitions((29, "STANDARD_IA"))),
        "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'",
    ),
    "early noncurrent": (
        rule(NoncurrentVersionTransitions=[{"NoncurrentDays": 1, "StorageClass": "ONEZONE_IA"}]),
        "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to 30 for storageClass 'ONEZONE_IA'",
    ),
    "expires before": (
        rule(prefix="a", Transitions=transitions((30, "GLACIER")), Expiration={"Days": 30}),
        "'Days' in the Expiration action for filter '(prefix=a)' must be greater than 'Days' in the Transition action",
    ),
    "backwards": (
        rule(Transitions=transitions((60, "STANDARD_IA"), (30, "GLACIER"))),
        (
            "'Days' in the 'Transition' action for StorageClass 'GLACIER' for filter '(prefix=)' must be 30 days more than 'Days' in "
            "the 'Transition' action for StorageClass 'STANDARD_IA'"
        ),
    ),
    "too soon": (
        rule(Transitions=transitions((30, "STANDARD_IA"), (59, "GLACIER"))),
        (
            "'Days' in the 'Transition' action for StorageClass 'GLACIER' for filter '(prefix=)' must be 30 days more than 'Days' in "
            "the 'Transition' action for StorageClass 'STANDARD_IA'"
        ),
    ),
    "newer": (
        rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}),
        "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be between 1 and 100",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_value_that_cannot_be(s3: Any, bucket: str, name: str) -> None:
    given, message = INVALID[name]
    error = refusal(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [given]})
    assert (error["Code"], error["Message"]) == ("InvalidArgument", message)


REFUSED = {
    "no action": (rule(), "At least one action needs to be specified in a rule"),
    "twice": (
        rule(Transitions=transitions((1, "GLACIER"), (2, "GLACIER"))),
        "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '(prefix=)'",
    ),
    "mixed": (
        rule(Transitions=transitions((1, "GLACIER")), Expiration={"Date": MIDNIGHT}),
        "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for filter '(prefix=)'",
    ),
    "abort by tag": (
        rule(Filter={"Tag": TAG}, **ABORT),
        "AbortIncompleteMultipartUpload cannot be specified with Tags.",
    ),
    "abort by size": (
        rule(Filter={"ObjectSizeLessThan": 9}, **ABORT),
        "AbortIncompleteMultipartUpload cannot be specified with Object Size.",
    ),
    "marker by tag": (
        rule(Filter={"And": {"Prefix": "a", "Tags": [TAG]}}, Expiration={"ExpiredObjectDeleteMarker": True}),
        "ExpiredObjectDeleteMarker cannot be specified with Tags.",
    ),
    "sizes": (
        rule(Filter={"And": {"ObjectSizeGreaterThan": 9, "ObjectSizeLessThan": 9}}, Expiration=DAYS),
        "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
    ),
    "prefix": (rule(prefix="p" * 1025, Expiration=DAYS), "The maximum size of a prefix is 1024."),
    "tags": (
        rule(Filter={"And": {"Tags": [TAG, TAG]}}, Expiration=DAYS),
        "Duplicate Tag Keys are not allowed.",
    ),
    "newer by prefix": (
        {"ID": "r", "Status": "Enabled", "Prefix": ""}
        | {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}},
        "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action requires a Filter",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together(s3: Any, bucket: str, name: str) -> None:
    given, message = REFUSED[name]
    error = refusal(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [given]})
    assert (error["Code"], error["Message"]) == ("InvalidRequest", message)


def test_rules_of_both_kinds(s3: Any, bucket: str) -> None:
    old = {"ID": "old", "Status": "Enabled", "Prefix": "", "Expiration": DAYS}
    rules = {"Rules": [old, rule(Expiration=DAYS)]}
    error = refusal(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=rules)
    assert error["Code"] == "InvalidRequest"
    assert error["Message"].startswith("Base level prefix cannot be used in Lifecycle V2")


def test_ids_are_unique(s3: Any, bucket: str) -> None:
    rules = {"Rules": [rule(Expiration=DAYS), rule(Expiration=DAYS)]}
    error = refusal(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=rules)
    message = "Rule ID must be unique. Found same ID for more than one rule"
    assert (error["Code"], error["Message"]) == ("InvalidArgument", message)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<LifecycleConfiguration>",
        b"<LifecycleConfiguration/>",
        b"<Other/>",
        b"<LifecycleConfiguration><Rule/></LifecycleConfiguration>",
        (
            b"<LifecycleConfiguration><Rule><Status>Enabled</Status><Prefix/><Expiration><Days>x</Days></Expiration></Rule>"
            b"</LifecycleConfiguration>"
        ),
        (
            b"<LifecycleConfiguration><Rule><Status>Enabled</Status><Prefix/><Expiration><Days>99999999999999</Days></Expiration>"
            b"</Rule></LifecycleConfiguration>"
        ),
        (
            b"<LifecycleConfiguration><Rule><Status>Enabled</Status><Prefix/><Expiration><Date>never</Date></Expiration></Rule>"
            b"</LifecycleConfiguration>"
        ),
        b'<!DOCTYPE x [<!ENTITY e "boom">]><LifecycleConfiguration><Rule><ID>&e;</ID></Rule></LifecycleConfiguration>',
        b"<LifecycleConfiguration>" + b"<Rule>" * 500 + b"</LifecycleConfiguration>",
    ],
    ids=["empty", "open", "no rules", "another", "empty rule", "words", "large", "date", "entity", "deep"],
)
def test_a_hostile_document(region: LocalRegion, s3: Any, bucket: str, body: bytes) -> None:
    assert error_of(signed(region, "PUT", "/bucket?lifecycle", {}, body))[0] == 400
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == "NoSuchLifecycleConfiguration"


def test_a_lifecycle_needs_its_permissions(region: LocalRegion, s3: Any, bucket: str) -> None:
    ann = user_client(region, "s3")
    permit(region, allow("s3:GetLifecycleConfiguration"))
    assert code(ann.get_bucket_lifecycle_configuration, Bucket=bucket) == "NoSuchLifecycleConfiguration"
    assert code(ann.delete_bucket_lifecycle, Bucket=bucket) == "AccessDenied"
    permit(region, allow("s3:PutLifecycleConfiguration"))
    put(ann, bucket, rule(Expiration=DAYS))
    assert status(ann.delete_bucket_lifecycle(Bucket=bucket)) == 204
