"""Users, groups and roles, as far as they are alike: finding one, its policies, its boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from fogbank.auth.policy import PolicyError, parse_policy
from fogbank.core.errors import AwsError
from fogbank.core.identity.records import attached, groups, inlines, key_of, roles, users

if TYPE_CHECKING:
    from fogbank.auth.policy import Kind, Policy
    from fogbank.core.call import Call
    from fogbank.core.identity.records import Group, Owner, Role, User
    from fogbank.store.record import Record
    from fogbank.store.table import Table

R = TypeVar("R", bound="Record")
# Characters, without white space. Source: IAM User Guide, "IAM and AWS STS quotas".
SIZES = {"user": 2048, "role": 10240, "group": 5120, "managed": 6144, "trust": 2048}
QUOTAS = {"user": 5000, "group": 300, "role": 1000, "policy": 1500, "instance-profile": 1000}
_QUOTA_NAMES = {
    "user": "UsersPerAccount",
    "group": "GroupsPerAccount",
    "role": "RolesPerAccount",
    "policy": "PoliciesPerAccount",
    "instance-profile": "InstanceProfilesPerAccount",
}


_TAKEN = {kind: f"{kind.capitalize()} with name {{}} already exists." for kind in ("user", "group", "role")} | {
    "policy": "A policy called {} already exists. Duplicate names are not allowed.",
    "instance-profile": "Instance Profile {} already exists.",
}


def no_such(kind: str, name: str) -> AwsError:
    """IAM's error for a name that there is not."""
    return AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.")


def open_user(call: Call, name: str) -> User:
    """The user of this name; names are found in any case."""
    found = users.get(call.tx, call.account, key_of(name))
    if found is None:
        raise no_such("user", name)
    return found


def open_group(call: Call, name: str) -> Group:
    """The group of this name."""
    found = groups.get(call.tx, call.account, key_of(name))
    if found is None:
        raise no_such("group", name)
    return found


def open_role(call: Call, name: str) -> Role:
    """The role of this name."""
    found = roles.get(call.tx, call.account, key_of(name))
    if found is None:
        raise no_such("role", name)
    return found


def open_changeable_role(call: Call, name: str) -> Role:
    """The role of this name, if it is not a service-linked one, which only its service changes."""
    role = open_role(call, name)
    if role.service:
        raise AwsError(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{role.name}' - this role is only modifiable by AWS",
        )
    return role


def open_owner(call: Call, owner: Owner, name: str, *, change: bool = False) -> User | Group | Role:
    """The user, group or role of this name; one that may be changed, if it is to be."""
    if owner == "user":
        return open_user(call, name)
    if owner == "group":
        return open_group(call, name)
    return open_changeable_role(call, name) if change else open_role(call, name)


def check_new(call: Call, table: Table[Any], kind: str, name: str) -> None:
    """Refuse a name that is taken, and one more than an account may have."""
    if table.get(call.tx, call.account, key_of(name)) is not None:
        raise AwsError("EntityAlreadyExists", _TAKEN[kind].format(name))
    most = QUOTAS[kind]
    if sum(1 for _ in call.tx.scan(*table.span(call.account), limit=most)) >= most:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for {_QUOTA_NAMES[kind]}: {most}")


def check_bare(call: Call, owner: Owner, name: str) -> None:
    """Refuse to delete what still has policies."""
    for _ in attached.scan(call.tx, call.account, owner, key_of(name), limit=1):
        raise AwsError("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    for _ in inlines.scan(call.tx, call.account, owner, key_of(name), limit=1):
        raise AwsError("DeleteConflict", "Cannot delete entity, must delete policies first.")


def parse(document: str, kind: Kind) -> Policy:
    """A policy that a caller gave; MalformedPolicyDocument with the reason if it is not one."""
    try:
        return parse_policy(document, kind)
    except PolicyError as error:
        raise AwsError("MalformedPolicyDocument", error.reason) from None


def size(document: str) -> int:
    """A document's size as quotas count it: white space is free."""
    return len("".join(document.split()))


def encoded(document: str) -> str:
    """A document as IAM answers it (RFC 3986)."""
    return quote(document, safe="")


def told_boundary(arn: str) -> dict[str, Any]:
    """A boundary as IAM tells it; nothing for none."""
    if not arn:
        return {}
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}}
