"""Tags of what IAM keeps.

Source: IAM User Guide, "Tags for IAM resources": at most 50; keys are unique without regard to case and keep the case they were
given in; `aws:` is reserved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.iam.listing import paged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fogbank.core.service import Input

LIMIT = 50


def with_tags(old: Mapping[str, str], given: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The tags after some were set: `given` are pairs of Key and Value."""
    if len({tag["Key"].lower() for tag in given}) != len(given):
        raise AwsError("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(tag["Key"].lower().startswith("aws:") for tag in given):
        raise AwsError("InvalidInput", "Tag keys that start with aws: are reserved for AWS.")
    names = {key.lower(): key for key in old}
    tags = dict(old)
    for tag in given:
        tags[names.get(tag["Key"].lower(), tag["Key"])] = tag["Value"]
    if len(tags) > LIMIT:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for TagsPerResource: {LIMIT}")
    return tags


def without_tags(old: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """The tags after some were removed; those that are not there are ignored."""
    gone = {key.lower() for key in keys}
    return {key: value for key, value in old.items() if key.lower() not in gone}


def told_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as IAM tells them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def listed_tags(req: Input, tags: Mapping[str, str]) -> dict[str, Any]:
    """A page of tags, by key."""
    found, more = paged(req, ((key, {"Key": key, "Value": tags[key]}) for key in sorted(tags)))
    return {"Tags": found, **more}
