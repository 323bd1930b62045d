"""Starts sandboxes, and sees that none is left."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import socket
import zlib
from typing import TYPE_CHECKING

from fogbank.engine.sandbox import cgroups
from fogbank.engine.sandbox.cgroups import Cgroups
from fogbank.engine.sandbox.group import PROCESSES, Group
from fogbank.engine.sandbox.identity import Identities
from fogbank.engine.sandbox.sandbox import Sandbox
from fogbank.engine.sandbox.spec import PORTS, SandboxError, Unavailable
from fogbank.engine.sandbox.template_host import Kind, TemplateProcess, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fogbank.engine.sandbox.cgroups import Place
    from fogbank.engine.sandbox.spec import SandboxSpec

    Sockets = tuple[socket.socket, socket.socket]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOOK = 0.1  # seconds between looks at the memory of sandboxes that run
_MADE = 30.0  # seconds until a sandbox is made


class Launcher:
    """Makes sandboxes, in the event loop of a thread that lives as long as they do: they die with it.

    `directory`: a private one, of one launcher at a time. `starts`: how many sandboxes are made at once; others wait their turn.
    `hosts`: names of 127.0.0.1 inside.
    """

    def __init__(self, directory: Path, *, starts: int = 4, hosts: Iterable[str] = ()) -> None:
        """Raises Unavailable if another launcher has the directory."""
        self._directory, self._hosts = directory, tuple(hosts)
        (directory / "root").mkdir(parents=True, exist_ok=True)
        self._lock = _locked(directory / "lock")
        cgroups.sweep(directory / "cgroups")
        self._cgroups = Cgroups(f"{zlib.crc32(bytes(directory.resolve())):08x}")
        self._cgroups.note(directory / "cgroups")
        self._identities = Identities(directory.resolve())
        self._templates: dict[Kind, asyncio.Task[TemplateProcess]] = {}
        self._turn = asyncio.Semaphore(starts)
        self._sandboxes: dict[str, Sandbox] = {}
        self._watch: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def key(self) -> str:
        """The name of the directories in which its control groups are."""
        return self._cgroups.name

    @property
    def controls(self) -> dict[str, Place]:
        """What control groups hold here: of "memory", "cpu", "pids" those that are missing fall to rlimits, or to nobody."""
        return self._cgroups.places

    @property
    def rootless(self) -> bool:
        """Whether sandboxes are made without root: all are the same user of the machine then."""
        return self._identities.rootless

    async def start(self, spec: SandboxSpec) -> Sandbox:
        """Make a sandbox; nothing runs in it yet. Raises SandboxError, and Unavailable where it can never be."""
        if not _NAME.fullmatch(spec.name):
            raise SandboxError(f"not a name of a sandbox: {spec.name!r}")
        async with self._turn:
            if spec.name in self._sandboxes:
                raise SandboxError(f"there is a sandbox {spec.name!r} already")
            template = await self._template(kind_of(spec))
            try:
                return await self._make(spec, template)
            except SandboxError:
                if template.channel.open:
                    raise
            return await self._make(
                spec, await self._template(kind_of(spec))
            )  # the template had died, which shows only now

    async def warm(self, spec: SandboxSpec) -> None:
        """Start the template of such sandboxes ahead. Raises Unavailable."""
        await self._template(kind_of(spec))

    async def _template(self, kind: Kind) -> TemplateProcess:
        """The one of its kind; a new one if it has died."""
        if self._ending:
            raise SandboxError("the launcher is closed")
        task = self._templates.get(kind)
        if task and task.done() and (task.cancelled() or task.exception() or not task.result().channel.open):
            task = self._templates.pop(kind)
            if not task.cancelled() and not task.exception():
                await task.result().close()
            task = self._templates.get(kind)
        if task is None:
            starting = TemplateProcess.start(kind, self._directory / "root", self._hosts, self._identities.rootless)
            task = self._templates[kind] = asyncio.create_task(starting)
        return await asyncio.shield(task)

    async def _make(self, spec: SandboxSpec, template: TemplateProcess) -> Sandbox:
        if self._ending:
            raise SandboxError("the launcher is closed")
        user, group, (near, far), (stdout, output) = self._gather(spec)

        def gone() -> None:
            self._sandboxes.pop(spec.name, None)
            self._identities.give_back(user)

        sandbox = self._sandboxes[spec.name] = Sandbox(spec, group, near, stdout, gone)
        try:
            with far, open(output, "wb", closefd=True):
                if user:
                    os.fchown(output, user, user)  # /dev/stdout opens inside
                await template.channel.send(self._asked(spec, group, user), [far.fileno(), output])
            async with asyncio.timeout(_MADE):
                await sandbox.ready()
        except BaseException as error:
            await sandbox.close()
            if isinstance(error, TimeoutError):
                raise SandboxError(f"no sandbox in {_MADE:.0f} s") from error
            raise
        if not self._watch or self._watch.done():
            self._watch = asyncio.create_task(self._watch_memory())
        return sandbox

    def _gather(self, spec: SandboxSpec) -> tuple[int, Group, Sockets, tuple[int, int]]:
        """A user, a group, sockets and a pipe for a sandbox; all or none."""
        with contextlib.ExitStack() as undo:
            user = self._identities.take()
            undo.callback(self._identities.give_back, user)
            try:
                group = Group(self._cgroups, spec.name, spec.memory, spec.ephemeral)
                undo.callback(group.remove)
                sockets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                for each in sockets:
                    undo.callback(each.close)
                pipe = os.pipe()
            except OSError as error:
                raise SandboxError(str(error)) from error
            undo.pop_all()
        os.set_blocking(pipe[0], False)
        return user, group, sockets, pipe

    def _asked(self, spec: SandboxSpec, group: Group, user: int) -> dict[str, object]:
        return {
            "task": os.fspath(spec.task.resolve()),
            "layers": [os.fspath(layer.resolve()) for layer in spec.layers],
            "ephemeral": spec.ephemeral,
            "cgroups": group.entries,
            "uid": user,
            "gid": user,
            "processes": PROCESSES,
            "data": 0 if group.limits_memory else spec.memory << 20,
            "ports": list(PORTS.values()),
        }

    async def _watch_memory(self) -> None:
        while self._sandboxes:
            await asyncio.sleep(_LOOK)
            for sandbox in list(self._sandboxes.values()):
                sandbox.watch_memory()

    async def close(self) -> None:
        """End every sandbox and template. No process, mount, group or file is left but the directory."""
        self._ending = self._ending or asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        await asyncio.gather(*(sandbox.close() for sandbox in list(self._sandboxes.values())))
        if self._watch:
            await self._watch
        for starting in self._templates.values():
            with contextlib.suppress(Unavailable):
                await (await starting).close()
        self._templates.clear()
        self._cgroups.close()
        os.close(self._lock)


def _locked(file: Path) -> int:
    """Lock a file, which says that the predecessor is gone."""
    fd = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise Unavailable(f"{file.parent} is in use by another launcher") from error
    return fd
