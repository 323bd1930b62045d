"""A pool in place of the engine's, for tests of what is around it: functions are Python's, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fogbank.engine.functions.spec import Outcome, Provisioned, Status
from fogbank.services.lambda_ import engine, specs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import pytest

    from fogbank.engine.functions.spec import FunctionSpec, Invocation


class Answer:
    """A streamed answer."""

    content_type = "application/octet-stream"

    def __init__(self, pieces: list[bytes], outcome: Outcome) -> None:
        self._pieces = pieces
        self.outcome = outcome

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        pass


class Pool:
    """See engine.functions.pool. `does` says what functions do, by name: it takes an event, and returns an answer or raises.

    An answer of bytes is the payload as it is; a list of bytes is streamed.
    """

    def __init__(self) -> None:
        self.does: dict[str, Any] = {}
        self.ran: list[tuple[FunctionSpec, Invocation]] = []
        self.retired: list[str] = []
        self.warmed: list[str] = []
        self.provisioned: dict[str, int] = {}
        self.mounting: set[Path] = set()
        self.refuses_to_provision = ""
        self.hooks: Any = None
        self.lines: list[str] = []

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        self.ran.append((spec, invocation))
        await asyncio.sleep(0)
        try:
            given = self.does[spec.name](json.loads(invocation.payload))
        except ArithmeticError as error:
            told = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__}).encode()
            outcome = Outcome(told, "Unhandled", billed_ms=1, log_tail=b"error\n", error_type=type(error).__name__)
        else:
            payload = (
                given if isinstance(given, bytes) else b"" if isinstance(given, list) else json.dumps(given).encode()
            )
            outcome = Outcome(payload, billed_ms=1, log_tail=b"x" * 5000 + b"END\n")
        self.hooks.metered(spec, outcome)
        if self.lines:
            self.hooks.log(spec, "stream", [(int(self.hooks.now() * 1000), line) for line in self.lines])
        return outcome

    async def stream(self, spec: FunctionSpec, invocation: Invocation) -> Answer:
        outcome = await self.invoke(spec, invocation)
        given = [] if outcome.error else self.does[spec.name](json.loads(invocation.payload))
        return Answer(given if isinstance(given, list) else [outcome.payload], outcome)

    async def provision(self, spec: FunctionSpec, count: int) -> None:
        if self.refuses_to_provision:
            raise Provisioned(self.refuses_to_provision)
        self.provisioned[spec.key] = count

    async def warm(self, runtime: str) -> None:
        self.warmed.append(runtime)

    def retire(self, key: str) -> None:
        self.retired.append(key)

    def mounted(self) -> set[Path]:
        return self.mounting

    def status(self) -> Status:
        return Status(0, 0, 0, 0, 0, 0, 0, dict(self.provisioned))

    async def close(self) -> None:
        pass


@contextlib.contextmanager
def standing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """While the context lasts, regions have this pool."""
    pool = Pool()

    def start(_options: Any, hooks: Any) -> tuple[Any, Any]:
        pool.hooks = hooks
        return pool, pool

    async def ensure(_region: Any, _package: str) -> Path:
        return Path("/nowhere")

    monkeypatch.setattr(engine, "start", start)
    monkeypatch.setattr(specs.unpacked, "ensure", ensure)
    yield pool
