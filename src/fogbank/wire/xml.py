"""XML as AWS's REST services take it: a bounded tree of elements, without DTDs, entities or namespaces."""

from __future__ import annotations

from typing import NoReturn
from xml.parsers import expat

from fogbank.wire.errors import AwsError

MAX_DEPTH = 64
MAX_ELEMENTS = 100_000  # CompleteMultipartUpload with 10,000 parts, each with a checksum, has 40,001


class Element:
    """An element: its local name, attributes by local name or None, child elements, and the text before them."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str] | None) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.text = ""

    def __repr__(self) -> str:
        return f"<Element {self.name}>"


class _Unacceptable(Exception):
    """Well-formed perhaps, and refused."""


def malformed() -> AwsError:
    """The error that S3 answers to any XML it cannot use."""
    return AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def _refuse(*_: object) -> NoReturn:
    raise _Unacceptable


class _Builder:
    __slots__ = ("count", "root", "stack")

    def __init__(self) -> None:
        self.root: Element | None = None
        self.stack: list[Element] = []
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        stack = self.stack
        if len(stack) >= MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise _Unacceptable
        if ":" in name:
            name = name.rpartition(":")[2]
        local = {key.rpartition(":")[2]: value for key, value in attributes.items()} if attributes else None
        element = Element(name, local)
        if stack:
            stack[-1].children.append(element)
        else:
            self.root = element
        stack.append(element)

    def end(self, _name: str) -> None:
        self.stack.pop()

    def text(self, data: str) -> None:
        element = self.stack[-1]
        if not element.children:  # no shape has mixed content; joining it piece by piece would be quadratic
            element.text += data


def parse_xml(body: bytes) -> Element:
    """The root element of an XML document in UTF-8; MalformedXML for anything else."""
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.buffer_size = min(max(len(body), 1024), 1 << 20)  # long text comes in few pieces
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, _Unacceptable, ValueError):
        raise malformed() from None
    if builder.root is None:
        raise malformed()
    return builder.root
