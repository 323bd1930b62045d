"""What buckets hold, in the metrics: counted in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.services.s3 import usage

if TYPE_CHECKING:
    import pytest

    from support.region import LocalRegion

Told = dict[tuple[str, str, str], float]


def told(region: LocalRegion) -> Told:
    """The gauges, without their common beginning, by bucket and kind."""
    with region.region.store.snapshot() as tx:
        return {
            (
                gauge.name.removeprefix("fogbank_s3_bucket_"),
                gauge.labels["bucket"],
                gauge.labels.get("kind", ""),
            ): gauge.value
            for gauge in usage.gauges(tx)
        }


def test_a_bucket_is_counted_in_the_background(region: LocalRegion, s3: Any, bucket: str) -> None:
    assert told(region) == {}
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"x" * 100)
    region.settle()
    found = told(region)
    assert found["objects", bucket, "current"] == 3
    assert found["bytes", bucket, "current"] == 300
    assert found["counted", bucket, ""] > 1e9


def test_a_bucket_that_is_gone_is_not_told_of(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket="other")
    region.settle()
    assert {name for _, name, _ in told(region)} == {bucket, "other"}
    s3.delete_bucket(Bucket="other")
    assert {name for _, name, _ in told(region)} == {bucket}
    region.settle()
    with region.region.store.snapshot() as tx:
        assert [where for where, _ in usage.usages.scan(tx)] == [(bucket,)]


def test_of_many_buckets_the_largest_are_told(region: LocalRegion, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_TOLD", 2)
    for number in range(4):
        s3.create_bucket(Bucket=f"bucket-{number}")
        s3.put_object(Bucket=f"bucket-{number}", Key="key", Body=b"x" * number)
    region.settle()
    assert {name for _, name, _ in told(region)} == {"bucket-2", "bucket-3"}


def test_more_than_a_page_is_counted(
    region: LocalRegion, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "PAGE", 2)
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"x")
    region.settle()
    assert told(region)["objects", bucket, "current"] == 5
