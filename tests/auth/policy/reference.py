"""A slow evaluator, written from the documentation for the comparison: no index, no compilation, patterns by recursion."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

Statement = dict[str, Any]
Context = dict[str, "str | tuple[str, ...]"]


@cache
def wild(pattern: str, text: str) -> bool:
    """Whether a pattern with `*` and `?` matches."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(wild(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and wild(pattern[1:], text[1:])


def values(element: Any) -> list[str]:
    """One or several, as a list."""
    return element if isinstance(element, list) else [element]


def filled(text: str, context: Context) -> str | None:
    """Variables replaced; None if one has no value. Values are without wildcards here."""
    for key in re.findall(r"\$\{([^}]+)\}", text):
        value = context.get(key.lower())
        if not isinstance(value, str):
            return None
        text = text.replace(f"${{{key}}}", value)
    return text


def about(statement: Statement, action: str, resource: str, context: Context) -> bool:
    """Whether action, resource and conditions are those of the request."""
    named = any(
        wild(each.lower(), action.lower()) for each in values(statement.get("Action", statement.get("NotAction")))
    )
    if named == ("NotAction" in statement):
        return False
    patterns = [filled(each, context) for each in values(statement.get("Resource", statement.get("NotResource")))]
    named = any(each is not None and wild(each, resource) for each in patterns)
    if "NotResource" in statement:
        named = not named and (None not in patterns or statement["Effect"] == "Deny")
    return named and all(
        holds(operator, key, values(wanted), context, statement["Effect"])
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def holds(operator: str, key: str, wanted: list[str], context: Context, effect: str) -> bool:
    """Whether a condition holds, for the operators StringEquals, StringLike, their negations, and Null."""
    found = context.get(key.lower())
    absent = found in (None, ())
    if operator == "Null":
        return str(absent).lower() in wanted
    each, _, name = operator.rpartition(":")
    bare = name.removesuffix("IfExists")
    if absent:
        if name != bare or each == "ForAllValues":
            return True
        return each == "" and "Not" in bare
    several = (found,) if isinstance(found, str) else found or ()
    texts = [filled(text, context) for text in wanted]

    def fits(value: str) -> bool:
        like = "Like" in bare
        same = any(text is not None and (wild(text, value) if like else text == value) for text in texts)
        if "Not" in bare:
            return not same and (None not in texts or effect == "Deny")
        return same

    if each == "ForAllValues":
        return all(fits(value) for value in several if value)
    if each == "" and "Not" in bare:
        return all(fits(value) for value in several)
    return any(fits(value) for value in several)


def names(statement: Statement, caller: dict[str, str]) -> str:
    """How a resource policy's statement names a user: "self", "account" or "". Only Principal with AWS."""
    found = values(statement["Principal"]["AWS"])
    if "*" in found or caller["arn"] in found:
        return "self"
    return "account" if caller["account"] in found else ""


def verdict(
    layers: dict[str, list[list[Statement]]],
    bucket: list[Statement],
    request: tuple[str, str],
    caller: dict[str, str],
    context: Context,
) -> bool:
    """The decision for a user of the account that owns the resource. `layers`: lists of sets of statements."""
    every = [statement for sets in layers.values() for each in sets for statement in each]
    grants = [(each, names(each, caller)) for each in bucket]
    every += [each for each, named in grants if named]
    applying = [each for each in every if about(each, *request, context)]
    if any(each["Effect"] == "Deny" for each in applying):
        return False

    def allowing(statements: list[Statement]) -> bool:
        return any(each["Effect"] == "Allow" and about(each, *request, context) for each in statements)

    if not all(allowing(each) for each in layers["control"]):
        return False
    if allowing([each for each, named in grants if named == "self"]):
        return True
    return all(allowing(each) for kind in ("identity", "boundary", "session") for each in layers[kind])
