"""A template as the control process sees it: a process from which sandboxes are forked."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fogbank.engine.sandbox import seccomp
from fogbank.engine.sandbox.channel import Channel, close_all
from fogbank.engine.sandbox.inside import template
from fogbank.engine.sandbox.spec import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.engine.sandbox.spec import SandboxSpec

_READY = 60.0  # seconds until a template has imported its module
_END = 10.0
# What the template covers with its own.
_COVERED = ("/dev", "/mnt", "/proc", "/sys", "/tmp", "/var/empty", "/var/runtime", "/var/task")


class Kind(NamedTuple):
    """What sandboxes have in common that are forked from one template.

    `packages` is where Node.js of one version finds packages in layers that are for this version; empty where nothing of Node.js runs.
    """

    program: str
    prefixes: tuple[str, ...]
    runtime_dir: str
    module: str
    packages: str


def kind_of(spec: SandboxSpec) -> Kind:
    """The template that a sandbox is forked from. Raises Unavailable if its interpreter cannot be shown inside."""
    prefixes = spec.interpreter.prefixes if spec.interpreter else ()
    for prefix in prefixes:
        covered = [*_COVERED, *(["/opt"] if spec.layers else [])]
        if any(prefix.is_relative_to(place) for place in covered):
            raise Unavailable(f"an interpreter in {prefix} cannot be seen inside a sandbox")
    if spec.fork and not (spec.interpreter and spec.runtime_dir):
        raise Unavailable("a template needs an interpreter and a runtime")
    program = str(spec.interpreter.program) if spec.fork and spec.interpreter else _own()
    module = spec.command[0] if spec.fork else ""
    return Kind(program, tuple(map(str, prefixes)), str(spec.runtime_dir or ""), module, _packages(spec))


def _packages(spec: SandboxSpec) -> str:
    name = spec.interpreter.name if spec.interpreter else ""
    major = name.removeprefix("nodejs").removesuffix(".x")
    return f"/opt/nodejs/node{major}/node_modules" if name.startswith("nodejs") else ""


def _own() -> str:
    """The Python that this is, outside any virtual environment."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


class TemplateProcess:
    """Made by `start`."""

    def __init__(self, process: subprocess.Popen[bytes], end: socket.socket) -> None:
        self.process = process
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.channel = Channel(end, self._received, self._closed)

    @classmethod
    async def start(cls, kind: Kind, place: Path, hosts: Iterable[str], rootless: bool) -> TemplateProcess:
        """Start one. `place`: an empty directory, the same for all. Raises Unavailable, with the reason."""
        program = await asyncio.to_thread(seccomp.program)
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            try:
                process = _popen(kind.program, far)
            except OSError as error:
                near.close()
                raise Unavailable(f"{kind.program}: {error.strerror}") from error
        made = cls(process, near)
        config = {
            "filter": base64.b64encode(program).decode(), "place": str(place), "hosts": list(hosts), "rootless": rootless,
            **kind._asdict(),
        }  # fmt: skip
        try:
            await made.channel.send(config)
            reason = await asyncio.wait_for(made._ready, _READY)
        except TimeoutError:
            reason = f"it was not ready in {_READY:.0f} s"
        except BaseException:
            await made.close()
            raise
        if reason:
            await made.close()
            raise Unavailable(f"no template of {kind.program}: {reason}")
        return made

    def _received(self, message: dict[str, Any], fds: list[int]) -> None:
        close_all(fds)
        if not self._ready.done():
            self._ready.set_result(message.get("error", ""))

    def _closed(self) -> None:
        if not self._ready.done():
            self._ready.set_result("it ended")

    async def close(self) -> None:
        """End it; its sandboxes die with it."""
        self.channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self.process.wait, _END)
            return
        self.process.kill()
        await asyncio.to_thread(self.process.wait)


def _popen(program: str, end: socket.socket) -> subprocess.Popen[bytes]:
    import os

    command = [program, "-I", "-S", str(Path(template.__file__)), str(end.fileno()), str(os.getpid())]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    nothing = subprocess.DEVNULL
    return subprocess.Popen(
        command, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=[end.fileno()], env=environment, cwd="/",
        start_new_session=True,
    )  # fmt: skip
