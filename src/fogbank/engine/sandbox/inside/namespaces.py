"""From a template's fork to the first process of a sandbox: namespaces, identity, limits, no way back."""

from __future__ import annotations

import os
import resource
import socket
from typing import TYPE_CHECKING, Any

from fogbank.engine.sandbox.inside import init, kernel, world

if TYPE_CHECKING:
    from collections.abc import Callable

    Next = Callable[[], int]

UID, GID = 993, 990
_NAMESPACES = kernel.NEWNS | kernel.NEWUTS | kernel.NEWIPC | kernel.NEWNET
# The machine's out-of-memory killer takes the functions first, and of a sandbox its runtime first; root sets the least that it can
# ever be.
_INIT_SCORE = "300"
_LIMITS = {
    resource.RLIMIT_NOFILE: 1024, resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 64 << 10, resource.RLIMIT_MSGQUEUE: 819_200,
    resource.RLIMIT_NICE: 0, resource.RLIMIT_RTPRIO: 0, resource.RLIMIT_SIGPENDING: 1024,
}  # fmt: skip


def enter(spec: dict[str, Any], program: bytes, channel: socket.socket, output: int, go: int) -> Next | None:
    """In a fork of the template: make a sandbox.

    Returns what the process becomes, in the processes that become something; None in this one, whose work is done then.
    `go`: a pipe from which a byte comes when this process is gone.
    """
    kernel.close_except({0, 1, 2, channel.fileno(), output, go})
    kernel.unshare(kernel.NEWPID)
    made_in, made_out = os.pipe()
    done_in, done_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(made_in)
        os.close(done_out)
        try:
            _first(spec, program, channel, made_out, done_in)
        except OSError as error:
            kernel.send(channel, {"error": str(error)})
            os._exit(1)
        return init.Init(channel, output, go).run
    os.close(made_out)
    os.close(done_in)
    pidfd = kernel.pidfd_open(pid)
    kernel.send(channel, {"pid": pid}, [pidfd])
    for path in spec["cgroups"]:  # the kernel may take milliseconds, in which the other goes on
        world.write(world.HOST + path, str(pid))
    os.write(done_out, b"x")
    if os.read(made_in, 1):
        _identify(pid, spec)
        os.write(done_out, b"x")
    return None


def _identify(pid: int, spec: dict[str, Any]) -> None:
    """Say who the sandbox's only user and group are on the machine."""
    place = f"{world.HOST}/proc/{pid}/"
    world.write(place + "setgroups", "deny")
    world.write(place + "uid_map", f"{UID} {spec['uid']} 1")
    world.write(place + "gid_map", f"{GID} {spec['gid']} 1")


def _first(spec: dict[str, Any], program: bytes, channel: socket.socket, made: int, done: int) -> None:
    world.write(world.HOST + "/proc/self/oom_score_adj", _INIT_SCORE)
    kernel.unshare(_NAMESPACES)
    world.furnish(spec)
    socket.sethostname("localhost")
    kernel.loopback_up()
    _wait(done)
    kernel.unshare(kernel.NEWCGROUP)
    listeners = [socket.create_server(("127.0.0.1", port), backlog=512) for port in spec["ports"]]
    kernel.unshare(kernel.NEWUSER)
    os.write(made, b"x")
    _wait(done)
    os.setresgid(GID, GID, GID)
    os.setresuid(UID, UID, UID)
    _limit(spec)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # nothing inside looks into this process
    kernel.install_filter(program)
    tmp = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    kernel.send(channel, {"ready": True}, [*(listener.fileno() for listener in listeners), tmp])
    for listener in listeners:
        listener.close()
    for fd in (made, done, tmp):
        os.close(fd)


def _wait(done: int) -> None:
    """Until the process between has done its next part."""
    if not os.read(done, 1):
        raise OSError("the process between has failed")


def _limit(spec: dict[str, Any]) -> None:
    limits = {**_LIMITS, resource.RLIMIT_NPROC: spec["processes"], resource.RLIMIT_FSIZE: spec["ephemeral"] << 20}
    if spec["data"]:  # no cgroup holds the memory
        limits[resource.RLIMIT_DATA] = spec["data"]
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))
