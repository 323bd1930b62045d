"""Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, and the escapes `${*}`, `${?}`, `${$}`.

Source: IAM User Guide, "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from fogbank.auth.policy.model import PolicyError
from fogbank.auth.policy.wildcards import has_wildcards

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.auth.policy.model import Context

_VARIABLE = re.compile(r"\$\{\s*([^\s,{}'$*?]+)\s*(?:,\s*'([^'{}]*)'\s*)?\}")
_ESCAPES = {"${*}": "*", "${?}": "?", "${$}": "$"}
_OPENING = re.compile(r"\$\{")


class Variable(msgspec.Struct, frozen=True):
    """A condition key (lower case) whose value stands here, and what stands here if the request lacks it."""

    key: str
    default: str | None


class Template(msgspec.Struct, frozen=True):
    """A text with variables in it."""

    parts: tuple[str | Variable, ...]

    def resolve(self, context: Context, missing: list[str]) -> str | None:
        """The text for this request; None if it lacks one of the keys, or the key has several values."""
        found = []
        for part in self.parts:
            if isinstance(part, str):
                found.append(part)
                continue
            value = context.get(part.key)
            if value is None:
                value = part.default
                if value is None:
                    missing.append(part.key)
            if not isinstance(value, str) or has_wildcards(value):
                return None
            found.append(value)
        return "".join(found)


def parse(text: str, literal: Callable[[str], str]) -> str | Template:
    """Text in which the parts that are not variables went through `literal`; a Template if there are variables.

    Raises PolicyError for `${` that begins no variable.
    """
    parts: list[str | Variable] = []
    at = 0
    for opening in _OPENING.finditer(text):
        start = opening.start()
        if start < at:
            continue
        parts.append(literal(text[at:start]))
        escape = _ESCAPES.get(text[start : start + 4])
        if escape is not None:
            parts.append(escape)
            at = start + 4
            continue
        variable = _VARIABLE.match(text, start)
        if variable is None:
            raise PolicyError("The policy failed legacy parsing")
        parts.append(Variable(variable[1].lower(), variable[2]))
        at = variable.end()
    parts.append(literal(text[at:]))
    if any(isinstance(part, Variable) for part in parts):
        return Template(tuple(parts))
    return "".join(part for part in parts if isinstance(part, str))
