"""Tags of roots, units, accounts and policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.identity.accounts import control_policies
from fogbank.services.organizations.listing import paged
from fogbank.services.organizations.names import absent, constraint, invalid, opened
from fogbank.services.organizations.records import Tags, tags_of
from fogbank.services.organizations.service import organizations
from fogbank.services.organizations.tree import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fogbank.core.call import Call
    from fogbank.core.identity.accounts import Organization
    from fogbank.core.service import Input

LIMIT: Final = 50


@organizations.operation("write", "ResourceId", takes="ResourceId Tags")
def tag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Set tags."""
    organization, name = addressed(call, req)
    keep_tags(call, organization, name, merged(kept(call, organization, name), req["Tags"]))
    return {}


@organizations.operation("write", "ResourceId", takes="ResourceId TagKeys")
def untag_resource(call: Call, req: Input) -> dict[str, Any]:
    """Remove tags; those that are not there are ignored."""
    organization, name = addressed(call, req)
    left = {key: value for key, value in kept(call, organization, name).items() if key not in req["TagKeys"]}
    keep_tags(call, organization, name, left)
    return {}


@organizations.operation("read", "ResourceId", takes="ResourceId NextToken")
def list_tags_for_resource(call: Call, req: Input) -> dict[str, Any]:
    """The tags, by key."""
    organization, name = addressed(call, req)
    found = sorted(kept(call, organization, name).items())
    every = {"NextToken": req["NextToken"]} if "NextToken" in req else {}
    pairs = ((key, {"Key": key, "Value": value}) for key, value in found)
    return paged({**every, "MaxResults": LIMIT}, "Tags", pairs, dict)


def addressed(call: Call, req: Input) -> tuple[Organization, str]:
    """The organization, and the id of what is tagged."""
    organization, name = opened(call), req["ResourceId"]
    if not name_of(call, organization, name) and control_policies.get(call.tx, organization.id, name) is None:
        raise absent("TargetNotFoundException", "a root, OU, account, or policy")
    return organization, name


def kept(call: Call, organization: Organization, name: str) -> Mapping[str, str]:
    """The tags of an id."""
    found = tags_of.get(call.tx, organization.id, name)
    return found.tags if found else {}


def new_tags(req: Input) -> dict[str, str]:
    """The tags that something is made with."""
    return merged({}, req.get("Tags", ()))


def merged(old: Mapping[str, str], given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Tags after some were set. Keys that differ in case alone are refused: conditions on tags could not tell them apart."""
    keys = [tag["Key"] for tag in given]
    known = {key.lower(): key for key in old}
    if len({key.lower() for key in keys}) != len(keys) or any(known.get(key.lower(), key) != key for key in keys):
        raise invalid("DUPLICATE_TAG_KEY", "Tag keys must be unique.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise invalid("INVALID_SYSTEM_TAGS_PARAMETER", "You can't add, edit, or delete system tag keys.")
    made = {**old, **{tag["Key"]: tag["Value"] for tag in given}}
    if len(made) > LIMIT:
        raise constraint("MAX_TAG_LIMIT_EXCEEDED", "You have exceeded the number of tags allowed on this resource.")
    return made


def keep_tags(call: Call, organization: Organization, name: str, tags: Mapping[str, str]) -> None:
    """Keep the tags of an id."""
    if tags:
        tags_of.put(call.tx, Tags(tags=dict(tags)), organization.id, name)
    else:
        tags_of.delete(call.tx, organization.id, name)
