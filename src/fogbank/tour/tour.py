"""One tour: what its steps share, in which order they go, and the cleaning up afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.tour import programs, tree
from fogbank.tour.client import Client
from fogbank.tour.programs import Done, Runner, TourError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fogbank.tour.screen import Screen
    from fogbank.tour.target import Target

CHUNK = 8 << 20  # bytes of a part
_HOW = "install it with `pip install awscli`, or as aws.amazon.com/cli says"
_CONFIG = """[default]
s3 =
  max_concurrent_requests = {requests}
  multipart_threshold = 8MB
  multipart_chunksize = {chunk}
  addressing_style = path
  signature_version = s3v4
{more}"""


class Tour:
    """What the steps share. `work` is a directory of the tour's own; `source` the tree; `local` its files' digests, once read."""

    def __init__(
        self, target: Target, screen: Screen, work: Path, *, user_tree: Path | None = None, large: int = tree.LARGE,
        least: int = tree.LEAST, endpoint: str = "",
    ) -> None:  # fmt: skip
        self.target = target
        self.screen = screen
        self.work = work
        screen.directory = str(work)
        self.large_size = large
        self.least = least
        self.endpoint = endpoint or target.endpoint
        self.user_tree = user_tree
        self.source = user_tree or work / "tree"
        self.large = work / "large.bin"
        self.local: dict[str, tree.File] = {}
        self.checks = 0
        self.keep = False  # whether what it makes stays
        self.bucket = f"fogbank-tour-{secrets.token_hex(4)}"
        self.kept = f"{self.bucket}-kept"
        self.race = f"{self.bucket}-race"
        self.user = f"fogbank-tour-{secrets.token_hex(4)}"
        environ = programs.environment(
            os.environ, self.endpoint, target.runtime.region, self.config("config", 8), target.runtime.ca
        )
        self.as_root = {
            "AWS_ACCESS_KEY_ID": target.root.access_key_id, "AWS_SECRET_ACCESS_KEY": target.root.secret_access_key,
        }  # fmt: skip
        self.runner = Runner(screen, environ | self.as_root)
        self.program = programs.need("aws", os.environ, _HOW)
        self.client = Client(self.endpoint, target.runtime.region, target.root, target.runtime.ca)

    def config(self, name: str, requests: int, *, chunk: str = "8MB", more: str = "") -> Path:
        """An AWS config file of the tour's own."""
        path = self.work / name
        path.write_text(_CONFIG.format(requests=requests, chunk=chunk, more=f"  {more}\n" if more else ""))
        return path

    def aws(self, *words: str, **how: Any) -> Done:
        """Run the aws command."""
        return self.runner.run([self.program, *words], **how)

    def json(self, *words: str, **how: Any) -> Any:
        """What an aws command prints, decoded."""
        done = self.aws(*words, **how)
        try:
            return msgspec.json.decode(done.stdout or b"{}")
        except msgspec.DecodeError:
            raise TourError(f"aws {' '.join(words)} did not print JSON: {done.text[:500]}") from None

    def refused(self, code: str, *words: str, environ: Mapping[str, str] | None = None) -> None:
        """Run an aws command that must be refused with an error code."""
        done = self.aws(*words, environ=environ, expect=None)
        self.check(
            done.code != 0 and f"({code})" in done.stderr,
            f"aws {' '.join(words)} should have been refused with {code}; it ended with code {done.code}: {done.stderr or done.text}",
        )
        said = done.stderr.strip().splitlines()[-1].partition(": ")
        self.screen.say(f"refused, {code}: {said[2][:110]}")

    def check(self, holds: bool, otherwise: str) -> None:
        """TourError unless it holds."""
        if not holds:
            raise TourError(otherwise)
        self.checks += 1

    def check_same(self, expected: Mapping[str, Any], found: Mapping[str, Any], what: str) -> None:
        """Every name is in both, with the same value."""
        missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
        different = sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name])
        faults = {"missing": missing, "not expected": extra, "different": different}
        told = "; ".join(f"{len(names)} {fault}, such as {names[0]!r}" for fault, names in faults.items() if names)
        self.check(not told, f"{what}: {told}")
        self.checks += max(0, len(expected) - 1)

    def url(self, key: str = "") -> str:
        """An s3:// address in the tour's bucket."""
        return f"s3://{self.bucket}/{key}"


@contextmanager
def touring(target: Target, screen: Screen, *, keep: bool = False, **how: Any) -> Iterator[Tour]:
    """A tour, and the cleaning up after it: also when it fails or is interrupted."""
    work = Path(tempfile.mkdtemp(prefix="fogbank-tour-"))
    begun = time.perf_counter()
    tour = None
    try:
        tour = Tour(target, screen, work, **how)
        tour.keep = keep
        with explained():
            yield tour
    finally:
        with uninterrupted():
            clean_up(tour, target, screen, work)
    screen.title(f"\nAll is as it must be: {tour.checks:,} checks in {time.perf_counter() - begun:.1f} s.")


@contextmanager
def explained() -> Iterator[None]:
    """What the tour's own client cannot do is a failure of the tour like any other."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise TourError(f"{type(error).__name__}: {error}") from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A second Ctrl-C does not end the cleaning up."""
    import signal

    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def clean_up(tour: Tour | None, target: Target, screen: Screen, work: Path) -> None:
    """End what runs, and remove everything that the tour made."""
    if tour is not None:
        tour.runner.end_all()
        target.ensure_running(tour.runner, work)
    if tour is not None and tour.keep:
        screen.title(f"\nKept: the buckets {', '.join(kept(tour)) or '(none)'} and the directory {work}")
        return
    try:
        if tour is not None:
            with explained():
                remove_all(tour)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def kept(tour: Tour) -> list[str]:
    """The tour's buckets that are there: which ones depends on its steps."""
    names = [bucket["Name"] for bucket in tour.client.s3.list_buckets()["Buckets"]]
    return [name for name in names if name.startswith(tour.bucket)]


def remove_all(tour: Tour) -> None:
    """Remove the buckets, the user, the roles and the function, whatever is left of them."""
    begun = time.perf_counter()
    names = (tour.bucket, tour.kept, f"{tour.race}-reads", f"{tour.race}-site")
    count = sum(tour.client.remove_bucket(name) for name in names)
    tour.client.remove_function(f"{tour.race}-results")
    tour.client.remove_user(tour.user)
    tour.client.remove_role(tour.user)
    tour.screen.say(f"cleaned up: {count:,} objects, the buckets, and the temporary files", time.perf_counter() - begun)
