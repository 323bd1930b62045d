"""File systems: what all sandboxes of a template see, made once; and what each has of its own."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from fogbank.engine.sandbox.inside import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

# Where the template, and nothing that it makes, sees the machine's files.
HOST = "/mnt"
EMPTY = "/var/empty"

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Public, and needed: libraries' places, certificates, names of services, time zones.
_ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl", "pki", "ca-certificates", "alternatives", "services", "protocols",
    "mime.types", "localtime", "crypto-policies",
)  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
_HIDDEN_FILES = (
    "kcore", "keys", "key-users", "kallsyms", "kmsg", "timer_list", "sched_debug", "latency_stats", "sysrq-trigger", "interrupts",
    "modules", "cmdline", "config.gz",
)  # fmt: skip
_HIDDEN_DIRECTORIES = ("acpi", "asound", "bus", "driver", "fs", "irq", "scsi", "tty", "dynamic_debug")
_INODES_PER_MIB = 256


def write(path: str, text: str) -> None:
    """Write a whole file; raises OSError, also for what the kernel finds wrong with it."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def leave_inotify() -> None:
    """Leave half of the inotify instances and watches to what else the user runs. In a namespace of users of the template's."""
    for name in ("instances", "watches"):
        with contextlib.suppress(OSError):  # /proc/sys is read-only in many containers
            with open(f"/proc/sys/fs/inotify/max_user_{name}") as file:
                most = int(file.read())
            write(f"/proc/sys/user/max_inotify_{name}", str(most // 2))


def build(place: str, config: dict[str, Any]) -> None:
    """Make the root of this template's sandboxes, in a mount namespace of its own, and enter it.

    `place` is an empty directory. The machine's root is at HOST after it.
    """
    kernel.unshare(kernel.NEWNS)
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("sandbox", place, "tmpfs", kernel.MS_NOSUID, "size=1m,nr_inodes=4096,mode=755")
    for name in ("etc", "dev", "proc", "tmp", "opt", "var", "var/task", "var/runtime", EMPTY[1:], HOST[1:]):
        os.mkdir(f"{place}/{name}")
    if config["packages"]:
        # Where ES modules, to which NODE_PATH says nothing, look for packages after /var/task/node_modules.
        os.symlink(config["packages"], place + "/var/node_modules")
        os.symlink("/opt/nodejs/node_modules", place + "/node_modules")
    _system(place)
    _etc(place, config["hosts"])
    _devices(place)
    for prefix in config["prefixes"]:
        _show(place, prefix, prefix)
    if config["runtime_dir"]:
        _show(place, config["runtime_dir"], "/var/runtime")
    kernel.pivot_root(place, place + HOST)
    os.chdir("/")
    kernel.set_attributes("/", kernel.ATTR_RDONLY | kernel.ATTR_NOSUID, False)


def _show(place: str, source: str, target: str) -> None:
    """Bind a file or directory into the new root, read-only."""
    target = place + target
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        write(target, "")
    kernel.bind(source, target)


def _system(place: str) -> None:
    for path in _SYSTEM:
        if os.path.islink(path):
            os.symlink(os.readlink(path), place + path)
        elif os.path.isdir(path):
            _show(place, path, path)
    shell, bash = os.path.realpath("/bin/sh"), os.path.realpath("/bin/bash")
    if os.path.basename(shell) == "dash" and os.path.exists(bash):
        # As on Amazon Linux, where bootstraps of #!/bin/sh say `source` and `pipefail`.
        kernel.bind(bash, place + shell)


def _etc(place: str, hosts: Iterable[str]) -> None:
    for name in _ETC:
        if os.path.exists("/etc/" + name):
            _show(place, "/etc/" + name, "/etc/" + name)
    user, group = "sbx_user1051:x:993:990::/tmp:/sbin/nologin\n", "sbx_user1051:x:990:\n"
    write(place + "/etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\n" + user)
    write(place + "/etc/group", "root:x:0:\n" + group)
    write(place + "/etc/hosts", "127.0.0.1 " + " ".join(["localhost", *hosts]) + "\n")
    write(place + "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")


def _devices(place: str) -> None:
    for name in _DEVICES:
        path = "/dev/" + name
        write(place + path, "")
        kernel.bind(path, place + path, kernel.ATTR_NOSUID | kernel.ATTR_NOEXEC)
    for name, target in _LINKS.items():
        os.symlink(target, f"{place}/dev/{name}")


def furnish(spec: dict[str, Any]) -> None:
    """Mount what one sandbox has of its own, and let go of the machine. In its mount and pid namespaces."""
    kernel.bind(HOST + spec["task"], "/var/task")
    _layers([HOST + layer for layer in spec["layers"]])
    size = f"size={spec['ephemeral']}m,nr_inodes={spec['ephemeral'] * _INODES_PER_MIB},mode=1777"
    kernel.mount("tmp", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, size)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    for name in _HIDDEN_FILES:
        _hide("/dev/null", "/proc/" + name)
    for name in _HIDDEN_DIRECTORIES:
        _hide(EMPTY, "/proc/" + name)
    kernel.bind("/proc/sys", "/proc/sys")
    kernel.unmount(HOST)


def _hide(cover: str, path: str) -> None:
    if os.path.exists(path):
        kernel.bind(cover, path, 0)  # with the attributes of what covers it


def _layers(layers: list[str]) -> None:
    if len(layers) == 1:
        kernel.bind(layers[0], "/opt")
    elif layers:
        lower = ":".join(_escaped(layer) for layer in reversed(layers))  # the first of them is on top
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("layers", "/opt", "overlay", flags, "lowerdir=" + lower)
        kernel.set_attributes("/opt", kernel.ATTR_RDONLY, False)


def _escaped(path: str) -> str:
    return "".join("\\" + letter if letter in "\\:," else letter for letter in path)
