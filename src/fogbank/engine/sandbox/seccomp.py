"""The system calls that functions may make: a seccomp filter, made by libseccomp.

A list of what is allowed, in the spirit of Docker's default profile as its documentation describes it. What is on no list is
answered ENOSYS, so that programs fall back to what they did before the call existed: clone3 and io_uring are on none, because glibc
and Node.js do; nor is io_setup, of which the machine has a number for all. What could harm is answered EPERM.
"""

from __future__ import annotations

import errno
import os
from functools import lru_cache
from typing import TYPE_CHECKING

from fogbank.engine.sandbox.inside import kernel
from fogbank.engine.sandbox.spec import Unavailable

if TYPE_CHECKING:
    from typing import Any

_ALLOWED = """
access faccessat faccessat2 chdir fchdir chmod fchmod fchmodat chown fchown fchownat lchown creat open openat openat2 close
close_range dup dup2
dup3 read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek stat fstat lstat newfstatat statx statfs
fstatfs
readlink readlinkat symlink symlinkat link linkat unlink unlinkat rename renameat renameat2 mkdir mkdirat rmdir mknod mknodat
getcwd getdents getdents64
truncate ftruncate fallocate fadvise64 readahead fsync fdatasync sync syncfs sync_file_range flock fcntl ioctl umask utime utimes
utimensat futimesat copy_file_range sendfile splice tee vmsplice getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
setxattr
lsetxattr fsetxattr removexattr lremovexattr fremovexattr memfd_create inotify_init inotify_init1 inotify_add_watch
inotify_rm_watch
brk mmap munmap mprotect mremap msync madvise mincore mlock mlock2 mlockall munlock munlockall membarrier pkey_alloc pkey_free
pkey_mprotect
poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 pipe pipe2
signalfd signalfd4 timerfd_create timerfd_gettime timerfd_settime
fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal getpid getppid gettid
getpgid getpgrp
getsid setpgid setsid getuid geteuid getgid getegid getgroups getresuid getresgid setuid setgid setreuid setregid setresuid
setresgid
setfsuid setfsgid setgroups capget capset prctl arch_prctl seccomp set_tid_address set_robust_list get_robust_list rseq
futex futex_waitv getrandom getrlimit setrlimit prlimit64 getrusage times getpriority setpriority ioprio_get ioprio_set
sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam sched_getscheduler
sched_setscheduler
sched_get_priority_max sched_get_priority_min sched_rr_get_interval getcpu sysinfo uname
rt_sigaction rt_sigprocmask rt_sigpending rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait sigaltstack
restart_syscall pause
nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time alarm getitimer setitimer timer_create timer_delete
timer_getoverrun
timer_gettime timer_settime
accept accept4 bind connect listen getpeername getsockname getsockopt setsockopt recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg
shutdown
msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget
mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink
landlock_create_ruleset landlock_add_rule landlock_restrict_self
"""
# Kernel interfaces that are for administrators, or reach into other processes, or have been a way out before.
_DENIED = """
mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr unshare setns
ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_getfd bpf perf_event_open userfaultfd
add_key keyctl request_key kexec_load kexec_file_load reboot swapon swapoff init_module finit_module delete_module
settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname syslog acct quotactl quotactl_fd iopl ioperm modify_ldt
open_by_handle_at name_to_handle_at fanotify_init fanotify_mark lookup_dcookie vhangup mbind get_mempolicy set_mempolicy
set_mempolicy_home_node move_pages migrate_pages memfd_secret
"""

_NEW_NAMESPACES = (
    kernel.NEWNS, kernel.NEWCGROUP, kernel.NEWUTS, kernel.NEWIPC, kernel.NEWUSER, kernel.NEWPID, kernel.NEWNET,
)  # fmt: skip
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
# By default, ICMP, TCP, UDP, ICMPv6. For SCTP and others the kernel would load modules, whoever asks.
_PROTOCOLS, _LAST_PROTOCOL = (0, 1, 6, 17, 58), 58
# Linux, Linux with 32-bit identities, either with the layout of old programs; and the question which it is.
_PERSONALITIES = (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)


@lru_cache
def program(machine: str = "") -> bytes:
    """The filter for a machine ("x86_64", "aarch64"; "" is this one) as BPF. Raises Unavailable without libseccomp."""
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise Unavailable(f"libseccomp cannot be used ({error}): install libseccomp2") from error
    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
    if machine:
        made.remove_arch(pyseccomp.Arch.NATIVE)
        made.add_arch(getattr(pyseccomp.Arch, machine.upper()))
    _add(made, pyseccomp.ALLOW, _ALLOWED)
    _add(made, pyseccomp.ERRNO(errno.EPERM), _DENIED)
    _conditional(pyseccomp, made)
    return _exported(made)


def _add(made: Any, action: Any, names: str) -> None:
    for name in names.split():
        try:
            made.add_rule(action, name)
        except (OSError, ValueError):  # newer than this libseccomp: ENOSYS is what is left
            continue


def _conditional(library: Any, made: Any) -> None:
    """Calls that are allowed with some arguments."""
    allow, refuse = library.ALLOW, library.ERRNO(errno.EPERM)
    argument, masked, equal, above = library.Arg, library.MASKED_EQ, library.EQ, library.GT
    every = sum(_NEW_NAMESPACES)
    made.add_rule(allow, "clone", argument(0, masked, every, 0))
    for flag in _NEW_NAMESPACES:
        made.add_rule(refuse, "clone", argument(0, masked, flag, flag))
    unsupported = library.ERRNO(errno.EAFNOSUPPORT)
    for call in ("socket", "socketpair"):
        for family in range(_AF_INET6 + 1):
            if family not in (_AF_INET, _AF_INET6):
                made.add_rule(allow if family == _AF_UNIX else unsupported, call, argument(0, equal, family))
        made.add_rule(unsupported, call, argument(0, above, _AF_INET6))
        for family in (_AF_INET, _AF_INET6):
            _protocols(library, made, call, argument(0, equal, family))
    for persona in _PERSONALITIES:
        made.add_rule(allow, "personality", argument(0, equal, persona))
    made.add_rule(refuse, "personality", argument(0, masked, 0x40000, 0x40000))  # no layout at random


def _protocols(library: Any, made: Any, call: str, family: Any) -> None:
    refuse = library.ERRNO(errno.EPROTONOSUPPORT)
    for protocol in range(_LAST_PROTOCOL + 1):
        action = library.ALLOW if protocol in _PROTOCOLS else refuse
        made.add_rule(action, call, family, library.Arg(2, library.EQ, protocol))
    made.add_rule(refuse, call, family, library.Arg(2, library.GT, _LAST_PROTOCOL))


def _exported(made: Any) -> bytes:
    fd = os.memfd_create("seccomp")
    try:
        with open(fd, "r+b", closefd=False) as file:
            made.export_bpf(file)
            file.seek(0)
            return file.read()
    finally:
        os.close(fd)
