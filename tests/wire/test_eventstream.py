"""Event streams: the framing both ways, bounded, and output streams that botocore reads back."""

from __future__ import annotations

import asyncio
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zlib import crc32

import pytest
from botocore.eventstream import EventStream
from botocore.exceptions import EventStreamError
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.readback import Headers, renderer

from fogbank.wire.errors import AwsError
from fogbank.wire.eventstream import MAX_HEADERS, MAX_MESSAGE, Byte, Decoder, Long, Message, Short, encode
from fogbank.wire.model import Traits, read_model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

VALUES = st.one_of(
    st.booleans(),
    st.integers(-128, 127).map(Byte),
    st.integers(-(2**15), 2**15 - 1).map(Short),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.binary(max_size=300),
    st.text(max_size=100),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(
        lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)
    ),
    st.uuids(),
)
NAMES = st.text(min_size=1, max_size=60).filter(lambda name: len(name.encode()) < 256)
MESSAGES = st.builds(Message, st.dictionaries(NAMES, VALUES, max_size=6), st.binary(max_size=2000))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(MESSAGES, max_size=5), st.integers(1, 400))
def test_messages_come_back_however_the_bytes_arrive(messages: list[Message], size: int) -> None:
    stream = b"".join(encode(message.headers, message.payload) for message in messages)
    decoder, decoded = Decoder(), []
    for start in range(0, len(stream), size):
        decoded += decoder.feed(stream[start : start + size])
    decoder.close()
    assert decoded == messages
    types = [[type(value) for value in message.headers.values()] for message in decoded]
    assert types == [[type(value) for value in message.headers.values()] for message in messages]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(MESSAGES, st.data())
def test_a_changed_byte_is_noticed(message: Message, data: st.DataObject) -> None:
    stream = bytearray(encode(message.headers, message.payload))
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    decoder = Decoder()
    with pytest.raises(AwsError, match="SerializationException"):
        decoder.feed(bytes(stream))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=80))
def test_headers_of_any_bytes_give_a_message_or_the_error(block: bytes) -> None:
    try:
        messages = Decoder().feed(frame(block))
    except AwsError:
        return
    assert [Decoder().feed(encode(message.headers, message.payload)) for message in messages] == [messages]


def frame(block: bytes, total: int | None = None, headers: int | None = None) -> bytes:
    prelude = struct.pack(">II", total or len(block) + 16, len(block) if headers is None else headers)
    head = prelude + struct.pack(">I", crc32(prelude)) + block
    return head + struct.pack(">I", crc32(head))


@pytest.mark.parametrize(
    "stream",
    [
        frame(b"", total=15),
        frame(b"", total=MAX_MESSAGE + 1),
        frame(b"", total=2**32 - 1),
        frame(b"", headers=1),
        frame(b"", total=MAX_MESSAGE, headers=MAX_HEADERS + 1),
        frame(b"\x01a\x07\x00\x01x\x01a\x07\x00\x01y"),
        frame(b"\x00\x00"),
        frame(b"\x01a\x0a"),
        frame(b"\x01a\x07\xff\xff"),
        frame(b"\x01\xff\x00"),
        frame(b"\x01a\x08\x7f" + b"\xff" * 7),
    ],
    ids=["short", "long", "huge", "headers", "long-headers", "twice", "no-name", "type", "cut", "utf-8", "year"],
)
def test_malformed_streams_are_refused_at_once(stream: bytes) -> None:
    with pytest.raises(AwsError, match="malformed"):
        Decoder().feed(stream)


def test_a_stream_that_ends_within_a_message_is_refused() -> None:
    decoder = Decoder()
    assert decoder.feed(encode({"a": "b"})[:-1]) == []
    with pytest.raises(AwsError, match="within a message"):
        decoder.close()


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({"": "x"}, b""),
        ({"n" * 256: "x"}, b""),
        ({"a": "x" * 0x8000}, b""),
        ({"a": 2**31}, b""),
        ({}, bytes(MAX_MESSAGE)),
    ],
    ids=["no-name", "long-name", "long-value", "number", "payload"],
)
def test_what_does_not_fit_is_not_written(headers: dict[str, Any], payload: bytes) -> None:
    with pytest.raises(ValueError):
        encode(headers, payload)


def test_uuid_and_naive_time() -> None:
    assert Decoder().feed(encode({"id": UUID(int=7)}))[0].headers == {"id": UUID(int=7)}
    with pytest.raises(ValueError, match="time zone"):
        encode({"at": datetime(2024, 1, 1)})


class Raw:
    """A body as botocore reads one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def stream(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        pass


def read_events(model: Traits, name: str, result: Any) -> tuple[Any, list[Any]]:
    """The result and the events that botocore reads from our response."""
    response = renderer(model, name)(result, "rid")
    operation = OperationModel(model["operations"][name], ServiceModel(model, "test"), name)
    assert ("Content-Type", "application/vnd.amazon.eventstream") in response.headers
    parsed = create_parser(model["metadata"]["protocol"]).parse(
        {
            "status_code": response.status,
            "headers": Headers(response.headers),
            "body": Raw(iter(response.body)),
            "context": {"operation_name": name},
        },
        operation.output_shape,  # type: ignore[arg-type]
    )
    stream = next(value for value in parsed.values() if isinstance(value, EventStream))
    return parsed, list(stream)


S3_EVENTS: list[Any] = [
    {"Records": {"Payload": b"a,b\n\x00\xff"}},
    {"Cont": {}},
    {"Progress": {"Details": {"BytesScanned": 1, "BytesProcessed": 2, "BytesReturned": 3}}},
    {"Stats": {"Details": {"BytesScanned": 2**40, "BytesProcessed": 2, "BytesReturned": 3}}},
    {"End": {}},
]


def test_s3_select_object_content() -> None:
    _, events = read_events(read_model("s3"), "SelectObjectContent", {"Payload": S3_EVENTS})
    assert events == S3_EVENTS


def test_lambda_invoke_with_response_stream() -> None:
    expected: list[Any] = [
        {"PayloadChunk": {"Payload": b"\x00chunk"}},
        {"InvokeComplete": {"ErrorCode": "X", "LogResult": "l"}},
    ]
    result = {"StatusCode": 200, "ExecutedVersion": "1", "EventStream": iter(expected)}
    parsed, events = read_events(read_model("lambda"), "InvokeWithResponseStream", result)
    assert events == expected
    assert (parsed["StatusCode"], parsed["ExecutedVersion"]) == (200, "1")


def test_logs_start_live_tail_has_an_initial_response() -> None:
    expected: list[Any] = [
        {"sessionStart": {"requestId": "r", "logGroupIdentifiers": ["a", "b"]}},
        {"sessionUpdate": {"sessionMetadata": {"sampled": True}, "sessionResults": [{"message": "ü", "timestamp": 1}]}},
    ]
    parsed, events = read_events(read_model("logs"), "StartLiveTail", {"responseStream": expected})
    assert events == expected
    assert parsed["ResponseMetadata"]["RequestId"] == "rid"


def test_kinesis_times_and_blobs() -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    record = {
        "SequenceNumber": "1",
        "Data": b"\x00",
        "PartitionKey": "p",
        "ApproximateArrivalTimestamp": now,
    }
    event = {"SubscribeToShardEvent": {"Records": [record], "ContinuationSequenceNumber": "2", "MillisBehindLatest": 0}}
    _, events = read_events(read_model("kinesis"), "SubscribeToShard", {"EventStream": [event]})
    assert events == [event]


def test_an_error_ends_the_stream_as_the_exception_that_the_model_has() -> None:
    def source() -> Iterator[Any]:
        yield {"sessionStart": {"requestId": "r"}}
        raise AwsError("SessionTimeoutException", "too long")

    with pytest.raises(EventStreamError, match=r"SessionTimeoutException.*too long"):
        read_events(read_model("logs"), "StartLiveTail", {"responseStream": source()})


def test_an_error_that_the_stream_has_not() -> None:
    def source() -> Iterator[Any]:
        yield from ()
        raise AwsError("InternalError", "oh")

    with pytest.raises(EventStreamError, match=r"InternalError.*oh"):
        read_events(read_model("s3"), "SelectObjectContent", {"Payload": source()})


def test_asynchronous_sources_and_framed_bytes() -> None:
    async def source() -> AsyncIterator[Any]:
        yield {"Cont": {}}
        raise AwsError("Busy", "later")

    async def collect(body: Any) -> list[bytes]:
        return [chunk async for chunk in body]

    render = renderer(read_model("s3"), "SelectObjectContent")
    first, last = asyncio.run(collect(render({"Payload": source()}).body))
    assert Decoder().feed(first)[0].headers[":event-type"] == "Cont"
    assert Decoder().feed(last)[0].headers[":error-code"] == "Busy"
    assert render({"Payload": b"framed"}).body == b"framed"


@pytest.mark.parametrize(
    "event", [{}, {"Cont": {}, "End": {}}, {"Nothing": {}}, {"Cont": {"x": 1}}, {"Records": {"x": 1}}]
)
def test_events_that_the_stream_has_not_are_loud(event: Any) -> None:
    with pytest.raises((KeyError, ValueError)):
        list(renderer(read_model("s3"), "SelectObjectContent")({"Payload": [event]}).body)


def synthetic(member: Traits, value_type: str) -> Traits:
    """A service in CBOR with one event of one member."""
    return {
        "metadata": {"protocol": "smithy-rpc-v2-cbor", "endpointPrefix": "x", "apiVersion": "1"},
        "operations": {"Op": {"name": "Op", "http": {"method": "POST", "requestUri": "/"}, "output": {"shape": "Out"}}},
        "shapes": {
            "Out": {"type": "structure", "members": {"other": {"shape": "S"}, "stream": {"shape": "Stream"}}},
            "Stream": {"type": "structure", "eventstream": True, "members": {"ev": {"shape": "Event"}}},
            "Event": {"type": "structure", "event": True, "members": {"m": {"shape": "M", **member}}},
            "M": {"type": value_type},
            "S": {"type": "string"},
        },
    }


@pytest.mark.parametrize(
    ("member", "kind", "value"),
    [
        ({"eventheader": True}, "string", "x"),
        ({"eventheader": True}, "long", 5),
        ({"eventheader": True}, "boolean", False),
        ({"eventheader": True}, "blob", b"b"),
        ({"eventheader": True}, "timestamp", datetime(2024, 1, 1, tzinfo=UTC)),
        ({"eventpayload": True}, "string", "text"),
        ({"eventpayload": True}, "blob", b"\xff"),
        ({}, "timestamp", datetime(2024, 1, 1, tzinfo=UTC)),
        ({}, "double", 1.5),
    ],
)
def test_cbor_streams_with_members_of_every_kind(member: Traits, kind: str, value: Any) -> None:
    model = synthetic(member, kind)
    parsed, events = read_events(model, "Op", {"other": "o", "stream": [{"ev": {"m": value}}]})
    assert parsed["other"] == "o"
    assert events == [{"ev": {"m": value}}]
