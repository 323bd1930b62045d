"""The parse command: the parts of a text by a glob with `*`, or by a regular expression with named groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.services.logs import insights_regex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fogbank.services.logs.insights_syntax import Parse

    Splitter = Callable[[str], Sequence[Any] | None]


def splitter(command: Parse) -> Splitter:
    """What gives a text's parts, in the order of the command's names; None for a text that is not so."""
    return by_regex(command.pattern) if command.regex else by_glob(command.pattern)


def by_regex(pattern: str) -> Splitter:
    """Parts by named groups."""
    regex = insights_regex.compiled(pattern)
    groups = list(regex.groupindex)

    def split(text: str) -> list[Any] | None:
        found = regex.search(text)
        return [found[group] for group in groups] if found else None

    return split


def by_glob(pattern: str) -> Splitter:
    """Parts between literal texts: each reaches to where the next literal first comes, the last to the end if none follows."""
    first, *literals = pattern.split("*")

    def split(text: str) -> list[str] | None:
        at = text.find(first)
        if at < 0:
            return None
        at += len(first)
        parts = []
        for number, literal in enumerate(literals, 1):
            last = number == len(literals)
            end = len(text) if last and not literal else text.find(literal, at)
            if end < 0:
                return None
            parts.append(text[at:end])
            at = end + len(literal)
        return parts

    return split
