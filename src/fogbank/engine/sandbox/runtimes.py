"""The interpreters of this machine that can run functions."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from fogbank.engine.sandbox.spec import Interpreter

_PYTHONS = tuple(f"python3.{minor}" for minor in range(8, 15))
# Where they are besides the PATH, the best first: distributions' builds are the fastest.
_PLACES = (
    "/usr/bin", "/usr/local/bin", "~/.pyenv/versions/*/bin", "~/.local/share/uv/python/*/bin", "/opt/*/bin", "/opt/*/*/bin",
    "~/.nvm/versions/node/*/bin", "~/.volta/tools/image/node/*/bin", "~/.local/bin",
)  # fmt: skip
_SHOWN = ("/usr", "/bin", "/lib", "/lib64")  # in every sandbox
_PARTS = ("bin", "lib", "lib64", "ssl")  # of an installation, what its interpreter needs
_ASK = (
    "import sys, ctypes; "
    "print(sys.implementation.name, '%d.%d' % sys.version_info[:2], sys.base_prefix, sys.base_exec_prefix, sep='\\n')"
)


@lru_cache
def installed() -> dict[str, Interpreter]:
    """Each runtime that the machine has, by AWS's name. Starts every interpreter that it finds, once: takes a moment."""
    programs = list(dict.fromkeys(_candidates()))
    with ThreadPoolExecutor(4) as pool:
        found = [each for each in pool.map(_ask, programs) if each]
    first: dict[str, Interpreter] = {}
    for each in found:
        first.setdefault(each.name, each)
    return dict(sorted(first.items()))


def _candidates() -> list[Path]:
    places = [Path("/", *Path(place).expanduser().parts[1:]) for place in _PLACES]
    directories = [found for place in places for found in sorted(Path("/").glob(str(place)[1:]), reverse=True)]
    directories += [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry.startswith("/")]
    named = [directory / name for directory in directories for name in (*_PYTHONS, "node")]
    return [path for path in named if os.access(path, os.X_OK) and path.is_file() and _is_safe(path)]


def _is_safe(program: Path) -> bool:
    """Whether nobody can replace a program but who could replace this one, too: it is started as who this is, which may be root."""
    real = program.resolve()
    if real.is_relative_to(Path(sys.base_prefix).resolve()):
        return True
    states = [each.stat() for path in (program, real) for each in (path, *path.parents)]
    mine = all(state.st_uid in (0, os.geteuid()) for state in states)
    return mine and not any(state.st_mode & stat.S_IWOTH and not state.st_mode & stat.S_ISVTX for state in states)


def _ask(program: Path) -> Interpreter | None:
    """What a program is; None if it does not run, or is a virtual environment's or another Python."""
    command = ["--version"] if program.name == "node" else ["-I", "-S", "-c", _ASK]
    try:
        done = subprocess.run(
            [program, *command], capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.split("\n")
    if program.name == "node":
        version = re.match(r"v(\d+)\.", lines[0])
        return version and Interpreter(
            f"nodejs{version[1]}.x", program.resolve(), _prefixes([program.resolve().parents[1]])
        )
    if done.returncode or lines[0] != "cpython":
        return None
    base = Path(lines[2], "bin", program.name)
    return (
        Interpreter(f"python{lines[1]}", base, _prefixes([Path(lines[2]), Path(lines[3])])) if base.exists() else None
    )


def _prefixes(directories: list[Path]) -> tuple[Path, ...]:
    """What of installations is shown in a sandbox that shows it not anyway: programs, libraries, certificates. No more: an
    interpreter may be in ~/bin or ~/.local/bin, where the rest is its owner's.
    """
    parts = [each / part for each in dict.fromkeys(directories) for part in _PARTS]
    return tuple(each for each in parts if each.is_dir() and not any(each.is_relative_to(shown) for shown in _SHOWN))
