"""Reads Insights queries: the commands between `|`, in order. MalformedQueryException says where one goes wrong.

Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import not_implemented
from fogbank.services.logs import insights_regex
from fogbank.services.logs.insights_aggregates import AGGREGATES
from fogbank.services.logs.insights_functions import FUNCTIONS
from fogbank.services.logs.insights_syntax import (
    MOST_DEPTH,
    Among,
    Apply,
    Const,
    Dedup,
    Field,
    Filter,
    Item,
    Like,
    Limit,
    Node,
    Parse,
    Period,
    Show,
    Sort,
    Stats,
    malformed,
    unexpected,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.services.logs.insights_syntax import Command

MOST_COMMANDS: Final = 100
MOST_ROWS: Final = 10_000
UNITS: Final = {
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
    **dict.fromkeys(("mo", "mon", "month", "months"), "mo"),
    **dict.fromkeys(("q", "qtr", "quarter", "quarters"), "q"),
    **dict.fromkeys(("y", "yr", "year", "years"), "y"),
}
OTHERS: Final = ("pattern", "diff", "anomaly", "filterindex", "source", "lookup", "join", "search")  # AWS has them
WORDS: Final = frozenset(("and", "or", "not", "in", "like", "as", "by", "asc", "desc"))
COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=")
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<period>\d{1,9}(?:ms|msec|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?|w|weeks?|mo|mon|months?
            |q|qtr|quarters?|y|yr|years?)(?![A-Za-z0-9_.@]))
      | (?P<number>\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?(?![A-Za-z0-9_@]))
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<quoted>@?`[^`]+`)
      | (?P<name>[@A-Za-z_][A-Za-z0-9_@]*(?:\.[A-Za-z0-9_@]+|\.`[^`]+`|(?<![iI][nN])\[\d{1,9}\])*)
      | (?P<sign>=~|!~|!=|<=|>=|[|,()\[\]+*/%^=<>-])
    )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_REGEX: Final = re.compile(r"\s*/((?:[^/\\]|\\.)+)/", re.DOTALL)
_COMMENT: Final = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


class Token(msgspec.Struct, frozen=True):
    """A piece of a query, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def parse(query: str) -> list[Command]:
    """The commands of a query. AwsError MalformedQueryException, or NotImplemented for AWS's commands that are not here."""
    return Parser(query).commands()


class Parser:
    """Reads one query."""

    def __init__(self, query: str) -> None:
        self.query = query
        self._text = _COMMENT.sub(lambda found: " " * len(found[0]), query)
        self._depth = 0
        self.next = self._lex(0)

    def _lex(self, at: int) -> Token:
        if not self._text[at:].strip():
            return Token("end", "", len(self._text), len(self._text))
        found = _TOKEN.match(self._text, at)
        if found is None or found.lastgroup is None:
            start = at + len(self._text[at:]) - len(self._text[at:].lstrip())
            raise unexpected(self.query, start, start + 1)
        return Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup), found.end())

    def pop(self) -> Token:
        """The next piece, which is taken."""
        token = self.next
        self.next = self._lex(token.end)
        return token

    def wrong(self, token: Token | None = None) -> Exception:
        """The error of a piece that cannot be here."""
        token = token or self.next
        return unexpected(self.query, token.start, token.end)

    def sign(self, *signs: str) -> str:
        """Take the next piece if it is one of these signs."""
        return self.pop().text if self.next.kind == "sign" and self.next.text in signs else ""

    def word(self, *words: str) -> str:
        """Take the next piece if it is one of these words."""
        found = self.next.text.lower()
        if self.next.kind != "name" or found not in words:
            return ""
        self.pop()
        return found

    def need(self, sign: str) -> None:
        """Take a sign that has to be next."""
        if not self.sign(sign):
            raise self.wrong()

    def commands(self) -> list[Command]:
        """All commands."""
        self.sign("|")
        found = [self.command()]
        while self.sign("|"):
            found.append(self.command())
            if len(found) > MOST_COMMANDS:
                raise self.wrong()
        if self.next.kind != "end":
            raise self.wrong()
        return found

    def command(self) -> Command:
        token = self.pop()
        word = token.text.lower() if token.kind == "name" else ""
        if word in OTHERS:
            raise not_implemented(f"The Insights command {word}")
        read = COMMANDS.get(word)
        if read is None:
            raise self.wrong(token)
        return read(self, word)

    def show(self, word: str) -> Show:
        return Show(self.items(), word == "display")

    def filter(self, _word: str) -> Filter:
        return Filter(self.expression())

    def stats(self, _word: str) -> Stats:
        items = self.items()
        by = self.items() if self.word("by") else ()
        return Stats(items, by)

    def sort(self, _word: str) -> Sort:
        self.word("by")
        keys = [self.sort_key()]
        while self.sign(","):
            keys.append(self.sort_key())
        return Sort(tuple(keys))

    def sort_key(self) -> tuple[Node, bool]:
        node = self.expression()
        return node, self.word("asc", "desc") == "desc"

    def limit(self, word: str) -> Limit:
        token = self.pop()
        count = int(token.text) if token.kind == "number" and token.text.isdigit() else 0
        if not 1 <= count <= MOST_ROWS:
            raise malformed(f"limit has to be between 1 and {MOST_ROWS}", token.start, token.end)
        return Limit(count, word == "tail")

    def dedup(self, _word: str) -> Dedup:
        return Dedup(tuple(item.node for item in self.items()))

    def parse_command(self, _word: str) -> Parse:
        bare = self.next.kind == "string" or self.next.text == "/"
        value = Field("@message", self.next.start, 1, "@message") if bare else self.primary()
        start = self.next.start
        pattern, regex = self.pattern()
        aliases = self.names() if self.word("as") else []
        names = [*aliases]
        if regex:
            names = names or insights_regex.names(pattern)
        wanted = len(insights_regex.names(pattern)) if regex else pattern.count("*")
        if not names or len(names) != wanted:
            raise malformed(
                "the pattern of parse has to have as many parts as there are fields", start, self.next.start
            )
        return Parse(value, pattern, regex, tuple(names))

    def names(self) -> list[str]:
        found = [self.name()]
        while self.sign(","):
            found.append(self.name())
        return found

    def name(self) -> str:
        """The name of a field."""
        token = self.pop()
        if token.kind not in ("name", "quoted"):
            raise self.wrong(token)
        return plain_name(token.text)

    def pattern(self) -> tuple[str, bool]:
        """A string, or a regular expression between slashes."""
        token = self.next
        if token.kind == "string":
            self.pop()
            return unquote(token.text), False
        found = _REGEX.match(self.query, token.start)
        if found is None:
            raise self.wrong()
        reason = insights_regex.fault(found[1])
        if reason:
            raise malformed(f"invalid regular expression: {reason}", found.start(1), found.end(1))
        self.next = self._lex(found.end())
        return found[1], True

    def items(self) -> tuple[Item, ...]:
        found = [self.item()]
        while self.sign(","):
            found.append(self.item())
        return tuple(found)

    def item(self) -> Item:
        node = self.expression()
        if self.word("as"):
            return Item(node, self.name())
        return Item(node, node.name if isinstance(node, Field) else node.text)

    def expression(self) -> Node:
        """An expression: `or` binds least, then `and`, `not`, comparisons, sums, products, powers."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self.wrong()
        found = self.either()
        self._depth -= 1
        return found

    def either(self) -> Node:
        return self._chain("or", self.both)

    def both(self) -> Node:
        return self._chain("and", self.negation)

    def _chain(self, word: str, inner: Callable[[], Node]) -> Node:
        start = self.next.start
        found = [inner()]
        while self.word(word):
            found.append(inner())
        return found[0] if len(found) == 1 else self.apply(start, word, *found)

    def negation(self) -> Node:
        start, negated = self.next.start, False
        while self.word("not"):
            negated = not negated
        found = self.comparison()
        return self.apply(start, "not", found) if negated else found

    def comparison(self) -> Node:
        start = self.next.start
        left = self.sum()
        if operator := self.sign(*COMPARISONS):
            return self.apply(start, operator, left, self.sum())
        if self.sign("=~") or self.word("like"):
            return self.like(start, left)
        if self.sign("!~"):
            return self.apply(start, "not", self.like(start, left))
        if self.word("in"):
            return self.among(start, left)
        if self.word("not"):
            found = self.among(start, left) if self.word("in") else self.not_like(start, left)
            return self.apply(start, "not", found)
        return left

    def not_like(self, start: int, left: Node) -> Node:
        if not self.word("like"):
            raise self.wrong()
        return self.like(start, left)

    def like(self, start: int, value: Node) -> Node:
        pattern, regex = self.pattern()
        return Like(self.since(start), start, value.depth + 1, value, pattern, regex)

    def among(self, start: int, value: Node) -> Node:
        closing = "]" if self.sign("[") else ")" if self.sign("(") else ""
        if not closing:
            raise self.wrong()
        choices = [self.sum()]
        while self.sign(","):
            choices.append(self.sum())
        self.need(closing)
        depth = max(node.depth for node in (value, *choices)) + 1
        return Among(self.since(start), start, depth, value, tuple(choices))

    def sum(self) -> Node:
        return self._left("+-", self.product)

    def product(self) -> Node:
        return self._left("*/%", self.power)

    def _left(self, signs: str, inner: Callable[[], Node]) -> Node:
        start = self.next.start
        found = inner()
        while operator := self.sign(*signs):
            found = self.apply(start, operator, found, inner())
        return found

    def power(self) -> Node:
        start = self.next.start
        base = self.signed()
        if not self.sign("^"):
            return base
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self.wrong()
        found = self.apply(start, "^", base, self.power())
        self._depth -= 1
        return found

    def signed(self) -> Node:
        start, negative = self.next.start, False
        while sign := self.sign("-", "+"):
            negative = negative != (sign == "-")
        found = self.primary()
        return self.apply(start, "negative", found) if negative else found

    def primary(self) -> Node:
        token = self.pop()
        text, start = token.text, token.start
        if token.kind == "number":
            return Const(text, start, 1, int(text) if text.isdigit() else float(text))
        if token.kind == "string":
            return Const(text, start, 1, unquote(text))
        if token.kind == "period":
            digits = re.match(r"\d+", text)
            count = digits[0] if digits else ""
            return Period(text, start, 1, int(count), UNITS[text[len(count) :]])
        if token.kind == "sign" and text == "(":
            found = self.expression()
            self.need(")")
            return found
        if token.kind == "quoted":
            return Field(text, start, 1, plain_name(text))
        if token.kind != "name" or text.lower() in WORDS:
            raise self.wrong(token)
        return self.call(token) if self.sign("(") else self.field(token)

    def field(self, token: Token) -> Node:
        constant = {"true": True, "false": False, "null": None}
        if token.text.lower() in constant:
            return Const(token.text, token.start, 1, constant[token.text.lower()])
        return Field(token.text, token.start, 1, plain_name(token.text))

    def call(self, token: Token) -> Node:
        """A function's call, behind its `(`."""
        name = token.text.lower()
        known = FUNCTIONS.get(name) or AGGREGATES.get(name)
        if known is None:
            raise malformed(f"unknown function {token.text}", token.start, token.end)
        args: list[Node] = []
        if name == "count" and self.sign("*"):
            self.need(")")
        elif not self.sign(")"):
            args.append(self.expression())
            while self.sign(","):
                args.append(self.expression())
            self.need(")")
        if not known.least <= len(args) <= known.most:
            raise malformed(f"wrong number of arguments of {token.text}", token.start, self.next.start)
        return self.apply(token.start, name, *args)

    def apply(self, start: int, name: str, *args: Node) -> Node:
        depth = max((node.depth for node in args), default=0) + 1
        if depth > MOST_DEPTH:
            raise self.wrong()
        return Apply(self.since(start), start, depth, name, args)

    def since(self, start: int) -> str:
        """What was written from a place up to the next piece, without white space outside of quotes."""
        return squeezed(self._text[start : self.next.start])


COMMANDS: Final[dict[str, Callable[[Parser, str], Command]]] = {
    "fields": Parser.show,
    "display": Parser.show,
    "unmask": Parser.show,  # nothing is masked here
    "filter": Parser.filter,
    "stats": Parser.stats,
    "sort": Parser.sort,
    "order": Parser.sort,
    "limit": Parser.limit,
    "head": Parser.limit,
    "tail": Parser.limit,
    "parse": Parser.parse_command,
    "dedup": Parser.dedup,
}
_SPACES: Final = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|\s+""", re.DOTALL)


def squeezed(text: str) -> str:
    """A text without white space outside of quotes."""
    return _SPACES.sub(lambda found: found[1] or "", text)


def unquote(text: str) -> str:
    """What a quoted string says."""
    return _ESCAPE.sub(lambda found: ESCAPES.get(found[1], found[1]), text[1:-1])


def plain_name(text: str) -> str:
    """A field's name without backticks, with `[0]` as `.0`."""
    if "`" in text:
        return text.replace("`", "")
    return text.replace("[", ".").replace("]", "") if "[" in text else text
