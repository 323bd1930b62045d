"""Regular expressions of Insights queries, which are nearly Java's, as Python has them.

They may backtrack for long: they are only matched in the process of a query, which is ended when it does not come on.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

LONGEST: Final = 4000  # characters
_NAMED: Final = re.compile(r"\?<([A-Za-z][A-Za-z0-9_]*)>")
_FLAGS: Final = re.compile(r"\?([imsx]+)\)")
_SPECIAL: Final = re.compile(r"\(\?(?![:<])")  # groups with flags, and their like
_TIMES: Final = re.compile(r"\{\d*,?\d*\}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9 _=:;,@#%&~'\"<>!/-]+|\\[][(){}.*+?|^$\\/\"'-]")


def fault(text: str) -> str:
    """Why a text is no regular expression; empty if it is one."""
    if len(text) > LONGEST:
        return "it is too long"
    try:
        compiled(text)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return ""


def names(text: str) -> list[str]:
    """The names of its groups, in order."""
    return list(compiled(text).groupindex)


@lru_cache(maxsize=256)
def compiled(text: str) -> re.Pattern[str]:
    """The expression, to search with. re.error for what is none."""
    return re.compile(translate(text))


def translate(text: str) -> str:
    """An expression in Python's words: named groups, flags amid it, `\\z`, `\\h`, and what is special in Python alone."""
    parts: list[str] = []
    ends = [0]  # groups of flags to close with each open group
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            parts.append(_escape(text[at : at + 2]))
            at += 2
        elif char == "[":
            part, at = _bracket(text, at)
            parts.append(part)
        elif char == "(":
            part, at = _opened(text, at, ends)
            parts.append(part)
        else:
            parts.append(char + (")" * ends.pop() if char == ")" and len(ends) > 1 else ""))
            at += 1
    return "".join(parts) + ")" * sum(ends)


def _opened(text: str, at: int, ends: list[int]) -> tuple[str, int]:
    """What stands for a `(` and what belongs to it; and where it goes on."""
    if flags := _FLAGS.match(text, at + 1):
        ends[-1] += 1
        return f"(?{flags[1]}:", flags.end()
    ends.append(0)
    if name := _NAMED.match(text, at + 1):
        return f"(?P<{name[1]}>", name.end()
    if text.startswith("(?P", at):
        raise re.error("unknown extension ?P")
    return "(", at + 1


def _escape(pair: str) -> str:
    if len(pair) < 2:
        raise re.error("bad escape (end of pattern)")
    if pair[1] in "pPQEkGXRN" or pair[1].isdigit():
        raise re.error(f"{pair} is not supported")
    return {"\\z": "\\Z", "\\h": "[ \\t]", "\\/": "/", "\\e": "\\x1b"}.get(pair, pair)


def _bracket(text: str, at: int) -> tuple[str, int]:
    """A class of characters, and where it ends: `[`, `&&`, `--`, `~~` and `||` are only themselves in it."""
    parts, at = ["["], at + 1
    if text.startswith("^", at):
        parts, at = ["[^"], at + 1
    if text.startswith("]", at):
        parts.append("\\]")
        at += 1
    while at < len(text) and text[at] != "]":
        if text[at] == "\\":
            pair = text[at : at + 2]
            parts.append(" \\t" if pair == "\\h" else _escape(pair))
            at += 2
            continue
        doubled = text[at] in "&~|" and text.startswith(text[at] * 2, at)
        parts.append("\\" + text[at] if text[at] == "[" or doubled or text.startswith("--", at) else text[at])
        at += 1
    if at >= len(text):
        raise re.error("unterminated character set")
    return "".join(parts) + "]", at + 1


def literals(text: str) -> list[str]:
    """Texts that every match contains, as far as they are easily seen: those outside of groups."""
    if _SPECIAL.search(text):
        return []
    runs, at = [""], 0
    while at < len(text):
        if text[at] == "|":
            return []
        found = _PLAIN.match(text, at)
        run = found[0][1:] if found and found[0][0] == "\\" else found[0] if found else ""
        at = found.end() if found else _skipped(text, at)
        if at < len(text) and text[at] in "*+?{" and run:
            runs[-1] += run[:-1]
            runs.append("")
        elif run:
            runs[-1] += run
        else:
            runs.append("")
    return [run for run in runs if run]


def _skipped(text: str, at: int) -> int:
    """Where it goes on behind something that is no plain character: a group, a class, an escape, or one character."""
    depth = 0
    while at < len(text):
        depth += (text[at] == "(") - (text[at] == ")")
        if text[at] == "[":
            at = _bracket(text, at)[1]
        elif times := _TIMES.match(text, at):
            at = times.end()
        else:
            at += 2 if text[at] == "\\" else 1
        if depth <= 0:
            break
    return at
