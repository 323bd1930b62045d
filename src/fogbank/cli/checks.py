"""What `fogbank doctor` looks at: each check says what it found, what it is for, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fogbank.region.data import DataDir
from fogbank.region.errors import RegionError
from fogbank.region.listener import bind
from fogbank.region.processes import running

if TYPE_CHECKING:
    from fogbank.region.settings import Settings

NOW = "now"  # without it the region does not run
CLIENT = "client"  # nice to have beside it
FUNCTIONS = "functions"  # without it Lambda keeps functions but does not run them
LATER = "later"  # for an engine that does not exist yet

_MIN_FREE = 200 << 20
_LOW_FREE = 2 << 30
_SLOW_SYNC = 20.0  # milliseconds
_SYNCS = 15
_MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs"}
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"}


class Check(NamedTuple):
    """One finding. `need` is now, client, functions or later; `ok` False with need "now" means that the region cannot run."""

    name: str
    need: str
    purpose: str
    ok: bool
    found: str
    fix: str = ""


class _Tool(NamedTuple):
    name: str
    need: str
    purpose: str
    programs: tuple[str, ...]
    packages: dict[str, str]  # by package manager
    version: str = "--version"


_TOOLS = (
    _Tool("aws CLI", CLIENT, "to use the region from a shell", ("aws",),
          {"apt-get": "awscli", "dnf": "awscli2", "pacman": "aws-cli", "apk": "aws-cli", "zypper": "aws-cli", "brew": "awscli"}),
    _Tool("Terraform", CLIENT, "to describe what is in the region as code", ("terraform", "tofu"), {"brew": "opentofu"}),
    _Tool("QEMU", LATER, "for EC2 instances", ("qemu-system-x86_64", "qemu-system-aarch64"),
          {"apt-get": "qemu-system", "dnf": "qemu-kvm", "pacman": "qemu-base", "apk": "qemu-system-x86_64", "zypper": "qemu"}),
    _Tool("nftables", LATER, "for security groups in VPCs", ("nft",),
          {"apt-get": "nftables", "dnf": "nftables", "pacman": "nftables", "apk": "nftables", "zypper": "nftables"}),
    _Tool("Podman or Docker", LATER, "for ECS and Lambda container images", ("podman", "docker"),
          {"apt-get": "podman", "dnf": "podman", "pacman": "podman", "apk": "podman", "zypper": "podman"}),
    _Tool("runc or crun", LATER, "to run those containers", ("runc", "crun"),
          {"apt-get": "runc", "dnf": "crun", "pacman": "runc", "apk": "runc", "zypper": "runc"}),
    _Tool("MariaDB", LATER, "for RDS databases with the MySQL protocol", ("mariadbd", "mysqld"),
          {"apt-get": "mariadb-server", "dnf": "mariadb-server", "pacman": "mariadb", "apk": "mariadb", "zypper": "mariadb"}),
    _Tool("PostgreSQL", LATER, "for RDS databases with the PostgreSQL protocol", ("postgres",),
          {"apt-get": "postgresql", "dnf": "postgresql-server", "pacman": "postgresql", "apk": "postgresql"}),
)  # fmt: skip
# Daemons that distributions keep off the PATH.
_EXTRA_PATH = "/usr/sbin:/sbin:/usr/local/sbin:/usr/libexec"


def run_all(settings: Settings) -> list[Check]:
    """Every check, for a region that would run with these settings."""
    data = settings.data
    return [
        _python(),
        _kernel(),
        _package("apsw", "the state, in SQLite"),
        _package("granian", "the HTTP server"),
        _package("uvloop", "the event loop"),
        _directory(data),
        _free_space(data),
        _sync_speed(data),
        _open_files(),
        _port(settings),
        *_tools(),
        _kvm(),
    ]


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check(
        "Python", NOW, "to run at all", ok, platform.python_version(), "" if ok else "install Python 3.11 or later"
    )


def _kernel() -> Check:
    name, purpose = "Linux", "pidfds, to watch the region's processes"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return Check(name, NOW, purpose, False, platform.platform(terse=True), "use Linux 5.3 or later")
    return Check(name, NOW, purpose, True, platform.release())


def _package(name: str, purpose: str) -> Check:
    try:
        found = importlib.metadata.version(name)
        importlib.import_module(name)
    except (importlib.metadata.PackageNotFoundError, ImportError) as error:
        return Check(name, NOW, purpose, False, f"not usable: {error}", f"{sys.executable} -m pip install {name}")
    if name == "apsw":
        import apsw

        found = f"{found} (SQLite {apsw.sqlite_lib_version()})"
    return Check(name, NOW, purpose, True, found)


def _nearest(path: Path) -> Path:
    """The path itself or its nearest ancestor that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _file_system(path: Path) -> str:
    """The type of the file system that `path` is on."""
    best, kind = "", "?"
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return kind
    target = str(path.resolve())
    for line in lines:
        _, mount, of_type = line.split()[:3]
        mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), mount)
        if (target == mount or target.startswith(mount.rstrip("/") + "/")) and len(mount) >= len(best):
            best, kind = mount, of_type
    return kind


def _directory(data: Path) -> Check:
    place = _nearest(data)
    kind = _file_system(place)
    name, purpose = "data directory", "everything that the region keeps"
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        return Check(name, NOW, purpose, False, f"{place} is not writable", "name another directory with --data")
    found = f"{data} ({kind})"
    if kind in _MEMORY_FILE_SYSTEMS:
        found += ": in memory, so a reboot loses everything"
    if kind in _NETWORK_FILE_SYSTEMS:
        return Check(
            name, NOW, purpose, False, found, "use a local disk: SQLite's locks are not reliable over a network"
        )
    return Check(name, NOW, purpose, True, found)


def _free_space(data: Path) -> Check:
    name, purpose = "free disk space", "objects and state"
    try:
        free = shutil.disk_usage(_nearest(data)).free
    except OSError as error:
        return Check(name, NOW, purpose, False, str(error))
    found = f"{free / 2**30:.1f} GiB"
    if free < _MIN_FREE:
        return Check(name, NOW, purpose, False, found, "free some space, or name another directory with --data")
    return Check(name, NOW, purpose, True, found + (": little" if free < _LOW_FREE else ""))


def _sync_speed(data: Path) -> Check:
    name, purpose = "disk sync", "each acknowledged write waits for one"
    try:
        median = _median_sync(_nearest(data))
    except OSError as error:
        return Check(
            name, NOW, purpose, False, error.strerror or str(error), "name a directory on another disk with --data"
        )
    found = f"{median:.2f} ms (median of {_SYNCS})"
    return Check(name, NOW, purpose, True, found + (": slow, and so will writes be" if median > _SLOW_SYNC else ""))


def _median_sync(directory: Path) -> float:
    """Milliseconds that a write of 4 KiB and its fdatasync take."""
    times = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(_SYNCS):
            begun = time.perf_counter()
            file.write(os.urandom(4096))
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def _open_files() -> Check:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ok = hard == resource.RLIM_INFINITY or hard >= 1024
    found = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    return Check("open files", NOW, "connections and objects being served", ok, found, "" if ok else "ulimit -Hn 4096")


def _port(settings: Settings) -> Check:
    runtime = running(DataDir(settings.data))
    name, purpose = f"port {runtime.port if runtime else settings.port}", "where clients expect the region"
    if runtime:
        return Check(name, NOW, purpose, True, "this region is running")
    try:
        bind(settings.host, settings.port).close()
    except RegionError as error:
        problem, _, _ = str(error).partition("\n")
        return Check(name, NOW, purpose, False, problem.rstrip("."), "stop that, or choose another port with --port")
    return Check(name, NOW, purpose, True, "free")


def _tools() -> list[Check]:
    with ThreadPoolExecutor(len(_TOOLS)) as pool:  # some take a second to say their version
        return list(pool.map(_tool, _TOOLS))


def _tool(tool: _Tool) -> Check:
    search = os.environ.get("PATH", os.defpath) + os.pathsep + _EXTRA_PATH
    for program in tool.programs:
        path = shutil.which(program, path=search) or _postgres(program)
        if path:
            return Check(tool.name, tool.need, tool.purpose, True, _version(path, tool.version))
    return Check(tool.name, tool.need, tool.purpose, False, "not installed", _install(tool.packages))


def _postgres(program: str) -> str | None:
    """Debian keeps PostgreSQL's server in a directory for each version."""
    if program != "postgres":
        return None
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return str(found[-1]) if found else None


def _version(path: str, flag: str) -> str:
    environ = {**os.environ, "CHECKPOINT_DISABLE": "1"}  # Terraform asks its maker for news otherwise
    command = [path, flag]
    try:
        output = subprocess.run(
            command, capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL, env=environ
        )
    except (OSError, subprocess.TimeoutExpired):
        return path
    lines = (output.stdout or output.stderr).decode(errors="replace").strip().splitlines()
    return f"{lines[0][:48].strip()} ({path})" if lines else path


def _install(packages: dict[str, str]) -> str:
    """The command that installs it here, or "" if this machine's package manager has none that we know."""
    commands = {
        "apt-get": "sudo apt-get install", "dnf": "sudo dnf install", "pacman": "sudo pacman -S", "apk": "sudo apk add",
        "zypper": "sudo zypper install", "brew": "brew install",
    }  # fmt: skip
    for manager, command in commands.items():
        if shutil.which(manager) and manager in packages:
            return f"{command} {packages[manager]}"
    return ""


def _kvm() -> Check:
    name, purpose = "KVM", "for EC2 instances at full speed (without it they are emulated, and slow)"
    flags = Path("/proc/cpuinfo").read_text(errors="replace") if Path("/proc/cpuinfo").exists() else ""
    has_cpu = bool(re.search(r"^flags\s*:.*\b(vmx|svm)\b", flags, re.MULTILINE))
    if not has_cpu and platform.machine() == "x86_64":
        return Check(
            name,
            LATER,
            purpose,
            False,
            "the processor shows neither vmx nor svm",
            "enable virtualization in the firmware, or nested in the host",
        )
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return Check(
            name, LATER, purpose, False, "there is no /dev/kvm", "sudo modprobe kvm_intel || sudo modprobe kvm_amd"
        )
    except OSError as error:
        return Check(
            name, LATER, purpose, False, f"/dev/kvm: {error.strerror}", "sudo usermod -aG kvm $USER, and log in again"
        )
    return Check(name, LATER, purpose, True, "/dev/kvm opens")
