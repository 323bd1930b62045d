"""The Runtime API and the Extensions API over a socket, as published; and what hostile clients send."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.engine.functions.answer import StreamedAnswer
from fogbank.engine.functions.budget import Budget, Share
from fogbank.engine.functions.connection import FREE, MAX_CONNECTIONS, MAX_HEAD, MAX_HEADERS, Connection
from fogbank.engine.functions.extensions import Extensions
from fogbank.engine.functions.runtime_api import MAX_ANSWER, MAX_HELD, RuntimeApi
from fogbank.engine.functions.spec import FunctionSpec, Invocation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fogbank.engine.functions.connection import Request

ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"


class Owner:
    """What the APIs told."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.answer: StreamedAnswer | None = None

    def ready(self) -> None:
        self.said.append("ready")

    def responded(self, request: Request) -> None:
        self.said.append(("responded", request.body, request.too_large))

    def failed(self, error_type: str, body: bytes) -> None:
        self.said.append(("failed", error_type, body))

    def init_failed(self, error_type: str, body: bytes) -> None:
        self.said.append(("init_failed", error_type, body))

    def streamed(self) -> StreamedAnswer | None:
        return self.answer

    def extension_ready(self) -> None:
        self.said.append("extension_ready")

    def extension_failed(self, name: str, error_type: str, phase: str) -> None:
        self.said.append(("extension_failed", name, error_type, phase))


class Client:
    """A client of one API. Connections are opened by the first thing that is sent on them."""

    def __init__(self, api: RuntimeApi, owner: Owner, port: int) -> None:
        self.api, self.owner, self.port = api, owner, port
        self.streams: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def send(self, data: bytes, on: int = 0) -> None:
        if on not in self.streams:
            self.streams[on] = await asyncio.open_connection("127.0.0.1", self.port)
        self.streams[on][1].write(data)

    async def read(self, on: int = 0) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(30):
            head = await self.streams[on][0].readuntil(b"\r\n\r\n")
            first, *lines = head.decode().strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            status = int(first.split()[1])
            return status, headers, await self.streams[on][0].readexactly(int(headers.get("content-length", 0)))

    async def ended(self, on: int = 0) -> bytes:
        async with asyncio.timeout(30):
            try:
                return await self.streams[on][0].read()
            except ConnectionResetError:
                return b""

    async def ask(
        self, method: str, path: str, body: bytes = b"", on: int = 0, **headers: str
    ) -> tuple[int, Any, bytes]:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        await self.send(head.encode() + body, on)
        return await self.read(on)


def talk(work: Callable[[Client], Awaitable[None]], expected: tuple[str, ...] = ()) -> None:
    """Run a conversation with an API."""

    async def whole() -> None:
        spec = FunctionSpec("k", "1", "us-east-1", "f", "$LATEST", "arn", "index.handler", "python3.11", PATH)
        owner = Owner()
        numbers = iter(range(1, 100))
        extensions = Extensions(spec, list(expected), owner, lambda: f"00000000-0000-4000-8000-{next(numbers):012d}")
        api = RuntimeApi(owner, extensions, Share(budget := Budget(1000)))
        server = await asyncio.get_running_loop().create_server(lambda: Connection(api), "127.0.0.1", 0)
        client = Client(api, owner, server.sockets[0].getsockname()[1])
        try:
            await work(client)
        finally:
            for _, writer in client.streams.values():
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            server.close()
            api.reset()
            while api.connections:
                await asyncio.sleep(0)
            assert api.held == budget.used == 0

    asyncio.run(whole())


PATH = Path("/nowhere")
INVOCATION = Invocation(ID, b'{"a": 1}', "arn:f", '{"c": "x\r\ny"}', '{"i": 1}', "Root=1")


async def invoked(client: Client) -> None:
    """An invocation that the runtime has."""
    client.api.deliver(INVOCATION, 1542409706888)
    await client.send(NEXT)
    assert (await client.read())[0] == 200


def test_the_next_invocation_has_all_headers() -> None:
    async def work(client: Client) -> None:
        await client.send(NEXT)
        while client.owner.said != ["ready"]:
            await asyncio.sleep(0)
        client.api.deliver(INVOCATION, 1542409706888)
        status, headers, body = await client.read()
        assert (status, body) == (200, b'{"a": 1}')
        assert {name: value for name, value in headers.items() if name.startswith("lambda")} == {
            "lambda-runtime-aws-request-id": ID,
            "lambda-runtime-deadline-ms": "1542409706888",
            "lambda-runtime-invoked-function-arn": "arn:f",
            "lambda-runtime-trace-id": "Root=1",
            "lambda-runtime-client-context": '{"c": "x  y"}',
            "lambda-runtime-cognito-identity": '{"i": 1}',
        }

    talk(work)


def test_responses_and_errors_are_accepted_once() -> None:
    async def work(client: Client) -> None:
        await invoked(client)
        path = f"/2018-06-01/runtime/invocation/{ID}/"
        status, _, body = await client.ask("POST", path + "response", b"1")
        assert (status, body) == (202, b'{"status":"OK"}\n')
        status, _, body = await client.ask("POST", path + "error", b"{}")
        assert (status, json.loads(body)["errorType"]) == (403, "InvalidStateTransition")
        assert client.owner.said[-1] == ("responded", b"1", False)
        await invoked(client)
        assert (await client.ask("POST", path + "error", b"{}", Lambda_Runtime_Function_Error_Type="My.Error"))[
            0
        ] == 202
        assert client.owner.said[-1] == ("failed", "My.Error", b"{}")

    talk(work)


def test_what_does_not_fit_the_state_is_refused() -> None:
    async def work(client: Client) -> None:
        path = "/2018-06-01/runtime/"
        status, _, body = await client.ask("POST", f"{path}invocation/{ID}/response", b"1")
        assert (status, json.loads(body)) == (
            403,
            {
                "errorMessage": "State transition from Started to InvocationResponse failed for runtime. "
                "Error: State transition is not allowed",
                "errorType": "InvalidStateTransition",
            },
        )
        await invoked(client)
        status, _, body = await client.ask("POST", f"{path}invocation/another/response", b"1")
        assert (status, json.loads(body)) == (
            400,
            {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"},
        )
        assert (await client.ask("GET", f"{path}invocation/next"))[0] == 403
        assert (await client.ask("POST", f"{path}init/error", b"{}"))[0] == 403
        assert (await client.ask("POST", f"{path}invocation/next"))[0] == 405
        assert (await client.ask("GET", f"{path}nothing"))[0] == 404
        assert (await client.ask("GET", f"{path}invocation/{ID}/response"))[0] == 404

    talk(work)


def test_an_error_of_the_initialisation() -> None:
    async def work(client: Client) -> None:
        path = "/2018-06-01/runtime/init/error"
        assert (await client.ask("POST", path, b"{}", Lambda_Runtime_Function_Error_Type="Runtime.X"))[0] == 202
        assert client.owner.said == [("init_failed", "Runtime.X", b"{}")]
        assert (await client.ask("POST", path, b"{}"))[0] == 403

    talk(work)


def test_a_response_that_is_too_large() -> None:
    async def work(client: Client) -> None:
        await invoked(client)
        status, _, body = await client.ask(
            "POST", f"/2018-06-01/runtime/invocation/{ID}/response", b"x" * (MAX_ANSWER + 1)
        )
        assert (status, json.loads(body)) == (
            413,
            {
                "errorType": "RequestEntityTooLarge",
                "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
            },
        )
        assert client.owner.said[-1][2]

    talk(work)


def test_a_streamed_response_with_an_error_in_its_trailers() -> None:
    async def work(client: Client) -> None:
        await invoked(client)
        client.owner.answer = StreamedAnswer(100)
        head = f"POST /2018-06-01/runtime/invocation/{ID}/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        mode = "Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Type: text/x\r\n\r\n"
        await client.send((head + mode).encode() + b"3\r\nabc\r\n")
        await client.owner.answer.begun
        assert (client.owner.answer.bytes_taken, client.owner.answer.content_type) == (3, "text/x")
        await client.send(
            b"0\r\nLambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n"
        )
        assert (await client.read())[0] == 202
        assert client.owner.said[-1] == ("failed", "E", b"{}")

    talk(work)


def test_telemetry_is_not_there() -> None:
    async def work(client: Client) -> None:
        for path, kind in (("/2022-07-01/telemetry", "Telemetry"), ("/2020-08-15/logs", "Logs")):
            status, _, body = await client.ask("PUT", path, b"{}")
            assert (status, json.loads(body)["errorType"]) == (202, f"{kind}.NotSupported")

    talk(work)


def test_extensions_register_and_get_their_events() -> None:
    async def work(client: Client) -> None:
        prefix = "/2020-01-01/extension/"
        status, headers, body = await client.ask(
            "POST", prefix + "register", b'{"events": ["INVOKE", "SHUTDOWN"]}', Lambda_Extension_Name="x.sh"
        )
        assert status == 200
        assert json.loads(body) == {"functionName": "f", "functionVersion": "$LATEST", "handler": "index.handler"}
        identity = headers["lambda-extension-identifier"]
        extensions = client.api._extensions
        await client.send(
            f"GET {prefix}event/next HTTP/1.1\r\nLambda-Extension-Identifier: {identity}\r\n\r\n".encode()
        )
        while not extensions.all_ready:
            await asyncio.sleep(0)
        extensions.tell("INVOKE", b'{"eventType":"INVOKE"}')
        assert (await client.read())[2] == b'{"eventType":"INVOKE"}'
        assert not extensions.all_ready
        extensions.tell("SHUTDOWN", b"bye")
        assert (await client.ask("GET", prefix + "event/next", Lambda_Extension_Identifier=identity))[2] == b"bye"
        about = {"Lambda_Extension_Identifier": identity, "Lambda_Extension_Function_Error_Type": "My.End"}
        assert (await client.ask("POST", prefix + "exit/error", b"{}", **about))[0] == 202
        assert client.owner.said[-1] == ("extension_failed", "x.sh", "My.End", "exit")
        assert (await client.ask("GET", prefix + "event/next", Lambda_Extension_Identifier=identity))[0] == 403

    talk(work, ("x.sh",))


@pytest.mark.parametrize(
    ("name", "body", "status", "kind"),
    [
        ("", b"{}", 400, "Extension.InvalidExtensionName"),
        ("x", b"{", 400, "InvalidRequestFormat"),
        ("x", b"[]", 400, "InvalidRequestFormat"),
        ("x", b'{"events": 7}', 400, "InvalidRequestFormat"),
        ("x", b'{"events": ["WHAT"]}', 400, "Extension.InvalidEventType"),
        ("inner", b'{"events": ["SHUTDOWN"]}', 403, "ShutdownEventNotSupportedForInternalExtension"),
    ],
)
def test_registrations_that_are_refused(name: str, body: bytes, status: int, kind: str) -> None:
    async def work(client: Client) -> None:
        found = await client.ask("POST", "/2020-01-01/extension/register", body, Lambda_Extension_Name=name)
        assert (found[0], json.loads(found[2])["errorType"]) == (status, kind)

    talk(work, ("x",))


def test_extensions_have_bounds_and_need_their_identifier() -> None:
    async def work(client: Client) -> None:
        prefix = "/2020-01-01/extension/"
        for number in range(10):
            assert (await client.ask("POST", prefix + "register", Lambda_Extension_Name=f"n{number}"))[0] == 200
        assert (await client.ask("POST", prefix + "register", Lambda_Extension_Name="n0"))[0] == 403
        assert (await client.ask("POST", prefix + "register", Lambda_Extension_Name="n10"))[0] == 403
        for value in ("", "x", ID):
            assert (await client.ask("GET", prefix + "event/next", Lambda_Extension_Identifier=value))[0] == 403
        assert (await client.ask("GET", prefix + "event/next"))[0] == 403
        assert (await client.ask("GET", prefix + "nothing"))[0] == 404

    talk(work)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def work(client: Client) -> None:
        client.api.deliver(INVOCATION, 1)
        post = f"POST /2018-06-01/runtime/invocation/{ID}/response HTTP/1.1\r\nContent-Length: 1\r\n\r\n1"
        await client.send(NEXT + post.encode() + NEXT)
        assert [(await client.read())[0] for _ in range(2)] == [200, 202]
        assert client.api.polled

    talk(work)


def test_a_large_body_is_asked_for() -> None:
    async def work(client: Client) -> None:
        await invoked(client)
        head = f"POST /2018-06-01/runtime/invocation/{ID}/response HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        await client.send(head.encode())
        assert (await client.read())[0] == 100
        await client.send(b"1")
        assert (await client.read())[0] == 202

    talk(work)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /" + b"x" * (MAX_HEAD + 600_000),
        b"GET / HTTP/1.1\r\nA: " + b"x" * (MAX_HEAD + 600_000),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"x" * (MAX_HEAD + 600_000),
        NEXT * 40,
        b"\0" * 100,
    ],
)
def test_hostile_requests_end_the_connection(data: bytes) -> None:
    async def work(client: Client) -> None:
        await client.send(data)
        answer = await client.ended()
        assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 404"))

    talk(work)


def test_trouble_of_our_own_is_said_and_ends_the_connection() -> None:
    async def work(client: Client) -> None:
        told: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, about: told.append(about["exception"]))

        def fail() -> None:
            raise LookupError("no")

        client.owner.ready = fail  # type: ignore[method-assign]
        await client.send(NEXT)
        assert (await client.read())[0] == 500
        assert [type(error) for error in told] == [LookupError]

    talk(work)


def test_who_asks_without_end_is_slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(client: Client) -> None:
        for _ in range(FREE):
            await client.ask("GET", "/x")
        pauses: list[object] = []
        monkeypatch.setattr(Connection, "_slow", lambda connection: pauses.append(connection))
        await client.ask("GET", "/x")
        assert len(pauses) == 1
        for _ in range(20):
            await invoked(client)
            await client.ask("POST", f"/2018-06-01/runtime/invocation/{ID}/response", b"1")
        assert client.api.spent < FREE

    talk(work)


def test_connections_are_bounded() -> None:
    async def work(client: Client) -> None:
        for number in range(MAX_CONNECTIONS):
            await client.send(b"GET /", number)
        await client.send(b"GET / HTTP/1.1\r\n\r\n", MAX_CONNECTIONS)
        assert await client.ended(MAX_CONNECTIONS) == b""
        await client.send(b" HTTP/1.1\r\n\r\n", 0)
        assert (await client.read(0))[0] == 404

    talk(work)


def test_heads_are_bounded_together() -> None:
    async def work(client: Client) -> None:
        for number in range(40):
            await client.send(b"GET / HTTP/1.1\r\nA: " + b"x" * 1_000_000, number)
        answers = [await client.ended(number) for number in range(30, 40)]
        assert any(answer.startswith(b"HTTP/1.1 431") or answer == b"" for answer in answers)
        assert client.api.held <= MAX_HELD + 1_000_000

    talk(work)


def test_headers_are_counted() -> None:
    async def work(client: Client) -> None:
        await client.send(b"GET / HTTP/1.1\r\n" + b"".join(b"x%d:\r\n" % number for number in range(MAX_HEADERS + 2)))
        assert (await client.ended()).startswith(b"HTTP/1.1 431")

    talk(work)


def test_bodies_are_bounded_together() -> None:
    async def work(client: Client) -> None:
        for number in range(5):
            await client.send(b"POST / HTTP/1.1\r\nContent-Length: 6000000\r\n\r\n" + b"x" * 5999999, number)
        answers = [await asyncio.wait_for(client.ended(4), 30)]
        assert answers[0].startswith(b"HTTP/1.1 413") or answers[0] == b""

    talk(work)


PARTS = st.sampled_from(
    [
        *(NEXT, b"GET ", b"POST ", b"/2018-06-01/runtime/invocation/", ID.encode(), b"/response", b"/error"),
        *(b" HTTP/1.1\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n", b"abc", b"3\r\n"),
        *(b"0\r\n\r\n", b"\n", b":", b"/2020-01-01/extension/register", b"Lambda-Extension-Name: x\r\n", b"{}"),
        b"Expect: 100-continue\r\n",
    ]
)


@given(st.lists(PARTS | st.binary(max_size=20), max_size=20), st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_is_sent_is_answered_or_ended(parts: list[bytes], delivered: bool) -> None:
    async def work(client: Client) -> None:
        if delivered:
            client.api.deliver(INVOCATION, 1)
        for part in parts:
            await client.send(part)
        if client.streams:
            client.streams[0][1].write_eof()
            await client.ended()

    talk(work)
