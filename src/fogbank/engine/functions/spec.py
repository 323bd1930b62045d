"""What the service of functions and the engine that runs them say to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

# Reasons of TooManyRequestsException, in the words of Lambda's API.
CONCURRENT = "ConcurrentInvocationLimitExceeded"
RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"

UNHANDLED = "Unhandled"  # what AWS says of every error today, whether or not the runtime caught it


PLAIN = 512  # MiB of /tmp that a function has without asking


class FunctionSpec(msgspec.Struct, frozen=True):
    """One version of a function, as it runs.

    Environments of one `key` are alike: every change of code or configuration makes a new key.
    """

    key: str
    account: str
    region: str
    name: str
    version: str  # "$LATEST" or a number
    arn: str  # of the version: …:function:NAME, with :VERSION for a published one
    handler: str
    runtime: str  # AWS's name: python3.11, nodejs20.x, provided.al2023
    task: Path  # the unpacked code: /var/task
    architecture: str = "x86_64"
    memory: int = 128  # MiB
    timeout: float = 3.0  # seconds
    ephemeral: int = 512  # MiB of /tmp
    environment: dict[str, str] = {}
    layers: tuple[Path, ...] = ()  # unpacked, merged in this order into /opt
    log_group: str = ""  # by default /aws/lambda/NAME
    log_stream_prefix: str = ""  # the function's name where the group is one of the user's choice
    log_format: str = "Text"  # or "JSON"
    application_log_level: str = "INFO"  # TRACE DEBUG INFO WARN ERROR FATAL; for JSON only
    system_log_level: str = "INFO"  # DEBUG INFO WARN; for JSON only
    role: str = ""  # the ARN of the execution role: the service's to know

    @property
    def room(self) -> int:
        """MiB that an environment may take of the machine: files in /tmp are memory. What all have without asking, few use."""
        return self.memory + max(0, self.ephemeral - PLAIN)


class Invocation(msgspec.Struct, frozen=True):
    """One event for a function."""

    request_id: str
    payload: bytes
    invoked_arn: str
    client_context: str = ""  # JSON, decoded
    identity: str = ""  # Cognito's, JSON
    trace: str = ""  # X-Ray's header
    stream: bool = False  # whether the caller takes the answer as it comes
    tail: bool = False  # whether the caller wants the log's, to its end: he waits for extensions, too


class Outcome(msgspec.Struct, frozen=True):
    """What came of an invocation. Of a streamed answer the payload is empty, unless it failed before its first byte."""

    payload: bytes
    error: str = ""  # "" or "Unhandled"
    duration_ms: float = 0.0
    billed_ms: int = 0
    init_ms: float = 0.0  # 0 unless this invocation waited for the initialisation
    memory_mb: int = 0  # the most that was used
    log_tail: bytes = b""  # the last 4 KiB of this invocation's log
    content_type: str = "application/json"
    log_stream: str = ""
    error_type: str = ""  # Runtime.ExitError, Sandbox.Timedout, or what the function said
    cold: bool = False  # whether it was the first of an environment that was started on demand
    provisioned: bool = False  # whether it ran on provisioned concurrency


class Throttled(Exception):
    """The invocation is refused: `reason` is that of TooManyRequestsException."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unavailable(Exception):
    """The machine cannot run the function: no such runtime here, or no sandbox could be made. Says why."""


class Provisioned(Exception):
    """Provisioned environments could not be initialised; says why, as the function's initialisation did."""


class Concurrency(msgspec.Struct, frozen=True):
    """How many invocations may run at once. Functions without a reserved number share the account's unreserved one."""

    reserved: int | None = None
    unreserved: int = 1000


class Granted(msgspec.Struct, frozen=True):
    """The credentials of a function's role, as environment variables, and when they end (seconds of the region's clock; 0: never)."""

    variables: dict[str, str]
    expires: float = 0.0


class Network(msgspec.Struct, frozen=True):
    """What an environment reaches."""

    region: str = "127.0.0.1:4566"  # HOST:PORT or the path of a Unix socket
    tls: bool = False  # whether the region's endpoint speaks TLS; its clients inside then do too
    certificates: str = ""  # the file with the certificate authority of the region
    outside: tuple[str, ...] = ()  # nothing; ("public",): all public addresses; or hosts, "*.example.com" for all below


class Limits(msgspec.Struct, frozen=True):
    """What the machine gives to functions."""

    environments: int = 400
    memory: int = 8192  # MiB that the environments have together by their configuration
    connections: int = 0  # descriptors for the environments' connections; 0: half of what the process may have
    starts: int = 4  # environments that start at once
    idle: float = 600.0  # seconds until an idle environment is stopped
    freeze: float = 1.0  # seconds until an idle environment is frozen
    wait: float = 60.0  # seconds that an invocation waits for its environment
    waiting: int = 10_000  # invocations that wait
    init: float = 10.0  # seconds of an initialisation, of provisioned ones too
    streamed: int = 200 * 1024 * 1024  # bytes of a streamed answer


class Status(msgspec.Struct, frozen=True):
    """The pool at a moment."""

    environments: int
    busy: int
    idle: int
    frozen: int
    starting: int
    waiting: int
    memory: int  # MiB, by configuration
    provisioned: dict[str, int]  # key -> environments that are initialised ahead


class Hooks(Protocol):
    """What the service does for its functions. All but `environment` are called in the event loop's thread and do not block."""

    async def environment(self, spec: FunctionSpec) -> Granted:
        """Credentials for a new environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN."""

    def concurrency(self, spec: FunctionSpec) -> Concurrency:
        """The limits, as they are now."""

    def log(self, spec: FunctionSpec, stream: str, events: list[tuple[int, str]]) -> Awaitable[None] | None:
        """Lines of a log stream, with milliseconds of the region's clock.

        Where there is no room, an awaitable that is done when there is: until then the environment's output is not read.
        """

    def metered(self, spec: FunctionSpec, outcome: Outcome) -> None:
        """An invocation has ended, whether or not its caller is still there."""

    def now(self) -> float:
        """The region's clock, in seconds."""

    def random_hex(self) -> str:
        """32 hexadecimal digits, for names of log streams and identifiers of extensions."""


class Answer(Protocol):
    """A streamed answer. Iterate it whole, or close it; `outcome` is there after its end."""

    content_type: str
    outcome: Outcome

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Give the rest up."""
