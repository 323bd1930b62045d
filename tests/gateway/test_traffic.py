"""Counting by bucket takes bounded memory, whatever callers name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fogbank.gateway import traffic
from fogbank.gateway.traffic import REST, Traffic


def record(bucket: Any, service: str = "s3", error: str = "", **headers: str) -> Any:
    """What is known of a request, as far as it is looked at."""
    meaning = SimpleNamespace(service=service)
    request = SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})
    given = {"Bucket": bucket}
    return SimpleNamespace(identified=SimpleNamespace(meaning=meaning), input=given, error=error, request=request)


def test_more_buckets_than_are_told_apart_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "MOST", 3)
    counted = Traffic()
    for number in range(10):
        counted.take(record(f"bucket-{number}"), 200, 1)
    counted.take(record("bucket-0"), 200, 1)
    assert {name: counts[0] for name, counts in counted.counters.items()} == {
        "bucket-0": 2,
        "bucket-1": 1,
        "bucket-2": 1,
        REST: 7,
    }


@pytest.mark.parametrize(
    "name", ["", "x", "A" * 10, 'a"b', "a\nb", "a" * 64, "arn:aws:s3:us-east-1:1:accesspoint/x", None, 7, ["a"]]
)
def test_what_is_no_name_is_not_counted(name: Any) -> None:
    counted = Traffic()
    counted.take(record(name), 200, 1)
    assert not counted.counters


def test_what_is_not_of_a_bucket_is_not_counted() -> None:
    counted = Traffic()
    counted.take(record("bucket", service="iam"), 200, 1)
    counted.take(record("bucket", error="NoSuchBucket"), 404, 1)
    assert not counted.counters


@pytest.mark.parametrize(("text", "size"), [("12", 12), ("-1", 0), ("x", 0), ("1" * 30, 0), ("\u0661", 0), ("", 0)])
def test_bytes_are_as_the_request_says(text: str, size: int) -> None:
    counted = Traffic()
    counted.take(record("bucket", content_length=text), 503, 7)
    assert counted.counters == {"bucket": [1, 0, 1, size, 7]}
