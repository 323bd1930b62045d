"""Starting many, ending all: nothing is left, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop
from tests.engine.sandbox.conftest import LONG, Sandboxes, administrator, line, make, prefixes

from fogbank.engine.sandbox import stopping
from fogbank.engine.sandbox.launcher import Launcher
from fogbank.engine.sandbox.spec import Interpreter, SandboxError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLEEP = "import time\nprint('up')\nwhile True: time.sleep(1)"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Sandboxes]:
    """A launcher for one test, on the event loop that the control process uses."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        made = make(tmp_path, runner)
        yield made
        made.run(made.launcher.close())


def traces(directory: Path, key: str) -> dict[str, list[str]]:
    """What a launcher with a key could leave behind on the machine."""
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{key}/*/")]
    children = [str(pid) for pid in stopping.family(os.getpid()) if _alive(pid)]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    files = [str(path) for path in directory.rglob("*")]
    descriptors = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    kinds = sorted(
        name for name in descriptors if "mountinfo" not in name and not name.startswith(("socket:", "pipe:"))
    )
    return {
        "groups": groups,
        "children": children,
        "mounts": mounts,
        "files": files,
        "fds": kinds,
        "count": [str(len(descriptors))],
    }


def test_layers_are_seen_where_the_control_process_makes_private_files(tmp_path: Path) -> None:
    layers = []
    for number in range(2):
        layer = tmp_path / f"layer{number}"
        (layer / "python").mkdir(parents=True)
        (layer / f"python/number{number}").write_text(str(number))
        layers.append(layer)
    with asyncio.Runner() as runner:
        own = Sandboxes(tmp_path, runner)
        code = "print(*[open(f'/opt/python/number{n}').read() for n in (0, 1)], open('/tmp/x', 'w').write('ab'))"
        before = os.umask(0o077)
        try:
            assert own.said(code, layers=tuple(layers)) == "0 1 2"
        except SandboxError as error:
            if administrator():
                raise
            pytest.skip(f"no sandboxes here: {error}")
        finally:
            os.umask(before)
            own.run(own.launcher.close())


def test_closing_leaves_nothing(own: Sandboxes, tmp_path: Path) -> None:
    before = traces(tmp_path / "sandboxes", own.launcher.key)

    async def many() -> int:
        sandboxes = await asyncio.gather(*(own.launcher.start(own.spec(SLEEP)) for _ in range(10)))
        for sandbox in sandboxes[:5]:
            await sandbox.start_runtime()
            assert await line(sandbox) == "up"
        sandboxes[0].freeze()
        count = len(set(stopping.family(os.getpid())))
        await asyncio.gather(*(sandbox.close() for sandbox in sandboxes))
        return count

    assert own.run(many()) >= 15 + len(before["children"])
    assert traces(tmp_path / "sandboxes", own.launcher.key) == before


def test_closing_the_launcher_ends_what_runs(tmp_path: Path) -> None:
    before = traces(tmp_path, "none")
    with asyncio.Runner() as runner:
        made = make(tmp_path, runner)

        async def run() -> str:
            sandbox, _ = await made.start(SLEEP)
            assert await line(sandbox) == "up"
            await made.launcher.close()
            with pytest.raises(SandboxError, match="closed"):
                await made.start("")
            return await sandbox.exited

        assert made.run(run()) == "closed"
    after = traces(tmp_path, made.launcher.key)
    for name in ("groups", "children", "mounts", "count"):
        assert after[name] == before[name]
    assert sorted(path.name for path in (tmp_path / "sandboxes").iterdir()) == ["cgroups", "lock", "root"]
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{made.launcher.key}"))


CONTROL = """
import asyncio, sys, time
from pathlib import Path
from tests.engine.sandbox.conftest import Sandboxes, line

async def main(sandboxes):
    pids = []
    for number in range(3):
        sandbox, _ = await sandboxes.start("import os, time\\nos.fork()\\nos.fork()\\nprint('up')\\nwhile True: time.sleep(1)")
        for _ in range(4):
            await line(sandbox)
        pids += [sandbox.pid]
    if {freeze}:
        sandbox.freeze()
    print(pids, flush=True)
    await asyncio.sleep(600)

with asyncio.Runner() as runner:
    sandboxes = Sandboxes(Path({directory!r}), runner)
    sandboxes.run(main(sandboxes))
"""


@pytest.mark.parametrize("freeze", [False, True])
def test_everything_dies_with_the_control_process_and_its_successor_cleans_up(tmp_path: Path, freeze: bool) -> None:
    with asyncio.Runner() as runner:
        probe = make(_made(tmp_path / "probe"), runner)
        groups = "core" in probe.launcher.controls or not freeze
        runner.run(probe.launcher.close())
    code = CONTROL.format(directory=str(_made(tmp_path / "control")), freeze=freeze)
    root = Path(__file__).parents[3]
    control = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, env={"PYTHONPATH": str(root)}
    )
    try:
        assert control.stdout
        pids = json.loads(control.stdout.readline())
        inside = [pid for first in pids for pid in stopping.family(first)]
        assert len(inside) == 3 * 5
        control.send_signal(signal.SIGKILL)
        control.wait(LONG)
        if groups:  # those of version 1 hold what is frozen until the successor comes
            _wait_for(lambda: not any(map(_alive, inside)))
    finally:
        control.kill()
        control.communicate()
    _succeed(tmp_path / "control" / "sandboxes")
    _wait_for(lambda: not any(map(_alive, inside)))


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _succeed(directory: Path) -> None:
    """Start and close another launcher: no group is left then."""
    key = ""

    def clean() -> bool:
        nonlocal key
        launcher = Launcher(directory)
        key = launcher.key
        asyncio.run(launcher.close())
        return not list(Path("/sys/fs/cgroup").glob(f"**/{key}"))

    _wait_for(clean)
    assert key.startswith("fogbank-")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_template_that_died_is_replaced_and_its_sandboxes_die_with_it(own: Sandboxes) -> None:
    async def die() -> tuple[str, int]:
        sandbox, process = await own.start(SLEEP)
        assert await line(sandbox) == "up"
        (template,) = [pid for pid in stopping.family(os.getpid()) if _name(pid) == "fogbank-fork"]
        os.kill(template, signal.SIGKILL)
        how = await asyncio.wait_for(sandbox.exited, LONG)
        assert await process.exited == -9
        await sandbox.close()
        return how, (await own.result("raise SystemExit(5)"))[0]

    assert own.run(die()) == ("killed", 5)


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def test_a_region_that_makes_private_files_makes_sandboxes_all_the_same(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with asyncio.Runner() as runner:
            made = make(tmp_path, runner)
            os.umask(0o077)
            said = made.said(
                "import os; print(oct(os.umask(0)), os.listdir('/var/task'), open('/etc/hosts').read().split()[0])"
            )
            runner.run(made.launcher.close())
    finally:
        os.umask(before)
    assert said == "0o22 [] 127.0.0.1"


def test_two_launchers_do_not_share_a_directory(own: Sandboxes, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="in use"):
        Launcher(tmp_path / "sandboxes")


@pytest.mark.parametrize("name", ["", "a/b", "..", "a" * 65, "ä"])
def test_names_that_are_none(own: Sandboxes, name: str) -> None:
    with pytest.raises(SandboxError, match="not a name"):
        own.run(own.start("", name=name))


def test_a_name_is_used_once_at_a_time(own: Sandboxes) -> None:
    async def twice() -> None:
        first, _ = await own.start(SLEEP, name="one")
        with pytest.raises(SandboxError, match="already"):
            await own.start("", name="one")
        await first.close()
        second, _ = await own.start("", name="one")
        await second.close()

    own.run(twice())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('no')", "SystemExit: no"),
        ("import os; os._exit(1)", "it ended"),
    ],
)
def test_a_runtime_that_cannot_be_imported_is_unavailable(own: Sandboxes, text: str, reason: str) -> None:
    (own.runtime / "broken.py").write_text(text)
    for _ in range(2):
        with pytest.raises(Unavailable, match=reason.replace("(", "\\(")):
            own.run(own.start("", command=("broken",)))
    assert own.said("print('fine')") == "fine"


def test_what_is_missing_is_an_error_that_names_it(own: Sandboxes, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        own.run(own.start("", interpreter=Interpreter("python3.11", tmp_path / "python3.11")))
    with pytest.raises(Unavailable, match="cannot be seen"):
        own.run(own.start("", interpreter=Interpreter("python3.11", Path(sys.executable), (Path("/tmp/python"),))))
    with pytest.raises(SandboxError, match="mount /var/task: No such file"):
        own.run(own.start("", task=tmp_path / "none"))
    with pytest.raises(SandboxError, match="mount /opt: No such file"):
        own.run(own.start("", layers=(tmp_path / "none",)))
    assert own.said("print('fine')") == "fine"


def test_a_start_that_is_given_up_leaves_nothing(own: Sandboxes, tmp_path: Path) -> None:
    before = traces(tmp_path / "sandboxes", own.launcher.key)

    async def give_up() -> None:
        for delay in (0, 0.001, 0.002, 0.004, 0.008):
            starting = asyncio.create_task(own.launcher.start(own.spec("")))
            await asyncio.sleep(delay)
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await (await starting).close()

    own.run(give_up())
    _wait_for(lambda: traces(tmp_path / "sandboxes", own.launcher.key) == before)  # what was being made ends by itself


def test_closing_goes_on_when_nobody_waits_for_it(own: Sandboxes) -> None:
    async def give_up() -> str:
        sandbox, _ = await own.start(SLEEP)
        closing = asyncio.create_task(sandbox.close())
        await asyncio.sleep(0)
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        how = await asyncio.wait_for(sandbox.exited, LONG)
        await own.launcher.close()
        return how

    assert own.run(give_up()) == "closed"
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{own.launcher.key}"))


def test_where_the_machine_has_no_more_it_is_said_and_nothing_is_left(
    own: Sandboxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.run(own.result(""))
    before = traces(tmp_path / "sandboxes", own.launcher.key)

    def none() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("fogbank.engine.sandbox.launcher.os.pipe", none)
        with pytest.raises(SandboxError, match="Too many open files"):
            own.run(own.start("", name="same"))
    assert traces(tmp_path / "sandboxes", own.launcher.key) == before
    assert own.said("print('fine')", name="same") == "fine"


def test_a_sandbox_that_does_not_answer_is_given_up(own: Sandboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fogbank.engine.sandbox.channel._ANSWER", 0.1)

    async def stopped() -> str:
        sandbox = await own.launcher.start(own.spec(""))
        os.kill(sandbox.pid, signal.SIGSTOP)
        with pytest.raises(SandboxError, match="does not answer"):
            await sandbox.start_runtime()
        await sandbox.close()
        return await sandbox.exited

    assert own.run(stopped()) == "closed"


def test_a_hundred_at_once_are_made_a_few_at_a_time(own: Sandboxes) -> None:
    most = 0

    async def many() -> set[str]:
        nonlocal most
        running: set[str] = set()

        async def one(number: int) -> str:
            nonlocal most
            sandbox, process = await own.start(f"print({number})")
            running.add(sandbox.name)
            most = max(most, len(running))
            said = await line(sandbox)
            await process.exited
            await sandbox.close()
            running.discard(sandbox.name)
            return said

        return set(await asyncio.gather(*(one(number) for number in range(100))))

    assert own.run(many()) == {str(number) for number in range(100)}
    assert most > 1


def test_without_root_it_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user who may do nothing but make a namespace of users; here perhaps root, who does as they do."""
    monkeypatch.setattr("fogbank.engine.sandbox.identity._administers", lambda proc: False)
    monkeypatch.setattr("fogbank.engine.sandbox.cgroups.mounts", lambda text: iter(()))
    with asyncio.Runner() as runner:
        made = make(tmp_path, runner)
        assert made.launcher.controls == {}
        assert made.said("import os; print(os.getuid(), os.getgid())") == "993 990"
        hog = "kept = []\nwhile True: kept.append(bytearray(b'x') * (8 << 20))"
        status, output = made.run(made.result(hog, memory=128))
        assert (status, output.split()[-1]) == (1, "MemoryError")
        made.run(_frozen_by_signals(made))
        runner.run(made.launcher.close())


async def _frozen_by_signals(made: Sandboxes) -> None:
    sandbox, process = await made.start("import os\nos.fork()\nprint('up')\nwhile True: pass")
    assert [await line(sandbox), await line(sandbox)] == ["up", "up"]
    sandbox.freeze()
    before, now = -1.0, 0.0
    while before != now:
        await asyncio.sleep(0.1)
        before, now = now, sandbox.cpu_time()
    sandbox.thaw()
    while sandbox.cpu_time() <= now:
        await asyncio.sleep(0.02)
    assert sandbox.memory_now() > 1 << 20
    assert sandbox.memory_peak() > 1 << 20
    sandbox.freeze()
    await sandbox.close()
    assert await process.exited == -9


USER = """
import asyncio, sys
from pathlib import Path
from tests.engine.sandbox.conftest import Sandboxes
with asyncio.Runner() as runner:
    sandboxes = Sandboxes(Path(sys.argv[1]), runner)
    print(sandboxes.said("import os; print(os.getuid(), open('/proc/self/uid_map').read().split())"))
    sandboxes.run(sandboxes.launcher.close())
"""


def test_a_user_of_the_machine_makes_sandboxes() -> None:
    if not administrator():
        pytest.skip("all other tests run as a user here")
    root = Path(__file__).parents[3]
    user = {"user": 54321, "group": 54321, "extra_groups": []}
    seen = subprocess.run(
        [sys.executable, "-c", "import tests, fogbank"], cwd=root, capture_output=True, check=False, **user
    )
    if seen.returncode:
        pytest.skip("another user cannot read this checkout")
    with tempfile.TemporaryDirectory() as directory:  # pytest's own are closed to others
        os.chown(directory, 54321, 54321)
        command = [sys.executable, "-c", USER, directory]
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=LONG, check=False, env={}, **user
        )
    if "SandboxError" in done.stderr or "Unavailable" in done.stderr:
        pytest.skip(f"the kernel lets no user make namespaces: {done.stderr.splitlines()[-1]}")
    assert (done.stdout, done.stderr) == ("993 ['993', '0', '1']\n", "")


def test_the_prefix_of_this_python_is_known() -> None:
    assert all(prefix.is_dir() for prefix in prefixes())
