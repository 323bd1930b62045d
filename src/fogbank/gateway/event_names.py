"""What CloudTrail calls operations whose events have another name: Lambda's say of which version of its interface they are.

Source: Lambda Developer Guide, "Logging AWS Lambda API calls using AWS CloudTrail", which tells of most that change something; of the
others, events that were published show them: GetFunction20150331v2, GetPolicy20150331v2, ListFunctions20150331, ListLayers20181031.
"""

from __future__ import annotations

import re
from typing import Final

_VERSION: Final = re.compile("20[0-9]{6}(v[0-9])?$")
_LAMBDA: Final = {
    "20150331": (
        "CreateAlias", "CreateEventSourceMapping", "CreateFunction", "DeleteAlias", "DeleteEventSourceMapping", "DeleteFunction",
        "GetAlias", "GetEventSourceMapping", "ListAliases", "ListEventSourceMappings", "ListFunctions", "ListVersionsByFunction",
        "PublishVersion", "UpdateAlias", "UpdateEventSourceMapping",
    ),
    "20150331v2": (
        "AddPermission", "GetFunction", "GetFunctionConfiguration", "GetPolicy", "RemovePermission", "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
    ),
    "20160819": ("GetAccountSettings",),
    "20170331": ("ListTags",),
    "20170331v2": ("TagResource", "UntagResource"),
    "20171031": ("DeleteFunctionConcurrency", "PutFunctionConcurrency"),
    "20181031": (
        "AddLayerVersionPermission", "DeleteLayerVersion", "GetLayerVersion", "GetLayerVersionByArn", "GetLayerVersionPolicy",
        "ListLayerVersions", "ListLayers", "PublishLayerVersion", "RemoveLayerVersionPermission",
    ),
}  # fmt: skip
_NAMES: Final = {("lambda", name): name + version for version, names in _LAMBDA.items() for name in names}


def event_name(service: str, operation: str) -> str:
    """The name of an operation's events."""
    return _NAMES.get((service, operation), operation)


def operation_name(event: str) -> str:
    """The operation that an event's name means."""
    return _VERSION.sub("", event)
