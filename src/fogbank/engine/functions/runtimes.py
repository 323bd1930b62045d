"""The runtimes of this machine under AWS's names, and what each needs inside."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fogbank.engine.sandbox.spec import Interpreter

if TYPE_CHECKING:
    from fogbank.engine.functions.spec import FunctionSpec

PYTHONS = tuple(f"python3.{minor}" for minor in range(8, 15))
NODES = ("nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x")
CUSTOM = ("provided.al2", "provided.al2023")
BOOTSTRAPS = ("/var/task/bootstrap", "/opt/bootstrap")
INSIDE = Path(__file__).parent / "inside"  # what is mounted at /var/runtime


@lru_cache(maxsize=1)
def interpreters() -> dict[str, Interpreter]:
    """The runtimes that this machine has an interpreter for, and where; looked for once."""
    found = {name: path for name in PYTHONS if (path := python(name))}
    node = node_version()
    found |= {f"nodejs{node[0]}.x": node[1]} if node and f"nodejs{node[0]}.x" in NODES else {}
    return {name: Interpreter(name, path, (path.parent.parent,)) for name, path in found.items()}


def available() -> list[str]:
    """The names of all runtimes that run here, by AWS's names."""
    return [*interpreters(), *CUSTOM]


def python(name: str) -> Path | None:
    """An interpreter of a version: the system's, or the newest of pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    version = name.removeprefix("python")
    managed = sorted(root.glob(f"{version}.*/bin/{name}"), key=lambda path: patch(path.parts[-3]))
    for path in (Path("/usr/bin") / name, Path("/usr/local/bin") / name, *reversed(managed)):
        if os.access(path, os.X_OK):
            return path.resolve()
    return None


def patch(version: str) -> int:
    """The last number of 3.11.7; pre-releases come first."""
    digits = re.fullmatch(r"\d+\.\d+\.(\d+)", version)
    return int(digits[1]) if digits else -1


def node_version() -> tuple[int, Path] | None:
    """The major version of this machine's Node.js, and where it is."""
    for path in (Path("/usr/bin/node"), Path("/usr/local/bin/node")):
        if os.access(path, os.X_OK):
            said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
            version = re.match(r"v(\d+)\.", said)
            return (int(version[1]), path.resolve()) if version else None
    return None


def version_of(runtime: str, region: str) -> tuple[str, str]:
    """A runtime's version and its ARN, as INIT_START and GetFunctionConfiguration have them."""
    name = re.sub(r"^(python|nodejs|provided)\.?", r"\1:", runtime).removesuffix(".x")
    version = f"{name}.v1"
    digest = hashlib.sha256(version.encode()).hexdigest()
    return version, f"arn:aws:lambda:{region}::runtime:{digest}"


def command(spec: FunctionSpec) -> tuple[str, ...]:
    """What runs a function. Python's is forked from a template: its name says the module whose main() is called."""
    if spec.runtime.startswith("python"):
        return ("bootstrap",)
    if spec.runtime.startswith("nodejs"):
        return (str(interpreters()[spec.runtime].program), *node_flags(spec), "/var/runtime/index.mjs")
    return (bootstrap_of(spec) or BOOTSTRAPS[0],)


def node_flags(spec: FunctionSpec) -> tuple[str, ...]:
    """The heap of JavaScript is kept within the function's memory, so that it collects before it is killed."""
    return ("--expose-gc", f"--max-old-space-size={max(32, spec.memory * 9 // 10)}", "--max-http-header-size=81920")


def host_path(spec: FunctionSpec, inside: str) -> Path | None:
    """The file that a path of /var/task or /opt shows inside; of layers, the last one that has it."""
    root, _, rest = inside.removeprefix("/var").lstrip("/").partition("/")
    places = [spec.task] if root == "task" else list(reversed(spec.layers))
    return next((place / rest for place in places if (place / rest).is_file()), None)


def bootstrap_of(spec: FunctionSpec) -> str | None:
    """The bootstrap of a custom runtime, as it is called inside."""
    return next((path for path in BOOTSTRAPS if host_path(spec, path)), None)


def missing_entrypoint(spec: FunctionSpec) -> str:
    """Why a custom runtime cannot be started, in AWS's words; empty if it can."""
    if spec.runtime not in CUSTOM:
        return ""
    inside = bootstrap_of(spec)
    path = host_path(spec, inside) if inside else None
    if inside is None or path is None:
        return f"Couldn't find valid bootstrap(s): [{' '.join(BOOTSTRAPS)}]"
    if not path.stat().st_mode & 0o111:
        return f"fork/exec {inside}: permission denied"
    with path.open("rb") as file:
        head = file.read(4)
    return "" if head[:2] == b"#!" or head == b"\x7fELF" else f"fork/exec {inside}: exec format error"
