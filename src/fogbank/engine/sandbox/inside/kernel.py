"""System calls that the standard library does not have, and messages over sockets of packets."""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import json
import os
import platform
import signal
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_CAPBSET_DROP = 1, 4, 15, 24
PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 28, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 1, 64

# pivot_root, seccomp, capset, clone; those below are the same on all.
_NUMBERS = {"x86_64": (155, 317, 126, 56), "aarch64": (41, 277, 91, 220)}
_MOUNT_SETATTR, _PIDFD_OPEN = 442, 434

MESSAGE = 1 << 18  # bytes of the longest message; sockets' buffers are smaller
_FDS = 16

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_held = ctypes.PyDLL(None)  # its functions are called with the interpreter's lock held
_held.syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def _syscall(number: int, *arguments: Any) -> int:
    """Call by number; raises OSError."""
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return _check(int(_libc.syscall(ctypes.c_long(number), *passed)), f"system call {number}")


def _number(index: int) -> int:
    return _NUMBERS[platform.machine()][index]


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2). Raises OSError."""
    words = [word.encode() if word else None for word in (source, target, kind, data)]
    _check(_libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), f"mount {target}")


def bind(source: str, target: str, attributes: int = ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV) -> None:
    """Show `source`, and what is mounted below it, at `target` too, with these attributes."""
    mount(source, target, "", MS_BIND | MS_REC)
    if attributes:
        set_attributes(target, attributes, True)


def set_attributes(target: str, attributes: int, recursive: bool) -> None:
    """mount_setattr(2), Linux 5.12: set attributes of a mount, and of those below it."""
    words = struct.pack("QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _syscall(_MOUNT_SETATTR, _AT_FDCWD, target.encode(), flags, words, len(words))


def unmount(target: str) -> None:
    """Detach what is mounted there, and all below."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root; what was the root is at `old` then."""
    _syscall(_number(0), new.encode(), old.encode())


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags), "unshare")


def fork_into(namespaces: int) -> int:
    """As os.fork, with the child in new namespaces of these kinds. Only for processes with one thread."""
    _held.PyOS_BeforeFork()
    ctypes.set_errno(0)
    words = [ctypes.c_long(each) for each in (_number(3), namespaces | signal.SIGCHLD, 0, 0, 0, 0)]
    pid = int(_held.syscall(*words))
    if pid == 0:
        _held.PyOS_AfterFork_Child()
        return 0
    _held.PyOS_AfterFork_Parent()
    return pid


def prctl(option: int, *arguments: int) -> None:
    """prctl(2)."""
    _check(_libc.prctl(option, *[ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)][:4]), f"prctl {option}")


def set_name(name: str) -> None:
    """What `ps` calls this process; 15 bytes."""
    _check(_libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0), "prctl")


def pidfd_open(pid: int) -> int:
    """A descriptor of a process; closed on exec."""
    return _syscall(_PIDFD_OPEN, pid, 0)


def become(user: int, group: int) -> None:
    """Be another user and group, with the capabilities of this one. Undone for what is done in a new namespace of users."""
    prctl(PR_SET_SECUREBITS, _NO_SETUID_FIXUP)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)


def drop_capabilities() -> None:
    """Give up every capability, for ever."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            break  # the kernel has no more of them
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _syscall(_number(2), header, bytes(24))


def install_filter(program: bytes) -> None:
    """Let a BPF program decide over this process's system calls, and those of its children."""
    code = ctypes.create_string_buffer(program, len(program))
    prog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    _syscall(_number(1), 1, 0, prog)


def loopback_up() -> None:
    """Bring up `lo` of this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP | _IFF_RUNNING))


def close_except(keep: Iterable[int]) -> None:
    """Close every other descriptor of the process."""
    low = 0
    for fd in [*sorted(set(keep)), os.sysconf("SC_OPEN_MAX")]:
        if low < fd:  # closerange(0, 0) closes all
            os.closerange(low, fd)
        low = fd + 1


def send(channel: socket.socket, message: dict[str, Any], fds: Iterable[int] = ()) -> None:
    """Send one message, with descriptors."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    channel.sendmsg([json.dumps(message).encode()], ancillary)


def receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors; None when the other end is gone."""
    fds = array.array("i")
    try:
        data, ancillary, _, _ = channel.recvmsg(
            MESSAGE, socket.CMSG_SPACE(_FDS * fds.itemsize), socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionResetError:
        return None, []
    for level, kind, body in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(body[: len(body) - len(body) % fds.itemsize])
    return (json.loads(data) if data else None), list(fds)
