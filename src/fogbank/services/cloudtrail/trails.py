"""Trails: there are none, since CreateTrail is not implemented. Every account's event history needs none.

Source: AWS CloudTrail API Reference, "DescribeTrails".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.services.cloudtrail.service import cloudtrail

if TYPE_CHECKING:
    from fogbank.core.call import Call


@cloudtrail.operation("read", "*", takes="trailNameList includeShadowTrails")
def describe_trails(_call: Call, _req: dict[str, Any]) -> dict[str, Any]:
    """The trails of the account, as AWS answers where none was made; names of trails that are not there are passed over."""
    return {"trailList": []}
