"""What callers used last is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.identity.records import keys_used
from fogbank.core.identity.used import services_of
from services.helpers import allow, code, permit
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion


def test_the_last_use_of_a_key_and_of_a_service(region: LocalRegion, s3: Any, bucket: str) -> None:
    iam = region.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    permit(region, allow("s3:ListAllMyBuckets"))
    ann = region.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    ann.list_buckets()
    assert code(ann.list_objects_v2, Bucket=bucket) == "AccessDenied"  # a refusal is no use
    region.run(region.uses.flush())
    with region.region.store.snapshot() as tx:
        used = keys_used.get(tx, key["AccessKeyId"])
        services = dict(services_of(tx, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann"))
    assert used is not None
    assert (used.service, used.region) == ("s3", "us-east-1")
    assert [(name, record.action) for name, record in services.items()] == [("s3", "ListAllMyBuckets")]


def test_noting_a_use_does_not_move_the_generation(region: LocalRegion, s3: Any) -> None:
    s3.list_buckets()
    with region.region.store.snapshot() as tx:
        before = region.identities.find(tx, "AKIAIOSFODNN7EXAMPLE", None, region.clock.now())
    region.run(region.uses.flush())
    with region.region.store.snapshot() as tx:
        assert region.identities.find(tx, "AKIAIOSFODNN7EXAMPLE", None, region.clock.now()) is before
