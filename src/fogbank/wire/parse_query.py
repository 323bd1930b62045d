"""query and ec2 requests: form parameters whose dotted names spell out the input (`Tags.member.1.Key=a`).

Parameters are grouped by the first part of their names, level by level along the model, so that what it does not know costs
nothing and no index allocates anything. GET requests carry them in the query string, POST ones in the body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from fogbank.wire import scalars
from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from fogbank.wire.http import HttpRequest
    from fogbank.wire.model import Shape, Traits

Parser = Callable[["HttpRequest", Mapping[str, str]], dict[str, Any]]
# Parameters below one name: the rest of each name (empty at the value itself), and its value.
Pairs = list[tuple[str, str]]
Convert = Callable[[Pairs, int], Any]

MAX_DEPTH = 64
MAX_PARAMETERS = 100_000
MAX_INDEX_DIGITS = 18


def compile_parser(model: Traits, operation_name: str, shape: Shape | None) -> Parser:
    """The parser of an operation's requests in the query or ec2 protocol, by the model's metadata; labels are not used."""
    if shape is None:
        return lambda request, labels: {}
    compiler = _Ec2() if model["metadata"]["protocol"] == "ec2" else _Query()
    convert = compiler.converter(shape)

    def parse(request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
        value: dict[str, Any] = convert(parameters(request), 0)
        return value

    return parse


def parameters(request: HttpRequest) -> Pairs:
    """The decoded parameters of a request in order, those of its query string first."""
    pairs: Pairs = []
    if request.query:
        _split(request.query.encode("utf-8", "surrogateescape"), pairs)
    if request.body:
        _split(request.body, pairs)
    return pairs


def _split(form: bytes, pairs: Pairs) -> None:
    try:
        text = form.decode("utf-8")
        if text.count("&") >= MAX_PARAMETERS:
            raise AwsError("MalformedQueryString", "The request has too many parameters")
        for part in text.split("&"):
            if part:
                name, _, value = part.partition("=")
                pairs.append((_unquote(name), _unquote(value)))
    except UnicodeDecodeError:
        raise AwsError("MalformedQueryString", "The request is not valid UTF-8") from None


def _unquote(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote_to_bytes(text).decode("utf-8") if "%" in text else text


def group(pairs: Pairs) -> dict[str, Pairs]:
    """Parameters by the first part of their names, which the rest of the names then lack."""
    groups: dict[str, Pairs] = {}
    for name, value in pairs:
        head, _, rest = name.partition(".")
        found = groups.get(head)
        if found is None:
            groups[head] = [(rest, value)]
        else:
            found.append((rest, value))
    return groups


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedInput", message)


def by_index(pairs: Pairs) -> list[Pairs]:
    """Parameters of a list or map in the order of their indexes; gaps close, `.0` comes first."""
    groups = group(pairs)
    groups.pop("", None)  # an empty list is sent as one parameter without a value
    indexes = sorted(groups, key=_index)
    return [groups[index] for index in indexes]


def _index(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= MAX_INDEX_DIGITS:
        return int(text)
    raise _malformed(f"Expected the index of a list element, found '{text[:100]}'")


def _structure(members: dict[str, tuple[str, Convert]]) -> Convert:
    find = members.get

    def convert(pairs: Pairs, depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise _malformed("The request is nested too deeply")
        out: dict[str, Any] = {}
        for head, inner in group(pairs).items():
            found = find(head)
            if found is not None:
                out[found[0]] = found[1](inner, depth + 1)
        return out

    return convert


def _list(convert_item: Convert) -> Convert:
    def convert(pairs: Pairs, depth: int) -> list[Any]:
        return [convert_item(inner, depth + 1) for inner in by_index(pairs)]

    return convert


def _within(name: str, convert: Convert) -> Convert:
    """What is one level further down under a fixed name: `member`, or `entry`."""

    def convert_within(pairs: Pairs, depth: int) -> Any:
        prefix = name + "."
        inner = [(rest[len(prefix) :], value) for rest, value in pairs if rest.startswith(prefix)]
        return convert(inner, depth)

    return convert_within


def _map(key_name: str, value_name: str, convert_key: Convert, convert_value: Convert) -> Convert:
    def convert(pairs: Pairs, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for inner in by_index(pairs):
            groups = group(inner)
            if key_name not in groups or value_name not in groups:
                raise _malformed(f"Expected both {key_name} and {value_name} of a map entry")
            out[convert_key(groups[key_name], depth + 1)] = convert_value(groups[value_name], depth + 1)
        return out

    return convert


def _text(pairs: Pairs) -> str:
    for rest, value in reversed(pairs):
        if not rest:
            return value
    raise _malformed("Start of structure or map found where not expected.")


def _string(pairs: Pairs, depth: int) -> str:
    return _text(pairs)


def _scalar(shape: Shape) -> Convert:
    read = scalars.text_reader(shape.type, shape.traits.get("timestampFormat", "iso8601"))
    if read is None:
        return _string

    def convert(pairs: Pairs, depth: int) -> Any:
        text = _text(pairs)
        try:
            return read(text)
        except ValueError:
            raise _malformed(f"Value '{text[:256]}' could not be read as {shape.type}") from None

    return convert


class _Query:
    """The names of the query protocol."""

    key = "query"

    def converter(self, shape: Shape) -> Convert:
        """What turns a shape's parameters into its value."""
        convert: Convert | None = shape.memo.get(self.key)
        if convert is None:
            convert = shape.memo[self.key] = self.compile(shape)
        return convert

    def compile(self, shape: Shape) -> Convert:
        """The same, not remembered."""
        if shape.type == "structure":
            return self.compile_structure(shape)
        if shape.type == "list":
            return self.compile_list(shape)
        if shape.type == "map":
            return self.compile_map(shape)
        return _scalar(shape)

    def compile_structure(self, shape: Shape) -> Convert:
        """A structure; itself remembered before its members, which may contain it."""
        members: dict[str, tuple[str, Convert]] = {}
        convert = shape.memo[self.key] = _structure(members)
        for name, member in shape.members.items():
            for wire in self.names(name, member):
                members.setdefault(wire, (name, self.converter(member)))
        return convert

    def names(self, name: str, member: Shape) -> list[str]:
        """The names on the wire that a member may have."""
        if member.type == "list" and member.traits.get("flattened"):
            # A flattened list goes by the name of its elements, where they have one.
            inner = member.member.traits.get("locationName")
            return [inner, member.wire_name(name)] if inner else [member.wire_name(name)]
        return [member.wire_name(name)]

    def compile_list(self, shape: Shape) -> Convert:
        """A list, below `member` or its elements' own name unless it is flattened."""
        convert = _list(self.converter(shape.member))
        return convert if shape.traits.get("flattened") else _within(shape.member.wire_name("member"), convert)

    def compile_map(self, shape: Shape) -> Convert:
        """A map, below `entry` unless it is flattened."""
        key, value = shape.key, shape.value
        convert = _map(key.wire_name("key"), value.wire_name("value"), self.converter(key), self.converter(value))
        return convert if shape.traits.get("flattened") else _within("entry", convert)


class _Ec2(_Query):
    """The names of the ec2 protocol: queryName, or locationName with a capital; lists are always flat."""

    key = "ec2"

    def names(self, name: str, member: Shape) -> list[str]:
        if "queryName" in member.traits:
            return [member.traits["queryName"]]
        wire = member.wire_name(name)
        return [wire[:1].upper() + wire[1:], wire]

    def compile_list(self, shape: Shape) -> Convert:
        return _list(self.converter(shape.member))
