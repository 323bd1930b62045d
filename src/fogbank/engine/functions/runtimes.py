"""The runtimes of this machine under AWS's names, and what each needs inside."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from fogbank.engine.sandbox.runtimes import installed

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.engine.functions.spec import FunctionSpec

CUSTOM = ("provided.al2", "provided.al2023")
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"  # a script that starts the runtime, of a layer mostly
BOOTSTRAPS = ("/var/task/bootstrap", "/opt/bootstrap")


def available() -> list[str]:
    """The names of all runtimes that run here, by AWS's names. Blocks a moment, the first time."""
    return [*installed(), *CUSTOM]


def version_of(runtime: str, region: str) -> tuple[str, str]:
    """A runtime's version and its ARN, as INIT_START and GetFunctionConfiguration have them."""
    name = re.sub(r"^(python|nodejs|provided)\.?", r"\1:", runtime).removesuffix(".x")
    version = f"{name}.v1"
    digest = hashlib.sha256(version.encode()).hexdigest()
    return version, f"arn:aws:lambda:{region}::runtime:{digest}"


def command(spec: FunctionSpec) -> tuple[str, ...]:
    """What runs a function. Python's is forked from a template: its name says the module whose main() is called."""
    if forks(spec):
        return ("bootstrap",)
    if spec.runtime in CUSTOM:
        return (bootstrap_of(spec) or BOOTSTRAPS[0],)
    program = str(installed()[spec.runtime].program)
    wrapper = (spec.environment[WRAPPER],) if spec.environment.get(WRAPPER) else ()
    if spec.runtime.startswith("python"):
        return (*wrapper, program, "/var/runtime/bootstrap.py")
    return (*wrapper, program, *node_flags(spec), "/var/runtime/index.mjs")


def forks(spec: FunctionSpec) -> bool:
    """Whether the runtime is forked from a template: Python, unless a wrapper script is to start it."""
    return spec.runtime.startswith("python") and not spec.environment.get(WRAPPER)


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
