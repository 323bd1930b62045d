"""Writing XML: escaping, and writers compiled from shapes. Each writer takes a value and returns the text of its element.

Characters that XML 1.0 cannot carry (U+0001, …) are written as character references, `&#x1;`, as S3 does where a key holds
them and the client did not ask for `encoding-type=url`; a strict parser will refuse them, which is what AWS's clients get too.
Lone surrogates cannot be encoded at all and raise UnicodeEncodeError when the response is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fogbank.wire.render_base import MemberTable, check_union
from fogbank.wire.render_scalars import INTEGERS, STRINGS, integer, string, text_function

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.wire.model import Shape

Write = Callable[[Any], str]

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

_special = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]').search
_unprintable = re.compile("[\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_name = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*").fullmatch


def escape(text: str) -> str:
    """Text as element content."""
    return text if _special(text) is None else _escape(text)


def _escape(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text if text.isprintable() else _unprintable.sub(_reference, text)


def escape_attribute(text: str) -> str:
    """Text as an attribute's value, between double quotes; white space survives the parser's normalisation."""
    return escape(text).replace("\n", "&#10;").replace("\t", "&#9;")


def _reference(match: re.Match[str]) -> str:
    character = match.group()
    return "&#13;" if character == "\r" else f"&#x{ord(character):X};"


def element_name(name: str) -> str:
    """A name from outside the model as an element's name; raises ValueError where it cannot be one."""
    if _name(name) is None:
        raise ValueError(f"not an element name: {name!r}")
    return name


def namespace_attribute(namespace: Mapping[str, str] | str | None) -> str:
    """The xmlns attribute for a model's `xmlNamespace` trait (a URI, or uri and prefix), with a leading space; or nothing."""
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{escape_attribute(namespace)}"'
    prefix = namespace.get("prefix")
    return f' xmlns{":" + prefix if prefix else ""}="{escape_attribute(namespace["uri"])}"'


class Written(str):
    """The elements of a list, written already: for answers of a thousand alike, where a template is several times as fast."""

    __slots__ = ()


class XmlWriter:
    """Compiles writers for one model's shapes; `timestamp_format` is the protocol's."""

    def __init__(self, timestamp_format: str) -> None:
        self._timestamp_format = timestamp_format
        self._structures: dict[str, Write] = {}

    def element(self, shape: Shape, tag: str, namespace: str = "") -> Write:
        """A writer of `<tag>…</tag>` for one value. `namespace` is an attribute that replaces the shape's own namespace."""
        attribute = namespace or namespace_attribute(shape.traits.get("xmlNamespace"))
        start, end = f"<{tag}{attribute}>", f"</{tag}>"
        if shape.type in STRINGS:
            return _string_element(start, end)
        if shape.type in INTEGERS:
            return _integer_element(start, end)
        if shape.type == "structure" and any("xmlAttribute" in member.traits for member in shape.members.values()):
            return self._attributed_element(shape, start[:-1], end)
        content = self.content(shape)
        return lambda value: f"{start}{content(value)}{end}"

    def content(self, shape: Shape) -> Write:
        """A writer of what stands between a value's tags."""
        if shape.type == "structure":
            return self.structure(shape)
        if shape.type == "list":
            return _joined(self.element(shape.member, shape.member.wire_name("member")))
        if shape.type == "map":
            return self._map(shape, "<entry>", "</entry>")
        if shape.type in STRINGS:
            return _escaped
        return text_function(shape, self._timestamp_format)

    def structure(self, shape: Shape) -> Write:
        """A writer of a structure's members, in the order of the value."""
        known = self._structures.get(shape.name)
        if known is None:
            known = self._structures[shape.name] = _structure(shape, MemberTable(shape, self.member))
        return known

    def member(self, name: str, shape: Shape) -> Write:
        """A writer of one member of a structure: its element, or its elements where it is flattened."""
        tag = shape.wire_name(name)
        if shape.traits.get("flattened"):
            if shape.type == "list":
                item = shape.member
                return _joined(self.element(item, item.traits.get("locationName", tag)))
            if shape.type == "map":
                return self._map(shape, f"<{tag}>", f"</{tag}>")
        return self.element(shape, tag)

    def _map(self, shape: Shape, start: str, end: str) -> Write:
        write_key = self.element(shape.key, shape.key.wire_name("key"))
        write_value = self.element(shape.value, shape.value.wire_name("value"))

        def write(value: Mapping[Any, Any]) -> str:
            return "".join([f"{start}{write_key(key)}{write_value(item)}{end}" for key, item in value.items()])

        return write

    def _attributed_element(self, shape: Shape, start: str, end: str) -> Write:
        attributes = {
            name: member.wire_name(name) for name, member in shape.members.items() if member.traits.get("xmlAttribute")
        }
        content = self.structure(shape)

        def write(value: Mapping[str, Any]) -> str:
            head, rest = start, {}
            for name, item in value.items():
                if name not in attributes:
                    rest[name] = item
                elif item is not None:
                    head += f' {attributes[name]}="{escape_attribute(string(item))}"'
            return f"{head}>{content(rest)}{end}"

        return write


def _structure(shape: Shape, table: MemberTable[Write]) -> Write:
    if shape.traits.get("union"):

        def write_union(value: Mapping[str, Any]) -> str:
            check_union(shape, value)
            return "".join([table[name](item) for name, item in value.items() if item is not None])

        return write_union

    def write(value: Mapping[str, Any]) -> str:
        return "".join([table[name](item) for name, item in value.items() if item is not None])

    return write


def _string_element(start: str, end: str) -> Write:
    def write(value: str) -> str:
        if _special(value) is not None:
            value = _escape(value)
        return f"{start}{value}{end}"

    return write


def _integer_element(start: str, end: str) -> Write:
    def write(value: int) -> str:
        return f"{start}{value if type(value) is int else integer(value)}{end}"

    return write


def _escaped(value: str) -> str:
    return escape(string(value))


def _joined(write_item: Write) -> Write:
    def write(value: list[Any] | Written) -> str:
        return value if type(value) is Written else "".join(map(write_item, value))

    return write
