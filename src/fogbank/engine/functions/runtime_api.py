"""The Runtime API, 2018-06-01, as one environment's runtime sees it.

Source: "Using the Lambda runtime API for custom runtimes" in AWS Lambda's developer guide. Beside it on the same
listener: the Extensions API (`extensions.py`), and of the Telemetry and Logs APIs the answer that they are not there.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Protocol

from fogbank.engine.functions.extensions import PREFIX as EXTENSIONS
from fogbank.engine.functions.extensions import refuse

if TYPE_CHECKING:
    from fogbank.engine.functions.answer import StreamedAnswer
    from fogbank.engine.functions.budget import Share
    from fogbank.engine.functions.connection import Connection, Request, Sink
    from fogbank.engine.functions.extensions import Extensions
    from fogbank.engine.functions.spec import Invocation

RUNTIME = b"/2018-06-01/runtime/"
NEXT = b"/2018-06-01/runtime/invocation/next"
INVOCATION = b"/2018-06-01/runtime/invocation/"
INIT_ERROR = b"/2018-06-01/runtime/init/error"
TELEMETRY = {b"/2020-08-15/logs": "Logs", b"/2022-07-01/telemetry": "Telemetry"}
OK = b'{"status":"OK"}\n'
MAX_ANSWER = 6 * 1024 * 1024 + 100
PER_INVOCATION = 30  # requests that an invocation may take, with ten extensions
MAX_HELD = 24 * 1024 * 1024
ERROR_TYPE = b"lambda-runtime-function-error-type"
ERROR_BODY = b"lambda-runtime-function-error-body"

# States of a runtime, in the words that AWS's errors have for them.
STARTED, READY, RUNNING = "Started", "Ready", "Running"
RESPONSE, ERROR_RESPONSE, INIT_FAILED = "InvocationResponse", "InvocationErrorResponse", "InitError"


class Runtime(Protocol):
    """Who is told what the runtime says."""

    def ready(self) -> None:
        """It asked for the next invocation."""

    def responded(self, request: Request) -> None:
        """It answered the invocation, whole; too large answers are cut off."""

    def failed(self, error_type: str, body: bytes) -> None:
        """It reported an error of the invocation."""

    def init_failed(self, error_type: str, body: bytes) -> None:
        """It reported an error of the initialisation."""

    def streamed(self) -> StreamedAnswer | None:
        """Where a streamed answer goes; None if it is collected."""


class RuntimeApi:
    """An `Api` for the runtime and the extensions of one environment."""

    max_body = MAX_ANSWER
    max_held = MAX_HELD

    def __init__(self, owner: Runtime, extensions: Extensions, share: Share) -> None:
        self.share = share
        self.held = 0
        self.spent = 0
        self.connections: set[Connection] = set()
        self.state = STARTED
        self._owner = owner
        self._extensions = extensions
        self._poll: Connection | None = None
        self._id = b""
        self._event: tuple[bytes, bytes] | None = None  # headers and payload of an invocation that is not fetched yet

    def reset(self) -> None:
        """The runtime is gone: whoever connects next is a new one."""
        self.state = STARTED
        self._poll = None
        self._event = None
        self._id = b""
        for connection in list(self.connections):
            connection.close()

    def deliver(self, invocation: Invocation, deadline_ms: int) -> None:
        """Hand an invocation to the runtime, now or when it asks for it."""
        self._id = invocation.request_id.encode()
        self._event = event_headers(invocation, deadline_ms), invocation.payload
        if self._poll:
            self._send(self._poll)

    def opened(self, request: Request, connection: Connection) -> Sink | None:
        """Of what comes in parts, only streamed answers for a caller that takes them so."""
        streaming = request.headers.get(b"lambda-runtime-function-response-mode", b"").lower() == b"streaming"
        if not streaming or request.method != b"POST" or self._answered(request.path) != b"response":
            return None
        answer = self._owner.streamed() if self.state == RUNNING else None
        if answer:
            answer.open(request.headers.get(b"content-type", b"").decode("latin-1"), connection)
        return answer

    def asked(self, request: Request, connection: Connection) -> None:
        """Answer a request."""
        path = request.path.partition(b"?")[0]
        if path == NEXT:
            self._next(request, connection)
        elif path.startswith(INVOCATION):
            self._result(path, request, connection)
        elif path == INIT_ERROR:
            self._init_error(request, connection)
        elif path.startswith(EXTENSIONS):
            self._extensions.asked(path, request, connection)
        elif path in TELEMETRY:
            refuse(connection, 202, f"{TELEMETRY[path]}.NotSupported", f"{TELEMETRY[path]} API is not supported")
        else:
            connection.respond(404, b"404 page not found\n", b"Content-Type: text/plain; charset=utf-8\r\n")

    def lost(self, connection: Connection) -> None:
        """Whoever polled on a connection that is gone, polls no more."""
        if self._poll is connection:
            self._poll = None
        self._extensions.lost(connection)

    @property
    def polled(self) -> bool:
        """Whether the runtime waits for an invocation."""
        return self._poll is not None and self.state == READY

    def _next(self, request: Request, connection: Connection) -> None:
        if request.method != b"GET":
            connection.respond(405, b"", b"")
        elif self.state in (RUNNING, INIT_FAILED):
            self._misplaced(connection, READY)
        else:
            if self._poll and self._poll is not connection:
                self._poll.close()
            self._poll, self.state = connection, READY
            if self._event:
                self._send(connection)
            else:
                self._owner.ready()

    def _send(self, connection: Connection) -> None:
        assert self._event
        headers, payload = self._event
        self._event = self._poll = None
        self.state = RUNNING
        self.spent = max(0, self.spent - PER_INVOCATION)
        connection.respond(200, payload, headers)

    def _answered(self, path: bytes) -> bytes:
        """`response` or `error`, of the invocation that runs; empty for anything else."""
        identity, _, verb = path[len(INVOCATION) :].partition(b"/")
        return verb if identity == self._id and identity and path.startswith(INVOCATION) else b""

    def _result(self, path: bytes, request: Request, connection: Connection) -> None:
        verb = path.rpartition(b"/")[2]
        if request.method != b"POST" or verb not in (b"response", b"error"):
            connection.respond(404, b"404 page not found\n", b"Content-Type: text/plain; charset=utf-8\r\n")
        elif self.state != RUNNING:
            self._misplaced(connection, RESPONSE if verb == b"response" else ERROR_RESPONSE)
        elif not self._answered(path):
            refuse(connection, 400, "InvalidRequestID", "Invalid request ID")
        elif verb == b"error":
            self._invocation_error(request, connection)
        else:
            self._response(request, connection)

    def _response(self, request: Request, connection: Connection) -> None:
        self.state = RESPONSE
        if ERROR_TYPE in request.trailers and not request.too_large:
            self._owner.failed(request.trailers[ERROR_TYPE].decode("latin-1"), trailing_error(request))
        else:
            self._owner.responded(request)
        if request.too_large:
            refuse(
                connection,
                413,
                "RequestEntityTooLarge",
                f"Exceeded maximum allowed payload size ({MAX_ANSWER} bytes).",
            )
        else:
            connection.respond(202, OK)

    def _invocation_error(self, request: Request, connection: Connection) -> None:
        self.state = ERROR_RESPONSE
        self._owner.failed(request.headers.get(ERROR_TYPE, b"").decode("latin-1"), request.body)
        connection.respond(202, OK)

    def _init_error(self, request: Request, connection: Connection) -> None:
        if request.method != b"POST":
            connection.respond(405, b"", b"")
        elif self.state != STARTED:
            self._misplaced(connection, INIT_FAILED)
        else:
            self.state = INIT_FAILED
            connection.respond(202, OK)
            self._owner.init_failed(request.headers.get(ERROR_TYPE, b"").decode("latin-1"), request.body)

    def _misplaced(self, connection: Connection, wanted: str) -> None:
        message = (
            f"State transition from {self.state} to {wanted} failed for runtime. Error: State transition is not allowed"
        )
        refuse(connection, 403, "InvalidStateTransition", message)


def trailing_error(request: Request) -> bytes:
    """The error document of a streamed answer: the trailer is its JSON in base64."""
    try:
        return binascii.a2b_base64(request.trailers.get(ERROR_BODY, b""))
    except binascii.Error:
        return b""


def event_headers(invocation: Invocation, deadline_ms: int) -> bytes:
    """The lines of the head of an invocation. What callers sent is without line ends."""
    lines = (
        f"Content-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {invocation.request_id}\r\n"
        f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\nLambda-Runtime-Invoked-Function-Arn: {invocation.invoked_arn}\r\n"
    )
    for name, value in (
        ("Trace-Id", invocation.trace),
        ("Client-Context", invocation.client_context),
        ("Cognito-Identity", invocation.identity),
    ):
        if value:
            lines += f"Lambda-Runtime-{name}: {value.translate(ONE_LINE)}\r\n"
    return lines.encode()


ONE_LINE = {ord("\r"): " ", ord("\n"): " ", 0: " "}
