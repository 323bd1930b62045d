"""Microseconds that a request's event takes on the request path: making it, and the write of one that has to last.

Run: `.venv/bin/python bench/micro_events.py`. Prints the median of several repeats. For comparison the access log's line that events
replaced is made too.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import timeit
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.auth.policy import Decision, Match
from fogbank.core.authorize import Asked
from fogbank.core.principal import root_of
from fogbank.gateway.event import told
from fogbank.gateway.record import Record, Recorder
from fogbank.region.events import KINDS, EventLog
from fogbank.services import registry
from fogbank.wire import HttpRequest, HttpResponse, load

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBER, REPEATS = 2000, 9
CALLER = root_of("123456789012", "AKIAIOSFODNN7EXAMPLE")
AT = 1_700_000_000_000_000


def record_of(service: str, operation: str, resource: str, values: dict[str, Any], path: str) -> Record:
    """A request as the steps leave it: one permission, allowed."""
    headers = {"user-agent": "Boto3/1.40 md/Botocore#1.40", "host": "localhost:4566"}
    record = Record(HttpRequest("POST", path, "", headers, client="127.0.0.1"), "0" * 16, datetime.now(UTC))
    meaning = SimpleNamespace(service=service, operation=operation)
    made: Any = SimpleNamespace(
        meaning=meaning, operation=load(service).operations[operation], region="us-east-1",
        bound=registry.operation(service, operation),
    )  # fmt: skip
    record.identified, record.principal, record.input = made, CALLER, values
    decision = Decision(True, False, "identity", (Match("arn:aws:iam::123456789012:policy/work", "Objects"),), ())
    record.asked = [Asked(f"{service}:{operation}", resource, decision)]
    return record


def access_line(record: Record) -> bytes:
    """What the access log had of a request."""
    return msgspec.json.encode(
        {
            "time": round(record.at.timestamp(), 3), "id": record.id, "client": record.request.client,
            "account": CALLER.account, "key": CALLER.access_key_id, "operation": record.operation,
            "method": record.request.method, "path": record.request.path[:1024], "status": 200, "error": record.error,
            "microseconds": 100,
        }
    )  # fmt: skip


def microseconds(action: Callable[[], object]) -> float:
    """The median time of one call."""
    return statistics.median(timeit.repeat(action, number=NUMBER, repeat=REPEATS)) / NUMBER * 1e6


async def taken(root: Path, record: Record) -> float:
    """The recorder's whole part of a request, writes to the file included."""
    for kind in KINDS:
        (root / kind).mkdir(exist_ok=True)
    recorder = Recorder({kind: EventLog(root / kind, 64 << 20) for kind in KINDS}, asyncio.get_running_loop())
    response = HttpResponse(200, [], b"")
    found = microseconds(lambda: recorder.take(record, response))
    await recorder.close()
    return found


def main() -> None:
    """Print the figures."""
    get = record_of("s3", "GetObject", "arn:aws:s3:::bucket/key", {"Bucket": "bucket", "Key": "key"}, "/bucket/key")
    listed = record_of("iam", "ListUsers", "arn:aws:iam::123456789012:user/", {}, "/")
    made = record_of("iam", "CreateUser", "arn:aws:iam::123456789012:user/ann", {"UserName": "ann", "Path": "/"}, "/")
    made.result = {
        "User": {"UserName": "ann", "Path": "/", "Arn": "arn:aws:iam::123456789012:user/ann", "CreateDate": get.at}
    }
    print(f"access line          {microseconds(lambda: access_line(get)):6.1f} us")
    for name, record in (("GetObject", get), ("ListUsers", listed), ("CreateUser", made)):
        line = told(record, 200, 100, AT).line
        with tempfile.TemporaryDirectory() as root:
            whole = asyncio.run(taken(Path(root), record))
        making = microseconds(lambda record=record: told(record, 200, 100, AT))  # type: ignore[misc]
        print(f"{name:<12} event {making:10.1f} us, recorded {whole:6.1f} us, {len(line)} bytes")


if __name__ == "__main__":
    main()
