"""What `fogbank doctor` says of functions: whether sandboxes can be made, what limits them, which runtimes there are."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fogbank.cli.checks import FUNCTIONS, Check

if TYPE_CHECKING:
    from fogbank.engine.sandbox.launcher import Launcher

_SANDBOXES, _LIMITS, _RUNTIMES = "sandboxes", "limits", "runtimes"
_NONE = {
    "memory": "memory of each process by rlimit",
    "cpu": "processor time not limited",
    "pids": "processes by rlimit",
}
_DELEGATE = "run as root, or below a group that is yours: systemd-run --user --scope -p Delegate=yes fogbank up"


def run() -> list[Check]:
    """Make a sandbox and end it, in a directory of its own."""
    from fogbank.engine.sandbox import runtimes
    from fogbank.engine.sandbox.spec import SandboxError

    purpose = "to run functions apart from the machine and from each other"
    try:
        with tempfile.TemporaryDirectory() as directory:
            found, limits = asyncio.run(_try(Path(directory)))
    except (SandboxError, OSError) as error:
        return [Check(_SANDBOXES, FUNCTIONS, purpose, False, str(error), _fix(str(error)))]
    names = ", ".join(runtimes.installed())
    return [
        Check(_SANDBOXES, FUNCTIONS, purpose, True, found),
        Check(_LIMITS, FUNCTIONS, "to hold functions to their memory and processor time", True, limits),
        Check(
            _RUNTIMES,
            FUNCTIONS,
            "to run functions in Python and Node.js",
            True,
            f"{names}, provided" if names else "provided",
        ),
    ]


async def _try(directory: Path) -> tuple[str, str]:
    """How it went: the way sandboxes are made and how long it took; what limits them."""
    from fogbank.engine.sandbox.launcher import Launcher
    from fogbank.engine.sandbox.spec import SandboxSpec

    launcher = Launcher(directory)
    try:
        (directory / "task").mkdir()
        spec = SandboxSpec("doctor", directory / "task", ("/bin/true",), {})
        await launcher.warm(spec)
        begun = time.perf_counter()
        sandbox = await launcher.start(spec)
        process = await sandbox.start_runtime()
        status = await process.exited
        took = (time.perf_counter() - begun) * 1000
        await sandbox.close()
        how = "in a namespace of users" if launcher.rootless else "as root, each with a user of its own"
        return f"{how}; /bin/true in {took:.0f} ms" + (f", but it failed: {status}" if status else ""), _limits(
            launcher
        )
    finally:
        await launcher.close()


def _limits(launcher: Launcher) -> str:
    held = [f"{name} (version {place.version})" for name, place in launcher.controls.items() if name in _NONE]
    missing = [text for name, text in _NONE.items() if name not in launcher.controls]
    by_groups = "control groups: " + ", ".join(held) if held else "no control groups"
    return "; ".join([by_groups, *missing]) + (f". For all: {_DELEGATE}" if missing else "")


def _fix(reason: str) -> str:
    if "pyseccomp" in reason:
        return "pip install 'fogbank[functions]'"
    if "libseccomp" in reason:
        return "install libseccomp2 (apt-get), libseccomp (dnf, pacman, apk)"
    users = "sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
    return f"Linux 5.12 or later; as root, or after {users}"
