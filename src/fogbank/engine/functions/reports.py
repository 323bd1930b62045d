"""The platform's lines in a function's log: INIT_START, START, END, REPORT, in AWS's two formats.

Source: "Sending Lambda function logs to CloudWatch Logs" and the Telemetry API's event schema in AWS Lambda's developer guide.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.engine.functions.output import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.engine.functions.spec import FunctionSpec

SUCCESS, ERROR, TIMEOUT = "success", "error", "timeout"


class Measured(msgspec.Struct):
    """What is reported of an invocation."""

    request_id: str
    duration_ms: float
    billed_ms: int
    init_ms: float
    memory_mb: int
    status: str = SUCCESS
    error_type: str = ""


class TextReports:
    """The lines of the format Text."""

    def __init__(self, spec: FunctionSpec, now: Callable[[], float], runtime: tuple[str, str]) -> None:
        self._spec = spec
        self._now = now
        self._runtime = runtime

    def init_start(self, _how: str) -> list[str]:
        """The beginning of an initialisation."""
        return [f"INIT_START Runtime Version: {self._runtime[0]}\tRuntime Version ARN: {self._runtime[1]}\n"]

    def init_report(self, _how: str, phase: str, duration_ms: float, status: str, error_type: str) -> list[str]:
        """The end of one that failed, or of one ahead of invocations."""
        line = f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"
        return [line + (f"\tError Type: {error_type}" if error_type else "") + "\n"]

    def start(self, request_id: str, _trace: str) -> list[str]:
        """The beginning of an invocation."""
        return [f"START RequestId: {request_id} Version: {self._spec.version}\n"]

    def end(self, measured: Measured) -> list[str]:
        """The end of an invocation."""
        report = (
            f"REPORT RequestId: {measured.request_id}\tDuration: {measured.duration_ms:.2f} ms\t"
            f"Billed Duration: {measured.billed_ms} ms\tMemory Size: {self._spec.memory} MB\t"
            f"Max Memory Used: {measured.memory_mb} MB\t"
        )
        if measured.init_ms:
            report += f"Init Duration: {measured.init_ms:.2f} ms\t"
        if measured.status != SUCCESS:
            report += f"Status: {measured.status}"
            report += f"\tError Type: {measured.error_type}" if measured.status == ERROR else ""
        return [f"END RequestId: {measured.request_id}\n", report + "\n"]

    def timed_out(self, request_id: str, seconds: float) -> list[str]:
        """The function's time is over."""
        return [f"{stamp(self._now())} {request_id} Task timed out after {seconds:.2f} seconds\n\n"]

    def exited(self, request_id: str, message: str, error_type: str) -> list[str]:
        """The runtime's process ended."""
        return [f"RequestId: {request_id} Error: {message}\n{error_type}\n"]

    def extension(self, name: str, events: list[str], failed: str) -> list[str]:
        """An extension has registered, or failed."""
        state = (
            f"State: LaunchError\tEvents: []\tError Type: {failed}"
            if failed
            else f"State: Ready\tEvents: {listed(events)}"
        )
        return [f"EXTENSION\tName: {name}\t{state}\n"]


class JsonReports:
    """The lines of the format JSON: those of the system's log level, as the Telemetry API has them."""

    def __init__(self, spec: FunctionSpec, now: Callable[[], float], runtime: tuple[str, str]) -> None:
        self._spec = spec
        self._now = now
        self._runtime = runtime
        self._least = LEVELS.get(spec.system_log_level, 3)

    def init_start(self, how: str) -> list[str]:
        """The beginning of an initialisation."""
        version, arn = self._runtime
        function = {"functionName": self._spec.name, "functionVersion": self._spec.version}
        about = {"initializationType": how, "phase": "init", "runtimeVersion": version, "runtimeVersionArn": arn}
        return self._line("INFO", "platform.initStart", about | function)

    def init_report(self, how: str, phase: str, duration_ms: float, status: str, error_type: str) -> list[str]:
        """The end of an initialisation."""
        level = "WARN" if status != SUCCESS else "DEBUG" if how == "on-demand" else "INFO"
        about: dict[str, Any] = {"initializationType": how, "phase": phase, "status": status}
        about |= {"metrics": {"durationMs": round(duration_ms, 3)}} | ({"errorType": error_type} if error_type else {})
        return self._line(level, "platform.initReport", about)

    def start(self, request_id: str, trace: str) -> list[str]:
        """The beginning of an invocation."""
        about: dict[str, Any] = {"requestId": request_id, "version": self._spec.version}
        if trace:
            about["tracing"] = {"type": "X-Amzn-Trace-Id", "value": trace}
        return self._line("INFO", "platform.start", about)

    def end(self, measured: Measured) -> list[str]:
        """The end of an invocation."""
        metrics: dict[str, float] = {
            "durationMs": round(measured.duration_ms, 3),
            "billedDurationMs": measured.billed_ms,
        }
        metrics |= {"memorySizeMB": self._spec.memory, "maxMemoryUsedMB": measured.memory_mb}
        if measured.init_ms:
            metrics["initDurationMs"] = round(measured.init_ms, 3)
        about: dict[str, Any] = {"requestId": measured.request_id, "metrics": metrics, "status": measured.status}
        if measured.error_type and measured.status == ERROR:
            about["errorType"] = measured.error_type
        done = {name: value for name, value in about.items() if name != "metrics"}
        done["metrics"] = {"durationMs": metrics["durationMs"]}
        fine = measured.status == SUCCESS
        return [
            *self._line("DEBUG" if fine else "WARN", "platform.runtimeDone", done),
            *self._line("INFO" if fine else "WARN", "platform.report", about),
        ]

    def timed_out(self, request_id: str, seconds: float) -> list[str]:
        """The function's time is over: an error of the function's log."""
        return [self._application(request_id, f"Task timed out after {seconds:.2f} seconds", "Sandbox.Timedout")]

    def exited(self, request_id: str, message: str, error_type: str) -> list[str]:
        """The runtime's process ended: an error of the function's log."""
        return [self._application(request_id, f"RequestId: {request_id} Error: {message}", error_type)]

    def extension(self, name: str, events: list[str], failed: str) -> list[str]:
        """An extension has registered, or failed."""
        about = {"name": name, "state": "LaunchError" if failed else "Ready", "events": events}
        return self._line(
            "WARN" if failed else "INFO", "platform.extension", about | ({"errorType": failed} if failed else {})
        )

    def _line(self, level: str, kind: str, record: dict[str, Any]) -> list[str]:
        if LEVELS[level] < self._least:
            return []
        return [msgspec.json.encode({"time": stamp(self._now()), "type": kind, "record": record}).decode()]

    def _application(self, request_id: str, message: str, error_type: str) -> str:
        about = {"timestamp": stamp(self._now()), "level": "ERROR", "message": message}
        return msgspec.json.encode(about | {"errorType": error_type, "requestId": request_id}).decode()


def reports(spec: FunctionSpec, now: Callable[[], float], runtime: tuple[str, str]) -> TextReports | JsonReports:
    """The reports of a function's log format. `runtime`: version, and its ARN."""
    return (JsonReports if spec.log_format == "JSON" else TextReports)(spec, now, runtime)


def stamp(seconds: float) -> str:
    """A time as AWS writes it: 2024-05-23T18:49:59.279Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def billed(duration_ms: float) -> int:
    """Milliseconds that are paid for: begun ones, at least one."""
    return max(1, math.ceil(round(duration_ms, 6)))


def listed(events: list[str]) -> str:
    """Events as a line has them."""
    return f"[{', '.join(events)}]"


def stream_name(spec: FunctionSpec, now: float, random: str) -> str:
    """The log stream of a new environment: YYYY/MM/DD/[VERSION]HEX; in groups of the user's choice with the function's name."""
    day = datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")
    identity = f"[{random}]" if spec.log_stream_prefix else random
    return f"{day}/{spec.log_stream_prefix}[{spec.version}]{identity}"
