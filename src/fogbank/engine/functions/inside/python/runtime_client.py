"""The module that awslambdaric takes for its own C extension: the Runtime API over one connection, for any Python from 3.8.

The request for the next invocation goes out with the answer to the last: one round trip an invocation.
"""

from __future__ import annotations

import os
import socket
import sys
import time

RUNTIME = "/2018-06-01/runtime/invocation/"
MAX_ANSWER = 6 * 1024 * 1024 + 100
HEADERS = (
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Trace-Id",
    "Lambda-Runtime-Invoked-Function-Arn",
    "Lambda-Runtime-Deadline-Ms",
    "Lambda-Runtime-Client-Context",
    "Lambda-Runtime-Cognito-Identity",
    "Lambda-Runtime-Aws-Tenant-Id",
    "Lambda-Runtime-Invocation-Id",
    "Content-Type",
)
NAMES = {name.lower().encode(): name for name in HEADERS}


class Connection:
    """What is open, and whether the next invocation has been asked for on it already."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        self.agent = "aws-lambda-python"
        self.asked = False
        self.rest = b""

    def open(self) -> socket.socket:
        """Connect, once."""
        if self.socket is None:
            host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.asked = False
            self.rest = b""
        return self.socket

    def close(self) -> None:
        """Give the connection up."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def head(self, line: str, more: str = "") -> bytes:
        """The head of a request."""
        api = os.environ["AWS_LAMBDA_RUNTIME_API"]
        return (f"{line} HTTP/1.1\r\nHost: {api}\r\nUser-Agent: {self.agent}\r\n{more}\r\n").encode()

    def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body of the next answer."""
        data = self.rest
        end = data.find(b"\r\n\r\n")
        while end < 0:
            data += self.receive()
            end = data.find(b"\r\n\r\n")
        lines = data[:end].split(b"\r\n")
        found: dict[bytes, bytes] = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            found[name.lower()] = value.strip()
        body = self.body(data[end + 4 :], int(found.get(b"content-length", 0)))
        return int(lines[0].split(b" ", 2)[1]), found, body

    def body(self, data: bytes, size: int) -> bytes:
        """A body of a size; what came after it is kept."""
        if len(data) < size:
            parts = [data]
            have = len(data)
            while have < size:
                parts.append(self.receive())
                have += len(parts[-1])
            data = b"".join(parts)
        self.rest = data[size:]
        return data[:size]

    def receive(self) -> bytes:
        """Some bytes."""
        data = self.open().recv(262144)
        if not data:
            raise RuntimeError("the Runtime API closed the connection")
        return data


connection = Connection()


def initialize_client(user_agent: str) -> None:
    """Set what requests say of their client."""
    connection.agent = user_agent


def wait() -> tuple[bytes, dict[str, str | int | None]]:
    """Wait for an invocation: its payload and its headers, the deadline a number as AWS's context counts with it."""
    for _ in range(3):
        try:
            opened = connection.open()
            if not connection.asked:
                opened.sendall(connection.head("GET " + RUNTIME + "next"))
            status, found, body = connection.answer()
            connection.asked = False
        except OSError:
            connection.close()
            continue
        if status != 200:
            raise RuntimeError(f"Failed to get next: http response code: {status}")
        headers: dict[str, str | int | None] = dict.fromkeys(HEADERS)
        for name, value in found.items():
            if name in NAMES:
                headers[NAMES[name]] = value.decode("utf-8")
        headers["Lambda-Runtime-Deadline-Ms"] = int(found[b"lambda-runtime-deadline-ms"])
        return body, headers
    raise RuntimeError("Failed to get next")


def post_invocation_result(
    invoke_id: str, data: bytes, content_type: str = "application/json", invocation_id: str | None = None
) -> None:
    """Answer an invocation."""
    post(invoke_id, "response", data, f"Content-Type: {content_type}\r\n")


def post_error(invoke_id: str, error: str | bytes, xray_fault: str, invocation_id: str | None = None) -> None:
    """Report an invocation's error."""
    data = error if isinstance(error, bytes) else error.encode("utf-8")
    fault = xray_fault.replace("\r", " ").replace("\n", " ")
    more = "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: Unhandled\r\n"
    if fault.isascii():
        more += f"Lambda-Runtime-Function-XRay-Error-Cause: {fault}\r\n"
    post(invoke_id, "error", data, more)


def post(invoke_id: str, kind: str, data: bytes, more: str) -> None:
    """Send an answer, and with it the request for the next invocation."""
    opened = connection.open()
    connection.asked = len(data) <= MAX_ANSWER  # a larger one is refused, and ends the runtime
    more += "Fogbank-Together: 1\r\n" if connection.asked else ""
    head = connection.head(f"POST {RUNTIME}{invoke_id}/{kind}", f"{more}Content-Length: {len(data)}\r\n")
    opened.sendall(head + data + (connection.head("GET " + RUNTIME + "next") if connection.asked else b""))
    status, _, said = connection.answer()
    if status != 202:
        what = f"LAMBDA_RUNTIME Failed to post handler success response. Http response code: {status}."
        sys.stderr.write(f"[ERROR] [{time.time_ns() // 1_000_000}] {what} {said.decode('utf-8', 'replace')}\n")
        raise SystemExit(
            1
        )  # as an error would end it, without the traceback, which is of files that are not the function's


globals().update(next=wait)  # as awslambdaric calls it
