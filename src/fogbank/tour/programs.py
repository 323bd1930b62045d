"""The clients: found on this machine, and run with an environment in which the user's own settings do not count."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fogbank.tour.screen import Screen

_SECONDS = 900.0  # a command that takes longer hangs
_GRACE = 3.0


class TourError(RegionError):
    """Something is not as it must be."""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def text(self) -> str:
        """Its output as text."""
        return self.stdout.decode(errors="replace")


def find(name: str, environ: Mapping[str, str]) -> str | None:
    """A program: next to the Python that runs (a virtual environment's), else on the PATH."""
    beside = Path(sys.executable).with_name(name)
    if beside.is_file():
        return str(beside)
    return shutil.which(name, path=environ.get("PATH"))


def need(name: str, environ: Mapping[str, str], how: str) -> str:
    """A program that must be there."""
    path = find(name, environ)
    if path is None:
        raise TourError(f"the tour needs the command {name!r}, which is not on the PATH: {how}")
    return path


def environment(base: Mapping[str, str], endpoint: str, region: str, config: Path, ca: str) -> dict[str, str]:
    """The environment of every client: nothing of the user's AWS settings, no proxy between the client and the region."""
    host = endpoint.partition("://")[2].rpartition(":")[0].strip("[]")
    kept = {name: value for name, value in base.items() if not name.startswith(("AWS_", "BOTO_", "FOGBANK_"))}
    around = ",".join(filter(None, [base.get("no_proxy") or base.get("NO_PROXY"), host, "127.0.0.1", "localhost"]))
    made = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "AWS_DEFAULT_OUTPUT": "json",
        "no_proxy": around,
        "NO_PROXY": around,
        "PYTHONUTF8": "1",  # file names are UTF-8, whatever the locale
        "LC_ALL": "C.UTF-8",
    }
    return kept | made | ({"AWS_CA_BUNDLE": ca, "CURL_CA_BUNDLE": ca} if ca else {})


class Runner:
    """Runs commands, shows them, and ends those that still run when the tour does."""

    def __init__(self, screen: Screen, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        self._screen = screen
        self._running: list[subprocess.Popen[bytes]] = []

    def run(
        self, words: Sequence[str], *, environ: Mapping[str, str] | None = None, stdin: bytes = b"", cwd: Path | None = None,
        expect: int | None = 0, show: bool = True,
    ) -> Done:  # fmt: skip
        """Run a command to its end. TourError, with what it said, unless it exits with the code `expect` (None: with any)."""
        begun = time.perf_counter()
        process = self.start(words, environ=environ, cwd=cwd, stdin=subprocess.PIPE)
        done = self.wait(process, begun, stdin)
        if show:
            self._screen.command([Path(words[0]).name, *words[1:]], done.seconds)
        if expect is not None and done.code != expect:
            said = (done.stderr.strip() or done.text.strip())[-2000:]
            raise TourError(f"{' '.join([Path(words[0]).name, *words[1:]])}\nended with code {done.code}:\n{said}")
        return done

    def start(
        self,
        words: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: Any = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a command and return at once."""
        process = subprocess.Popen(
            words,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=self.environ | dict(environ or {}),
        )
        self._running.append(process)
        return process

    def wait(self, process: subprocess.Popen[bytes], begun: float, stdin: bytes | None = None) -> Done:
        """Wait for a started command."""
        try:
            stdout, stderr = process.communicate(stdin, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise TourError(f"a command has not ended after {_SECONDS:.0f} s: {process.args!r}") from None
        self._running.remove(process)
        return Done(process.returncode, stdout, stderr.decode(errors="replace"), time.perf_counter() - begun)

    def end_all(self) -> None:
        """End what still runs."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.communicate(timeout=_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        self._running.clear()
