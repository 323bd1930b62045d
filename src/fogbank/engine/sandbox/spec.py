"""What a sandbox is asked to be, and what comes of what runs in it.

Inside, every process has uid 993 and gid 990 (`sbx_user1051`), no capabilities, and sees:

    /var/task      the code, read-only          /opt          the layers, merged, read-only
    /var/runtime   the runtime's files, read-only   /tmp      its own, of the ephemeral size
    /usr /lib /bin /etc (a few files) /dev /proc    and the directories of its interpreter, read-only

Its network is its own loopback: it reaches nothing but the sockets in `PORTS`, which the control process listens on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

# The sockets inside, each listening before anything runs: name -> port of 127.0.0.1.
PORTS = {"runtime": 9001, "region": 4566, "proxy": 3128}


class Interpreter(msgspec.Struct, frozen=True):
    """A program of this machine that runs functions: `program` is there inside too, at the same path."""

    name: str  # AWS's name of the runtime: python3.11, nodejs20.x
    program: Path
    prefixes: tuple[Path, ...] = ()  # directories that it needs besides /usr, /lib, /lib64, /bin


class SandboxSpec(msgspec.Struct, frozen=True):
    """A sandbox. The directories need to be readable for everybody (a+rX); those above them need not be.

    `fork`: the runtime is forked from a template, a Python process of `interpreter` that has imported the module
    `command[0]` from `runtime_dir`; its `main()` is called with the environment set, /var/task as working directory, sys.argv =
    command and sys.path = /var/runtime and the standard library. Otherwise `command` is executed.
    """

    name: str  # of the log and the cgroup: letters, digits, "-", "_"; unique among those that run
    task: Path
    command: tuple[str, ...]
    environment: dict[str, str]
    runtime_dir: Path | None = None
    interpreter: Interpreter | None = None  # None: the program is in the task, or of the machine
    layers: tuple[Path, ...] = ()  # later ones hide earlier ones
    memory: int = 128  # MiB
    ephemeral: int = 512  # MiB
    fork: bool = False


class SandboxError(Exception):
    """A sandbox could not be made; says why."""


class Unavailable(SandboxError):
    """This machine cannot make sandboxes, or not with this interpreter; says what is missing."""
