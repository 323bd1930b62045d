"""A bucket against a model: any sequence of operations leaves what a dict would, and in the end no byte is leaked."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.helpers import FILE, code, kept, parts_kept, pattern
from services.s3.uploads import complete, start, upload
from support.region import LocalRegion

KEYS = st.sampled_from(["a", "a/b", "b", "ü"])
BODIES = st.builds(pattern, st.sampled_from([0, 1, 1000, FILE]), st.integers(0, 250))
NUMBERS = st.integers(1, 4)


class Bucket(RuleBasedStateMachine):
    """One bucket of one region; `objects` and `uploads` are what it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.small_parts = patch("fogbank.services.s3.multipart_complete.SMALLEST_PART", 0)
        self.small_parts.start()
        self.directory = tempfile.TemporaryDirectory()
        self.region = LocalRegion(Path(self.directory.name))
        self.s3: Any = self.region.client("s3", request_checksum_calculation="when_required")
        self.objects: dict[str, bytes] = {}
        self.uploads: list[tuple[dict[str, str], dict[int, tuple[bytes, dict[str, Any]]]]] = []

    @initialize()
    def make(self) -> None:
        self.s3.create_bucket(Bucket="bucket")

    @rule(key=KEYS, body=BODIES)
    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket="bucket", Key=key, Body=body)
        self.objects[key] = body

    @rule(key=KEYS, body=BODIES)
    def put_once(self, key: str, body: bytes) -> None:
        if key in self.objects:
            assert (
                code(self.s3.put_object, Bucket="bucket", Key=key, Body=body, IfNoneMatch="*") == "PreconditionFailed"
            )
        else:
            self.s3.put_object(Bucket="bucket", Key=key, Body=body, IfNoneMatch="*")
            self.objects[key] = body

    @rule(key=KEYS, body=BODIES)
    def put_wrongly(self, key: str, body: bytes) -> None:
        wrong = {"Bucket": "bucket", "Key": key, "Body": body, "ContentMD5": "1B2M2Y8AsgTpgAmY7PhCfw=="}
        if body:
            assert code(self.s3.put_object, **wrong) == "BadDigest"

    @rule(source=KEYS, key=KEYS)
    def copy(self, source: str, key: str) -> None:
        arguments = {"Bucket": "bucket", "Key": key, "CopySource": {"Bucket": "bucket", "Key": source}}
        if source not in self.objects:
            assert code(self.s3.copy_object, **arguments) == "NoSuchKey"
        else:
            self.s3.copy_object(**arguments, MetadataDirective="REPLACE")
            self.objects[key] = self.objects[source]

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket="bucket", Key=key)
        self.objects.pop(key, None)

    @rule(keys=st.sets(KEYS, min_size=1))
    def delete_many(self, keys: set[str]) -> None:
        answer = self.s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": key} for key in sorted(keys)]})
        assert "Errors" not in answer
        for key in keys:
            self.objects.pop(key, None)

    @precondition(lambda self: len(self.uploads) < 3)
    @rule(key=KEYS, bodies=st.dictionaries(NUMBERS, BODIES, max_size=3))
    def start_upload(self, key: str, bodies: dict[int, bytes]) -> None:
        self.uploads.append((start(self.s3, "bucket", key), {}))
        for number, body in bodies.items():
            self.upload_part(number, body)

    @precondition(lambda self: self.uploads)
    @rule(number=NUMBERS, body=BODIES)
    def upload_part(self, number: int, body: bytes) -> None:
        where, parts = self.uploads[-1]
        parts[number] = (body, upload(self.s3, where, {number: body})[0])

    @precondition(lambda self: self.uploads)
    @rule(number=NUMBERS, source=KEYS)
    def copy_part(self, number: int, source: str) -> None:
        where, parts = self.uploads[-1]
        if source in self.objects:
            made = self.s3.upload_part_copy(**where, PartNumber=number, CopySource={"Bucket": "bucket", "Key": source})[
                "CopyPartResult"
            ]
            parts[number] = (self.objects[source], {"PartNumber": number, "ETag": made["ETag"]})

    @precondition(lambda self: self.uploads)
    @rule(which=st.integers(0, 2), without=st.sets(NUMBERS, max_size=1))
    def complete_upload(self, which: int, without: set[int]) -> None:
        where, parts = self.uploads[which % len(self.uploads)]
        chosen = {number: parts[number] for number in sorted(parts) if number not in without}
        if chosen:
            complete(self.s3, where, [part for _, part in chosen.values()])
            self.objects[where["Key"]] = b"".join(body for body, _ in chosen.values())
            self.uploads.remove((where, parts))

    @precondition(lambda self: self.uploads)
    @rule(which=st.integers(0, 2))
    def abort_upload(self, which: int) -> None:
        where, _ = self.uploads.pop(which % len(self.uploads))
        self.s3.abort_multipart_upload(**where)

    @rule(key=KEYS, start=st.integers(0, FILE), length=st.integers(1, FILE))
    def get_range(self, key: str, start: int, length: int) -> None:
        body = self.objects.get(key, b"")
        if start < len(body):
            got = self.s3.get_object(Bucket="bucket", Key=key, Range=f"bytes={start}-{start + length - 1}")
            assert got["Body"].read() == body[start : start + length]

    @rule(prefix=st.sampled_from(["", "a", "a/", "b"]))
    def list_some(self, prefix: str) -> None:
        page = self.s3.list_objects_v2(Bucket="bucket", Prefix=prefix)
        found = {one["Key"]: one["Size"] for one in page.get("Contents", [])}
        assert found == {key: len(body) for key, body in self.objects.items() if key.startswith(prefix)}

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        if key in self.objects:
            assert self.s3.get_object(Bucket="bucket", Key=key)["Body"].read() == self.objects[key]
        else:
            assert code(self.s3.get_object, Bucket="bucket", Key=key) == "NoSuchKey"

    @rule()
    def delete_bucket(self) -> None:
        if self.objects:
            assert code(self.s3.delete_bucket, Bucket="bucket") == "BucketNotEmpty"
            return
        self.s3.delete_bucket(Bucket="bucket")
        self.uploads.clear()
        assert (kept(self.region), parts_kept(self.region)) == ((0, []), 0)
        self.make()

    @invariant()
    def nothing_is_kept_for_nothing(self) -> None:
        if not self.objects and not self.uploads:
            assert (kept(self.region), parts_kept(self.region)) == ((0, []), 0)

    def teardown(self) -> None:
        try:
            for key, body in self.objects.items():
                assert self.s3.get_object(Bucket="bucket", Key=key)["Body"].read() == body
                self.s3.delete_object(Bucket="bucket", Key=key)
            for where, _ in self.uploads:
                self.s3.abort_multipart_upload(**where)
            assert (kept(self.region), parts_kept(self.region)) == ((0, []), 0)
        finally:
            self.region.close()
            self.directory.cleanup()
            self.small_parts.stop()


TestBucket = Bucket.TestCase
TestBucket.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
