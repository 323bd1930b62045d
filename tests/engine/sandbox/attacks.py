"""What a hostile function may try, and how it is refused.

Each is code that runs in a real sandbox: it prints the name of the error with which it was refused, or its `result`.
`SECRET`: a file of the machine; `PORT`: a port that something listens on there; `ABSTRACT`, `SOCKET`: Unix sockets there;
`PID`: a process there.
"""

from __future__ import annotations

from typing import NamedTuple


class Attack(NamedTuple):
    name: str
    code: str
    refused: str  # what is printed; several, separated by |, where kernels differ, or who makes the sandbox


PRELUDE = """
import ctypes, errno, os, resource, signal, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
NUMBERS = {NUMBERS!r}
def call(name, *arguments):
    ctypes.set_errno(0)
    found = libc.syscall(ctypes.c_long(NUMBERS[name]), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if found < 0:
        raise OSError(ctypes.get_errno(), name)
    return found
def write(path, text=b"0"):
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text)
def connect(family, address):
    with socket.socket(family) as client:
        client.settimeout(20)
        client.connect(address)
"""
CODE = """
result = "not refused"
try:
{BODY}
except OSError as error:
    result = errno.errorcode.get(error.errno, repr(error))
except ValueError:  # how `resource` says EPERM
    result = "EPERM"
print(result)
"""

_FILES = [
    Attack("read the machine's passwords", "open('/etc/shadow')", "ENOENT"),
    Attack("read a file of the region's data", "open(SECRET)", "ENOENT"),
    Attack("list the home of root", "os.listdir('/root/.ssh')", "ENOENT"),
    Attack("list the machine's files where the template saw them", "result = os.listdir('/mnt')", "[]"),
    Attack("follow a link of the code to the machine", "open('/var/task/link')", "ENOENT"),
    Attack("follow a link of the code to passwords", "open('/var/task/shadow')", "ENOENT"),
    Attack("climb out of the code", "open('/var/task/../../../../../../etc/shadow')", "ENOENT"),
    Attack("write the code", "open('/var/task/new', 'w')", "EROFS"),
    Attack("change the code", "open('/var/task/file', 'r+')", "EROFS"),
    Attack("write a layer", "open('/opt/new', 'w')", "EROFS"),
    Attack("write the runtime", "open('/var/runtime/new', 'w')", "EROFS"),
    Attack("write programs", "open('/usr/bin/new', 'w')", "EROFS"),
    Attack("write the root", "open('/new', 'w')", "EROFS"),
    Attack("change who is who", "open('/etc/passwd', 'a')", "EACCES|EROFS"),
    Attack("link the code to where it can be written", "os.link('/var/task/file', '/tmp/file')", "EXDEV"),
    Attack("remove the code", "os.unlink('/var/task/file')", "EROFS"),
    Attack("make a device", "os.mknod('/tmp/null', 0o20666, os.makedev(1, 3))", "EPERM"),
    Attack("read the disk", "open('/dev/vda')", "ENOENT"),
    Attack("read the memory of the machine", "open('/dev/mem')", "ENOENT"),
    Attack("read the log of the kernel", "open('/dev/kmsg')", "ENOENT"),
    Attack("write a device directory", "open('/dev/new', 'w')", "EROFS"),
    Attack("share memory through /dev/shm", "open('/dev/shm/new', 'w')", "ENOENT"),
    Attack("use the terminal of the operator", "open('/dev/tty')", "ENOENT"),
    Attack("read the devices of the machine", "os.listdir('/sys')", "ENOENT"),
    Attack("have the kernel run a program when a group empties", "write('/sys/fs/cgroup/release_agent')", "ENOENT"),
    Attack("open a file by its inode", "call('open_by_handle_at', -100, bytes(16), 0)", "EPERM"),
    Attack("write the interpreter that runs it", "os.open('/proc/self/exe', os.O_WRONLY)", "EACCES|ETXTBSY"),
    Attack("become root by a set-uid program", "result = bool(os.statvfs('/usr/bin').f_flag & os.ST_NOSUID)", "True"),
    Attack("make a set-uid program", "result = bool(os.statvfs('/tmp').f_flag & os.ST_NOSUID)", "True"),
]
_KERNEL = [
    Attack("have the kernel run a program at a crash", "write('/proc/sys/kernel/core_pattern', b'|/tmp/x')", "EACCES"),
    Attack("change the kernel's settings", "write('/proc/sys/vm/overcommit_memory', b'1')", "EACCES"),
    Attack("restart the machine by a key", "write('/proc/sysrq-trigger', b'b')", "EACCES|ENOENT"),
    Attack("read the kernel's memory", "result = len(open('/proc/kcore', 'rb').read(1))", "0|EACCES|ENOENT|EPERM"),
    Attack("read the kernel's addresses", "result = len(open('/proc/kallsyms').read())", "0"),
    Attack("read the kernel's keys", "result = len(open('/proc/keys').read())", "0"),
    Attack("keep a key in the kernel", "call('add_key', b'user', b'name', b'secret', 6, -3)", "EPERM"),
    Attack("search for a key in the kernel", "call('keyctl', 0, -3, 0)", "EPERM"),
    Attack("load a BPF program", "call('bpf', 0, bytes(64), 64)", "EPERM"),
    Attack("watch the processor", "call('perf_event_open', bytes(112), 0, -1, -1, 0)", "EPERM"),
    Attack("hold the kernel at a page fault", "call('userfaultfd', 0)", "EPERM"),
    Attack("submit operations around the filter", "call('io_uring_setup', 8, bytes(120))", "ENOSYS"),
    Attack("take the machine's slots for asynchronous operations", "call('io_setup', 6000, bytes(8))", "ENOSYS"),
    Attack("load another kernel", "call('kexec_load', 0, 0, 0, 0)", "EPERM"),
    Attack("load a module", "call('finit_module', 0, b'', 0)", "EPERM"),
    Attack("restart the machine", "call('reboot', 0xfee1dead - (1 << 32), 672274793, 0, 0)", "EPERM"),
    Attack("swap to a file", "call('swapon', b'/tmp/file', 0)", "EPERM"),
    Attack("account for processes", "call('acct', b'/tmp/file')", "EPERM"),
    Attack("read the kernel's log", "call('syslog', 3, bytes(64), 64)", "EPERM"),
    Attack("change the time", "time.clock_settime(time.CLOCK_REALTIME, 0)", "EPERM"),
    Attack("slow the time", "call('adjtimex', bytes(208))", "EPERM"),
    Attack("change the name of the machine", "socket.sethostname('mine')", "EPERM"),
    Attack("switch off the random layout of memory", "call('personality', 0x0040000)", "EPERM"),
    Attack("run as if on another system", "call('personality', 6)", "ENOSYS"),
    Attack("have memory that the kernel does not see", "call('memfd_secret', 0)", "EPERM"),
    Attack(
        "keep memory from being swapped", "libc.mlockall(3) and call('mlock', libc.malloc(1 << 20), 1 << 20)", "ENOMEM"
    ),
    Attack("see files change everywhere", "call('fanotify_init', 0, 0)", "EPERM"),
    Attack("choose where memory is", "call('mbind', 0, 4096, 0, 0, 0, 0)", "EPERM"),
    Attack("call what the filter does not know", "call('new', 0)", "ENOSYS"),
]
_NAMESPACES = [
    Attack("mount a file system", "call('mount', b'x', b'/tmp', b'tmpfs', 0, 0)", "EPERM"),
    Attack("mount control groups", "call('mount', b'x', b'/tmp', b'cgroup', 0, b'memory')", "EPERM"),
    Attack("make the code writable", "call('mount', 0, b'/var/task', 0, 32 | 4096, 0)", "EPERM"),
    Attack("uncover what is hidden", "call('umount2', b'/proc/keys', 2)", "EPERM"),
    Attack("mount by the new calls", "call('fsopen', b'tmpfs', 0)", "EPERM"),
    Attack("take a tree of mounts", "call('open_tree', -100, b'/', 1)", "EPERM"),
    Attack("change a mount's attributes", "call('mount_setattr', -100, b'/', 0, bytes(32), 32)", "EPERM"),
    Attack("change the root", "os.chroot('/tmp')", "EPERM"),
    Attack("pivot the root", "call('pivot_root', b'/tmp', b'/tmp')", "EPERM"),
    Attack("be root in a namespace", "call('unshare', 0x10000000)", "EPERM"),
    Attack("have its own mounts", "call('unshare', 0x20000)", "EPERM"),
    Attack("clone into a namespace", "call('clone', 0x10000000 | 17, 0, 0, 0, 0)", "EPERM"),
    Attack(
        "clone into one with a flag that no one checks", "call('clone', 0x10000000 | 1 << 40 | 17, 0, 0, 0, 0)", "EPERM"
    ),
    Attack("clone with arguments that the filter cannot read", "call('clone3', bytes(88), 88)", "ENOSYS"),
    Attack("enter a namespace", "call('setns', os.open('/proc/self/ns/mnt', os.O_RDONLY), 0)", "EPERM"),
    Attack("map more users", "write('/proc/self/uid_map', b'0 0 1')", "EPERM"),
]
_IDENTITY = [
    Attack("become root", "os.setuid(0)", "EINVAL"),
    Attack("become root's group", "os.setgid(0)", "EINVAL"),
    Attack("join groups", "os.setgroups([0])", "EPERM"),
    Attack(
        "have capabilities", "result = set(open('/proc/self/status').read().split('CapEff:')[1].split()[0])", "{'0'}"
    ),
    Attack(
        "get capabilities", "result = set(open('/proc/self/status').read().split('CapBnd:')[1].split()[0])", "{'0'}"
    ),
    Attack(
        "get privileges by executing",
        "result = open('/proc/self/status').read().split('NoNewPrivs:')[1].split()[0]",
        "1",
    ),
    Attack("raise a limit", "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))", "EPERM"),
    Attack("dump core", "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))", "EPERM"),
    Attack("go before others", "os.nice(-5)", "EPERM"),
    Attack("run in real time", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))", "EPERM"),
    Attack("never be killed for memory", "write('/proc/self/oom_score_adj', b'-1000')", "EACCES"),
    Attack("drive ports of the machine", "call('iopl', 3)", "EPERM|ENOSYS"),
]
_PROCESSES = [
    Attack(
        "see processes of the machine", "result = sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[2:]", "[]"
    ),
    Attack("signal a process of the machine", "os.kill(PID, 0)", "ESRCH"),
    Attack("signal every process", "os.kill(-1, 0)", "ESRCH"),
    Attack("kill the first process", "os.kill(1, 9); time.sleep(0.2); result = os.getppid()", "1"),
    Attack(
        "interrupt the first process",
        "os.kill(1, 2); os.kill(1, 15); os.kill(1, 17); time.sleep(0.2); result = os.getppid()",
        "1",
    ),
    Attack("stop the first process", "os.kill(1, 19); result = open('/proc/1/stat').read().split()[2]", "S|R"),
    Attack("read the environment of the first process", "open('/proc/1/environ').read()", "EACCES"),
    Attack("read the memory of the first process", "open('/proc/1/mem', 'rb').read(1)", "EACCES"),
    Attack("write the memory of the first process", "open('/proc/1/mem', 'r+b')", "EACCES"),
    Attack("see the map of the first process", "open('/proc/1/maps').read()", "EACCES"),
    Attack("see descriptors of the first process", "os.listdir('/proc/1/fd')", "EACCES"),
    Attack("go through the root of the first process", "os.listdir('/proc/1/root/')", "EACCES"),
    Attack("trace the first process", "call('ptrace', 16, 1, 0, 0)", "EPERM"),
    Attack("be traced", "call('ptrace', 0, 0, 0, 0)", "EPERM"),
    Attack("read another's memory", "call('process_vm_readv', 1, 0, 0, 0, 0, 0)", "EPERM"),
    Attack("take a descriptor of the first process", "call('pidfd_getfd', os.pidfd_open(1), 3, 0)", "EPERM"),
    Attack(
        "find a descriptor that was left open",
        "result = sorted(int(f) for f in os.listdir('/proc/self/fd'))[:-1]",
        "[0, 1, 2]",
    ),
]
_NETWORK = [
    Attack("reach a port of the machine", "connect(socket.AF_INET, ('127.0.0.1', PORT))", "ECONNREFUSED"),
    Attack("reach the metadata of a cloud", "connect(socket.AF_INET, ('169.254.169.254', 80))", "ENETUNREACH"),
    Attack("reach the world", "connect(socket.AF_INET, ('192.0.2.1', 443))", "ENETUNREACH"),
    Attack(
        "reach the world by IPv6",
        "connect(socket.AF_INET6, ('2001:db8::1', 443))",
        "ENETUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT",
    ),
    Attack("reach an abstract socket of the machine", "connect(socket.AF_UNIX, '\\0' + ABSTRACT)", "ECONNREFUSED"),
    Attack("reach a socket file of the machine", "connect(socket.AF_UNIX, SOCKET)", "ENOENT"),
    Attack("see interfaces", "result = [name for _, name in socket.if_nameindex()]", "EAFNOSUPPORT"),
    Attack("see packets", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "EAFNOSUPPORT"),
    Attack("make packets", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", "EPERM"),
    Attack("change the network", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "EAFNOSUPPORT"),
    Attack("talk to the hypervisor", "socket.socket(40, socket.SOCK_STREAM)", "EAFNOSUPPORT"),
    Attack("use the kernel's ciphers", "socket.socket(38, socket.SOCK_SEQPACKET)", "EAFNOSUPPORT"),
    Attack(
        "speak a protocol that the kernel has a module for", "socket.socket(socket.AF_INET, 5, 132)", "EPROTONOSUPPORT"
    ),
    Attack("speak another TCP", "socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 262)", "EPROTONOSUPPORT"),
    Attack("hide a protocol from the filter", "call('socket', 2, 1, 262 | 1 << 32)", "EPROTONOSUPPORT"),
    Attack("hide a family of sockets from the filter", "call('socket', 16 | 1 << 32, 3, 0)", "EAFNOSUPPORT"),
]
ATTACKS = [*_FILES, *_KERNEL, *_NAMESPACES, *_IDENTITY, *_PROCESSES, *_NETWORK]

# Numbers of system calls, where they differ from the common ones of newer calls.
NEWER = {
    "pidfd_getfd": 438, "io_uring_setup": 425, "open_tree": 428, "fsopen": 430, "clone3": 435, "mount_setattr": 442,
    "memfd_secret": 447, "new": 900,
}  # fmt: skip
NUMBERS = {
    "x86_64": NEWER | {
        "io_setup": 206,
        "open_by_handle_at": 304, "add_key": 248, "keyctl": 250, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323,
        "kexec_load": 246, "finit_module": 313, "reboot": 169, "swapon": 167, "acct": 163, "syslog": 103, "adjtimex": 159,
        "personality": 135, "mlock": 149, "fanotify_init": 300, "mbind": 237, "mount": 165, "umount2": 166, "pivot_root": 155,
        "unshare": 272, "clone": 56, "setns": 308, "iopl": 172, "ptrace": 101, "process_vm_readv": 310, "socket": 41,
    },
    "aarch64": NEWER | {
        "io_setup": 0,
        "open_by_handle_at": 265, "add_key": 217, "keyctl": 219, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282,
        "kexec_load": 104, "finit_module": 273, "reboot": 142, "swapon": 224, "acct": 89, "syslog": 116, "adjtimex": 171,
        "personality": 92, "mlock": 228, "fanotify_init": 262, "mbind": 235, "mount": 40, "umount2": 39, "pivot_root": 41,
        "unshare": 97, "clone": 220, "setns": 268, "iopl": 900, "ptrace": 117, "process_vm_readv": 270, "socket": 198,
    },
}  # fmt: skip
