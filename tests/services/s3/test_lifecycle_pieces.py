"""Lifecycles run in pieces: they go on where they were, whatever ends them, and do nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.background import Background, Options
from fogbank.services.s3 import lifecycle_run
from fogbank.services.s3.lifecycle_pass import passes
from services.s3.lifecycles import history, keys, put, rule, versioned

if TYPE_CHECKING:
    from fogbank.services.s3.lifecycle_pass import Pass
    from support.region import LocalRegion

pytestmark = pytest.mark.usefixtures("signed_on_time")
EXPIRES = rule(prefix="go/", Expiration={"Days": 1})


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of four records, one at a time."""
    monkeypatch.setattr(lifecycle_run, "LOOK", 4)
    monkeypatch.setattr(lifecycle_run, "PIECES", 1)


def once(region: LocalRegion) -> None:
    """Let the chore run once, as a control process that has just been started does."""
    background = Background(region.region, Options())
    region.run(lifecycle_run.lifecycle(background))


def position(region: LocalRegion) -> Pass | None:
    """How far the pass over the bucket is."""
    with region.region.store.snapshot() as tx:
        return passes.get(tx, "bucket")


def fill(s3: Any, number: int) -> None:
    """Objects that expire, between others that do not."""
    for index in range(number):
        s3.put_object(Bucket="bucket", Key=f"go/{index:03}", Body=b"x")
    s3.put_object(Bucket="bucket", Key="a", Body=b"stays")
    s3.put_object(Bucket="bucket", Key="z", Body=b"stays")


@pytest.mark.usefixtures("small_pieces")
def test_a_pass_goes_on_where_it_was(region: LocalRegion, s3: Any, bucket: str) -> None:
    fill(s3, 10)
    region.advance(days=2)
    put(s3, bucket, EXPIRES)
    left = []
    for _ in range(3):
        once(region)
        left.append(len(keys(s3, bucket)))
    assert left == [12 - 3, 12 - 7, 2]
    assert keys(s3, bucket) == ["a", "z"]


@pytest.mark.usefixtures("small_pieces")
def test_a_new_lifecycle_begins_anew(region: LocalRegion, s3: Any, bucket: str) -> None:
    fill(s3, 10)
    region.advance(days=2)
    put(s3, bucket, EXPIRES)
    once(region)
    put(s3, bucket, rule(prefix="a", Expiration={"Days": 1}))
    for _ in range(9):
        once(region)
    assert keys(s3, bucket) == [*(f"go/{index:03}" for index in range(3, 10)), "z"]


def test_a_pass_that_is_over_begins_again_after_midnight(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, EXPIRES)
    once(region)
    first = position(region)
    once(region)
    assert position(region) == first
    region.advance(days=1)
    once(region)
    assert position(region) != first


def test_a_piece_that_fails_is_not_done_at_all_and_then_wholly(
    region: LocalRegion, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    versioned(s3, bucket)
    fill(s3, 10)
    region.advance(days=2)
    put(s3, bucket, EXPIRES)
    act, calls = lifecycle_run.act, []

    def fail_at_the_sixth(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 6:
            raise OSError("pulled the plug")
        act(*arguments)

    monkeypatch.setattr(lifecycle_run, "act", fail_at_the_sixth)
    once(region)
    assert (len(keys(s3, bucket)), len(calls)) == (12, 6)
    once(region)
    assert keys(s3, bucket) == ["a", "z"]
    assert all(history(s3, bucket, f"go/{index:03}") == ["marker", "1"] for index in range(10))


def test_what_changes_between_a_look_and_the_deed_is_judged_anew(region: LocalRegion, s3: Any, bucket: str) -> None:
    fill(s3, 4)
    region.advance(days=2)
    put(s3, bucket, EXPIRES)
    piece = lifecycle_run.look(region.background, bucket)
    s3.put_object(Bucket=bucket, Key="go/001", Body=b"new")
    s3.delete_object(Bucket=bucket, Key="go/002")
    region.run(region.region.store.write(lambda tx: lifecycle_run.do(region.background, tx, bucket, piece)))
    assert keys(s3, bucket) == ["a", "go/001", "z"]


def test_two_processes_do_not_do_the_same(region: LocalRegion, s3: Any, bucket: str) -> None:
    fill(s3, 4)
    region.advance(days=2)
    put(s3, bucket, EXPIRES)
    piece = lifecycle_run.look(region.background, bucket)
    once(region)
    s3.put_object(Bucket=bucket, Key="go/001", Body=b"new")
    region.run(region.region.store.write(lambda tx: lifecycle_run.do(region.background, tx, bucket, piece)))
    assert keys(s3, bucket) == ["a", "go/001", "z"]


def test_a_lifecycle_of_a_bucket_that_is_gone(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket, EXPIRES)
    s3.delete_bucket(Bucket=bucket)
    once(region)
    assert position(region) is None


def test_one_buckets_trouble_is_not_anothers(
    region: LocalRegion, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a-bad-one", "other"):
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="go/k", Body=b"x")
        put(s3, name, EXPIRES)
    region.advance(days=2)
    look = lifecycle_run.look

    def fail(ctx: Any, name: str) -> Any:
        if name == "a-bad-one":
            raise OSError("a bad disk")
        return look(ctx, name)

    monkeypatch.setattr(lifecycle_run, "look", fail)
    once(region)
    assert (keys(s3, "a-bad-one"), keys(s3, "other")) == (["go/k"], [])
    assert "lifecycle failed" in caplog.text
    monkeypatch.setattr(lifecycle_run, "look", look)
    once(region)
    assert keys(s3, "a-bad-one") == []
