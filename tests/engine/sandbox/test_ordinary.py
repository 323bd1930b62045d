"""What ordinary functions do is not in the way of the isolation."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.sandbox.conftest import line, make

from fogbank.engine.sandbox import cgroups

if TYPE_CHECKING:
    from tests.engine.sandbox.conftest import Sandboxes

ORDINARY = {
    "asyncio": "import asyncio; print(asyncio.run(asyncio.sleep(0.01, 'fine')))",
    "threads": "from concurrent.futures import ThreadPoolExecutor as P; print(list(P(8).map(str, ['fine']))[0])",
    "programs": """
import subprocess as s
print(s.run(['sh', '-c', 'echo fi | cat; exit 3'], stdout=s.PIPE).stdout.decode().strip() + 'ne')
""",
    "bash as sh": """
import subprocess as s
print(s.check_output(['/bin/sh', '-c', 'set -o pipefail; source /dev/stdin', 'x'], input=b'echo fine').decode())
""",
    "this interpreter": "import subprocess as s, sys; print(s.check_output([sys.executable, '-c', 'print(\"fine\")']).decode())",
    "databases": "import sqlite3; d = sqlite3.connect('/tmp/x'); d.execute('create table fine (x)'); d.commit(); print('fine')",
    "temporary files": "import tempfile; f = tempfile.NamedTemporaryFile('w+'); f.write('fine'); f.seek(0); print(f.read())",
    "locks of files": """
import fcntl
file = open('/tmp/x', 'w')
fcntl.flock(file, fcntl.LOCK_EX)
fcntl.lockf(file, fcntl.LOCK_EX)
print('fine')
""",
    "memory maps": "import mmap; m = mmap.mmap(-1, 4096); m[:4] = b'fine'; print(m[:4].decode())",
    "processes": """
import multiprocessing
a, b = multiprocessing.Pipe()
process = multiprocessing.Process(target=a.send, args=('fine',))
process.start()
print(b.recv())
process.join()
""",
    "pipes with names": """
import os
os.mkfifo('/tmp/x')
if os.fork() == 0: os._exit(os.system('echo fine > /tmp/x'))
print(open('/tmp/x').read())
""",
    "sockets": "import socket as s; a, b = s.socketpair(); a.send(b'fine'); print(b.recv(4).decode())",
    "servers": """
import http.server, threading, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'fine')
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler); threading.Thread(target=s.serve_forever, daemon=True).start()
print(urllib.request.urlopen('http://127.0.0.1:%d/' % s.server_port).read().decode())
""",
    "time zones": """
import os, time
os.environ['TZ'] = 'Asia/Tokyo'
time.tzset()
print('fine' if time.tzname[0] == 'JST' else time.tzname)
""",
    "random numbers": "import os, random; print('fine' if random.random() != random.random() and len(os.urandom(8)) == 8 else 'no')",
    "processors": "import os; print('fine' if os.cpu_count() > 0 and open('/proc/meminfo').read(8) == 'MemTotal' else 'no')",
    "users": "import getpass, os, pwd; print('fine' if pwd.getpwuid(os.getuid()).pw_name == 'sbx_user1051' else 'no')",
    "signals": """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
signal.setitimer(signal.ITIMER_REAL, 0.01)
print('fine' if signal.sigwait([signal.SIGALRM]) == signal.SIGALRM else 'no')
""",
    "events of files": "import ctypes; print('fine' if ctypes.CDLL(None).inotify_init1(0) > 2 else 'no')",
    "programs in /tmp": """
import os
with open('/tmp/x', 'w') as file: file.write('#!/bin/sh\\necho fine')
os.chmod('/tmp/x', 0o755)
os.execv('/tmp/x', ['x'])
""",
    "programs in memory": """
import os
fd = os.memfd_create('x', 0)
os.write(fd, open('/bin/echo', 'rb').read())
os.execve(fd, ['echo', 'fine'], {})
""",
    "errors": "import sys; print('fine', file=open('/dev/stderr', 'w'))",
    "its own processes": "import os; print('fine' if b'A=b' not in open('/proc/self/environ', 'rb').read() else 'no')",
}  # fmt: skip


@pytest.mark.parametrize("what", ORDINARY)
def test_what_functions_do_works(sandboxes: Sandboxes, what: str) -> None:
    assert sandboxes.said(ORDINARY[what], memory=512, environment={"PATH": "/usr/bin:/bin"}) == "fine"


def test_certificates_are_those_of_the_machine(sandboxes: Sandboxes) -> None:
    """Not all Pythons here look for them in the same place."""
    code = "import os, ssl; print(ssl.create_default_context().cert_store_stats(), len(os.listdir('/etc/ssl/certs')))"
    if not Path("/etc/ssl/certs").is_dir():
        pytest.skip("the certificates are somewhere else here")
    outside = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert sandboxes.said(code) == outside.stdout.strip()


def test_environments_do_not_have_the_same_random_numbers(sandboxes: Sandboxes) -> None:
    """They are forked from one interpreter."""
    code = "import random, uuid, os, ssl; print(random.random(), uuid.uuid4(), os.urandom(4), ssl.RAND_bytes(4))"
    assert len({sandboxes.said(code) for _ in range(3)}) == 3


def test_a_compiled_program_runs(sandboxes: Sandboxes) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler here")
    code = """
import subprocess
open("/tmp/x.c", "w").write("#include <stdio.h>\\nint main() { puts(\\"fine\\"); }")
print(subprocess.run("cc -o /tmp/x /tmp/x.c && /tmp/x", shell=True, stdout=-1, stderr=-2).stdout.decode())
"""
    assert sandboxes.said(code, memory=1024, environment={"PATH": "/usr/bin:/bin"}) == "fine"


def test_the_freezer_of_version_1_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = cgroups.mounts
    monkeypatch.setattr(cgroups, "mounts", lambda text: (mount for mount in real(text) if mount.controllers))

    async def freeze(sandboxes: Sandboxes) -> str:
        sandbox, _ = await sandboxes.start("print('up')\nwhile True: pass")
        assert await line(sandbox) == "up"
        sandbox.freeze()
        before, now = -1.0, 0.0
        while before != now:
            await asyncio.sleep(0.1)
            before, now = now, sandbox.cpu_time()
        sandbox.thaw()
        while sandbox.cpu_time() <= now:
            await asyncio.sleep(0.02)
        sandbox.freeze()
        await sandbox.close()
        return await sandbox.exited

    with asyncio.Runner() as runner:
        made = make(tmp_path, runner)
        controls = made.launcher.controls
        if "freezer" in controls:
            assert made.run(freeze(made)) == "closed"
        runner.run(made.launcher.close())
    if "freezer" not in controls:
        pytest.skip("no control groups of version 1 here")
