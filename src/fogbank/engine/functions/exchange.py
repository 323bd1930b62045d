"""An invocation on its way through an environment, and the words for what goes wrong."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import msgspec

from fogbank.engine.functions.reports import ERROR, SUCCESS, TIMEOUT
from fogbank.engine.functions.spec import UNHANDLED

if TYPE_CHECKING:
    from fogbank.engine.functions.answer import StreamedAnswer
    from fogbank.engine.functions.spec import Invocation, Outcome

TIMED_OUT = "Sandbox.Timedout"
EXIT_ERROR = "Runtime.ExitError"
OUT_OF_MEMORY = "Runtime.OutOfMemory"
TOO_LARGE = "Function.ResponseSizeTooLarge"
INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
EXTENSION_CRASH = "Extension.Crash"
EXTENSION_INIT_ERROR = "Extension.InitError"
EXTENSION_EXIT_ERROR = "Extension.ExitError"
MAX_ERROR_TYPE = 255  # characters of what a runtime calls its error
SIGNALS = {signal.SIGKILL: "killed", signal.SIGSEGV: "segmentation fault", signal.SIGABRT: "aborted"}
SIGNALS |= {signal.SIGTERM: "terminated", signal.SIGBUS: "bus error", signal.SIGFPE: "floating point exception"}
SIGNALS |= {
    signal.SIGILL: "illegal instruction",
    signal.SIGSYS: "bad system call",
    signal.SIGXCPU: "CPU time limit exceeded",
}
NAMES: dict[int, str] = {int(number): name for number, name in SIGNALS.items()}  # those of real time have none


class Failed(Exception):
    """The runtime or an extension failed. `document`: what the runtime said of it, if it said something."""

    def __init__(self, error_type: str, message: str = "", document: bytes = b"") -> None:
        super().__init__(message or error_type)
        self.error_type = error_type
        self.message = message
        self.document = document

    def payload(self, request_id: str) -> bytes:
        """The error document for the caller."""
        if self.document:
            return self.document
        return error_document(self.error_type, f"RequestId: {request_id} Error: {self.message or self.error_type}")

    @property
    def status(self) -> str:
        """The status of a report."""
        return TIMEOUT if self.error_type == TIMED_OUT else ERROR


class Exchange:
    """One invocation: what came of it so far."""

    __slots__ = (
        "answer",
        "cold",
        "content_type",
        "error_type",
        "failure",
        "future",
        "invocation",
        "payload",
        "responded",
        "started",
        "timer",
        "told",
    )

    def __init__(self, invocation: Invocation, answer: StreamedAnswer | None, cold: bool) -> None:
        self.invocation = invocation
        self.answer = answer
        self.cold = cold
        self.future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.started = time.perf_counter()
        self.timer: asyncio.TimerHandle | None = None
        self.responded = False
        self.told = False  # whether the caller has its outcome
        self.payload = b""
        self.content_type = "application/json"
        self.error_type = ""
        self.failure: Failed | None = None  # of the environment: it begins anew

    def fail(self, error_type: str, payload: bytes) -> None:
        """The function's own error, or one about its answer: the environment goes on."""
        self.responded = True
        self.error_type = error_type[:MAX_ERROR_TYPE] or "Function.Unknown"
        self.payload = payload
        self.content_type = "application/json"

    def break_off(self, failure: Failed) -> None:
        """The environment failed. An answer that is there already stays."""
        self.failure = failure
        if not self.responded:
            self.fail(failure.error_type, failure.payload(self.invocation.request_id))

    @property
    def error(self) -> str:
        """The function error, in AWS's word."""
        return UNHANDLED if self.error_type else ""

    @property
    def status(self) -> str:
        """The status of the report: errors that the runtime has caught are successes of the platform."""
        if self.failure:
            return self.failure.status
        return ERROR if self.error_type == TOO_LARGE else SUCCESS


def error_document(error_type: str, message: str) -> bytes:
    """An error as the platform writes it."""
    return msgspec.json.encode({"errorType": error_type, "errorMessage": message})


def too_large(limit: int) -> bytes:
    """The error of an answer over the limit."""
    return error_document(TOO_LARGE, f"Response payload size exceeded maximum allowed payload size ({limit} bytes).")


def timed_out(seconds: float) -> Failed:
    """The function's time, or that of its initialisation, is over."""
    return Failed(TIMED_OUT, f"Task timed out after {seconds:.2f} seconds")


def exited(status: int, out_of_memory: bool) -> Failed:
    """The runtime's process has ended with a status, or by the signal of a negative one."""
    if out_of_memory:
        return Failed(OUT_OF_MEMORY, "Runtime exited with error: signal: killed")
    if status:
        return Failed(EXIT_ERROR, f"Runtime exited with error: {_how(status)}")
    return Failed(EXIT_ERROR, "Runtime exited without providing a reason")


def crashed(status: int, out_of_memory: bool) -> Failed:
    """An extension's process has ended, which none does by itself; where memory was missing, that is the function's error."""
    return exited(status, out_of_memory) if out_of_memory else Failed(EXTENSION_CRASH, _how(status))


def _how(status: int) -> str:
    return f"signal: {NAMES.get(-status, -status)}" if status < 0 else f"exit status {status}"
