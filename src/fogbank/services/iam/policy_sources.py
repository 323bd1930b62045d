"""The policies of a user, group or role as documents, with where each comes from; and what can be read in a document."""

from __future__ import annotations

import json
import re
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.permissions import document_of
from fogbank.core.identity.records import arn_of, attached, groups, groups_of, inlines, key_of, roles, users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.identity.records import Group, Owner, Role, User
    from fogbank.store.api import Tx

_ARN: Final = re.compile(r"arn:aws:iam::(\d{12}):(user|group|role)/(?:[!-~]*/)?([\w+=,.@-]{1,128})", re.ASCII)
_VARIABLE: Final = re.compile(r"\$\{\s*([^\s,{}'$*?]+)\s*(?:,\s*'[^'{}]*'\s*)?\}")
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
AWS: Final = "arn:aws:iam::aws:policy/"


class Source(msgspec.Struct, frozen=True):
    """A policy: `arn` is empty for an inline one, which `owner` and `owner_name` have."""

    name: str
    arn: str
    owner: Owner
    owner_name: str
    document: str

    @property
    def type(self) -> str:
        """Its SourcePolicyType."""
        if not self.arn:
            return self.owner
        return "aws-managed" if self.arn.startswith(AWS) else "user-managed"


class Entity(msgspec.Struct, frozen=True):
    """A user, group or role."""

    owner: Owner
    record: User | Group | Role

    def arn(self, account: str) -> str:
        """Its ARN."""
        return arn_of(account, self.record)


def entity_of(call: Call, arn: str) -> Entity:
    """The user, group or role of an ARN in the caller's account."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise AwsError("InvalidInput", f"Invalid ARN: {arn[:256]}. It must be the ARN of a user, group or role.")
    account, kind, name = match.groups()
    found: Entity | None = None
    if account == call.account:
        found = entity(call.tx, account, kind, name)
    if found is None or found.arn(account) != arn:
        raise AwsError("NoSuchEntity", f"The entity with ARN {arn[:256]} cannot be found.")
    return found


def entity(tx: Tx, account: str, kind: str, name: str) -> Entity | None:
    """The user, group or role of a name."""
    key = key_of(name)
    if kind == "user" and (user := users.get(tx, account, key)):
        return Entity("user", user)
    if kind == "group" and (group := groups.get(tx, account, key)):
        return Entity("group", group)
    if kind == "role" and (role := roles.get(tx, account, key)):
        return Entity("role", role)
    return None


def sources(tx: Tx, account: str, found: Entity) -> Iterator[Source]:
    """The policies of an entity, inline and attached; a user's groups' among them."""
    yield from _own(tx, account, found.owner, found.record.name)
    if found.owner == "user":
        for _, member in groups_of.scan(tx, account, key_of(found.record.name)):
            yield from _own(tx, account, "group", member.group)


def _own(tx: Tx, account: str, owner: Owner, name: str) -> Iterator[Source]:
    for _, inline in inlines.scan(tx, account, owner, key_of(name)):
        yield Source(inline.name, "", owner, name, inline.document)
    for _, one in attached.scan(tx, account, owner, key_of(name)):
        document = document_of(tx, one.arn)
        if document is not None:
            yield Source(one.arn.rpartition("/")[2], one.arn, owner, name, document)


def statements(document: str) -> list[dict[str, Any]]:
    """The statements of a policy; none if it cannot be read."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return []
    raw = found.get("Statement", []) if isinstance(found, dict) else []
    return [each for each in (raw if isinstance(raw, list) else [raw]) if isinstance(each, dict)]


def context_keys(document: str) -> list[str]:
    """The condition keys that a policy asks for, in conditions and in variables, as it writes them, each once in any case."""
    found: dict[str, str] = {}
    for statement in statements(document):
        conditions = statement.get("Condition", {})
        for keys in conditions.values() if isinstance(conditions, dict) else ():
            for key in keys if isinstance(keys, dict) else ():
                found.setdefault(key.lower(), key)
        for element in ("Resource", "NotResource", "Condition"):
            for key in _VARIABLE.findall(json.dumps(statement.get(element, ""), ensure_ascii=False)):
                found.setdefault(key.lower(), key)
    return list(found.values())


def grants(document: str, service: str) -> bool:
    """Whether a policy allows anything of a service, which is IAM's prefix."""
    return any(_grants(statement, service.lower()) for statement in statements(document))


def _grants(statement: dict[str, Any], service: str) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    if "Action" in statement:
        return any(_vendor(action, service) for action in _texts(statement["Action"]))
    others = [action for action in _texts(statement.get("NotAction", [])) if _vendor(action, service)]
    return "NotAction" in statement and not any(action == "*" or action.partition(":")[2] == "*" for action in others)


def _texts(value: Any) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def _vendor(action: str, service: str) -> bool:
    vendor = action.partition(":")[0].lower()
    return vendor in ("*", service) or re.match(translate(vendor), service) is not None


def positions(document: str) -> list[tuple[int, int]]:
    """Where each statement of a policy begins and ends: offsets behind its braces."""
    depth, found, key, before, start, listed = 0, [], "", "", 0, False
    for token in _TOKEN.finditer(document):
        text = token[0]
        if text[0] == '"':
            if depth == 1 and before in ("{", ","):
                key, listed = text, False
        elif text in "{[":
            depth += 1
            listed = listed or (text == "[" and depth == 2)
            if text == "{" and key == '"Statement"' and depth == (3 if listed else 2):
                start = token.end()
        elif text in "}]":
            if text == "}" and key == '"Statement"' and depth == (3 if listed else 2):
                found.append((start, token.end()))
            depth -= 1
        before = text
    return found


def line_and_column(document: str, offset: int) -> dict[str, int]:
    """A place as IAM tells it: lines from 1, columns one behind the character."""
    return {"Line": document.count("\n", 0, offset) + 1, "Column": offset - document.rfind("\n", 0, offset)}
