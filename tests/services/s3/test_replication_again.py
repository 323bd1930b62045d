"""What failed, and what was there before the rules, is replicated when the operator says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.s3 import replication_again
from services.s3.replicating import DESTINATION, SOURCE, make_role, permit_role, replicate, rule, status_of, versioned

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def pair(region: LocalRegion, s3: Any) -> str:
    """A bucket that could be replicated to `copy`."""
    make_role(region)
    versioned(s3, "copy")
    return versioned(s3, "original")


def again(region: LocalRegion, *, existing: bool = False) -> int:
    """As `fogbank s3 replicate` does it."""
    total, after = 0, ""
    while True:
        now = region.clock.now()
        number, after = region.run(
            region.region.store.write(
                lambda tx, after=after, now=now: replication_again.line_up_again(
                    tx, "original", after, now, existing=existing
                )
            )
        )
        total += number
        if not after:
            region.settle()
            return total


def bodies(s3: Any, bucket: str, key: str) -> list[bytes]:
    """The bodies of a key's versions, newest first."""
    listed = [one for one in s3.list_object_versions(Bucket=bucket).get("Versions", []) if one["Key"] == key]
    return [s3.get_object(Bucket=bucket, Key=key, VersionId=one["VersionId"])["Body"].read() for one in listed]


def test_what_failed_is_replicated_again(region: LocalRegion, s3: Any, pair: str) -> None:
    replicate(s3, pair, rule())
    permit_role(region, "s3:ListBucket")
    for body in (b"1", b"2"):
        s3.put_object(Bucket=pair, Key="k", Body=body)
    region.settle()
    assert status_of(s3, pair, "k") == "FAILED"
    permit_role(region, *SOURCE, *DESTINATION)
    assert again(region) == 2
    assert status_of(s3, pair, "k") == "COMPLETED"
    assert bodies(s3, "copy", "k") == [b"2", b"1"]
    assert again(region) == 0


def test_what_was_there_before_the_rules(
    region: LocalRegion, s3: Any, pair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication_again, "KEYS", 2)
    for key in ("a", "b", "c", "d", "e"):
        s3.put_object(Bucket=pair, Key=key, Body=b"1")
        s3.put_object(Bucket=pair, Key=key, Body=b"2")
    s3.delete_object(Bucket=pair, Key="b")
    replicate(s3, pair, rule())
    assert again(region) == 0
    assert again(region, existing=True) == 11
    for key in ("a", "b", "c", "d", "e"):
        assert bodies(s3, "copy", key) == [b"2", b"1"]
    assert len(s3.list_object_versions(Bucket="copy")["DeleteMarkers"]) == 1
    assert again(region, existing=True) == 0


def test_only_what_a_rule_is_about(region: LocalRegion, s3: Any, pair: str) -> None:
    s3.put_object(Bucket=pair, Key="a/1", Body=b"")
    s3.put_object(Bucket=pair, Key="b/1", Body=b"")
    replicate(s3, pair, rule(Filter={"Prefix": "a/"}))
    assert again(region, existing=True) == 1
    assert status_of(s3, pair, "b/1") is None
