"""Tags of keys.

Source: API Reference, TagResource, UntagResource, ListResourceTags: at most 50, `aws:` is reserved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.kms.addressing import find_own
from fogbank.services.kms.listing import FEW, behind, paged
from fogbank.services.kms.service import kms
from fogbank.services.kms.states import keep, need_kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fogbank.core.call import Call
    from fogbank.core.service import Input

LIMIT: Final = 50


@kms.operation("write", "key", takes="KeyId Tags", needs_policy=True)
def tag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Set tags of a key."""
    key = find_own(call, req["KeyId"])
    need_kept(key)
    keep(call, msgspec.structs.replace(key, tags=checked_tags(key.tags, req["Tags"])))
    return {}


@kms.operation("write", "key", takes="KeyId TagKeys", needs_policy=True)
def untag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Remove tags of a key; those that are not there are ignored."""
    key = find_own(call, req["KeyId"])
    need_kept(key)
    left = {name: value for name, value in key.tags.items() if name not in req["TagKeys"]}
    keep(call, msgspec.structs.replace(key, tags=left))
    return {}


@kms.operation("read", "key", takes="KeyId Limit Marker", needs_policy=True)
def list_resource_tags(call: Call, req: Input) -> dict[str, Any]:
    """The tags of a key, by name."""
    found = sorted(find_own(call, req["KeyId"]).tags.items())
    pairs = ((name, {"TagKey": name, "TagValue": value}) for name, value in found)
    return paged(req, "Tags", behind(req, pairs), dict, FEW)


def checked_tags(old: Mapping[str, str], given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags after some were set. Keys that differ in case alone are refused: conditions on tags could not tell them apart."""
    names = [tag["TagKey"] for tag in given]
    known = {key.lower(): key for key in old}
    if len({name.lower() for name in names}) != len(names):
        raise AwsError("TagException", "Duplicate tag keys", status=400)
    if any(known.get(name.lower(), name) != name for name in names):
        raise AwsError("TagException", "Tag keys must be unique without regard to case", status=400)
    if any(name.lower().startswith("aws:") for name in names):
        raise AwsError("TagException", "Tags beginning with aws: are reserved", status=400)
    made = {**old, **{tag["TagKey"]: tag["TagValue"] for tag in given}}
    if len(made) > LIMIT:
        raise AwsError("TagException", "Too many tags", status=400)
    return made
