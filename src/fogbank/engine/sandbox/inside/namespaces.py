"""From a template's fork to the first process of a sandbox: namespaces, identity, limits, no way back."""

from __future__ import annotations

import os
import resource
import signal
import socket
from typing import TYPE_CHECKING, Any

from fogbank.engine.sandbox.inside import init, kernel, world

if TYPE_CHECKING:
    from collections.abc import Callable

    Next = Callable[[], int]

UID, GID = 993, 990
NAMESPACES = kernel.NEWPID | kernel.NEWNS | kernel.NEWUTS | kernel.NEWIPC | kernel.NEWNET
# The machine's out-of-memory killer takes the functions first, and of a sandbox its runtime first; root sets the least that it can
# ever be.
_INIT_SCORE = "300"
_LIMITS = {
    resource.RLIMIT_NOFILE: 1024, resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 64 << 10, resource.RLIMIT_MSGQUEUE: 819_200,
    resource.RLIMIT_NICE: 0, resource.RLIMIT_RTPRIO: 0, resource.RLIMIT_SIGPENDING: 1024,
}  # fmt: skip


def enter(spec: dict[str, Any], program: bytes, channel: socket.socket, output: int, made: int, done: int) -> Next:
    """In a fork of the template, in namespaces of its own: become the first process of a sandbox, which is what is returned.

    `made` and `done`: pipes to and from the template. It joins the process to its groups and says so; is told that there is a
    namespace of users; names them, and says so; is told that this process will die with it.
    """
    kernel.close_except({0, 1, 2, channel.fileno(), output, made, done})
    try:
        _settle(spec, program, channel, made, done)
    except OSError as error:
        kernel.send(channel, {"error": str(error)})
        os._exit(1)
    return init.Init(channel, output).run


def join(pid: int, spec: dict[str, Any]) -> None:
    """In the template: put the process into its control groups. The kernel may take milliseconds, in which the process goes on."""
    for path in spec["cgroups"]:
        world.write(world.HOST + path, str(pid))


def identify(pid: int, spec: dict[str, Any]) -> None:
    """In the template: say who the sandbox's only user and group are on the machine."""
    place = f"{world.HOST}/proc/{pid}/"
    world.write(place + "setgroups", "deny")
    world.write(place + "uid_map", f"{UID} {spec['uid']} 1")
    world.write(place + "gid_map", f"{GID} {spec['gid']} 1")


def _settle(spec: dict[str, Any], program: bytes, channel: socket.socket, made: int, done: int) -> None:
    world.write(world.HOST + "/proc/self/oom_score_adj", _INIT_SCORE)
    world.furnish(spec)
    socket.sethostname("localhost")
    kernel.loopback_up()
    listeners = [socket.create_server(("127.0.0.1", port), backlog=512) for port in spec["ports"]]
    _wait(done)
    kernel.unshare(kernel.NEWCGROUP)
    if spec[
        "uid"
    ]:  # whoever makes a namespace of users answers for what is used up in it: inotify's instances, queued signals
        kernel.become(spec["uid"], spec["gid"])
    kernel.unshare(kernel.NEWUSER)
    os.write(made, b"x")
    _wait(done)
    os.setresgid(GID, GID, GID)
    os.setresuid(UID, UID, UID)
    _limit(spec)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)  # nothing inside looks into this process
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.write(made, b"x")  # fails if the template is dead already
    kernel.install_filter(program)
    tmp = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    kernel.send(channel, {"ready": True}, [*(listener.fileno() for listener in listeners), tmp])
    for listener in listeners:
        listener.close()
    for fd in (made, done, tmp):
        os.close(fd)


def _wait(done: int) -> None:
    """Until the template has done its next part."""
    if not os.read(done, 1):
        raise OSError("the template has failed")


def _limit(spec: dict[str, Any]) -> None:
    longest = (
        spec["ephemeral"] + 1
    ) << 20  # more than /tmp has: there a file that fills it is ENOSPC, as on AWS, not EFBIG
    limits = {**_LIMITS, resource.RLIMIT_NPROC: spec["processes"], resource.RLIMIT_FSIZE: longest}
    if spec["data"]:  # no cgroup holds the memory
        limits[resource.RLIMIT_DATA] = spec["data"]
    for which, most in limits.items():
        resource.setrlimit(which, (most, most))
