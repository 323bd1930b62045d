"""Random values of a shape, from its model: for round trips through a client's serializer or parser.

Text is deliberately awkward: XML's special characters, spaces at the ends, characters beyond ASCII and beyond the BMP; but no
control characters, which not every wire can carry. What travels in a header, a label or a query has what that place allows.
"""

from __future__ import annotations

import string
import struct
from datetime import UTC, datetime, timedelta
from random import Random
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from fogbank.wire.patterns import characters_of, compile_pattern, translate

if TYPE_CHECKING:
    from fogbank.wire.model import Shape

MINIMAL, RANDOM, FULL = "minimal", "random", "full"
SIZES = (MINIMAL, RANDOM, FULL)

_PLAIN = string.ascii_letters + string.digits
_AWKWARD = _PLAIN + " &<>\"'=%+/?#:;,.~-_äß漢字😀\u00a0"
_HEADER = _PLAIN + "-_.:/=+@"
_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**53), 2**53), "float": (-1e6, 1e6), "double": (-1e12, 1e12)}
_JSON_VALUES: tuple[Any, ...] = ({"a": [1, "ü", None, True]}, [], "text", 1.5)


class Generator:
    """Makes values of shapes; the same seed makes the same values.

    `size` is minimal (required members only), random (each optional member or not) or full (all of them). After `budget` values, or
    below `max_depth`, only what is required is made. `unsatisfied` says that some pattern could not be met.
    """

    def __init__(self, seed: int | str, size: str = RANDOM, *, budget: int = 200, max_depth: int = 6) -> None:
        self.random = Random(seed)
        self.size = size
        self.budget = budget
        self.max_depth = max_depth
        self.unsatisfied = False

    def value(self, shape: Shape, depth: int = 0) -> Any:
        """One value of a shape."""
        self.budget -= 1
        make = getattr(self, f"_{shape.type}")
        return make(shape, depth)

    def _wants(self, depth: int) -> bool:
        if self.size == MINIMAL or self.budget <= 0 or depth > self.max_depth:
            return False
        return self.size == FULL or self.random.random() < 0.5

    def _structure(self, shape: Shape, depth: int) -> Any:
        if shape.traits.get("document"):
            return self.random.choice(({"key": [1, "ü", {"deep": True}]}, {}))
        if shape.traits.get("union"):
            return self._union(shape, depth)
        return {
            name: self.value(member, depth + 1)
            for name, member in shape.members.items()
            if name in shape.required or self._wants(depth)
        }

    def _union(self, shape: Shape, depth: int) -> dict[str, Any]:
        members = list(shape.members.items())
        simple = [(name, member) for name, member in members if member.type not in ("structure", "list", "map")]
        name, member = self.random.choice(simple if simple and depth >= self.max_depth else members)
        return {name: self.value(member, depth + 1)}

    def _length(self, shape: Shape, usual: int, depth: int) -> int:
        low = max(shape.traits.get("min") or 0, 0)
        high = min(shape.traits.get("max", 10**9), low + usual)
        if self.budget <= 0 or depth > self.max_depth:
            return low
        return self.random.randint(low, max(high, low))

    def _list(self, shape: Shape, depth: int) -> list[Any]:
        return [self.value(shape.member, depth + 1) for _ in range(self._length(shape, 2, depth))]

    def _map(self, shape: Shape, depth: int) -> dict[str, Any]:
        wanted = self._length(shape, 2, depth)
        keys: list[str] = []
        for _ in range(wanted * 3):
            key = self.value(shape.key, depth + 1)
            if key not in keys and len(keys) < wanted:
                keys.append(key)
        return {key: self.value(shape.value, depth + 1) for key in keys}

    def _string(self, shape: Shape, depth: int) -> Any:
        traits = shape.traits
        if traits.get("jsonvalue") and traits.get("location") == "header":
            return self.random.choice(_JSON_VALUES)
        if traits.get("enum"):
            return self.random.choice(traits["enum"])
        low, high = traits.get("min") or 0, traits.get("max", 10**9)
        location = traits.get("location")
        alphabet = _HEADER if location in ("header", "headers") else _AWKWARD
        if traits.get("hostLabel"):
            low, high, alphabet = max(low, 1), min(high, 63), _PLAIN
        elif location == "uri":
            low, alphabet = max(low, 1), _AWKWARD.replace("/", "")
        if "pattern" in traits:
            return self._matching(traits["pattern"], low, high, alphabet if location else None)
        length = self.random.randint(low, max(min(high, low + 12), low))
        text = "".join(self.random.choices(alphabet, k=length))
        if location == "uri" and text.strip(". ") == "":
            return "x" * length  # a dot segment is not a label
        return text

    def _matching(self, pattern: str, low: int, high: int, alphabet: str | None) -> str:
        compiled = compile_pattern(pattern)
        if compiled is not None:
            items = sre_parser.parse(translate(pattern))
            for extra in (3, low, 0, low + 1, 8, 1, low // 2 + 1, 20, high if high < 200 else 30, 2, low // 3 + 1, low):
                text = "".join(self._from_pattern(items, extra))
                fits = low <= len(text) <= high and compiled.matches(text) and text.strip() == text
                if fits and (alphabet is None or _fits(text, alphabet)):
                    return text
        self.unsatisfied = True
        return "x" * max(low, 1)

    def _from_pattern(self, items: Any, extra: int) -> list[str]:
        found: list[str] = []
        for operator, argument in items:
            if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
                low, high, inner = argument
                for _ in range(self.random.randint(low, max(min(int(high), max(extra, low)), low))):
                    found += self._from_pattern(inner, extra)
            elif operator is sre.SUBPATTERN:
                found += self._from_pattern(argument[3], extra)
            elif operator is sre.BRANCH:
                found += self._from_pattern(self.random.choice(argument[1]), extra)
            elif operator not in (sre.AT, sre.ASSERT, sre.ASSERT_NOT):
                found.append(self._character(characters_of(operator, argument)))
        return found

    def _character(self, characters: int) -> str:
        choices = [chr(code) for code in range(32, 127) if characters >> code & 1]
        return self.random.choice(choices) if choices else " "

    def _number(self, shape: Shape) -> tuple[float, float]:
        low, high = _RANGES[shape.type]
        return max(shape.traits.get("min", low), low), min(shape.traits.get("max", high), high)

    def _integer(self, shape: Shape, depth: int) -> int:
        low, high = self._number(shape)
        return self.random.choice((int(low), int(high), self.random.randint(int(low), int(high))))

    _long = _integer

    def _double(self, shape: Shape, depth: int) -> float:
        low, high = self._number(shape)
        return self.random.choice((float(low), float(high), self.random.uniform(low, high)))

    def _float(self, shape: Shape, depth: int) -> float:
        low, high = self._number(shape)
        value = _single(self._double(shape, depth))
        return value if low <= value <= high else _single((low + high) / 2)

    def _boolean(self, shape: Shape, depth: int) -> bool:
        return self.random.random() < 0.5

    def _blob(self, shape: Shape, depth: int) -> bytes:
        return self.random.randbytes(self._length(shape, 20, 0))

    def _timestamp(self, shape: Shape, depth: int) -> datetime:
        # Whole seconds: the precision of every format.
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.random.randrange(0, 4 * 10**9))


def _single(value: float) -> float:
    """What single precision can hold, as CBOR sends it."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


def _fits(text: str, alphabet: str) -> bool:
    return bool(text) and all(character in alphabet or character in "@{}$*()!^|[]" for character in text)
