"""Regular expressions of filter patterns, `%…%`: AWS's restricted syntax, matched in time linear in the message.

There are no groups, so an expression is alternatives of sequences of characters with quantifiers. Short messages are matched by
`re`; where its backtracking could take long, an automaton made on demand is used: one look-up a character.

Source: CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax".
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fogbank.core.errors import AwsError

# That stand for themselves, as letters and digits do. AWS lists them but for the space, which it takes: filters in use have it.
SYMBOLS: Final = frozenset("_#=@/;,-: ")
ESCAPABLE: Final = frozenset("^$?[]{}|\\*+./-_#=@;,:\"'!%&~`<>() ")
MOST_UNITS: Final = 1000  # characters with a quantifier, once `{m,n}` are written out
MOST_TIMES: Final = 255  # in `{m,n}`
MOST_NODES: Final = 256  # of an automaton, while it matches
KEPT_NODES: Final = 32  # and from one message to the next
CHEAP: Final = 4_000_000  # steps of backtracking that are less than the automaton would take, or nearly
ONE, MAYBE, ANY = range(3)
TIMES: Final[dict[str, tuple[int, int | None]]] = {"?": (0, 1), "*": (0, None), "+": (1, None)}
_COUNT = re.compile(r"\{(\d{1,3})(,(\d{0,3}))?\}")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})")
_CLASSES: Final = frozenset("dDsSwW")


class Unit(msgspec.Struct, frozen=True):
    """A set of characters, as `re` writes it, and how often: `least` to `most` times (None: without end)."""

    source: str
    least: int = 1
    most: int | None = 1
    literal: str = ""  # the character, where it is only one


class Sequence(msgspec.Struct, frozen=True):
    """Units one after the other; whether they begin where the message does, and end where it ends."""

    units: tuple[Unit, ...]
    start: bool
    end: bool


def wrong() -> AwsError:
    """A pattern that is none."""
    return AwsError("InvalidParameterException", "Invalid filter pattern", status=400)


def bad_term(term: str) -> AwsError:
    """A character that has to be quoted, or cannot be there."""
    return AwsError("InvalidParameterException", f"Invalid character(s) in term '{term}'", status=400)


class Regex:
    """An expression. AwsError InvalidParameterException for one that AWS does not take, or that is too large."""

    __slots__ = ("_automaton", "_degree", "_search", "required")

    def __init__(self, text: str) -> None:
        sequences = _Parser(text).alternatives()
        self._search = re.compile("|".join(map(_source, sequences)), re.ASCII).search
        self._automaton = Automaton(sequences)
        self._degree = min(max(sum(unit.most != unit.least for unit in one.units) for one in sequences), 8) + 2
        self.required = _required(sequences)

    def matches(self, text: str) -> bool:
        """Whether the expression is found in a text."""
        if len(text) ** self._degree <= CHEAP:
            return self._search(text) is not None
        return self._automaton.matches(text)


class _Parser:
    """Reads an expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def alternatives(self) -> list[Sequence]:
        found = [self.sequence()]
        while self.at < len(self.text):
            self.at += 1  # over the `|`
            found.append(self.sequence())
        return found

    def sequence(self) -> Sequence:
        start = self.take("^")
        units: list[Unit] = []
        while self.at < len(self.text) and self.text[self.at] not in "|$":
            units.append(self.quantified(self.unit()))
        end = self.take("$")
        if self.at < len(self.text) and self.text[self.at] != "|":
            raise wrong()
        if sum(_length(unit) for unit in units) > MOST_UNITS:
            raise wrong()
        return Sequence(tuple(units), start, end)

    def take(self, char: str) -> bool:
        taken = self.text[self.at : self.at + 1] == char
        self.at += taken
        return taken

    def unit(self) -> Unit:
        char = self.text[self.at]
        self.at += 1
        if char == "[":
            return Unit(self.bracket())
        if char == "\\":
            return self.escaped()
        if char == ".":
            return Unit(".")
        return Unit(re.escape(self.plain(char)), literal=char)

    def plain(self, char: str) -> str:
        """A character that stands for itself."""
        if char in "?*+{}]^":
            raise wrong()
        if not (char.isascii() and char.isalnum()) and char not in SYMBOLS:
            raise bad_term(char)
        return char

    def escaped(self) -> Unit:
        char = self.text[self.at : self.at + 1]
        if char in _CLASSES:
            self.at += 1
            return Unit(f"\\{char}")
        if found := _HEX.match(self.text, self.at):
            self.at = found.end()
            literal = chr(int(found[1], 16))
            if not literal.isascii():
                raise wrong()
            return Unit(re.escape(literal), literal=literal)
        if char not in ESCAPABLE or not char:
            raise wrong()
        self.at += 1
        return Unit(re.escape(char), literal=char)

    def bracket(self) -> str:
        """A class of characters, up to its `]`."""
        negated = "^" if self.take("^") else ""
        members: list[str] = []
        while not self.take("]"):
            members.append(self.member())
        if not members:
            raise wrong()
        try:
            re.compile(source := f"[{negated}{''.join(members)}]", re.ASCII)
        except re.error:
            raise wrong() from None
        return source

    def member(self) -> str:
        """A character of a class, or a range of them."""
        first = self.one_member()
        following = self.text[self.at + 1 : self.at + 2]
        if self.text[self.at : self.at + 1] != "-" or following in ("]", ""):
            return first.source
        self.at += 1
        last = self.one_member()
        if not first.literal or not last.literal or first.literal > last.literal:
            raise wrong()
        return f"{first.source}-{last.source}"

    def one_member(self) -> Unit:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        if char == "\\":
            return self.escaped()
        if char in tuple("[^?*+{}|.$"):
            return Unit(f"\\{char}", literal=char)
        if not char:
            raise wrong()
        return Unit(re.escape(self.plain(char)), literal=char)

    def quantified(self, unit: Unit) -> Unit:
        char = self.text[self.at : self.at + 1]
        if char == "{":
            least, most = self.count()
        elif char in tuple("?*+"):
            self.at += 1
            least, most = TIMES[char]
        else:
            return unit
        if self.text[self.at : self.at + 1] in tuple("?*+{"):
            raise wrong()
        return msgspec.structs.replace(unit, least=least, most=most)

    def count(self) -> tuple[int, int | None]:
        found = _COUNT.match(self.text, self.at)
        if found is None:
            raise wrong()
        self.at = found.end()
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        if max(least, most or 0) > MOST_TIMES or (most is not None and most < least):
            raise wrong()
        return least, most


def _length(unit: Unit) -> int:
    return unit.least + 1 if unit.most is None else max(unit.most, 1)


def _source(sequence: Sequence) -> str:
    """A sequence as `re` has it."""
    units = "".join(
        unit.source
        + ("" if unit.least == unit.most == 1 else f"{{{unit.least},{'' if unit.most is None else unit.most}}}")
        for unit in sequence.units
    )
    return ("\\A" if sequence.start else "") + units + ("\\Z" if sequence.end else "")


def _required(sequences: list[Sequence]) -> tuple[str, ...]:
    """Runs of characters that every match has."""
    if len(sequences) > 1:
        return ()
    runs = [""]
    for unit in sequences[0].units:
        if unit.literal and unit.least >= 1:
            runs[-1] += unit.literal * unit.least
            if unit.most != unit.least:
                runs.append("")
        else:
            runs.append("")
    return tuple(run for run in runs if run)


class Node(dict[str, "Node"]):
    """A state of an automaton: the places in the sequences that the text so far may have come to; and where each character leads."""

    __slots__ = ("automaton", "ends", "found", "places")

    def __init__(self, automaton: Automaton, places: frozenset[int]) -> None:
        self.automaton = automaton
        self.places = places
        self.found = bool(places & automaton.anywhere)
        self.ends = self.found or bool(places & automaton.at_end)

    def __missing__(self, char: str) -> Node:
        if char > "\x7f":
            return self[""]  # which stands for all of them: an expression names none
        self[char] = following = self.automaton.after(self, char or "\x80")
        return following


class Automaton:
    """The sequences, written out into steps of one character, and the nodes that were come to so far."""

    def __init__(self, sequences: list[Sequence]) -> None:
        self.steps: list[tuple[re.Pattern[str] | None, int]] = []
        self.anywhere: set[int] = set()
        self.at_end: set[int] = set()
        self.always: set[int] = set()
        starts: set[int] = set()
        for sequence in sequences:
            starts.add(len(self.steps))
            if not sequence.start:
                self.always.add(len(self.steps))
            for unit in sequence.units:
                self._write_out(unit)
            (self.at_end if sequence.end else self.anywhere).add(len(self.steps))
            self.steps.append((None, ONE))
        self.nodes: dict[frozenset[int], Node] = {}
        self.again = self._closed(self.always)
        self.start = self.node(self._closed(starts))

    def _write_out(self, unit: Unit) -> None:
        matcher = re.compile(unit.source, re.ASCII)
        self.steps += [(matcher, ONE)] * unit.least
        self.steps += [(matcher, ANY)] if unit.most is None else [(matcher, MAYBE)] * (unit.most - unit.least)

    def _closed(self, places: set[int]) -> frozenset[int]:
        """With the places that are come to over what may be missing."""
        found: set[int] = set()
        for place in places:
            while place not in found:
                found.add(place)
                place += self.steps[place][1] != ONE
        return frozenset(found)

    def node(self, places: frozenset[int]) -> Node:
        found = self.nodes.get(places)
        if found is None:
            if len(self.nodes) >= MOST_NODES:
                self._forget()
            found = self.nodes[places] = Node(self, places)
        return found

    def _forget(self) -> None:
        """Let go of the nodes, which are made again when they are come to."""
        for old in list(self.nodes.values()):
            old.clear()
        self.nodes.clear()

    def after(self, node: Node, char: str) -> Node:
        """Where a character leads from a node."""
        reached: set[int] = set()
        for place in node.places:
            matcher, kind = self.steps[place]
            if matcher is not None and matcher.match(char):
                reached.add(place if kind == ANY else place + 1)
        return self.node(self._closed(reached) | self.again)

    def matches(self, text: str) -> bool:
        """Whether one of the sequences is found in a text."""
        node = self.start
        for char in text:
            if node.found:
                break
            node = node[char]
        if len(self.nodes) > KEPT_NODES:
            self._forget()
        return node.ends
