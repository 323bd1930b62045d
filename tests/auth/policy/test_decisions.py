"""The table of policy decisions, written from AWS's documentation; decisions/*.json holds it.

`callers.json` says who asks and which condition keys that gives a request (IAM User Guide, "Principal key values"). A row names its
caller, action and resource, what else is in the request (`context`; null takes a caller's key away), and the policies that apply by
their names in the row's file: `identity`, `boundary`, `session` (lists), `control` (a list for each level), `resource_policy`.
`trust` says that the latter is a role's trust policy, `needs_resource_policy` that it must take part. `malformed.json` and `odd.json`
hold documents that are refused and accepted.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from fogbank.auth.policy import Policies, PolicyError, PolicySet, decide, parse_policy

FOLDER = Path(__file__).parent / "decisions"
Documents = dict[str, dict[str, Any]]


class Caller(msgspec.Struct, frozen=True):
    """Who asks, and the condition keys that follow from it."""

    kind: Literal["root", "user", "role", "federated", "service", "anonymous"]
    account: str
    arn: str
    issuer: str
    id: str
    service: str
    provider: str
    keys: dict[str, str]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One decision."""

    source: str
    shows: str
    who: str
    action: str
    resource: str
    expect: Literal["allow", "explicit", "implicit"]
    context: dict[str, str | list[str] | None] = {}
    identity: list[str] = []
    boundary: list[str] | None = None
    session: list[str] | None = None
    control: list[list[str]] = []
    resource_policy: str | None = None
    trust: bool = False
    needs_resource_policy: bool = False
    same_account: bool = True


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of decisions about one topic."""

    about: str
    policies: Documents
    decisions: list[Row]


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document that is refused or accepted; as text where its JSON matters."""

    source: str
    shows: str
    kind: Literal["identity", "resource", "trust", "control"]
    document: str | dict[str, Any]
    expect: Literal["refused", "accepted"]


class Documentary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of documents."""

    about: str
    documents: list[Document]


APART = ("callers", "malformed", "odd")
CALLERS = msgspec.json.decode((FOLDER / "callers.json").read_bytes(), type=dict[str, Caller])
TABLES = {
    path.stem: msgspec.json.decode(path.read_bytes(), type=Table)
    for path in sorted(FOLDER.glob("*.json"))
    if path.stem not in APART
}
ROWS = [(name, row) for name, table in TABLES.items() for row in table.decisions]
DOCUMENTS = [
    each
    for name in ("malformed", "odd")
    for each in msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Documentary).documents
]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=[f"{name}: {row.shows}" for name, row in ROWS])
def test_decision(table: str, row: Row) -> None:
    documents = TABLES[table].policies
    resource_policy = None
    if row.resource_policy is not None:
        kind: Literal["trust", "resource"] = "trust" if row.trust else "resource"
        resource_policy = parse_policy(json.dumps(documents[row.resource_policy]), kind, row.resource_policy)
    decision = decide(
        row.action,
        row.resource,
        CALLERS[row.who],
        context_of(row),
        policies_of(row, documents),
        resource_policy=resource_policy,
        same_account=row.same_account,
        needs_resource_policy=row.needs_resource_policy or row.trust,
    )
    got = "allow" if decision.allowed else "explicit" if decision.explicit else "implicit"
    assert got == row.expect, f"{row.source}: {decision}"


@pytest.mark.parametrize("row", DOCUMENTS, ids=[f"{row.expect}: {row.shows}" for row in DOCUMENTS])
def test_document(row: Document) -> None:
    text = row.document if isinstance(row.document, str) else json.dumps(row.document)
    if row.expect == "accepted":
        assert parse_policy(text, row.kind, "it").statements
        return
    with pytest.raises(PolicyError) as refused:
        parse_policy(text, row.kind, "it")
    assert refused.value.reason


def test_there_are_at_least_400_decisions_and_each_has_its_source() -> None:
    assert len(ROWS) >= 400
    assert all("(" in row.source and ": " in row.source and row.shows for _, row in ROWS)
    assert all(row.source and row.shows for row in DOCUMENTS)


def test_no_decision_is_there_twice() -> None:
    questions = Counter((table, msgspec.json.encode(msgspec.structs.replace(row, shows=""))) for table, row in ROWS)
    assert not [question for question, times in questions.items() if times > 1]


def policies_of(row: Row, documents: Documents) -> Policies:
    """What applies to the caller."""

    def layer(names: list[str], kind: Literal["identity", "control"] = "identity") -> PolicySet:
        return PolicySet([parse_policy(json.dumps(documents[name]), kind, name) for name in names])

    return Policies(
        layer(row.identity),
        boundary=None if row.boundary is None else layer(row.boundary),
        session=None if row.session is None else layer(row.session),
        control=tuple(layer(level, "control") for level in row.control),
    )


def context_of(row: Row) -> dict[str, str | tuple[str, ...]]:
    """The condition keys of the request, in lower case."""
    keys = {key.lower(): value for key, value in (CALLERS[row.who].keys | row.context).items()}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in keys.items() if value is not None}
