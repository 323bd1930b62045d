"""CloudWatch Logs: its resources, and whose they are.

Actions on a group are asked on its ARN with `:log-stream:` behind it, as AWS does; so policies that name `…:log-group:NAME:*` match.
Tags alone are on the bare ARN.

Source: CloudWatch Logs User Guide, "Overview of managing access permissions to your CloudWatch Logs resources".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.core.service import Service
from fogbank.services.logs.addressing import address, find_group
from fogbank.services.logs.granted import policy
from fogbank.services.logs.queries_scope import answered, queried, some

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.logs.addressing import Address


def arn_of(where: Address) -> str:
    """The ARN of a group, without `:*`."""
    account, region, name = where
    return f"arn:aws:logs:{region}:{account}:log-group:{name}"


def group(call: Call, req: Input) -> str:
    """The ARN that actions on the addressed group are asked on."""
    return arn_of(address(call, req)) + ":log-stream:"


def tagged(call: Call, req: Input) -> str:
    """The ARN that actions on the tags of the addressed group are asked on."""
    return arn_of(address(call, req))


def stream(call: Call, req: Input) -> str:
    """The ARN of the addressed stream."""
    return f"{arn_of(address(call, req))}:log-stream:{req['logStreamName']}"


def all_groups(call: Call, _: Input) -> str:
    """What listing all groups is asked on."""
    return f"arn:aws:logs:{call.region}:{call.account}:log-group::log-stream:"


def owner(call: Call, names: Input) -> str | None:
    """The account of the addressed group; None where none is."""
    try:
        return address(call, names)[0]
    except AwsError:
        return None


def tags(call: Call, names: Input, _arn: str) -> Mapping[str, str]:
    """The tags of the addressed group."""
    try:
        found = find_group(call.tx, *address(call, names))
    except AwsError:
        return {}
    return found.tags if found else {}


logs = Service(
    "logs",
    resources={
        "group": group,
        "tagged": tagged,
        "stream": stream,
        "all": all_groups,
        "queried": queried,
        "answered": answered,
        "some": some,
    },
    modules=(
        "groups",
        "group_search",
        "streams",
        "tags",
        "put",
        "get",
        "filter",
        "retention",
        "encryption",
        "resource_policies",
        "queries",
        "queries_run",
        "query_definitions",
        "metric_filters",
        "subscription_filters",
        "subscription_delivery",
        "export",
        "export_run",
        "live_tail",
        "purge",
        "purge_streams",
        "sealing",
        "expiry",
        "bound",
        "rewrap",
        "invariants",
    ),
    owner=owner,
    policy=policy,
    tags=tags,
)
