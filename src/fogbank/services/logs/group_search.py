"""ListLogGroups: groups by patterns of their names, by class and by tags.

Source: API Reference, ListLogGroups.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from fogbank.core.paging import read_marker, write_marker
from fogbank.services.logs.errors import invalid
from fogbank.services.logs.groups import PAGE
from fogbank.services.logs.records import groups
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.records import Group


@logs.operation("scan", "all", takes="logGroupNamePattern logGroupClass nextToken limit")
def list_log_groups(call: Call, req: Input) -> dict[str, Any]:
    """Log groups of the account in this region, by name."""
    most = req.get("limit", PAGE)
    found = list(islice(matching(call, req), most + 1))
    more = {"nextToken": write_marker(found[most - 1].name)} if len(found) > most else {}
    return {"logGroups": [told(group) for group in found[:most]], **more}


def matching(call: Call, req: Input) -> Iterator[Group]:
    """The groups that a request means, behind its token, in order."""
    after = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid."))
    patterns, kind = req.get("logGroupNamePattern", "").split("|"), req.get("logGroupClass")
    for _, group in groups.scan(call.tx, call.account, call.region, start_after=after):
        if kind in (None, group.kind) and any(matches(pattern, group.name) for pattern in patterns):
            yield group


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern, of which `^` at its beginning means the name's, is in a name. The model bounds what a pattern may be."""
    return name.startswith(pattern[1:]) if pattern.startswith("^") else pattern in name


def told(group: Group) -> dict[str, Any]:
    """A group as output members."""
    return {"logGroupName": group.name, "logGroupArn": group.arn, "logGroupClass": group.kind}
