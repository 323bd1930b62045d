"""The ARNs of identities, with their paths, and their tags: what IAM's own operations are authorised on.

Nothing here imports the service, so that its definition may find them here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.identity.records import access_keys, arn_of, groups, key_of, policies, profiles, roles, users
from fogbank.core.service import Permission
from fogbank.services.iam.linked_services import role_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input, Resource
    from fogbank.store.table import Table

TABLES: Mapping[str, tuple[str, Table[Any]]] = {
    "user": ("UserName", users),
    "group": ("GroupName", groups),
    "role": ("RoleName", roles),
    "instance-profile": ("InstanceProfileName", profiles),
}


def arn(call: Call, kind: str, name: str, path: str = "/") -> str:
    """The ARN of something that may exist: with its own path if it does, else with the given one."""
    found = TABLES[kind][1].get(call.tx, call.account, key_of(name)) if name else None
    return arn_of(call.account, found) if found else f"arn:aws:iam::{call.account}:{kind}{path}{name or '*'}"


def existing(kind: str) -> Resource:
    """The ARN of the named one; of the calling user, where users may leave the name out."""
    member = TABLES[kind][0]

    def find(call: Call, req: Input) -> str:
        name = req.get(member)
        if name is None and kind == "user":
            return call.principal.issuer if call.principal.kind == "user" else arn(call, kind, "")
        return arn(call, kind, name or "")

    return find


def new(kind: str, member: str = "") -> Resource:
    """The ARN of one that is to be made."""
    name = member or TABLES[kind][0]
    return lambda call, req: f"arn:aws:iam::{call.account}:{kind}{req.get('Path', '/')}{req[name]}"


def _service_linked(call: Call, req: Input) -> str:
    service = req["AWSServiceName"]
    name = role_name(service, req.get("CustomSuffix", ""))
    return f"arn:aws:iam::{call.account}:role/aws-service-role/{service}/{name}"


def _deleted(call: Call, req: Input) -> str:
    """The role that a deletion task is about: task/aws-service-role/SERVICE/ROLE/ID."""
    parts = req["DeletionTaskId"].split("/")
    path = "/".join(parts[1:-1]) if len(parts) == 5 else "*"
    return f"arn:aws:iam::{call.account}:role/{path}"


def _key_user(call: Call, req: Input) -> str:
    """The user whose an access key is."""
    key = access_keys.get(call.tx, req["AccessKeyId"])
    return arn(call, "user", key.user if key and key.account == call.account else "")


def _user_or_all(call: Call, req: Input) -> str:
    """A user, or all of them where the request is for all."""
    return f"arn:aws:iam::{call.account}:user/*" if req.get("AllUsers") else existing("user")(call, req)


RESOURCES: Mapping[str, Resource] = {
    "user_or_all": _user_or_all,
    "key_user": _key_user,
    "user": existing("user"),
    "group": existing("group"),
    "role": existing("role"),
    "profile": existing("instance-profile"),
    "new_user": new("user"),
    "new_group": new("group"),
    "new_role": new("role"),
    "new_profile": new("instance-profile"),
    "new_policy": new("policy", "PolicyName"),
    "policy": lambda _call, req: str(req["PolicyArn"]),
    "service_linked_role": _service_linked,
    "deletion_task": _deleted,
}
_RECORDS: Mapping[str, Table[Any]] = {name: table for name, (_, table) in TABLES.items()} | {"policy": policies}


def tags_of(call: Call, resource: str) -> Mapping[str, str] | None:
    """The tags of a user, role, policy or instance profile of the caller's account; None if the ARN is of another kind."""
    account, _, rest = resource.partition("arn:aws:iam::")[2].partition(":")
    kind, _, name = rest.partition("/")
    table = _RECORDS.get(kind)
    if table is None:
        return None
    found = table.get(call.tx, account, key_of(name.rpartition("/")[2])) if account == call.account else None
    return getattr(found, "tags", {})


def policy_keys(call: Call, req: Input, resource: str) -> Mapping[str, Value]:
    """IAM's condition keys: iam:PolicyARN, iam:PermissionsBoundary, iam:AWSServiceName.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access Management (IAM)".
    """
    found: dict[str, Value] = {}
    for key, member in (
        ("iam:policyarn", "PolicyArn"),
        ("iam:permissionsboundary", "PermissionsBoundary"),
        ("iam:awsservicename", "AWSServiceName"),
        ("iam:servicespecificcredentialservicename", "ServiceName"),
        ("iam:servicespecificcredentialagedays", "CredentialAgeDays"),
    ):
        if member in req:
            found[key] = str(req[member])
    if "iam:permissionsboundary" not in found and (boundary := _boundary(call, resource)):
        found["iam:permissionsboundary"] = boundary
    return found


def _boundary(call: Call, resource: str) -> str:
    """The boundary of the user or role that an operation is on."""
    account, _, rest = resource.partition("arn:aws:iam::")[2].partition(":")
    kind, _, name = rest.partition("/")
    if account != call.account or kind not in ("user", "role"):
        return ""
    found = _RECORDS[kind].get(call.tx, account, key_of(name.rpartition("/")[2]))
    return found.boundary if found else ""


def renaming(action: str, kind: str) -> Callable[[Call, Any], list[Permission]]:
    """What renaming needs beside: the same right to what it is called then (IAM User Guide, "Rename an IAM user")."""
    member = f"New{kind.capitalize()}Name"

    def also(call: Call, req: Input) -> list[Permission]:
        if member not in req and "NewPath" not in req:
            return []
        old = TABLES[kind][1].get(call.tx, call.account, key_of(req[TABLES[kind][0]]))
        path = req.get("NewPath", old.path if old else "/")
        name = req.get(member, old.name if old else "*")
        return [Permission(f"iam:{action}", f"arn:aws:iam::{call.account}:{kind}{path}{name}", req)]

    return also


def tagging(action: str, kind: str) -> Callable[[Call, Any], list[Permission]]:
    """What creating something with tags needs beside: the right to tag it."""
    make = RESOURCES[kind]

    def also(call: Call, req: Input) -> list[Permission]:
        return [Permission(f"iam:{action}", make(call, req), req)] if req.get("Tags") else []

    return also
