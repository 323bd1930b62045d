"""Tags of keys.

Source: API Reference, TagResource, UntagResource, ListResourceTags: at most 50, `aws:` is reserved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT: Final = 50


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
