"""A new master key: objects' data keys are sealed anew in the background, and everything stays readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.core.background import Background, Options
from fogbank.core.vault import Vault
from fogbank.services.s3 import rewrap
from fogbank.services.s3.records import objects, uploads, versions
from services.helpers import FILE, pattern, refusal
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

OLD, NEW = bytes(32), bytes(range(32))


def use(region: LocalRegion, keys: dict[int, bytes]) -> None:
    """Go on with these master keys, as a region does that was started anew."""
    region.region = msgspec.structs.replace(region.region, vault=Vault(keys))
    region.gateway.region = region.region
    region.background = Background(region.region, Options())


def numbers(region: LocalRegion) -> set[int]:
    """The numbers of the master keys that S3's data keys are sealed with."""
    with region.region.store.snapshot() as tx:
        records = [record for table in (objects, versions, uploads) for _, record in table.scan(tx)]  # type: ignore[attr-defined]
        return {int.from_bytes(record.encryption.wrapped[:2], "big") for record in records if record.encryption}


@pytest.fixture
def filled(s3: Any, bucket: str) -> dict[str, Any]:
    """An upload in progress, in a bucket with objects, small and large, and with versions of them."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for index in range(7):
        s3.put_object(Bucket=bucket, Key=f"k{index % 4}", Body=pattern(FILE if index % 2 else 10, index))
    s3.delete_object(Bucket=bucket, Key="k3")
    return start(s3, bucket, "parts")


def test_all_is_sealed_anew_and_stays_readable(
    region: LocalRegion, s3: Any, bucket: str, filled: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrap, "BATCH", 2)
    parts = upload(s3, filled, {1: b"x"})
    assert numbers(region) == {1}
    use(region, {1: OLD, 2: NEW})
    s3.put_object(Bucket=bucket, Key="new", Body=b"new")
    assert numbers(region) == {1, 2}
    region.settle()
    assert numbers(region) == {2}
    use(region, {2: NEW})
    for version in s3.list_object_versions(Bucket=bucket)["Versions"]:
        got = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        assert len(got["Body"].read()) == version["Size"]
    complete(s3, filled, parts)
    assert s3.get_object(Bucket=bucket, Key="parts")["Body"].read() == b"x"


def test_it_is_done_once(
    region: LocalRegion, s3: Any, bucket: str, filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(region, {1: OLD, 2: NEW})
    region.settle()
    monkeypatch.setattr(rewrap, "batch", lambda *_, **__: pytest.fail("it looked at the records again"))
    region.settle()


def test_what_kms_and_customers_protect_is_left_alone(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    with region.region.store.snapshot() as tx:
        before = objects.get(tx, bucket, "k")
    use(region, {1: OLD, 2: NEW})
    region.settle()
    with region.region.store.snapshot() as tx:
        assert objects.get(tx, bucket, "k") == before
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_without_its_master_key_nothing_is_read(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    use(region, {2: NEW})
    assert refusal(s3.get_object, Bucket=bucket, Key="k")["Status"] == 500
