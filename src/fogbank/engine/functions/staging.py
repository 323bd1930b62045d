"""What is mounted at /var/runtime, put together from this installation: AWS's clients and SDK for Python, our own for Node.js."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fogbank.engine.functions.spec import Unavailable

if TYPE_CHECKING:
    from fogbank.engine.sandbox.spec import Interpreter

INSIDE = Path(__file__).parent / "inside"
CLIENT = ("awslambdaric", "simplejson")
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")
DISTRIBUTIONS = ("awslambdaric", "simplejson", "boto3", "botocore", "urllib3")
KEPT = {".py", ".pyc", ".json", ".gz", ".pem"}  # what is compiled already is valid with its source's time


class Stage:
    """The directories for /var/runtime below a directory of the region's. All methods block: call them in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ready: dict[str, Path] = {}

    def runtime_dir(self, runtime: str, interpreter: Interpreter | None) -> Path | None:
        """The directory for a runtime; None for custom ones."""
        family = runtime.rstrip("0123456789.x")
        if family not in ("python", "nodejs") or interpreter is None:
            return None
        if runtime not in self._ready:
            sources = python_sources() if family == "python" else node_sources()
            path = self._directory / f"{family}-{digest(sources, family)}"
            if not path.exists():
                build(path, sources)
            if family == "python":
                compiled(path, interpreter)
            self._ready[runtime] = path
        return self._ready[runtime]


def python_sources() -> dict[str, Path]:
    """Name below /var/runtime -> where it is now."""
    found = {path.name: path for path in (INSIDE / "python").glob("*.py")}
    for name in (*CLIENT, *SDK):
        place = importlib.util.find_spec(name)
        if place is None or place.origin is None:
            raise Unavailable(f"the Python package {name} is not installed: pip install 'fogbank[functions]'")
        origin = Path(place.origin)
        found[origin.parent.name if origin.name == "__init__.py" else origin.name] = (
            origin.parent if origin.name == "__init__.py" else origin
        )
    return found


def node_sources() -> dict[str, Path]:
    """The client for Node.js."""
    return {path.name: path for path in (INSIDE / "nodejs").iterdir()}


def digest(sources: dict[str, Path], family: str) -> str:
    """What a directory's name says of its content: our files, and the versions of the others."""
    found = hashlib.sha256()
    for name, path in sorted(sources.items()):
        found.update(name.encode() + b"\0" + (path.read_bytes() if path.is_relative_to(INSIDE) else b"") + b"\0")
    if family == "python":
        found.update(" ".join(version(name) for name in DISTRIBUTIONS).encode())
    return found.hexdigest()[:16]


def build(path: Path, sources: dict[str, Path]) -> None:
    """Put a directory together beside its place, and move it there."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name, source in sources.items():
        for file in [source] if source.is_file() else sorted(source.rglob("*")):
            target = unfinished / name / file.relative_to(source) if source.is_dir() else unfinished / name
            if file.is_file() and (file.suffix in KEPT or not source.is_dir()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target)
    for directory, _, files in os.walk(unfinished):
        os.chmod(directory, 0o755)
        for entry in files:
            os.chmod(Path(directory) / entry, 0o644)
    try:
        unfinished.rename(path)
    except OSError:  # another process was first
        shutil.rmtree(unfinished)
        if not path.exists():
            raise


def compiled(path: Path, interpreter: Interpreter) -> None:
    """Compile for an interpreter, once: inside, the directory cannot be written. What does not compile there, is not for it."""
    mark = path / f".{interpreter.name}"
    if mark.exists():
        return
    subprocess.run(
        [interpreter.program, "-I", "-m", "compileall", "-q", "-j", "1", path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    mark.touch()
