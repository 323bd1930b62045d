"""A region that really runs, in processes of its own, as `fogbank up` starts it."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from fogbank.region.events import KINDS, EventReader
from fogbank.store import keys
from fogbank.store.sqlite import SqliteStore
from gateway.client import Answer, Sent, Signer, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.region.events import Kind

_PROGRAM = Path(sys.executable).with_name("fogbank")


class Live:
    """The region. `end` it."""

    def __init__(self, data: Path, *flags: str) -> None:
        self.data = data
        command = [str(_PROGRAM), "up", "--detach", "--data", str(data), "--port", "0", *flags]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        keys = tomllib.loads((data / "root-credentials").read_text())
        self.key, self.secret = keys["access_key_id"], keys["secret_access_key"]
        self.account = keys["account"]
        self.endpoint: str = self.runtime()["endpoint"]
        self.port = urlsplit(self.endpoint).port or 0
        self.ca = self.runtime()["ca"]
        self.context = ssl.create_default_context(cafile=self.ca) if self.ca else None

    @property
    def host(self) -> str:
        """What clients of the endpoint put into the Host header."""
        return urlsplit(self.endpoint).netloc

    @property
    def signer(self) -> Signer:
        """Signs as the root user."""
        return Signer(self.key, self.secret, self.host, scheme="https" if self.ca else "http")

    def runtime(self) -> dict[str, Any]:
        """What the supervisor says of itself."""
        found: dict[str, Any] = json.loads((self.data / "run" / "supervisor.json").read_text())
        return found

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return [child["pid"] for name, child in self.runtime()["children"].items() if name.startswith("worker")]

    def wire(self, source: str = "127.0.0.1") -> Wire:
        """A new connection."""
        return Wire(self.port, self.context, source=source)

    def ask(self, sent: Sent) -> Answer:
        """The answer to one request, on a connection of its own."""
        with self.wire() as wire:
            return wire.ask(sent)

    def client(self, service: str, **config: Any) -> Any:
        """boto3, unmodified."""
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            verify=self.ca or None,
            config=Config(retries={"max_attempts": 1}, **config),
        )

    def bucket(self, name: str) -> str:
        """A new bucket."""
        assert self.ask(self.signer.sign("PUT", f"/{name}")).status == 200
        return name

    def get(self, target: str) -> Answer:
        """A signed GET."""
        return self.ask(self.signer.sign("GET", target))

    def log(self) -> list[dict[str, Any]]:
        """The lines of the region's log."""
        return [json.loads(line) for line in (self.data / "logs" / "fogbank.log").read_text().splitlines()]

    def events(self, *kinds: Kind) -> list[dict[str, Any]]:
        """The events that are written, newest first; of both logs if none is named."""
        reader = EventReader(self.data / "events")
        return [json.loads(found.line) for kind in kinds or KINDS for found in reader.newest(kind)]

    def kept(self) -> set[object]:
        """Everything that is kept: records, small blobs, blob files, temporary ones."""
        return kept(self.data / "state" / "state.db", self.data / "blobs")

    def end(self) -> None:
        """Stop it."""
        subprocess.run([_PROGRAM, "down", "--data", str(self.data)], check=True, capture_output=True, timeout=60)


# What the region notes of requests by itself: that identities changed, and what was used last.
NOTES = tuple(keys.encode(name) for name in ("iam.generation", "iam.key_used", "iam.used", "iam.used_action"))


def kept(state: Path, blobs: Path) -> set[object]:
    """Everything that a region keeps: records, small blobs, blob files, temporary ones."""
    store = SqliteStore(state)
    try:
        with store.snapshot() as tx:
            records = {record for record in tx.scan(b"", b"\xff" * 8) if not record[0].startswith(NOTES)}
            small = tx.list_bytes(0, 1_000_000)
    finally:
        store.close()
    files = {str(path.relative_to(blobs)) for path in blobs.rglob("*") if path.is_file()}
    return records | set(small) | files


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for `condition` to be true; what it gave."""
    begun = time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - begun < seconds, "it did not happen in time"
        time.sleep(0.005)
    return found
