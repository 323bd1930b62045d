"""Whether access may depend on a bucket's tags. What follows from it is tested with S3 Control's tags.

Source: S3 User Guide, "Enabling ABAC in general purpose buckets".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, permit, signed, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion


def test_it_is_off_until_it_is_enabled(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Disabled"}
    for status in ("Enabled", "Enabled", "Disabled", "Disabled"):
        s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": status})
        assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": status}


def test_the_tags_of_the_bucket_count_for_its_objects(region: LocalRegion, s3: Any, bucket: str) -> None:
    ann = user_client(region, "s3")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "Team", "Value": "blue"}]})
    permit(region, allow("s3:PutObject", StringEquals={"aws:ResourceTag/Team": "blue"}))
    assert code(ann.put_object, Bucket=bucket, Key="k") == "AccessDenied"
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    ann.put_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<AbacStatus/>",
        b"<AbacStatus><Status/></AbacStatus>",
        b"<AbacStatus><Status>On</Status></AbacStatus>",
        b"{}",
    ],
)
def test_what_is_no_status(region: LocalRegion, s3: Any, bucket: str, body: bytes) -> None:
    assert signed(region, "PUT", f"/{bucket}?abac", {}, body).status == 400
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Disabled"}
