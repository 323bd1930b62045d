"""The Extensions API, 2020-01-01: what the extensions of one environment register for and are told.

Source: "Using the Lambda Extensions API to create extensions" in AWS Lambda's developer guide. External extensions are
files of /opt/extensions and processes of their own; internal ones live in the runtime's process.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.engine.functions.connection import Connection, Request
    from fogbank.engine.functions.spec import FunctionSpec

PREFIX = b"/2020-01-01/extension/"
MAX_EXTENSIONS = 10
EVENTS = ("INVOKE", "SHUTDOWN")


class Registration(msgspec.Struct):
    """The body of a registration."""

    events: list[str] = []


class Owner(Protocol):
    """Who is told what extensions say."""

    def extension_ready(self) -> None:
        """One more has registered, or asks for its next event."""

    def extension_failed(self, name: str, error_type: str, phase: str) -> None:
        """One reported an error of its `init` or `exit`."""


class Extension:
    """An extension that has registered. It is ready while it waits for its next event."""

    def __init__(self, name: str, identity: str, events: list[str], external: bool) -> None:
        self.name = name
        self.identity = identity
        self.events = events
        self.external = external
        self.failed = False
        self.poll: Connection | None = None
        self._event: bytes | None = None

    @property
    def ready(self) -> bool:
        """Whether it has nothing left to do."""
        return self.poll is not None and self._event is None

    def tell(self, event: bytes) -> None:
        """Give it an event, now or when it asks."""
        self._event = event
        if self.poll:
            self.ask(self.poll)

    def ask(self, connection: Connection) -> None:
        """It asks for its next event."""
        if self._event is None:
            self.poll = connection
            return
        event, self._event, self.poll = self._event, None, None
        headers = f"Content-Type: application/json\r\nLambda-Extension-Event-Identifier: {self.identity}\r\n"
        connection.respond(200, event, headers.encode())


class Extensions:
    """The extensions of one environment. `expected`: the names of the external ones."""

    def __init__(self, spec: FunctionSpec, expected: list[str], owner: Owner, identity: Callable[[], str]) -> None:
        self.expected = expected
        self.open = True  # registration, until the end of the initialisation
        self.registered: dict[str, Extension] = {}
        self._spec = spec
        self._owner = owner
        self._identity = identity

    def reset(self) -> None:
        """All are gone; new ones may register."""
        self.registered.clear()
        self.open = True

    @property
    def all_registered(self) -> bool:
        """Whether every external extension has registered."""
        names = {extension.name for extension in self.registered.values() if extension.external}
        return names.issuperset(self.expected)

    @property
    def all_ready(self) -> bool:
        """Whether all have said that they are done."""
        return all(extension.ready for extension in self.registered.values())

    def tell(self, kind: str, event: bytes) -> None:
        """Give an event to those that registered for it."""
        for extension in self.registered.values():
            if kind in extension.events:
                extension.tell(event)

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        for extension in self.registered.values():
            if extension.poll is connection:
                extension.poll = None

    def asked(self, path: bytes, request: Request, connection: Connection) -> None:
        """Answer a request to a path below /extension/."""
        name = (request.method + b" " + path[len(PREFIX) :]).decode("latin-1")
        if name == "POST register":
            self._register(request, connection)
        elif name in ("GET event/next", "POST init/error", "POST exit/error"):
            self._identified(name, request, connection)
        else:
            connection.respond(404, b"404 page not found\n", b"Content-Type: text/plain; charset=utf-8\r\n")

    def _register(self, request: Request, connection: Connection) -> None:
        name = request.headers.get(b"lambda-extension-name", b"").decode("latin-1")
        external = name in self.expected
        try:
            events = msgspec.json.decode(request.body or b"{}", type=Registration).events
        except (msgspec.ValidationError, msgspec.DecodeError):
            return refuse(connection, 400, "InvalidRequestFormat", "Invalid request format.")
        problem = self._problem(name, events, external)
        if problem:
            return refuse(connection, *problem)
        extension = Extension(name, self._identity(), events, external)
        self.registered[extension.identity] = extension
        headers = f"Content-Type: application/json\r\nLambda-Extension-Identifier: {extension.identity}\r\n"
        account = request.headers.get(b"lambda-extension-accept-feature", b"").lower() == b"accountid"
        connection.respond(200, self._described(account), headers.encode())
        return self._owner.extension_ready()

    def _described(self, account: bool) -> bytes:
        spec = self._spec
        about = {"functionName": spec.name, "functionVersion": spec.version, "handler": spec.handler}
        return msgspec.json.encode(about | ({"accountId": spec.account} if account else {}))

    def _problem(self, name: str, events: list[str], external: bool) -> tuple[int, str, str] | None:
        if not name or len(name) > 255:
            return 400, "Extension.InvalidExtensionName", "Invalid extension name."
        if not self.open:
            return 403, "Extension.RegistrationClosed", "Extension registration closed already"
        if any(event not in EVENTS for event in events):
            unknown = next(event for event in events if event not in EVENTS)
            return 400, "Extension.InvalidEventType", f"{unknown[:100]}: InvalidEventType"
        if not external and "SHUTDOWN" in events:
            kind = "ShutdownEventNotSupportedForInternalExtension"
            return 403, kind, f"SHUTDOWN: {kind}"
        if any(extension.name == name for extension in self.registered.values()):
            return 403, "Extension.AlreadyRegistered", "Extension with this name already registered"
        if len(self.registered) >= MAX_EXTENSIONS:
            return 403, "Extension.TooManyExtensions", f"Extension limit ({MAX_EXTENSIONS}) reached"
        return None

    def _identified(self, name: str, request: Request, connection: Connection) -> None:
        identity = request.headers.get(b"lambda-extension-identifier")
        if identity is None:
            return refuse(
                connection, 403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"
            )
        extension = self.registered.get(canonical(identity))
        if extension is None:
            return refuse(connection, 403, "Extension.UnknownExtensionIdentifier", "Unknown extension")
        if extension.failed:
            return refuse(connection, 403, "Extension.InvalidStateTransition", f"Extension {extension.name} has failed")
        if name == "GET event/next":
            extension.ask(connection)
            return self._owner.extension_ready()
        return self._failed(extension, name[5:9], request, connection)

    def _failed(self, extension: Extension, phase: str, request: Request, connection: Connection) -> None:
        kind = request.headers.get(b"lambda-extension-function-error-type", b"").decode("latin-1")
        if not kind:
            return refuse(
                connection,
                400,
                "Extension.MissingHeader",
                "Missing Lambda-Extension-Function-Error-Type header",
            )
        extension.failed = True
        connection.respond(202, b'{"status":"OK"}\n')
        return self._owner.extension_failed(extension.name, kind, phase)


def canonical(identity: bytes) -> str:
    """A UUID as it was given out; empty if it is none."""
    try:
        return str(uuid.UUID(identity.decode("latin-1")))
    except ValueError:
        return ""


def refuse(connection: Connection, status: int, error_type: str, message: str) -> None:
    """Answer with an error document."""
    connection.respond(status, msgspec.json.encode({"errorMessage": message, "errorType": error_type}))


def invoke_event(deadline_ms: int, request_id: str, arn: str, trace: str) -> bytes:
    """The event of an invocation."""
    event: dict[str, Any] = {"eventType": "INVOKE", "deadlineMs": deadline_ms, "requestId": request_id}
    event["invokedFunctionArn"] = arn
    event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": trace}
    return msgspec.json.encode(event)


def shutdown_event(reason: str, deadline_ms: int) -> bytes:
    """The event of the end: SPINDOWN, TIMEOUT or FAILURE."""
    return msgspec.json.encode({"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline_ms})
