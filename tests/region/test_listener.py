"""The shared listening socket and the HTTP server behind it, with real worker processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.region.errors import RegionError
from fogbank.region.listener import bind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, shared_region: Callable[..., Any]) -> Any:
    return shared_region(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, shared_region: Callable[..., Any]) -> Any:
    return shared_region(tmp_path_factory.mktemp("tls"), tls=True)


@pytest.fixture
def connection(plain: Any) -> Iterator[http.client.HTTPConnection]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", plain.runtime.port, timeout=10)) as made:
        yield made


def curl(*arguments: str) -> dict[str, Any]:
    output = subprocess.run(["curl", "-sS", *arguments], capture_output=True, check=True, timeout=20).stdout
    answer: dict[str, Any] = json.loads(output)
    return answer


def test_a_taken_port_names_its_holder() -> None:
    with bind("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(
            RegionError, match=rf"port {port} on 127.0.0.1 is in use already by .*\(pid {os.getpid()}\)"
        ):
            bind("127.0.0.1", port)
    with pytest.raises(RegionError, match=r"cannot listen on 192\.0\.2\.1"):
        bind("192.0.2.1", 0)


def test_bind_ipv6() -> None:
    with bind("::1", 0) as sock:
        assert sock.family == socket.AF_INET6
        assert not sock.getblocking()


def test_both_workers_serve_one_port(plain: Any, tools: Any) -> None:
    found: set[int] = set()

    def both() -> bool:
        found.add(tools.get(plain.runtime.port)["pid"])
        return len(found) == 2

    tools.until(both)
    assert found == {plain.runtime.children[name].pid for name in ("worker-1", "worker-2")}


def test_connections_are_kept_alive(connection: http.client.HTTPConnection) -> None:
    pids = set()
    for _ in range(20):
        connection.request("GET", "/")
        pids.add(json.loads(connection.getresponse().read())["pid"])
    assert len(pids) == 1


def test_http2_needs_tls(plain: Any) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        curl("--http2-prior-knowledge", plain.runtime.endpoint)
    assert curl("--http2", plain.runtime.endpoint)["http"] == "1.1"


def test_expect_100_continue(plain: Any) -> None:
    with socket.create_connection(("127.0.0.1", plain.runtime.port), timeout=10) as sock:
        sock.sendall(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"12345")
        assert b'"size": 5' in sock.recv(1000)


@pytest.mark.parametrize(
    ("count", "size", "status"), [(90, 10, 200), (1, 300_000, 200), (101, 10, 431), (1, 900_000, 431)]
)
def test_the_head_is_limited(connection: http.client.HTTPConnection, count: int, size: int, status: int) -> None:
    # hyper takes 100 header lines at most, and a head of about 400 kB; AWS's own far smaller limits are the gateway's to hold.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("GET", "/", headers={f"x-{n}": "a" * size for n in range(count)})
    assert connection.getresponse().status == status


def test_garbage_does_not_disturb_others(plain: Any, tools: Any) -> None:
    for garbage in (
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"\xff" * 1000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00",
        b"",
    ):
        with socket.create_connection(("127.0.0.1", plain.runtime.port), timeout=10) as sock:
            sock.sendall(garbage)
    assert tools.get(plain.runtime.port)["http"] == "1.1"


def test_what_the_application_raises_is_logged(plain: Any, tools: Any) -> None:
    with pytest.raises(json.JSONDecodeError):
        tools.get(plain.runtime.port, "/boom")
    tools.until(lambda: "ValueError: boom" in plain.data.log.read_text())
    assert "experimental" not in plain.data.log.read_text()


@pytest.mark.parametrize(
    ("options", "version"),
    [
        (["--tls-max", "1.2"], "2"),
        (["--tlsv1.3"], "2"),
        (["--http1.1"], "1.1"),
        (["--connect-to", "b.s3.localhost::127.0.0.1:"], "2"),
    ],
)
def test_tls(secure: Any, options: list[str], version: str) -> None:
    host = "b.s3.localhost" if "--connect-to" in options else "localhost"
    answer = curl("--cacert", secure.runtime.ca, *options, f"https://{host}:{secure.runtime.port}/")
    assert answer["http"] == version
    assert answer["scheme"] == "https"


def test_tls_below_1_2_is_refused(secure: Any) -> None:
    context = ssl.create_default_context(cafile=secure.runtime.ca)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secure.runtime.port), timeout=10) as sock, pytest.raises(ssl.SSLError):
        context.wrap_socket(sock, server_hostname="localhost")


@pytest.mark.crash
def test_killing_a_worker_loses_only_what_it_had_accepted(start: Callable[..., Any], tools: Any) -> None:
    region = start()
    runtime = region.up
    results: list[str] = []
    done = threading.Event()

    def client() -> None:
        # A connection for each request: what waits in the queue must survive, so only the one in flight may fail.
        while not done.is_set():
            try:
                results.append(str(tools.get(runtime.port)["pid"]))
            except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
                results.append(type(error).__name__)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round_ in range(3):
        known = region.now().children["worker-1"].pid
        tools.until(lambda known=known: str(known) in results)
        tools.kill(known)
        tools.until(lambda round_=round_: region.now().restarts == round_ + 1)
    tools.until(lambda: len(results) > 50)
    done.set()
    for thread in threads:
        thread.join()
    failed = [result for result in results if not result.isdigit()]
    assert len(failed) <= 3 * 4  # each client had one request in flight at each kill, at the most
    assert "ConnectionRefusedError" not in results


def test_the_socket_is_no_childs_child(plain: Any) -> None:
    """What a worker executes must not inherit the port, the lock or the log."""
    for process in plain.runtime.children.values():
        for name in os.listdir(f"/proc/{process.pid}/fd"):
            info = Path(f"/proc/{process.pid}/fdinfo/{name}").read_text()
            flags = int(next(line.split()[1] for line in info.splitlines() if line.startswith("flags:")), 8)
            assert int(name) <= 2 or flags & os.O_CLOEXEC, os.readlink(f"/proc/{process.pid}/fd/{name}")
