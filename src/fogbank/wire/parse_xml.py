"""XML elements to values, by shape: the bodies of rest-xml requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fogbank.wire import scalars
from fogbank.wire.xml import Element, malformed, parse_xml

if TYPE_CHECKING:
    from fogbank.wire.model import Shape

Convert = Callable[[Element], Any]

ONE, MANY, ENTRY = 0, 1, 2  # how often a child element comes: once; as an item of a flattened list; of a flattened map


def compile_body(shape: Shape, names: frozenset[str]) -> Callable[[bytes], Any]:
    """A parser of a whole body whose root element has one of `names`; anything unexpected is MalformedXML."""
    convert = converter(shape)

    def parse(body: bytes) -> Any:
        root = parse_xml(body)
        if root.name not in names:
            raise malformed()
        try:
            return convert(root)
        except ValueError:
            raise malformed() from None

    return parse


def converter(shape: Shape) -> Convert:
    """What turns an element into this shape's value; ValueError or MalformedXML if it is not one."""
    convert: Convert | None = shape.memo.get("xml")
    if convert is None:
        convert = _COMPILERS.get(shape.type, _compile_scalar)(shape)
        shape.memo["xml"] = convert
    return convert


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _compile_structure(shape: Shape) -> Convert:
    children: dict[str, tuple[str, Convert, int]] = {}
    attributes: list[tuple[str, str]] = []
    convert = _structure(children, attributes)
    shape.memo["xml"] = convert  # before its members, which may contain it
    for name, member in shape.members.items():
        if "location" in member.traits:
            continue
        if member.traits.get("xmlAttribute"):
            attributes.append((_local(member.wire_name(name)), name))
        else:
            child = (name, *_child(member))
            children.update((_local(wire), child) for wire in member.element_names(name))
    return convert


def _child(member: Shape) -> tuple[Convert, int]:
    if member.traits.get("flattened"):
        if member.type == "list":
            return converter(member.member), MANY
        if member.type == "map":
            return _compile_entry(member), ENTRY
    return converter(member), ONE


def _structure(children: dict[str, tuple[str, Convert, int]], attributes: list[tuple[str, str]]) -> Convert:
    find = children.get

    def convert(element: Element) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if attributes and element.attributes:
            for wire, name in attributes:
                if wire in element.attributes:
                    out[name] = element.attributes[wire]
        for child in element.children:
            found = find(child.name)
            if found is None:
                continue
            name, convert_child, kind = found
            if kind == ONE:
                if name in out:
                    raise malformed()
                out[name] = convert_child(child)
            elif kind == MANY:
                out.setdefault(name, []).append(convert_child(child))
            else:
                key, value = convert_child(child)
                out.setdefault(name, {})[key] = value
        return out

    return convert


def _compile_list(shape: Shape) -> Convert:
    wire = _local(shape.member.wire_name("member"))
    convert_item = converter(shape.member)

    def convert(element: Element) -> list[Any]:
        return [convert_item(child) for child in element.children if child.name == wire]

    return convert


def _compile_map(shape: Shape) -> Convert:
    convert_entry = _compile_entry(shape)

    def convert(element: Element) -> dict[str, Any]:
        return dict(convert_entry(child) for child in element.children if child.name == "entry")

    return convert


def _compile_entry(shape: Shape) -> Convert:
    key_name, value_name = _local(shape.key.wire_name("key")), _local(shape.value.wire_name("value"))
    convert_key, convert_value = converter(shape.key), converter(shape.value)

    def convert(element: Element) -> tuple[str, Any]:
        children = {child.name: child for child in element.children}
        if key_name not in children or value_name not in children:
            raise malformed()
        return convert_key(children[key_name]), convert_value(children[value_name])

    return convert


def _string(element: Element) -> str:
    if element.children:
        raise malformed()
    return element.text


def _compile_scalar(shape: Shape) -> Convert:
    read = scalars.text_reader(shape.type, shape.traits.get("timestampFormat", "iso8601"))
    if read is None:
        return _string

    def convert(element: Element) -> Any:
        if element.children:
            raise malformed()
        return read(element.text.strip())

    return convert


_COMPILERS: dict[str, Callable[[Shape], Convert]] = {
    "structure": _compile_structure,
    "list": _compile_list,
    "map": _compile_map,
}
