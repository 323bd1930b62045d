"""A hostile function is refused, whatever it tries."""

from __future__ import annotations

import os
import platform
import socket
import textwrap
from typing import TYPE_CHECKING

import pytest
from tests.engine.sandbox.attacks import ATTACKS, CODE, NUMBERS, PRELUDE, Attack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.sandbox.conftest import Sandboxes


@pytest.fixture(scope="module")
def surroundings(sandboxes: Sandboxes) -> Iterator[str]:
    """Code that names what is on the machine around the sandbox."""
    secret = sandboxes.directory / "secret"
    secret.write_text("of the region")
    (sandboxes.task / "link").symlink_to(secret)
    (sandboxes.task / "shadow").symlink_to("/etc/shadow")
    (sandboxes.task / "file").write_text("code")
    (sandboxes.task / "file").chmod(0o666)
    abstract, path = f"fogbank-{os.getpid()}", str(sandboxes.directory / "control")
    with socket.create_server(("127.0.0.1", 0)) as server, _unix("\0" + abstract), _unix(path):
        names = {
            "SECRET": str(secret),
            "PORT": server.getsockname()[1],
            "ABSTRACT": abstract,
            "SOCKET": path,
            "PID": os.getpid(),
        }
        yield "\n".join(f"{name} = {value!r}" for name, value in names.items())


def _unix(address: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(address)
    made.listen()
    return made


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_refused(sandboxes: Sandboxes, surroundings: str, attack: Attack) -> None:
    prelude = PRELUDE.replace("{NUMBERS!r}", repr(NUMBERS[platform.machine()]))
    code = CODE.replace("{BODY}", textwrap.indent(attack.code, "    "))
    assert sandboxes.said(f"{surroundings}\n{prelude}\n{code}") in attack.refused.split("|")


def test_what_is_refused_is_there(surroundings: str) -> None:
    """The same code, outside, finds the file, the port and the sockets: they are refused, not missing."""
    tried = [
        "open(SECRET)",
        "connect(socket.AF_INET, ('127.0.0.1', PORT))",
        "connect(socket.AF_UNIX, '\\0' + ABSTRACT)",
        "connect(socket.AF_UNIX, SOCKET)",
        "os.kill(PID, 0)",
    ]
    assert set(tried) < {attack.code for attack in ATTACKS}
    prelude = PRELUDE.replace("{NUMBERS!r}", "{}")
    for code in tried[1:]:
        exec(f"{surroundings}\n{prelude}\n{code}", {})


def test_calls_of_another_architecture_end_the_process(sandboxes: Sandboxes) -> None:
    """A filter that looks at numbers only would take 32-bit calls for others."""
    if platform.machine() != "x86_64":
        pytest.skip("only x86-64 runs 32-bit programs this way")
    code = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 20 (getpid); int 0x80; ret
print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())
"""
    status, output = sandboxes.run(sandboxes.result(code))
    assert status in (-31, -11)  # SIGSYS; SIGSEGV from a kernel that has no such calls
    assert output == ""


def test_calls_of_x32_end_the_process(sandboxes: Sandboxes) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("x32 is of x86-64")
    code = "import ctypes; print(ctypes.CDLL(None).syscall(0x40000000 + 165, b'x', b'/tmp', b'tmpfs', 0, 0))"
    status, output = sandboxes.run(sandboxes.result(code))
    assert status == -31 or output.strip() == "-1"


def test_at_least_a_hundred_are_tried() -> None:
    assert len(ATTACKS) >= 100
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
