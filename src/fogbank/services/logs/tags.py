"""Tags of log groups, by both of AWS's ways.

Source: API Reference, TagResource, UntagResource, ListTagsForResource; TagLogGroup, UntagLogGroup, ListTagsLogGroup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.logs.addressing import need_group
from fogbank.services.logs.errors import invalid
from fogbank.services.logs.records import groups
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Group

LIMIT: Final = 50


@logs.operation("write", "tagged", takes="resourceArn tags")
def tag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Give a group tags."""
    return change(call, need_group(call, req), req["tags"], ())


@logs.operation("write", "tagged", takes="resourceArn tagKeys")
def untag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Take tags from a group."""
    return change(call, need_group(call, req), {}, req["tagKeys"])


@logs.operation("read", "tagged", takes="resourceArn")
def list_tags_for_resource(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a group."""
    return {"tags": need_group(call, req).tags}


@logs.operation("write", "tagged", takes="logGroupName tags")
def tag_log_group(call: Call, req: Input) -> dict[str, Any]:
    """Give a group tags."""
    return change(call, need_group(call, req), req["tags"], ())


@logs.operation("write", "tagged", takes="logGroupName tags")
def untag_log_group(call: Call, req: Input) -> dict[str, Any]:
    """Take tags from a group; `tags` are their keys."""
    return change(call, need_group(call, req), {}, req["tags"])


@logs.operation("read", "tagged", takes="logGroupName")
def list_tags_log_group(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a group."""
    return {"tags": need_group(call, req).tags}


def change(call: Call, group: Group, given: Mapping[str, str], taken: Iterable[str]) -> dict[str, Any]:
    """Give a group tags, and take some away."""
    left = {key: value for key, value in group.tags.items() if key not in set(taken)}
    tags = checked_tags(left, given, group.arn)
    groups.put(call.tx, msgspec.structs.replace(group, tags=tags), group.account, group.region, group.name)
    return {}


def checked_tags(old: Mapping[str, str], given: Mapping[str, str], arn: str = "") -> dict[str, str]:
    """Tags after some were given."""
    if any(key.lower().startswith("aws:") for key in given):
        raise invalid("aws: prefixed tag key names are not allowed for external use.")
    made = {**old, **given}
    if len(made) > LIMIT:
        what = "A resource can have no more than 50 tags."
        raise AwsError("TooManyTagsException", what, status=400, fields={"resourceName": arn})
    return made
