"""A service as the wire sees it: its model, and for each operation what parses its requests and renders its answers.

Everything is compiled on first use: a process that serves S3's GetObject never compiles the other 115 operations.
"""

from __future__ import annotations

import importlib
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest, HttpResponse
from fogbank.wire.model import Shape, Traits, read_model
from fogbank.wire.validate import compile_validator

if TYPE_CHECKING:
    from fogbank.wire.render_base import ErrorRenderer, Renderer

    Parse = Callable[[HttpRequest, Mapping[str, str]], dict[str, Any]]

QUERY, EC2, JSON, REST_JSON, REST_XML, CBOR = "query", "ec2", "json", "rest-json", "rest-xml", "smithy-rpc-v2-cbor"
_SPOKEN = {"website": REST_XML}  # S3's website endpoints: REST whose errors are pages

_PARSERS = {
    QUERY: "parse_query",
    EC2: "parse_query",
    JSON: "parse_json",
    REST_JSON: "parse_rest",
    REST_XML: "parse_rest",
    CBOR: "parse_cbor",
}
_RENDERERS = {
    QUERY: "render_query",
    EC2: "render_query",
    JSON: "render_json",
    REST_JSON: "render_rest",
    REST_XML: "render_rest",
    CBOR: "render_cbor",
}
MAX_DECOMPRESSED = 16 << 20  # bytes; AWS takes no request of these operations over 1 MB compressed


class Codec(NamedTuple):
    """An operation in one protocol: what parses and validates its requests, and what renders its results and errors."""

    parse: Parse
    render: Renderer
    render_error: ErrorRenderer


class Operation:
    """An operation of a service, in each protocol that the service speaks."""

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        self.name = name
        self.traits: Traits = model.raw["operations"][name]
        self.http_method: str = self.traits.get("http", {}).get("method", "POST")
        self.synthetic: bool = self.traits.get("synthetic", False)  # ours: AWS has the request, but no model of it
        self.form: bool = self.traits.get(
            "form", False
        )  # its input is a form, multipart/form-data, that ends with its body
        self._codecs: dict[str, Codec] = {}
        self._parsers: dict[str, Parse] = {}

    @cached_property
    def input(self) -> Shape | None:
        """The shape of the request, if it has one."""
        return self.model.shape(self.traits.get("input"))

    @cached_property
    def output(self) -> Shape | None:
        """The shape of the result, if it has one."""
        return self.model.shape(self.traits.get("output"))

    @cached_property
    def errors(self) -> tuple[Shape, ...]:
        """The shapes of the errors that the model names."""
        return tuple(filter(None, map(self.model.shape, self.traits.get("errors", ()))))

    @cached_property
    def streaming_input(self) -> str | None:
        """The input member that is the body as a stream; the parser leaves it out, and so event streams."""
        return _streaming_member(self.input)

    @cached_property
    def streaming_output(self) -> str | None:
        """The output member that is the body as a stream."""
        return _streaming_member(self.output)

    @cached_property
    def event_stream_output(self) -> str | None:
        """The output member that is an event stream."""
        members = self.output.members.items() if self.output else ()
        return next((name for name, member in members if member.traits.get("eventstream")), None)

    def parser(self, protocol: str) -> Parse:
        """What parses and validates requests in one protocol."""
        parse = self._parsers.get(protocol)
        if parse is None:
            with self.model.compiling:
                parse = self._parsers.get(protocol) or self._compile_parser(protocol)
                self._parsers[protocol] = parse
        return parse

    def codec(self, protocol: str) -> Codec:
        """This operation in one of the model's protocols; compiled on first use."""
        codec = self._codecs.get(protocol)
        if codec is None:
            parse = self.parser(protocol)
            with self.model.compiling:
                codec = self._codecs.get(protocol) or Codec(parse, *self._compile_renderers(protocol))
                self._codecs[protocol] = codec
        return codec

    def unvalidated(self, protocol: str) -> Parse:
        """What parses requests in one protocol and takes whatever has the right types."""
        module = importlib.import_module(f"fogbank.wire.{_PARSERS[protocol]}")
        parse: Parse = module.compile_parser(self.model.raw_for(protocol), self.name, self.input)
        return _decompressing(parse) if "requestcompression" in self.traits else parse

    def _compile_parser(self, protocol: str) -> Parse:
        protocol = _SPOKEN.get(protocol, protocol)
        parse = self.unvalidated(protocol)
        validate = compile_validator(self.input, protocol, self.model.name)
        return parse if validate is None else _validated(parse, validate)

    def _compile_renderers(self, protocol: str) -> tuple[Renderer, ErrorRenderer]:
        spoken = _SPOKEN.get(protocol, protocol)
        module = importlib.import_module(f"fogbank.wire.{_RENDERERS[spoken]}")
        errors = importlib.import_module("fogbank.wire.render_errors")
        return (
            module.compile_renderer(self.model.raw_for(spoken), self.name, self.output),
            errors.compile_error_renderer(self.model.raw_for(protocol), self.name),
        )

    def __repr__(self) -> str:
        return f"<Operation {self.model.name}.{self.name}>"


class Model:
    """A service: its operations by name, and how its requests find them."""

    def __init__(self, name: str, raw: Traits) -> None:
        self.name = name
        self.raw = raw
        metadata = raw["metadata"]
        self.protocols: tuple[str, ...] = tuple(metadata.get("protocols") or (metadata["protocol"],))
        self.protocol: str = self.protocols[0]
        self.signing_name: str = metadata.get("signingName") or metadata["endpointPrefix"]
        self.api_version: str = metadata["apiVersion"]
        self.operations: Mapping[str, Operation] = _Operations(self)
        self._shapes: dict[str | int, Shape] = {}
        # Operations share what is compiled for a shape, and a recursive one is shared before it is complete.
        self.compiling = threading.RLock()

    def shape(self, reference: Traits | None) -> Shape | None:
        """The shape that a reference in the model names; one object per use, shared by the operations."""
        return None if reference is None else Shape(self.raw["shapes"], reference, self._shapes)

    def raw_for(self, protocol: str) -> Traits:
        """The raw model with `protocol` as its metadata's protocol, for compilers that look there."""
        if self.raw["metadata"].get("protocol") == protocol:
            return self.raw
        return {**self.raw, "metadata": {**self.raw["metadata"], "protocol": protocol}}

    def render_unknown(
        self, error: AwsError, request_id: str, resource: str = "", host_id: str = "", protocol: str | None = None
    ) -> HttpResponse:
        """The response that carries an error of a request whose operation is not known."""
        render = self._unknown_renderers.get(protocol or self.protocol)
        if render is None:
            errors = importlib.import_module("fogbank.wire.render_errors")
            render = errors.compile_error_renderer(self.raw_for(protocol or self.protocol), None)
            self._unknown_renderers[protocol or self.protocol] = render
        return render(error, request_id, resource, host_id)

    @cached_property
    def _unknown_renderers(self) -> dict[str, ErrorRenderer]:
        return {}

    def __repr__(self) -> str:
        return f"<Model {self.name}: {self.protocol}>"


class _Operations(Mapping[str, Operation]):
    """A model's operations by name; each is made when it is first asked for."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._made: dict[str, Operation] = {}

    def __getitem__(self, name: str) -> Operation:
        operation = self._made.get(name)
        if operation is None:
            if name not in self._model.raw["operations"]:
                raise KeyError(name)
            operation = self._made.setdefault(name, Operation(self._model, name))
        return operation

    def __contains__(self, name: object) -> bool:
        return name in self._model.raw["operations"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._model.raw["operations"])

    def __len__(self) -> int:
        return len(self._model.raw["operations"])


def _streaming_member(shape: Shape | None) -> str | None:
    payload = shape.payload if shape else None
    if shape is None or payload is None:
        return None
    traits = shape.members[payload].traits
    return payload if traits.get("streaming") or traits.get("eventstream") else None


def _validated(parse: Parse, validate: Callable[[dict[str, Any]], None]) -> Parse:
    def parse_validated(request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
        value = parse(request, labels)
        validate(value)
        return value

    return parse_validated


def _decompressing(parse: Parse) -> Parse:
    def parse_compressed(request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
        encodings = request.headers.get("content-encoding", "")
        if encodings.rpartition(",")[2].strip().lower() == "gzip":
            body = _gunzip(request.body)
            request = HttpRequest(
                request.method, request.path, request.query, request.headers, body, request.client, request.scheme
            )
        return parse(request, labels)

    return parse_compressed


def _gunzip(body: bytes) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        data = decompressor.decompress(body, MAX_DECOMPRESSED)
    except zlib.error:
        raise AwsError("SerializationException", "The request body is not valid gzip") from None
    if decompressor.unconsumed_tail:
        raise AwsError("RequestEntityTooLargeException", "The request is too large once decompressed", status=413)
    if not decompressor.eof:
        raise AwsError("SerializationException", "The request body is not valid gzip")
    return data


_LOAD = threading.Lock()


@lru_cache(maxsize=64)
def _load(name: str) -> Model:
    return Model(name, read_model(name))


def load(name: str) -> Model:
    """The service whose model botocore keeps in directory `name` ("s3", "iam", "logs"); cached, and safe in threads.

    Raises FileNotFoundError for a name that there is none of.
    """
    with _LOAD:
        return _load(name)
