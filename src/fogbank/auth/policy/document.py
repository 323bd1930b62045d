"""A policy document's JSON, read strictly: no element twice, no NaN, no lone surrogates, bounded in size and depth."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from fogbank.auth.policy.model import PolicyError

MAX_DOCUMENT = 131_072  # characters; IAM's API takes no longer one (policyDocumentType)


class Number(str):
    """A JSON number or boolean as it was written: conditions take them, and no digit of theirs is computed."""

    __slots__ = ()


def load(document: str, broken: str) -> dict[str, Any]:
    """The document's top-level object. Raises PolicyError with the reason `broken` if it is no such JSON."""
    if len(document) > MAX_DOCUMENT:
        raise PolicyError("The policy document exceeds the maximum size")
    if document[:1].isspace():
        raise PolicyError("JSON strings must not have leading spaces")
    try:
        document.encode()
        found = json.loads(
            document, object_pairs_hook=_once, parse_constant=_constant, parse_int=Number, parse_float=Number
        )
        if "\\u" in document:
            json.dumps(found, ensure_ascii=False).encode()  # finds lone surrogates that were written as escapes
    except (ValueError, RecursionError):
        raise PolicyError(broken) from None
    if not isinstance(found, dict):
        raise PolicyError(broken)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an element occurs twice")
    return found


def _constant(_name: str) -> NoReturn:
    raise ValueError("no JSON number")


def texts(value: Any) -> list[str] | None:
    """A string or a list of strings, as a list; None if it is anything else."""
    values = value if isinstance(value, list) else [value]
    if all(isinstance(each, str) and not isinstance(each, Number) for each in values):
        return values
    return None


def scalars(value: Any) -> list[str] | None:
    """A condition's values: strings, numbers and booleans, as strings; None if it is anything else."""
    values = value if isinstance(value, list) else [value]
    found = [("true" if each else "false") if isinstance(each, bool) else each for each in values]
    return found if all(isinstance(each, str) for each in found) else None
