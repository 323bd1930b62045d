"""The tour, taken: over a real region with the real clients; and that it fails when something is not as it must be."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from fogbank.region import launch, processes, settings
from fogbank.region.data import DataDir
from fogbank.tour import crash, objects, tree
from fogbank.tour.programs import TourError, environment
from fogbank.tour.screen import Screen
from fogbank.tour.target import Target
from fogbank.tour.tour import Tour, kept, touring

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("tour")]

FOGBANK = Path(sys.executable).with_name("fogbank")
FILES = 250


def run(*arguments: str, temporary: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    environ = {"HOME": str(temporary), "PATH": os.environ["PATH"], "TMPDIR": str(temporary)}
    return subprocess.run(
        [FOGBANK, *arguments], capture_output=True, text=True, env=environ, timeout=timeout, check=False
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running region's data directory."""
    root = tmp_path_factory.mktemp("region")
    up = run("up", "--detach", "--data", str(root / "data"), "--port", "0", "--workers", "2", "--dev", temporary=root)
    assert up.returncode == 0, up.stderr
    yield root / "data"
    run("down", "--data", str(root / "data"), temporary=root)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of a few hundred files."""
    root = tmp_path_factory.mktemp("tree")
    for number in range(FILES):
        path = root / f"folder {number % 7}" / f"file+{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(str(number).encode() * number * 20)  # the first is empty
    (root / "link").symlink_to("nowhere")
    return root


@pytest.fixture
def tour(data: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tour]:
    """A tour in this process, of the small tree and a large file of two parts."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    screen = Screen(Console(file=io.StringIO()))
    with touring(Target(data), screen, user_tree=small, large=9 << 20) as made:
        yield made
    assert not list(tmp_path.iterdir())


def test_the_tour(data: Path, small: Path, tmp_path: Path) -> None:
    before = processes.running(DataDir(data))
    assert before
    steps = "sync,verify,list,presign,keep,crash"
    done = run("tour", "--data", str(data), "--tree", str(small), "--steps", steps, temporary=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{FILES} files, " in done.stdout
    assert "with another signature: 403" in done.stdout
    assert "acknowledged objects are there, byte for byte" in done.stdout
    assert "All is as it must be: " in done.stdout
    assert "\x1b" not in done.stdout
    after = processes.running(DataDir(data))
    assert after
    assert (after.endpoint, after.account, list(after.children)) == (
        before.endpoint,
        before.account,
        list(before.children),
    )
    assert after.supervisor != before.supervisor
    launched = launch.launched(DataDir(data))
    assert launched
    assert "dev = true" in launched.settings
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith("fogbank-tour-")]
    target = Target(data)
    s3 = Tour(target, Screen(), tmp_path).client.s3
    assert s3.list_buckets()["Buckets"] == []


def test_interrupted(data: Path, small: Path, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    words = [str(FOGBANK), "tour", "--data", str(data), "--tree", str(small), "--steps", "sync,verify"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
        assert process.stdout
        for line in process.stdout:
            if b"$ aws s3 mb" in line:
                process.send_signal(signal.SIGTERM)
                break
        rest, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    assert b"cleaned up" in rest
    assert b"Traceback" not in stderr
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith("fogbank-tour-")]


def test_damaged_bytes(tour: Tour, data: Path) -> None:
    objects.sync_up(tour)
    blobs = [path for path in (data / "blobs").rglob("*") if path.is_file()]
    largest = max(blobs, key=lambda path: path.stat().st_mtime if path.stat().st_size > 1 << 20 else 0)
    content = bytearray(largest.read_bytes())
    content[1000] ^= 1
    mode = largest.stat().st_mode
    largest.chmod(0o600)
    largest.write_bytes(content)
    largest.chmod(mode)
    with pytest.raises(TourError, match=r"is not what was copied|ended with code 1|ended with code 2"):
        objects.copy_move_delete(tour)


def test_damaged_answers(tour: Tour) -> None:
    objects.sync_up(tour)
    real = tour.program
    tour.program = liar(tour, "s3api list-objects-v2", tour.local["folder 1/file+1.txt"].md5, "0" * 32)
    with pytest.raises(TourError, match=r"the listed ETags: 1 different, such as 'folder 1/file\+1.txt'"):
        objects.verify(tour)
    tour.program = real
    tour.program = liar(tour, "s3 ls", "Total Objects: 2", "Total Objects: 3")
    with pytest.raises(TourError, match="aws s3 ls says"):
        objects.list_prefixes(tour)


def liar(tour: Tour, command: str, old: str, new: str) -> str:
    """An aws command that tells one thing otherwise in its answers to one command."""
    path = tour.work / f"liar {command}"
    path.write_text(
        f"#!{sys.executable}\nimport subprocess, sys\n"
        f"done = subprocess.run([{tour.program!r}, *sys.argv[1:]], capture_output=True, text=True)\n"
        f"said = done.stdout.replace({old!r}, {new!r}, 1) if sys.argv[1:3] == {command.split()!r} else done.stdout\n"
        "sys.stdout.write(said)\nsys.stderr.write(done.stderr)\nsys.exit(done.returncode)\n"
    )
    path.chmod(0o755)
    return str(path)


def test_the_buckets_that_are_left_are_those_of_this_tour(tour: Tour) -> None:
    assert kept(tour) == []
    tour.client.s3.create_bucket(Bucket=f"{tour.race}-site")
    tour.client.s3.create_bucket(Bucket="fogbank-tour-of-others")
    try:
        assert kept(tour) == [f"{tour.race}-site"]
    finally:
        tour.client.remove_bucket("fogbank-tour-of-others")


def test_a_lost_object(tour: Tour, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.prepare(tour)
    tour.aws("s3", "mb", tour.url())
    restart = Target.restart

    def lossy(target: Target, *arguments: object) -> float:
        seconds = restart(target, *arguments)  # type: ignore[arg-type]
        key = next(tour.client.listed(tour.bucket, "crash/objects/0/"))["Key"]
        tour.client.s3.delete_object(Bucket=tour.bucket, Key=key)
        return seconds

    monkeypatch.setattr(Target, "restart", lossy)
    with pytest.raises(TourError, match=r"1 of [0-9]+ acknowledged objects are lost"):
        crash.crash(tour)


def test_an_interruption_while_the_region_is_down(data: Path, small: Path) -> None:
    def take() -> None:
        with touring(Target(data), Screen(Console(file=io.StringIO())), user_tree=small) as made:
            made.target.kill(made.runner)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take()
    assert processes.running(DataDir(data))


def test_a_region_in_the_foreground_is_not_killed(tour: Tour, monkeypatch: pytest.MonkeyPatch) -> None:
    before = processes.running(DataDir(tour.target.data.root))
    monkeypatch.setattr(launch, "launched", lambda _: launch.Launched("", detached=False))
    crash.crash(tour)
    assert processes.running(DataDir(tour.target.data.root)) == before


def test_no_region_no_tour(tmp_path: Path) -> None:
    done = run("tour", "--data", str(tmp_path), temporary=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"fogbank: no region is running on {tmp_path}: start one")
    done = run("tour", "--steps", "fly", temporary=tmp_path)
    assert done.returncode == 2
    assert "the steps are sync, verify" in done.stderr


def test_a_small_machine_has_enough_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "FILES", 40)
    said = tree.build(tmp_path / "tree", least=120)
    assert said.startswith("40 files of Python's library")
    found = tree.digests(tmp_path / "tree")
    assert len(found) == 121
    assert found["names/empty"].size == 0
    assert {f"names/{name}" for name in tree.NAMES} <= found.keys()


def test_what_is_launched_is_a_settings_file(data: Path, tmp_path: Path) -> None:
    launched = launch.launched(DataDir(data))
    assert launched
    path = tmp_path / "settings.toml"
    path.write_text(launched.settings)
    again = settings.load(environ={}, config=path)
    assert (again.data, again.dev, again.workers) == (data, True, 2)
    assert launch.launched(DataDir(tmp_path)) is None


def test_the_clients_environment() -> None:
    base = {
        "AWS_PROFILE": "mine",
        "AWS_ENDPOINT_URL_S3": "x",
        "FOGBANK_PORT": "1",
        "HTTPS_PROXY": "p",
        "NO_PROXY": "a",
        "HOME": "/h",
    }
    made = environment(base, "https://[::1]:1", "eu-north-1", Path("/c"), "/ca")
    assert made["no_proxy"] == "a,::1,127.0.0.1,localhost"
    assert made["AWS_CA_BUNDLE"] == "/ca"
    assert made["HTTPS_PROXY"] == "p"
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "FOGBANK_PORT"} & made.keys()


def test_the_screen_is_plain_in_a_file() -> None:
    file = io.StringIO()
    screen = Screen(Console(file=file, highlight=False, soft_wrap=True))
    screen.directory = "/tmp/x"
    with screen.step("A step"):
        screen.command(["aws", "cp", "/tmp/x/a b", "[c]"], 1.5)
    assert file.getvalue().splitlines()[1:3] == ["1  A step", "   $ aws cp 'a b' '[c]'" + " " * 77 + "  1.50 s"]
