"""The load generator's own ceiling: the same requests against granian with an application that does nothing.

`python bench/ceiling.py PORT` is that server.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import uvloop

import loadgen
import servers
import signing

if TYPE_CHECKING:
    from results import Results

BODY = bytes(4096)
HEADERS = [("content-type", "binary/octet-stream")]


async def answer(scope: Any, protocol: Any) -> None:
    """4 KiB for everybody."""
    protocol.response_bytes(200, HEADERS, BODY)


async def serve(port: int) -> None:
    """The server, until it is ended."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    await Server(answer, address="127.0.0.1", port=port, interface=Interfaces.RSGI).serve()


def measure(results: Results, seconds: float) -> None:
    """What the client alone could do, by its own CPU time, and what it got from that server."""
    port = servers.free_port()
    process = subprocess.Popen([sys.executable, __file__, str(port)], stdout=subprocess.DEVNULL)
    try:
        servers.wait_for(port, process)
        requests = signing.gets("bench", [f"small/{number:06d}" for number in range(500)])
        got = uvloop.run(loadgen.run(port, requests, seconds, repeat=True))
    finally:
        process.kill()
        process.wait()
    results.add("client: GET 4 KiB from an empty granian", "/s", "client", got.rate)
    results.add("client: requests that one core of it can do", "/s", "client", 1e6 / got.client_us)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
