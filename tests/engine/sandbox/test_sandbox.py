"""What runs in a sandbox: runtimes, extensions, other programs; how it ends; how it is frozen."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.sandbox.conftest import LONG, ended, line

from fogbank.engine.sandbox import runtimes, stopping
from fogbank.engine.sandbox.spec import PORTS, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.sandbox.conftest import Sandboxes

    from fogbank.engine.sandbox.sandbox import Sandbox

SLEEP = "import time\nprint('up')\nwhile True: time.sleep(1)"
BUSY = "print('up')\nwhile True: pass"


def test_a_runtime_finds_what_it_is_promised(sandboxes: Sandboxes) -> None:
    code = """
import os, sys, probe
print(os.getuid(), os.getgid(), os.getcwd(), sys.argv[0], sys.path[0], dict(os.environ), probe.__file__)
"""
    expected = "993 990 /var/task probe /var/runtime {'NAME': 'välue'} /var/runtime/probe.py"
    assert sandboxes.said(code, environment={"NAME": "välue"}) == expected


def test_a_runtime_has_nothing_of_fogbank(sandboxes: Sandboxes) -> None:
    assert sandboxes.said("import sys; print([name for name in sys.modules if 'fogbank' in name])") == "[]"


def test_output_of_both_streams_and_of_programs_arrives(sandboxes: Sandboxes) -> None:
    code = (
        "import os, sys; print('one'); print('two', file=sys.stderr); os.system('echo three; echo four > /dev/stderr')"
    )
    assert sorted(sandboxes.said(code).split()) == ["four", "one", "three", "two"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("1/0", 1),
        ("import os; os._exit(77)", 77),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import ctypes; ctypes.string_at(0)", -11),
        ("exit(5)", 5),
    ],
)
def test_how_a_runtime_ended_is_told(sandboxes: Sandboxes, code: str, status: int) -> None:
    assert sandboxes.run(sandboxes.result(code))[0] == status


def test_threads_and_exit_functions_of_a_runtime_run_to_their_end(sandboxes: Sandboxes) -> None:
    code = "import atexit, threading; atexit.register(print, 'last'); threading.Timer(0.05, print, ['thread']).start(); print('main')"
    assert sandboxes.said(code).split() == ["main", "thread", "last"]


def test_a_runtime_is_started_again_in_the_same_sandbox(sandboxes: Sandboxes) -> None:
    async def twice() -> list[str]:
        code = "import os; print(os.path.exists('/tmp/mark')); open('/tmp/mark', 'w')"
        sandbox, process = await sandboxes.start(code)
        first = await ended(sandbox, process)
        second = await ended(sandbox, await sandbox.start_runtime())
        await sandbox.close()
        return [first[1].strip(), second[1].strip()]

    assert sandboxes.run(twice()) == ["False", "True"]


def test_killing_the_runtime_kills_what_it_started_and_spares_extensions(sandboxes: Sandboxes, tmp_path: Path) -> None:
    layer = _layer(tmp_path, "#!/bin/sh\necho extension of $WHOM\nwhile :; do sleep 1; done\n")
    code = f"import os\nif os.fork(): pass\nelse:\n  os.setsid()\n  os.fork()\n{SLEEP}"

    async def kill() -> tuple[int, bool, set[str]]:
        sandbox = await sandboxes.launcher.start(sandboxes.spec(code, layers=(layer,)))
        extension = await sandbox.start_extension("/opt/extensions/one", {"WHOM": "mine", "PATH": "/bin"})
        assert await line(sandbox) == "extension of mine"
        runtime = await sandbox.start_runtime()
        for _ in range(3):
            assert await line(sandbox) == "up"
        await sandbox.kill_runtime()
        status = await asyncio.wait_for(runtime.exited, LONG)
        spared = not extension.exited.done()
        alive = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in stopping.family(sandbox.pid)}
        await sandbox.kill_all()
        await asyncio.wait_for(extension.exited, LONG)
        await sandbox.close()
        return status, spared, alive

    assert sandboxes.run(kill()) == (-9, True, {"fogbank-init", "one", "sleep"})


def _layer(directory: Path, script: str, name: str = "extensions/one") -> Path:
    """A layer with a program."""
    layer = directory / "layer"
    (layer / name).parent.mkdir(parents=True)
    (layer / name).write_text(script)
    (layer / name).chmod(0o755)
    return layer


def test_a_program_is_executed(sandboxes: Sandboxes) -> None:
    bootstrap = sandboxes.task / "bootstrap"
    bootstrap.write_text("#!/bin/sh\necho $_HANDLER in $PWD with $#\nexit 4\n")
    bootstrap.chmod(0o755)
    spec = {"command": ("/var/task/bootstrap", "x"), "fork": False, "interpreter": None, "runtime_dir": None}
    result = sandboxes.run(sandboxes.result("", environment={"_HANDLER": "function.handler"}, **spec))
    assert result == (4, "function.handler in /var/task with 1\n")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("/var/task/none", "No such file or directory"),
        ("/etc/passwd", "Permission denied"),
        ("/var/task/text", "Exec format error"),
    ],
)
def test_a_program_that_cannot_be_executed_is_an_error(sandboxes: Sandboxes, program: str, reason: str) -> None:
    (sandboxes.task / "text").write_text("only words")
    (sandboxes.task / "text").chmod(0o755)
    with pytest.raises(SandboxError, match=reason):
        sandboxes.run(sandboxes.result("", command=(program,), fork=False))
    assert sandboxes.run(sandboxes.result("", command=("/bin/true",), fork=False)) == (0, "")


def test_later_layers_hide_earlier_ones(sandboxes: Sandboxes, tmp_path: Path) -> None:
    layers = []
    for name, files in {"first": "ab", "second": "bc", "third, with: odd \\ name": "d"}.items():
        layers.append(tmp_path / name)
        layers[-1].mkdir()
        for file in files:
            (layers[-1] / file).write_text(name)
    code = "import os; print({name: open('/opt/' + name).read() for name in sorted(os.listdir('/opt'))})"
    expected = {"a": "first", "b": "second", "c": "second", "d": "third, with: odd \\ name"}
    assert sandboxes.said(code, layers=tuple(layers)) == str(expected)
    assert sandboxes.said(code, layers=(layers[0],)) == "{'a': 'first', 'b': 'first'}"
    assert sandboxes.said("open('/opt/new', 'w')", layers=tuple(layers)).endswith("Read-only file system: '/opt/new'")


@pytest.mark.parametrize("name", sorted(runtimes.installed()))
def test_every_interpreter_of_the_machine_runs(sandboxes: Sandboxes, name: str) -> None:
    interpreter = runtimes.installed()[name]
    if name.startswith("python"):
        code = "import sys, json, ssl, sqlite3, ctypes; print('python%d.%d' % sys.version_info[:2])"
        assert sandboxes.said(code, interpreter=interpreter) == name
    else:
        code = "console.log('nodejs' + process.versions.node.split('.')[0] + '.x', require('os').cpus().length > 0)"
        command = (str(interpreter.program), "-e", code)
        assert sandboxes.said("", interpreter=interpreter, command=command, fork=False) == f"{name} true"


def test_the_ports_inside_are_the_listeners_outside(sandboxes: Sandboxes) -> None:
    code = """
import socket
for port in (9001, 4566, 3128):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"hello")
        print(client.recv(99).decode())
"""

    async def serve() -> str:
        sandbox, process = await sandboxes.start(code)
        loop = asyncio.get_running_loop()
        for name in PORTS:
            client, _ = await loop.sock_accept(sandbox.listeners[name])
            with client:
                assert await loop.sock_recv(client, 99) == b"hello"
                await loop.sock_sendall(client, name.encode())
        result = await ended(sandbox, process)
        await sandbox.close()
        return result[1]

    assert sandboxes.run(serve()).split() == list(PORTS)


def test_names_of_the_machine_itself_are_known_inside(sandboxes: Sandboxes) -> None:
    code = "import socket; print(socket.gethostbyname('localhost'), socket.gethostname())"
    assert sandboxes.said(code) == "127.0.0.1 localhost"


def test_frozen_it_uses_no_processor_and_thawed_it_goes_on(sandboxes: Sandboxes) -> None:
    async def freeze() -> None:
        sandbox, _ = await sandboxes.start(BUSY)
        assert await line(sandbox) == "up"
        before = sandbox.cpu_time()
        await _until(lambda: sandbox.cpu_time() > before)
        for _ in range(3):
            sandbox.freeze()
            stood = await _standing(sandbox)
            sandbox.thaw()
            await _until(lambda stood=stood: sandbox.cpu_time() > stood)
        sandbox.freeze()
        await sandbox.kill_runtime()  # what is asked of a frozen one thaws it
        sandbox.freeze()
        await sandbox.close()
        assert await sandbox.exited == "closed"

    sandboxes.run(freeze())


async def _standing(sandbox: Sandbox) -> float:
    """Its processor time, once that no longer grows: whoever is on a processor when it is frozen still goes to sleep."""
    before, now = -1.0, 0.0
    while before != now:
        await asyncio.sleep(0.1)
        before, now = now, sandbox.cpu_time()
    return now


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.02)


def test_environments_do_not_see_each_other(sandboxes: Sandboxes) -> None:
    first_code = f"""
import ctypes, socket
open("/tmp/secret", "w").write("secret")
server = socket.create_server(("127.0.0.1", 5555))
unix = socket.socket(socket.AF_UNIX); unix.bind(chr(0) + "first"); unix.listen()
assert ctypes.CDLL(None).shmget(77, 4096, 0o1666) >= 0
{SLEEP}
"""
    second_code = """
import ctypes, os, socket
def tried(what, *arguments):
    try:
        what(*arguments)
        return "not refused"
    except OSError as error:
        return error.errno
def unix():
    with socket.socket(socket.AF_UNIX) as client: client.connect(chr(0) + "first")
def port():
    with socket.create_connection(("127.0.0.1", 5555)): pass
print([tried(open, "/tmp/secret"), tried(port), tried(unix), tried(os.kill, PID, 0), tried(open, "/proc/%d/mem" % PID)],
      ctypes.CDLL(None).shmget(77, 4096, 0o666))
"""

    async def both() -> str:
        first, _ = await sandboxes.start(first_code)
        assert await line(first) == "up"
        result = await sandboxes.result(f"PID = {stopping.family(first.pid)[-1]}\n{second_code}")
        await first.close()
        return str(result[1]).strip()

    assert sandboxes.run(both()) == "[2, 111, 111, 3, 2] -1"


def test_a_sandbox_whose_first_process_is_killed_is_gone(sandboxes: Sandboxes) -> None:
    async def kill() -> tuple[int, str]:
        sandbox, process = await sandboxes.start(SLEEP)
        assert await line(sandbox) == "up"
        os.kill(sandbox.pid, 9)
        how = await asyncio.wait_for(sandbox.exited, LONG)
        with pytest.raises(SandboxError, match="gone"):
            await sandbox.start_runtime()
        sandbox.freeze()
        sandbox.thaw()
        await sandbox.close()
        await sandbox.close()
        return await process.exited, how

    assert sandboxes.run(kill()) == (-9, "killed")


def test_a_tool_that_is_not_in_usr_is_not_there(sandboxes: Sandboxes) -> None:
    inside = sandboxes.said(
        "import shutil; print(shutil.which('sh'), shutil.which('none'))", environment={"PATH": "/bin"}
    )
    assert inside == f"{shutil.which('sh', path='/bin')} None"
