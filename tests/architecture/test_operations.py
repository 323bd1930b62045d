"""Every operation that works has an action, a resource, a test that names it and a line in the changes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from tests.architecture.source import ROOT

from fogbank.core.service import NO_PERMISSION_NEEDED, Template
from fogbank.services import registry

if TYPE_CHECKING:
    from fogbank.core.service import Bound

OPERATIONS = [bound for service in registry.services().values() for bound in service.operations.values()]


def name(bound: Bound) -> str:
    return f"{bound.service.name}:{bound.name}"


def test_every_operation_has_an_action_and_a_resource() -> None:
    wrong = [
        name(bound)
        for bound in OPERATIONS
        if bound.action != NO_PERMISSION_NEEDED
        if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", bound.action)
        or (isinstance(bound.resource, Template) and not re.match(r"\*$|arn:", bound.resource.texts[0]))
    ]
    assert not wrong


def test_every_operation_has_a_test_that_names_it() -> None:
    wrong = [name(bound) for bound in OPERATIONS if not is_named(bound, texts(bound.service.package))]
    assert not wrong


def test_every_operation_is_named_in_the_changes() -> None:
    wrong = [
        name(bound)
        for bound in OPERATIONS
        if not re.search(
            rf"^- {bound.service.name}:.*\b{bound.name}\b|\b{name(bound)}\b", changes(), re.MULTILINE | re.IGNORECASE
        )
    ]
    assert not wrong, "as in docs/changes: - S3: PutObject"


def is_named(bound: Bound, text: str) -> bool:
    """Whether a text has an operation's name: as AWS writes it, as boto3 does or as the command line does."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", bound.name).lower()
    words = {bound.name, bound.handler.__name__, snake, snake.replace("_", "-")}
    return re.search(rf"\b({'|'.join(words)})\b", text) is not None


@lru_cache
def texts(service: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "tests/services" / service).rglob("*.py")))


@lru_cache(maxsize=1)
def changes() -> str:
    paths = [*sorted((ROOT / "docs/changes").glob("*.md")), ROOT / "CHANGELOG.md"]
    return "\n".join(path.read_text() for path in paths if path.exists())
