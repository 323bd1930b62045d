"""Output event streams: a handler's events, framed as its protocol wants them.

A handler gives an iterable, plain or asynchronous, of events in botocore's form, `{"PayloadChunk": {"Payload": b"…"}}`; the response's
body is then an iterable of the same kind that yields bytes. A handler that gives bytes has framed them itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from fogbank.wire.errors import AwsError
from fogbank.wire.eventstream import Byte as EventByte
from fogbank.wire.eventstream import HeaderValue, Long, Short, encode
from fogbank.wire.render_base import MemberTable, check_union
from fogbank.wire.render_scalars import STRINGS, string
from fogbank.wire.xml_write import DECLARATION, XmlWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping

    from fogbank.wire.model import Shape

EVENT_STREAM_TYPE = ("Content-Type", "application/vnd.amazon.eventstream")
# What makes the payload of an event's structure, or of the member that is its payload; and its content type.
Payload = tuple[str, "Callable[[Any], bytes]"]


def event_stream_member(output: Shape | None) -> str | None:
    """The output member that is an event stream, if there is one."""
    for name, member in output.members.items() if output else ():
        if member.traits.get("eventstream"):
            return name
    return None


class EventEncoder:
    """Frames the events of one stream. `payload` makes payloads of structures in the stream's protocol."""

    def __init__(self, stream: Shape, payload: Callable[[Shape], Payload]) -> None:
        self._stream = stream
        self._payload = payload
        self._table = MemberTable(stream, self._compile_event)

    def event(self, event: Mapping[str, Any]) -> bytes:
        """One event; one whose shape is an exception becomes an exception message."""
        check_union(self._stream, event)
        ((name, value),) = ((name, value) for name, value in event.items() if value is not None)
        return self._table[name](value)

    def error(self, error: AwsError) -> bytes:
        """An error that ends the stream: one of the stream's exceptions, or an error message."""
        for name, member in self._stream.members.items():
            if member.traits.get("exception") and error.code in (name, member.name):
                message = next((key for key in member.members if key.lower() == "message"), None)
                known = {key: value for key, value in error.fields.items() if key in member.members}
                return self.event({name: known if message is None else {message: error.message, **known}})
        headers: dict[str, HeaderValue] = {":message-type": "error", ":error-code": error.code}
        return encode({**headers, ":error-message": error.message[:0x7000]})

    def _compile_event(self, name: str, shape: Shape) -> Callable[[Mapping[str, Any]], bytes]:
        kind = "exception" if shape.traits.get("exception") else "event"
        headers: dict[str, HeaderValue] = {f":{kind}-type": name, ":message-type": kind}
        in_headers = {n: event_header(m) for n, m in shape.members.items() if m.traits.get("eventheader")}
        whole = next((n for n, m in shape.members.items() if m.traits.get("eventpayload")), None)
        body = self._payload_of(shape if whole is None else shape.members[whole])
        empty = whole is None and len(in_headers) == len(shape.members)

        def write(value: Mapping[str, Any]) -> bytes:
            found, rest = dict(headers), {}
            for member, item in value.items():
                if item is not None:
                    if member in in_headers:
                        found[member] = in_headers[member](item)
                    else:
                        rest[member] = item
            if empty or whole is not None:
                _check_only(shape, whole, rest)
                if not rest:
                    return encode(found)
            content_type, convert = body
            return encode({**found, ":content-type": content_type}, convert(rest if whole is None else rest[whole]))

        return write

    def _payload_of(self, shape: Shape) -> Payload:
        if shape.type == "blob":
            return "application/octet-stream", bytes
        if shape.type in STRINGS:
            return "text/plain", lambda value: string(value).encode()
        return self._payload(shape)


def _check_only(shape: Shape, name: str | None, rest: Mapping[str, Any]) -> None:
    unknown = [member for member in rest if member != name]
    if unknown:
        raise KeyError(f"{shape.name} has no place for {unknown}")


def event_header(shape: Shape) -> Callable[[Any], HeaderValue]:
    """The function that makes a member an event's header, of the type that Smithy gives it."""
    kinds: dict[str, Callable[[Any], HeaderValue]] = {"byte": EventByte, "short": Short, "long": Long}
    return kinds.get(shape.type, _as_it_is)


def _as_it_is(value: HeaderValue) -> HeaderValue:
    return value


def xml_payload(shape: Shape) -> Payload:
    """Payloads of rest-xml streams: a document whose root is named after the shape."""
    write = XmlWriter("iso8601-milliseconds").element(shape, shape.traits.get("locationName", shape.name))
    return "text/xml", lambda value: f"{DECLARATION}{write(value)}".encode()


def initial_response(content_type: str, payload: bytes) -> bytes:
    """The first message in protocols without a payload member (json, cbor): the members beside the stream."""
    return encode({":event-type": "initial-response", ":message-type": "event", ":content-type": content_type}, payload)


def framed(encoder: EventEncoder, source: Any, first: bytes = b"") -> Any:
    """The body for what a handler gave for its event stream."""
    if isinstance(source, bytes):
        return first + source
    return _async_frames(encoder, source, first) if hasattr(source, "__aiter__") else _frames(encoder, source, first)


def _frames(encoder: EventEncoder, events: Iterable[Mapping[str, Any]], first: bytes) -> Iterator[bytes]:
    if first:
        yield first
    try:
        for event in events:
            yield encoder.event(event)
    except AwsError as error:
        yield encoder.error(error)


async def _async_frames(
    encoder: EventEncoder, events: AsyncIterable[Mapping[str, Any]], first: bytes
) -> AsyncIterator[bytes]:
    if first:
        yield first
    try:
        async for event in events:
            yield encoder.event(event)
    except AwsError as error:
        yield encoder.error(error)
    finally:
        if isinstance(events, AsyncGenerator):  # who hangs up ends what makes them, at once
            await events.aclose()
