"""DescribeTrails: the truth of an account that has none.

Source: AWS CloudTrail API Reference, "DescribeTrails", "CreateTrail".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, permit, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.mark.parametrize("asked", [{}, {"trailNameList": ["mine"]}, {"includeShadowTrails": False}])
def test_there_are_no_trails(region: LocalRegion, asked: dict[str, Any]) -> None:
    assert region.client("cloudtrail").describe_trails(**asked)["trailList"] == []


def test_a_trail_cannot_be_made(region: LocalRegion) -> None:
    """Delivery to a bucket is not implemented, and not pretended."""
    trail = region.client("cloudtrail")
    assert code(trail.create_trail, Name="mine", S3BucketName="bucket") == "NotImplemented"
    assert trail.describe_trails()["trailList"] == []


def test_it_needs_its_permission(region: LocalRegion) -> None:
    ann = user_client(region, "cloudtrail")
    assert code(ann.describe_trails) == "AccessDeniedException"
    permit(region, allow("cloudtrail:DescribeTrails"))
    assert ann.describe_trails()["trailList"] == []
