"""Versioned and locked buckets against a model that is written from AWS's documentation: lists of versions, newest first."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fogbank.services import registry
from services.helpers import FILE, code, kept, parts_kept, pattern
from services.s3.uploads import complete, start, upload
from support.region import LocalRegion

KEYS = st.sampled_from(["a", "a/ü"])
SIZES = st.sampled_from([0, 7, 7, 7, FILE])
WHICH = st.integers(0, 3)  # a version of a key: counted from the newest, modulo how many there are
MODES = st.sampled_from(["GOVERNANCE", "COMPLIANCE"])
DAYS = st.integers(1, 4)
LOCKS = st.none() | st.tuples(MODES, DAYS) | st.tuples(st.just("GOVERNANCE"), DAYS)
HOLDS = st.sampled_from([None, None, None, None, "ON", "OFF"])
PLAIN, LOCKED = "plain", "locked"
BUCKETS = st.sampled_from([PLAIN, LOCKED])


@dataclass(eq=False)
class Version:
    """A version, or (body None) a delete marker."""

    id: str
    body: bytes | None
    mode: str = ""
    until: datetime | None = None
    hold: str | None = None

    def is_retained(self, now: datetime) -> bool:
        return self.until is not None and self.until > now

    def is_locked(self, now: datetime, bypass: bool) -> bool:
        return self.hold == "ON" or (self.is_retained(now) and not (bypass and self.mode == "GOVERNANCE"))


@dataclass
class Walk:
    """A listing that is under way: what was there when it began, what it has told, and where it goes on."""

    bucket: str
    size: int
    there: dict[str, list[Version]]
    seen: list[tuple[str, str]] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)


class Keeping:
    """The model of a bucket."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.keys: dict[str, list[Version]] = defaultdict(list)
        self.default: tuple[str, int] | None = None

    def add(self, key: str, made: Version) -> None:
        """A new version or marker."""
        if self.state == "":
            self.keys[key].clear()
        elif self.state == "Suspended":
            self.keys[key] = [one for one in self.keys[key] if one.id != "null"]
        self.keys[key].insert(0, made)

    def current(self, key: str) -> Version | None:
        """What a read without a version finds."""
        newest = next(iter(self.keys[key]), None)
        return newest if newest is not None and newest.body is not None else None

    def pick(self, key: str, which: int) -> Version | None:
        found = self.keys[key]
        return found[which % len(found)] if found else None

    def whole(self) -> list[tuple[str, Version]]:
        """All versions and markers, as they are listed."""
        return [(key, one) for key in sorted(self.keys, key=str.encode) for one in self.keys[key]]


class Versions(RuleBasedStateMachine):
    """Two buckets of one region: one whose versioning changes, one with Object Lock."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.region = LocalRegion(Path(self.stack.enter_context(tempfile.TemporaryDirectory())))
        self.stack.callback(self.region.close)
        for place in ("botocore.auth.get_current_datetime", "botocore.crt.auth.get_current_datetime"):
            self.stack.enter_context(patch(place, self.now))
        self.stack.enter_context(patch("fogbank.services.s3.multipart_complete.SMALLEST_PART", 0))
        self.s3: Any = self.region.client("s3")
        self.buckets = {PLAIN: Keeping(""), LOCKED: Keeping("Enabled")}
        self.walk: Walk | None = None
        self.count = 0

    def now(self, remove_tzinfo: bool = False) -> datetime:
        now = self.region.clock.now()
        return now.replace(tzinfo=None) if remove_tzinfo else now

    @initialize()
    def make(self) -> None:
        self.s3.create_bucket(Bucket=PLAIN)
        self.s3.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)

    def body(self, size: int) -> bytes:
        self.count += 1
        return pattern(size, self.count)

    def locking(self, bucket: str, lock: tuple[str, int] | None, hold: str | None) -> dict[str, Any]:
        """The arguments that ask for a lock."""
        if bucket == PLAIN:
            return {}
        given: dict[str, Any] = {"ObjectLockLegalHoldStatus": hold} if hold else {}
        if lock is not None:
            until = (self.now() + timedelta(days=lock[1])).replace(microsecond=0)
            given |= {"ObjectLockMode": lock[0], "ObjectLockRetainUntilDate": until}
        return given

    def added(self, bucket: str, key: str, body: bytes, answer: Any, given: dict[str, Any]) -> None:
        """What the model has after a write."""
        keeping = self.buckets[bucket]
        assert ("VersionId" in answer) == (keeping.state == "Enabled")
        made = Version(answer.get("VersionId", "null"), body, hold=given.get("ObjectLockLegalHoldStatus"))
        if "ObjectLockMode" in given:
            made.mode, made.until = given["ObjectLockMode"], given["ObjectLockRetainUntilDate"]
        elif keeping.default is not None:
            made.mode = keeping.default[0]
            made.until = self.now() + timedelta(days=keeping.default[1])
        keeping.add(key, made)

    @rule(bucket=BUCKETS, key=KEYS, size=SIZES, lock=LOCKS, hold=HOLDS)
    def put(self, bucket: str, key: str, size: int, lock: tuple[str, int] | None, hold: str | None) -> None:
        body, given = self.body(size), self.locking(bucket, lock, hold)
        self.added(bucket, key, body, self.s3.put_object(Bucket=bucket, Key=key, Body=body, **given), given)

    @rule(bucket=BUCKETS, key=KEYS, matching=st.booleans())
    def put_on_condition(self, bucket: str, key: str, matching: bool) -> None:
        current, body = self.buckets[bucket].current(key), self.body(3)
        arguments = {"Bucket": bucket, "Key": key, "Body": body}
        if current is None:
            assert code(self.s3.put_object, **arguments, IfMatch='"0"') == "NoSuchKey"
            answer = self.s3.put_object(**arguments, IfNoneMatch="*")
        else:
            assert code(self.s3.put_object, **arguments, IfNoneMatch="*") == "PreconditionFailed"
            etag = self.s3.head_object(Bucket=bucket, Key=key)["ETag"]
            if not matching:
                assert code(self.s3.put_object, **arguments, IfMatch='"0"') == "PreconditionFailed"
                return
            answer = self.s3.put_object(**arguments, IfMatch=etag)
        self.added(bucket, key, body, answer, {})

    @rule(source=BUCKETS, old=KEYS, which=st.none() | WHICH, bucket=BUCKETS, key=KEYS, lock=LOCKS, hold=HOLDS)
    def copy(
        self, source: str, old: str, which: int | None, bucket: str, key: str, lock: tuple[str, int] | None, hold: str | None
    ) -> None:  # fmt: skip
        keeping = self.buckets[source]
        found = keeping.current(old) if which is None else keeping.pick(old, which)
        address = {"Bucket": source, "Key": old} | ({} if which is None or found is None else {"VersionId": found.id})
        given = self.locking(bucket, lock, hold)
        arguments = {"Bucket": bucket, "Key": key, "CopySource": address, "MetadataDirective": "REPLACE", **given}
        if found is None:
            assert code(self.s3.copy_object, **arguments) == "NoSuchKey"
        elif found.body is None:
            assert code(self.s3.copy_object, **arguments) in ("MethodNotAllowed", "InvalidRequest")
        else:
            answer = self.s3.copy_object(**arguments)
            assert answer.get("CopySourceVersionId") == (found.id if keeping.state else None)
            self.added(bucket, key, found.body, answer, given)

    @rule(bucket=BUCKETS, key=KEYS, sizes=st.lists(SIZES, min_size=1, max_size=2), lock=LOCKS, hold=HOLDS)
    def upload(self, bucket: str, key: str, sizes: list[int], lock: tuple[str, int] | None, hold: str | None) -> None:
        given = self.locking(bucket, lock, hold)
        where = start(self.s3, bucket, key, **given)
        bodies = {number: self.body(size) for number, size in enumerate(sizes, 1)}
        answer = complete(self.s3, where, upload(self.s3, where, bodies))
        self.added(bucket, key, b"".join(bodies.values()), answer, given)

    @rule(bucket=BUCKETS, key=KEYS)
    def delete(self, bucket: str, key: str) -> None:
        self.removed(bucket, key, self.s3.delete_object(Bucket=bucket, Key=key))

    def removed(self, bucket: str, key: str, answer: Any) -> None:
        keeping = self.buckets[bucket]
        if keeping.state == "":
            assert answer.get("DeleteMarker") is None
            keeping.keys[key].clear()
            return
        assert answer["DeleteMarker"] is True
        made = answer.get("DeleteMarkerVersionId") or answer["VersionId"]
        assert (made == "null") == (keeping.state == "Suspended")
        keeping.add(key, Version(made, None))

    @rule(bucket=BUCKETS, key=KEYS, which=WHICH, bypassing=st.booleans())
    def delete_version(self, bucket: str, key: str, which: int, bypassing: bool) -> None:
        """Delete a version as everybody does; if it is locked, perhaps with the header that passes by governance mode, too."""
        found = self.buckets[bucket].pick(key, which)
        for bypass in (False, True) if bypassing and bucket == LOCKED else (False,):
            arguments: dict[str, Any] = {"Bucket": bucket, "Key": key, "VersionId": found.id if found else "0" * 32}
            if bypass:
                arguments["BypassGovernanceRetention"] = True
            if found is not None and found.is_locked(self.now(), bypass):
                assert code(self.s3.delete_object, **arguments) == "AccessDenied"
                continue
            answer = self.s3.delete_object(**arguments)
            assert answer["VersionId"] == arguments["VersionId"]
            if found is not None:
                assert answer.get("DeleteMarker", False) == (found.body is None)
                self.buckets[bucket].keys[key].remove(found)
            return

    @rule(bucket=BUCKETS, wanted=st.lists(st.tuples(KEYS, st.none() | WHICH), min_size=1, max_size=4))
    def delete_many(self, bucket: str, wanted: list[tuple[str, int | None]]) -> None:
        keeping = self.buckets[bucket]
        picked = [(key, None if which is None else keeping.pick(key, which)) for key, which in wanted]
        listed = [{"Key": key} | ({"VersionId": found.id} if found else {}) for key, found in picked]
        answer = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": listed})
        done, refused = iter(answer.get("Deleted", [])), iter(answer.get("Errors", []))
        for key, found in picked:
            if found is None:
                self.removed(bucket, key, next(done))
            elif found in keeping.keys[key] and found.is_locked(self.now(), bypass=False):
                assert next(refused)["Code"] == "AccessDenied"
            else:
                gone = next(done)
                assert gone["VersionId"] == found.id
                keeping.keys[key] = [one for one in keeping.keys[key] if one.id != found.id]
        assert (next(done, None), next(refused, None)) == (None, None)

    @rule(state=st.sampled_from(["Enabled", "Suspended"]))
    def set_versioning(self, state: str) -> None:
        self.s3.put_bucket_versioning(Bucket=PLAIN, VersioningConfiguration={"Status": state})
        self.buckets[PLAIN].state = state
        configuration = {"Status": "Suspended"}
        assert (
            code(self.s3.put_bucket_versioning, Bucket=LOCKED, VersioningConfiguration=configuration)
            == "InvalidBucketState"
        )

    @rule(default=LOCKS)
    def set_default(self, default: tuple[str, int] | None) -> None:
        rules = {"Rule": {"DefaultRetention": {"Mode": default[0], "Days": default[1]}}} if default else {}
        wanted = {"ObjectLockEnabled": "Enabled", **rules}
        self.s3.put_object_lock_configuration(Bucket=LOCKED, ObjectLockConfiguration=wanted)
        self.buckets[LOCKED].default = default

    @rule(key=KEYS, which=WHICH, lock=LOCKS, bypass=st.booleans())
    def retain(self, key: str, which: int, lock: tuple[str, int] | None, bypass: bool) -> None:
        found = self.buckets[LOCKED].pick(key, which)
        if found is None:
            return
        arguments: dict[str, Any] = {"Bucket": LOCKED, "Key": key, "VersionId": found.id, "Retention": {}}
        mode, until = "", None
        if lock is not None:
            mode, until = lock[0], (self.now() + timedelta(days=lock[1])).replace(microsecond=0)
            arguments["Retention"] = {"Mode": mode, "RetainUntilDate": until}
        if bypass:
            arguments["BypassGovernanceRetention"] = True
        if found.body is None:
            assert code(self.s3.put_object_retention, **arguments) == "MethodNotAllowed"
            return
        passed = not found.is_retained(self.now()) or (bypass and found.mode == "GOVERNANCE")
        stronger = mode == found.mode and until is not None and found.until is not None and until >= found.until
        if not passed and not stronger:
            assert code(self.s3.put_object_retention, **arguments) == "AccessDenied"
        else:
            self.s3.put_object_retention(**arguments)
            found.mode, found.until = mode, until

    @rule(key=KEYS, which=WHICH, status=st.sampled_from(["ON", "OFF"]))
    def hold(self, key: str, which: int, status: str) -> None:
        found = self.buckets[LOCKED].pick(key, which)
        if found is not None and found.body is not None:
            where = {"Bucket": LOCKED, "Key": key, "VersionId": found.id}
            self.s3.put_object_legal_hold(**where, LegalHold={"Status": status})
            found.hold = status

    @rule(days=st.integers(0, 3))
    def let_time_pass(self, days: int) -> None:
        self.region.advance(days=days, minutes=37)  # never exactly the end of a retention

    @rule(bucket=BUCKETS, key=KEYS, which=st.none() | WHICH)
    def read(self, bucket: str, key: str, which: int | None) -> None:
        keeping = self.buckets[bucket]
        found = keeping.current(key) if which is None else keeping.pick(key, which)
        arguments = {"Bucket": bucket, "Key": key} | ({} if which is None or found is None else {"VersionId": found.id})
        if found is None:
            assert code(self.s3.get_object, **arguments) == "NoSuchKey"
        elif found.body is None:
            assert code(self.s3.get_object, **arguments) == "MethodNotAllowed"
        else:
            answer = self.s3.get_object(**arguments)
            assert answer["Body"].read() == found.body
            assert answer.get("VersionId") == (found.id if keeping.state else None)
            assert answer.get("ObjectLockMode", "") == found.mode
            assert answer.get("ObjectLockLegalHoldStatus") == found.hold
            if found.until is not None:
                assert abs(answer["ObjectLockRetainUntilDate"] - found.until) < timedelta(seconds=5)

    @rule(bucket=BUCKETS, size=st.integers(1, 5))
    def list_all(self, bucket: str, size: int) -> None:
        keeping, found, marks = self.buckets[bucket], [], {}
        while True:
            page = self.s3.list_object_versions(Bucket=bucket, MaxKeys=size, **marks)
            found += [(one["Key"], one["VersionId"], one["IsLatest"], "Size" in one) for one in entries(page)]
            if not page["IsTruncated"]:
                break
            marks = marks_of(page)
        expected = [(key, one.id, one is keeping.keys[key][0], one.body is not None) for key, one in keeping.whole()]
        assert sorted(found) == sorted(expected)
        for key, those in keeping.keys.items():  # within a page, markers are told behind versions
            with_bodies = [one.id for one in those if one.body is not None]
            assert [version for name, version, _, body in found if name == key and body] == with_bodies
        listed = self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        assert [one["Key"] for one in listed] == sorted(filter(keeping.current, keeping.keys), key=str.encode)

    @precondition(lambda self: self.walk is None)
    @rule(bucket=BUCKETS, size=st.integers(1, 3))
    def start_walk(self, bucket: str, size: int) -> None:
        there = {key: list(those) for key, those in self.buckets[bucket].keys.items()}
        self.walk = Walk(bucket, size, there)

    @precondition(lambda self: self.walk is not None)
    @rule()
    def walk_on(self) -> None:
        """What was there all the time is told once, whatever is written and deleted between the pages."""
        walk = self.walk
        assert walk is not None
        page = self.s3.list_object_versions(Bucket=walk.bucket, MaxKeys=walk.size, **walk.marks)
        walk.seen += [(one["Key"], one["VersionId"]) for one in entries(page)]
        walk.marks = marks_of(page)
        if not page["IsTruncated"]:
            for key, those in walk.there.items():
                for one in those:
                    if one in self.buckets[walk.bucket].keys[key]:
                        times = walk.seen.count((key, one.id))
                        assert times == 1 or (times == 2 and one.id == "null")
            self.walk = None

    @invariant()
    def the_records_agree(self) -> None:
        with self.region.region.store.snapshot() as tx:
            assert [problem.what for problem in registry.invariants(tx)] == []

    def teardown(self) -> None:
        try:
            self.region.advance(days=1000)
            for bucket, keeping in self.buckets.items():
                for key, one in keeping.whole():
                    if one.hold == "ON":
                        self.s3.put_object_legal_hold(
                            Bucket=bucket, Key=key, VersionId=one.id, LegalHold={"Status": "OFF"}
                        )
                    self.s3.delete_object(Bucket=bucket, Key=key, VersionId=one.id)
                self.s3.delete_bucket(Bucket=bucket)
            assert (kept(self.region), parts_kept(self.region)) == ((0, []), 0)
        finally:
            self.stack.close()


def entries(page: dict[str, Any]) -> list[dict[str, Any]]:
    """A page's versions and delete markers."""
    found: list[dict[str, Any]] = page.get("Versions", []) + page.get("DeleteMarkers", [])
    return found


def marks_of(page: dict[str, Any]) -> dict[str, str]:
    """Where the next page starts."""
    if not page["IsTruncated"]:
        return {}
    return {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


TestVersions = Versions.TestCase
TestVersions.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
