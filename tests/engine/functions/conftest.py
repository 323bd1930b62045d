"""A pool of environments, for functions that are written down in tests."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.engine.functions.pool import Pool
from fogbank.engine.functions.spec import Concurrency, FunctionSpec, Granted, Invocation, Limits, Network
from fogbank.engine.sandbox.launcher import Launcher
from support.bare_sandbox import BareLauncher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from fogbank.engine.functions.spec import Outcome

Run = Any  # what `running` is
ACCOUNT = "123456789012"
PYTHON = "python3.11"


class Service:
    """The service's side: hooks, and what they were told."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.outcomes: list[Outcome] = []
        self.limits = Concurrency()
        self.expires = 0.0
        self.offset = 0.0
        self.broken: Exception | None = None
        self.full: asyncio.Future[None] | None = None
        self._count = itertools.count(1)

    async def environment(self, spec: FunctionSpec) -> Granted:
        if self.broken:
            raise self.broken
        keys = {"AWS_ACCESS_KEY_ID": "ASIAX", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
        return Granted(keys, self.expires)

    def concurrency(self, spec: FunctionSpec) -> Concurrency:
        return self.limits

    def log(self, spec: FunctionSpec, stream: str, events: list[tuple[int, str]]) -> Awaitable[None] | None:
        self.lines.setdefault(stream, []).extend(text for _, text in events)
        return self.full

    def metered(self, spec: FunctionSpec, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def now(self) -> float:
        return time.time() + self.offset

    def random_hex(self) -> str:
        return f"{next(self._count):032x}"

    @property
    def log_text(self) -> str:
        return "".join(line if line.endswith("\n") else line + "\n" for lines in self.lines.values() for line in lines)


class Functions:
    """A pool, and functions for it."""

    def __init__(self, pool: Pool, service: Service, launcher: Any, directory: Path) -> None:
        self.pool = pool
        self.service = service
        self.launcher = launcher
        self.directory = directory
        self._count = itertools.count(1)

    def layer(self, **files: str) -> Path:
        """A layer of programs below extensions/."""
        place = self.directory / f"layer{next(self._count)}"
        (place / "extensions").mkdir(parents=True)
        for name, text in files.items():
            (place / "extensions" / name).write_text(text)
            (place / "extensions" / name).chmod(0o755)
        return place

    def make(self, code: str, file: str = "index.py", **options: Any) -> FunctionSpec:
        """A function of one file. Its handler is `index.handler`."""
        number = next(self._count)
        task = self.directory / f"task{number}"
        task.mkdir()
        (task / file).write_text(code)
        if file == "bootstrap":
            (task / file).chmod(0o755)
        name = options.pop("name", f"f{number}")
        about = {"runtime": PYTHON, "handler": "index.handler", "timeout": 20.0, "memory": 256, "version": "$LATEST"}
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
        about |= {"key": f"key{number}", "account": ACCOUNT, "region": "us-east-1", "name": name, "arn": arn}
        return FunctionSpec(task=task, **(about | options))

    def event(self, payload: bytes = b"{}", **options: Any) -> Invocation:
        """An invocation."""
        request_id = f"00000000-0000-4000-8000-{next(self._count):012d}"
        about = {"request_id": request_id, "payload": payload, "invoked_arn": "arn:aws:lambda:us-east-1:1:function:f"}
        return Invocation(**(about | options))

    async def call(self, spec: FunctionSpec, payload: bytes = b"{}", **options: Any) -> Outcome:
        """What comes of an event."""
        return await self.pool.invoke(spec, self.event(payload, **options))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that will be so."""
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stage")


def run_on(make: Callable[[], Any], directory: Path, stage: Path) -> Run:
    """`run(work, limits=…, network=…)`: runs a coroutine function on functions whose pool is closed in the end."""

    def run(
        work: Callable[[Functions], Awaitable[Any]], limits: Limits | None = None, network: Network | None = None
    ) -> Any:
        async def whole() -> Any:
            service, launcher = Service(), make()
            pool = Pool(launcher, service, limits or Limits(), stage, network)
            try:
                return await work(Functions(pool, service, launcher, directory))
            finally:
                await pool.close()
                await launcher.close()

        return asyncio.run(whole())

    return run


@pytest.fixture
def running(tmp_path: Path, stage: Path) -> Run:
    """Functions as plain processes."""
    return run_on(lambda: BareLauncher(tmp_path), tmp_path, stage)


@pytest.fixture
def sandboxed(tmp_path: Path, stage: Path) -> Run:
    """Functions in sandboxes."""
    return run_on(lambda: Launcher(tmp_path / "sandboxes"), tmp_path, stage)
