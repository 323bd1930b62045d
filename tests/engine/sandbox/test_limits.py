"""What a function can use up, and where it ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.sandbox.conftest import LONG, available, ended, line

if TYPE_CHECKING:
    from tests.engine.sandbox.conftest import Sandboxes

    from fogbank.engine.sandbox.sandbox import Sandbox

MIB = 1 << 20


@pytest.fixture
def grouped(sandboxes: Sandboxes) -> Sandboxes:
    """Sandboxes with control groups."""
    missing = {"memory", "cpu", "pids"} - set(sandboxes.launcher.controls)
    if missing:
        pytest.skip(f"no control groups here for {missing}")
    return sandboxes


def test_more_memory_than_configured_kills_the_runtime_and_says_why(grouped: Sandboxes) -> None:
    code = "import time\nkept = []\nprint('up')\nwhile True:\n  kept.append(bytearray(b'x') * (8 << 20))\n  time.sleep(0.005)"

    async def grow() -> tuple[int, bool, bool, int, int]:
        sandbox, process = await grouped.start(code, memory=128)
        status = await asyncio.wait_for(process.exited, LONG)
        killed, peak = sandbox.oom_killed(), sandbox.memory_peak()
        await sandbox.start_runtime()
        again = sandbox.oom_killed()
        now = sandbox.memory_now()
        await sandbox.close()
        return status, killed, again, peak, now

    status, killed, again, peak, now = grouped.run(grow())
    assert (status, killed, again) == (-9, True, False)
    assert peak > 100 * MIB
    assert now < 128 * MIB


def test_memory_at_once_ends_at_the_limit_of_the_kernel(grouped: Sandboxes) -> None:
    async def grow() -> tuple[int, bool, int]:
        sandbox, process = await grouped.start("x = bytearray(b'x') * (2 << 30)", memory=128, ephemeral=512)
        status = await asyncio.wait_for(process.exited, LONG)
        result = status, sandbox.oom_killed(), sandbox.memory_peak()
        await sandbox.close()
        return result

    status, killed, peak = grouped.run(grow())
    assert (status, killed) == (-9, True)
    assert peak <= 640 * MIB


def test_files_in_tmp_are_not_memory(grouped: Sandboxes) -> None:
    code = """
with open("/tmp/big", "wb") as file:
    for _ in range(300): file.write(bytes(1 << 20))
print("written")
import time; time.sleep(600)
"""

    async def write() -> tuple[int, int, bool]:
        sandbox, _ = await grouped.start(code, memory=128)
        assert await line(sandbox) == "written"
        for _ in range(5):
            await asyncio.sleep(0.1)  # the memory is looked at meanwhile
        result = sandbox.memory_now(), sandbox.memory_peak(), sandbox.oom_killed()
        await sandbox.close()
        return result

    now, peak, killed = grouped.run(write())
    assert now < 100 * MIB
    assert peak <= 128 * MIB
    assert not killed


@pytest.mark.parametrize("ephemeral", [64, 512])
def test_tmp_is_full_at_its_size(sandboxes: Sandboxes, ephemeral: int) -> None:
    code = """
import errno, os
try:
    for number in range(10_000):
        with open("/tmp/%d" % number, "wb", 0) as file:
            for _ in range(16): file.write(bytes(1 << 20))
except OSError as error:
    found = os.statvfs("/tmp")
    print(errno.errorcode[error.errno], found.f_blocks * found.f_frsize >> 20, found.f_bfree)
"""
    assert sandboxes.said(code, ephemeral=ephemeral, memory=256) == f"ENOSPC {ephemeral} 0"


def test_tmp_is_full_with_one_file_too(sandboxes: Sandboxes) -> None:
    code = """
import errno
try:
    with open("/tmp/one", "wb", 0) as file:
        for _ in range(100): file.write(bytes(1 << 20))
except OSError as error: print(errno.errorcode[error.errno])
"""
    assert sandboxes.said(code, ephemeral=64, memory=256) == "ENOSPC"


def test_one_file_is_hardly_longer_than_tmp(sandboxes: Sandboxes) -> None:
    code = """
import errno, os
try: os.truncate(os.open("/tmp/sparse", os.O_CREAT | os.O_RDWR), 1 << 40)
except OSError as error: print(errno.errorcode[error.errno])
"""
    assert sandboxes.said(code) == "EFBIG"


def test_empty_files_in_tmp_end_too(sandboxes: Sandboxes) -> None:
    code = """
import errno, os
count = 0
try:
    while True:
        os.close(os.open("/tmp/%d" % count, os.O_CREAT))
        count += 1
except OSError as error: print(errno.errorcode[error.errno], count < 20_000)
"""
    assert sandboxes.said(code, ephemeral=64, memory=512) == "ENOSPC True"


def test_open_files_end_at_1024(sandboxes: Sandboxes) -> None:
    code = """
import errno, os
fds = []
try:
    while True: fds.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error: print(errno.errorcode[error.errno], fds[-1])
"""
    assert sandboxes.said(code) == "EMFILE 1023"


def test_processes_end_at_1024(grouped: Sandboxes) -> None:
    code = """
import errno, os, time
count = 0
try:
    while True:
        if os.fork() == 0: time.sleep(1000)
        count += 1
except OSError as error: print(errno.errorcode[error.errno], count, flush=True)
time.sleep(1000)
"""

    async def fork() -> str:
        sandbox, _ = await grouped.start(code, memory=3008)
        said = await line(sandbox)
        await sandbox.close()
        return said

    error, count = grouped.run(fork()).split()
    assert error == "EAGAIN"
    assert 500 < int(count) < 1024


def test_threads_end_at_1024(grouped: Sandboxes) -> None:
    code = """
import threading, os
count = 0
wait = threading.Event()
threading.stack_size(65536)
try:
    while True:
        threading.Thread(target=wait.wait, daemon=True).start()
        count += 1
except RuntimeError as error: print(count, flush=True)
os._exit(0)
"""
    assert 500 < int(grouped.said(code, memory=3008)) < 1024


def test_a_fork_bomb_ends_with_its_sandbox_and_harms_no_other(sandboxes: Sandboxes) -> None:
    bomb = """
import os
print("up")
while True:
    try: os.fork()
    except OSError: pass
"""

    async def survive() -> str:
        sandbox, process = await sandboxes.start(bomb, memory=512)
        assert await line(sandbox) == "up"
        other = await sandboxes.result("print('fine')")
        sandbox.end_init()
        await asyncio.sleep(0.5)  # it may grow
        await asyncio.wait_for(sandbox.kill_runtime(), LONG)
        await asyncio.wait_for(process.exited, LONG)
        again = await sandbox.start_runtime()
        await asyncio.sleep(0.2)
        await sandbox.close()
        await again.exited
        return str(other[1])

    assert sandboxes.run(survive()) == "fine\n"


def test_endless_output_waits_for_its_reader(sandboxes: Sandboxes) -> None:
    code = "import os\nwhile True: os.write(1, b'x' * 65536)"

    async def read() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sandbox, process = await sandboxes.start(code)
        read = 0
        while read < 8 * MIB:
            read += len(available(sandbox, 65536))
            await asyncio.sleep(0)
        await sandbox.kill_runtime()
        assert await process.exited == -9
        await sandbox.close()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert sandboxes.run(read()) < 100 << 10  # KiB


def test_processor_time_is_in_proportion_to_memory_after_the_initialisation(grouped: Sandboxes) -> None:
    async def used(memory: int) -> tuple[float, float]:
        sandbox, _ = await grouped.start("print('up')\nwhile True: pass", memory=memory)
        assert await line(sandbox) == "up"
        sandbox.end_init()
        begun, before = time.monotonic(), sandbox.cpu_time()
        while time.monotonic() < begun + 1.5:
            await asyncio.sleep(0.1)
        after, end = sandbox.cpu_time(), time.monotonic()
        await sandbox.close()
        return after - before, end - begun

    busy, wall = grouped.run(used(177))
    assert 0 < busy < 0.1 * wall + 0.15


def test_nothing_inside_raises_its_own_limits(sandboxes: Sandboxes) -> None:
    code = """
import resource
for name in ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_MEMLOCK"):
    print(name[7:], resource.getrlimit(getattr(resource, name)))
"""
    expected = {"NOFILE": 1024, "NPROC": 1024, "CORE": 0, "FSIZE": 513 * MIB, "MEMLOCK": 64 << 10}
    assert sandboxes.said(code) == "\n".join(f"{name} {(most, most)}" for name, most in expected.items())


def test_what_was_used_is_told(sandboxes: Sandboxes) -> None:
    async def use() -> tuple[int, int, float]:
        sandbox, process = await sandboxes.start("x = bytearray(b'x') * (50 << 20)\nprint('up')\nwhile True: pass")
        assert await line(sandbox) == "up"
        await _busy(sandbox)
        result = sandbox.memory_peak(), sandbox.memory_now(), sandbox.cpu_time()
        await sandbox.kill_runtime()
        await ended(sandbox, process)
        await sandbox.close()
        return result

    peak, now, seconds = sandboxes.run(use())
    assert 50 * MIB < now <= peak < 128 * MIB
    assert seconds > 0.1


async def _busy(sandbox: Sandbox) -> None:
    while sandbox.cpu_time() <= 0.1:
        await asyncio.sleep(0.02)


def test_what_waits_in_sockets_is_bounded(grouped: Sandboxes) -> None:
    if grouped.launcher.controls["memory"].version == 2:
        pytest.skip("it is memory like any other here")
    code = """
import socket
server, kept, sent = socket.create_server(("127.0.0.1", 0), backlog=500), [], 0
for _ in range(40):
    near = socket.socket()
    near.connect(server.getsockname())
    far, _ = server.accept()
    kept += [near, far]
    for end in (near, far):
        end.setblocking(False)
        try:
            while True: sent += end.send(bytes(65536))
        except OSError: pass
print(sent)
"""
    assert 0 < int(grouped.said(code, memory=128, ephemeral=512)) < 160 * MIB


def test_a_function_does_not_use_up_the_machines_watches(sandboxes: Sandboxes) -> None:
    code = """
import ctypes, errno, time
libc = ctypes.CDLL(None, use_errno=True)
while libc.inotify_init() >= 0: pass
print(errno.errorcode[ctypes.get_errno()], flush=True)
time.sleep(600)
"""
    libc = ctypes.CDLL(None, use_errno=True)

    async def watch() -> tuple[str, int]:
        sandbox, _ = await sandboxes.start(code)
        used_up = await line(sandbox)
        ours = libc.inotify_init1(os.O_CLOEXEC)
        await sandbox.close()
        return used_up, ours

    used_up, ours = sandboxes.run(watch())
    assert (used_up, ours >= 0) == ("EMFILE", True)
    os.close(ours)
