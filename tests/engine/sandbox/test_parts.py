"""Filters, identities, interpreters, channels, messages."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.engine.sandbox import runtimes, seccomp
from fogbank.engine.sandbox.channel import Channel
from fogbank.engine.sandbox.identity import Identities
from fogbank.engine.sandbox.inside import kernel
from fogbank.engine.sandbox.spec import SandboxError, Unavailable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("machine", "audit"), [("x86_64", 0xC000003E), ("aarch64", 0xC00000B7)])
def test_a_filter_is_bpf_for_one_architecture(machine: str, audit: int) -> None:
    program = seccomp.program(machine)
    instructions = list(struct.iter_unpack("HBBI", program))
    assert 100 < len(instructions) < 4096
    first = next(k for code, _, _, k in instructions if code == 0x15)
    assert first == audit  # the first comparison is with the architecture


def test_no_call_is_both_allowed_and_denied() -> None:
    allowed, denied = seccomp._ALLOWED.split(), seccomp._DENIED.split()
    assert len({*allowed, *denied}) == len(allowed) + len(denied)
    assert not {"clone", "clone3", "socket", "personality", "io_uring_setup"} & {*allowed, *denied}


def test_without_libseccomp_there_are_no_sandboxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    seccomp.program.cache_clear()
    with pytest.raises(Unavailable, match="install libseccomp2"):
        seccomp.program()


def proc(directory: Path, uid_map: str, capabilities: str = "000001ffffffffff") -> Path:
    """Something like /proc/self."""
    (directory / "uid_map").write_text(uid_map)
    (directory / "status").write_text(f"Name:\tx\nCapEff:\t{capabilities}\n")
    return directory


def test_each_sandbox_is_a_user_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    identities = Identities(tmp_path, proc(tmp_path, "0 0 4294967295\n"))
    first, second = identities.take(), identities.take()
    assert not identities.rootless
    assert 0x70000000 <= first == second - 1 < 0x80000000
    identities.give_back(first)
    assert identities.take() == first
    others = {identities.take() for _ in range(1022)}
    assert len({first, second, *others}) == 1024
    with pytest.raises(SandboxError, match="1024"):
        identities.take()


def test_in_a_container_the_last_of_its_users_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    identities = Identities(tmp_path, proc(tmp_path, "0 1000 1\n1 100000 65536\n"))
    assert identities.take() == 1 + 65536 - 1024


def test_who_may_not_administer_is_rootless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Identities(tmp_path, proc(tmp_path, "0 0 4294967295\n", "00000000a80425fb")).rootless
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    identities = Identities(tmp_path, proc(tmp_path, "0 0 4294967295\n"))
    assert (identities.rootless, identities.take(), identities.take()) == (True, 0, 0)


def test_this_python_is_among_the_interpreters() -> None:
    found = runtimes.installed()
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert found[name].name == name
    assert all(interpreter.program.is_file() and name == interpreter.name for name, interpreter in found.items())
    assert not [prefix for each in found.values() for prefix in each.prefixes if prefix.is_relative_to("/usr")]


@pytest.mark.parametrize(
    ("name", "script", "found"),
    [
        ("node", "#!/bin/sh\necho v18.1.2\n", "nodejs18.x"),
        ("node", "#!/bin/sh\necho something else\n", None),
        ("node", "#!/bin/sh\nexit 1\n", None),
        ("python3.9", "#!/bin/sh\nprintf 'pypy\\n3.9\\n/usr\\n/usr\\n'\n", None),
        ("python3.9", "#!/bin/sh\nexit 1\n", None),
        ("python3.9", "not a program", None),
    ],
)
def test_what_a_program_says_it_is(tmp_path: Path, name: str, script: str, found: str | None) -> None:
    program = tmp_path / "bin" / name
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    answer = runtimes._ask(program)
    assert (answer.name if answer else None) == found
    assert not answer or answer.prefixes == (program.parent,)


def test_a_program_that_others_can_replace_is_not_started(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "node"
    program.parent.mkdir()
    program.write_text("")
    assert runtimes._is_safe(program)
    program.parent.chmod(0o757)
    assert not runtimes._is_safe(program)
    program.parent.chmod(0o1757)
    assert runtimes._is_safe(program)
    if os.geteuid() == 0:
        os.chown(program.parent, 12345, -1)
        assert not runtimes._is_safe(program)


def test_an_interpreter_in_a_home_shows_nothing_of_the_rest(tmp_path: Path) -> None:
    for name in ("bin", "lib", ".ssh", "share"):
        (tmp_path / name).mkdir()
    assert runtimes._prefixes([tmp_path, tmp_path]) == (tmp_path / "bin", tmp_path / "lib")


def run(test: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(bounded())


def test_a_channel_asks_and_is_answered_and_passes_the_rest_on() -> None:
    async def test() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        received: list[Any] = []
        closed: list[bool] = []
        channel = Channel(near, lambda message, fds: received.append((message, fds)), lambda: closed.append(True))
        question = asyncio.ensure_future(channel.ask("this", much=1))
        await asyncio.sleep(0)
        request, _ = kernel.receive(far)
        assert request == {"id": 1, "do": "this", "much": 1}
        kernel.send(far, {"news": 1})
        kernel.send(far, {"id": 7, "of": "nobody"})
        kernel.send(far, {"id": 1, "answer": 2})
        assert await question == {"id": 1, "answer": 2}
        assert received == [({"news": 1}, [])]
        second = asyncio.ensure_future(channel.ask("that"))
        await asyncio.sleep(0)
        far.close()
        with pytest.raises(SandboxError, match="gone"):
            await second
        with pytest.raises(SandboxError, match="gone"):
            await channel.ask("more")
        assert closed == [True]

    run(test)


def test_a_full_channel_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = Channel(near, lambda message, fds: None, lambda: None)
        sending = asyncio.gather(*(channel.send({"text": "x" * 10_000}) for _ in range(200)))
        read = 0
        while read < 200:
            await asyncio.sleep(0.001)
            message, _ = kernel.receive(far)
            read += message is not None
        await sending
        channel.close()
        far.close()

    run(test)


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe", b"nothing like it"])
def test_a_channel_with_nonsense_is_closed(data: bytes) -> None:
    async def test() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        closed = asyncio.Event()
        channel = Channel(near, lambda message, fds: None, closed.set)
        far.send(data)
        await closed.wait()
        assert not channel.open
        far.close()

    run(test)


def test_descriptors_other_than_the_named_are_closed() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        kernel.close_except({writer})
        os.write(writer, b" ".join(b"%d" % fd for fd in range(writer + 64) if _is_open(fd)))
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    assert os.read(reader, 999) == b"%d" % writer
    os.close(reader)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
