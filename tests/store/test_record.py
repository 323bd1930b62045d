"""Records: what an old release wrote is read, what a newer one wrote is refused, and nothing in between."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Self

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from fogbank.store.record import Record, RecordUnreadable


class Lock(msgspec.Struct, frozen=True, array_like=True):
    """A struct inside a record."""

    mode: str
    until: datetime | None = None


class BucketV1(Record, version=1):
    name: str


class BucketV2(Record, version=2, predecessor=BucketV1):
    name: str
    owner: str = ""

    @classmethod
    def upgrade(cls, old: BucketV1) -> Self:
        return cls(name=old.name, owner="nobody")


class Bucket(Record, version=5, predecessor=BucketV2):
    name: str
    owner: str
    tags: dict[str, str] = {}
    locks: tuple[Lock, ...] = ()

    @classmethod
    def upgrade(cls, old: BucketV2) -> Self:
        return cls(name=old.name.upper(), owner=old.owner)


def test_round_trip() -> None:
    bucket = Bucket(name="a", owner="b", tags={"c": "d"}, locks=(Lock("x", datetime(2026, 1, 1, tzinfo=UTC)),))
    assert Bucket.decode(bucket.encode()) == bucket
    assert msgspec.msgpack.decode(bucket.encode())[:3] == [5, "a", "b"]


def test_the_chain_of_upgrades() -> None:
    assert Bucket.decode(BucketV1(name="a").encode()) == Bucket(name="A", owner="nobody")
    assert Bucket.decode(BucketV2(name="a", owner="b").encode()) == Bucket(name="A", owner="b")
    assert BucketV2.decode(BucketV1(name="a").encode()) == BucketV2(name="a", owner="nobody")


def test_a_newer_version_is_refused() -> None:
    with pytest.raises(RecordUnreadable, match="version 5, written by a newer release"):
        BucketV2.decode(Bucket(name="a", owner="b").encode())


def test_a_version_that_never_was_is_refused() -> None:
    with pytest.raises(RecordUnreadable, match="version 3 is not known"):
        Bucket.decode(msgspec.msgpack.encode([3, "a", "b"]))
    with pytest.raises(RecordUnreadable, match="version 0 is not known"):
        BucketV1.decode(msgspec.msgpack.encode([0, "a"]))


@pytest.mark.parametrize("fields", [[], ["a"], ["a", "b", {}, [], 1], ["a", 7, {}, []], ["a", "b", {}, None]])
def test_other_fields_under_the_same_version_are_refused(fields: list[object]) -> None:
    with pytest.raises(RecordUnreadable):
        Bucket.decode(msgspec.msgpack.encode([5, *fields]))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda rest: Bucket.record_head + rest))
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with suppress(RecordUnreadable):
        Bucket.decode(data)


def test_many_fields() -> None:
    """More than fit MessagePack's short array."""

    class Wide(Record, version=300):
        a: int = 1
        b: int = 2
        c: int = 3
        d: int = 4
        e: int = 5
        f: int = 6
        g: int = 7
        h: int = 8
        i: int = 9
        j: int = 10
        k: int = 11
        l: int = 12  # noqa: E741
        m: int = 13
        n: int = 14
        o: int = 15
        p: int = 16

    assert Wide.decode(Wide(p=9).encode()) == Wide(p=9)


def test_a_reader_gives_some_fields() -> None:
    stored = Bucket(name="a", owner="b", tags={"c": "d"}, locks=(Lock("x"),)).encode()
    found = Bucket.reader("name", "tags")(stored)
    assert (found.name, found.tags) == ("a", {"c": "d"})
    assert Bucket.reader("locks")(stored).locks == (Lock("x"),)
    assert Bucket.reader("owner")(BucketV1(name="a").encode()) == Bucket(name="A", owner="nobody")


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_reader_refuses_what_is_damaged(cut: int) -> None:
    stored = Bucket(name="a", owner="b", locks=(Lock("x"),)).encode()
    with pytest.raises(RecordUnreadable):
        Bucket.reader("name", "locks")(stored[:cut])


def test_records_are_frozen() -> None:
    bucket = BucketV1(name="a")
    with pytest.raises(AttributeError):
        bucket.name = "b"
    assert msgspec.structs.replace(bucket, name="b") == BucketV1(name="b")


def test_a_record_names_its_version() -> None:
    with pytest.raises(TypeError, match="names its version"):

        class Nameless(Record):
            a: int

    with pytest.raises(TypeError, match="above its predecessor"):

        class Older(Record, version=1, predecessor=BucketV1):
            a: int

    with pytest.raises(TypeError, match="how to upgrade"):

        class Mute(Record, version=2, predecessor=BucketV1):
            a: int


def test_the_layout_tells_every_field() -> None:
    assert Bucket.layout() == (
        "Bucket 5: name: str, owner: str, tags: dict[str, str], "
        "locks: tuple[Lock(mode: str, until: union[datetime, NoneType]), Ellipsis]"
    )
