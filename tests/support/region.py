"""A whole region in this process, without sockets: real store, real gateway, unmodified boto3 in front of it."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from fogbank.control import process
from fogbank.core.background import Background, Options
from fogbank.core.clock import Clock
from fogbank.core.control import Here
from fogbank.core.identity.directory import Directory, Root
from fogbank.core.ids import Ids
from fogbank.core.region import Region
from fogbank.core.stored import read_content
from fogbank.core.vault import Vault
from fogbank.gateway.app import Gateway
from fogbank.gateway.record import Recorder
from fogbank.gateway.uses import Uses
from fogbank.region.events import KINDS, LOGS, EventLog, EventReader
from fogbank.services import registry
from fogbank.store.blobs import Blobs
from fogbank.store.sqlite import SqliteStore
from fogbank.wire import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping
    from pathlib import Path

    from fogbank.region.events import Kind

ACCOUNT = "123456789012"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST = "localhost:4566"


class Source:
    """A request body as the server gives it, in chunks."""

    def __init__(self, body: bytes, size: int = 65536) -> None:
        self._chunks = [body[at : at + size] for at in range(0, len(body), size)]

    async def __call__(self) -> bytes:
        return b"".join(self._chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


class Answer:
    """A response, its body read."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class _Raw:
    """What botocore reads a body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._body
        self._body = b""

    def read(self, amount: int | None = None, *_: Any, **__: Any) -> bytes:
        cut = len(self._body) if amount is None else amount
        data, self._body = self._body[:cut], self._body[cut:]
        return data

    def close(self) -> None:
        pass


class LocalRegion:
    """The region. Everything runs on one event loop in a thread; `close` it."""

    def __init__(
        self, directory: Path, *, dev: bool = True, served: tuple[str, ...] = (), max_body: int = 8 << 20
    ) -> None:
        (directory / "blobs").mkdir(exist_ok=True)
        self.directory = directory
        self.clock = Clock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.region = Region(
            name="us-east-1",
            served=served,
            store=SqliteStore(directory / "state.db"),
            blobs=Blobs(directory / "blobs"),
            clock=self.clock,
            ids=Ids(),
            vault=Vault({1: bytes(32)}),
            events=EventReader(directory / "events"),
            operations=registry.operation,
            control=(here := Here(registry.service)),
        )
        self.background = here.background = Background(self.region, Options(directory=directory))
        for kind in LOGS:
            (directory / "events" / kind).mkdir(parents=True, exist_ok=True)
        self.logs = {kind: EventLog(directory / "events" / kind, 16 << 20) for kind in LOGS}
        self.recorder = Recorder(self.logs, self._loop)
        self.identities = Directory(Root(ACCOUNT, KEY_ID, SECRET, dev), self.region.vault)
        self.uses = Uses(self.region.store, self._loop)
        self.gateway = Gateway(self.region, self.identities, self.recorder, self.uses, max_body)

    def events(self, kind: Kind = "management") -> list[dict[str, Any]]:
        """The events so far, newest first."""
        self._loop.call_soon_threadsafe(self.recorder.flush)
        self.run(asyncio.sleep(0))
        return [json.loads(found.line) for found in self.region.events.newest(kind)]

    @property
    def lines(self) -> list[bytes]:
        """All events, management's and data events, as they are kept."""
        self.events()
        return [found.line for kind in KINDS for found in self.region.events.newest(kind)]

    def settle(self) -> None:
        """Carry out all that is due in the background: every effect, and every chore once."""
        self.run(self._settle())

    async def _settle(self) -> None:
        await process.carry_out(self.background)
        for chore in process.chores():
            await chore.work(self.background)
        await process.carry_out(self.background)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the region's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def close(self) -> None:
        """Stop."""
        for resident in self.background.residents.values():
            self.run(resident.close())
        self.run(self.recorder.close())
        self.region.store.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def advance(self, **by: float) -> None:
        """Move the region's clock."""
        self.clock.advance(timedelta(**by))

    def raw(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"", source: Any = None
    ) -> Answer:
        """One request as it stands: `target` is the path as sent, with its query."""
        path, _, query = target.partition("?")
        given = {"host": HOST} | {name.lower(): value for name, value in (headers or {}).items()}
        if body and "content-length" not in given and "transfer-encoding" not in given:
            given["content-length"] = str(len(body))
        decoded = unquote_to_bytes(path).decode("utf-8", "replace")
        request = HttpRequest(method, decoded, query, given, b"", "127.0.0.1", "http")
        response: HttpResponse = self.run(self.gateway.answer(request, source or Source(body)))
        return Answer(response.status, {n.lower(): v for n, v in response.headers}, self._body(method, response))

    def _body(self, method: str, response: HttpResponse) -> bytes:
        if method == "HEAD" or response.status in (204, 304):
            return b""
        if isinstance(response.body, bytes):
            return response.body
        if hasattr(response.body, "__aiter__"):
            return bytes(self.run(_joined(response.body)))
        return b"".join([bytes(run) for run in read_content(self.region.blobs, response.body)])

    def client(
        self,
        service: str,
        key: str = KEY_ID,
        secret: str = SECRET,
        region: str = "us-east-1",
        *,
        style: str = "path",
        **config: Any,
    ) -> Any:
        """An unmodified boto3 client whose connection ends in this region."""
        made = boto3.client(
            service,
            endpoint_url=f"http://{HOST}" if style == "path" else f"http://{service}.{HOST}",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name=region,
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": style}, **config),
        )
        made.meta.events.register("before-send.*", self._send)
        return made

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        headers.setdefault("host", parts.netloc)
        body = request.body or b""
        if hasattr(body, "read"):
            body = body.read()
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        answer = self.raw(request.method, target, headers, body if isinstance(body, bytes) else body.encode())
        return AWSResponse(request.url, answer.status, _headers(answer.headers), _Raw(answer.body))


async def _joined(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def _headers(headers: Mapping[str, str]) -> Any:
    from botocore.compat import HTTPHeaders

    made = HTTPHeaders()
    for name, value in headers.items():
        made[name] = value
    return made
