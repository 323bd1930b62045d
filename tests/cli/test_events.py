"""`fogbank events`: the latest, what is asked for, and what comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.cli import events
from fogbank.region.data import DataDir
from fogbank.region.events import KINDS, EventLog, EventReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from fogbank.region.events import Kind

ACCOUNT = "123456789012"
ANN = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/ann", "accountId": ACCOUNT, "userName": "ann"}
ROOT = {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}
SESSION = {
    "type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/bob", "accountId": ACCOUNT,
    "sessionContext": {"sessionIssuer": {"userName": "admin", "arn": f"arn:aws:iam::{ACCOUNT}:role/admin"}},
}  # fmt: skip
NOW = int(datetime.now(UTC).timestamp()) * 1_000_000
ALL: dict[str, Any] = {"account": None, "operation": None, "user": None, "errors": False}


def event(
    request: str, name: str = "CreateUser", who: Any = ANN, source: str = "iam", status: int = 200, **more: Any
) -> dict[str, Any]:
    decision = {"action": f"{source}:{name}", "resource": f"arn:aws:iam::{ACCOUNT}:user/new", "decision": "allowed"}
    return {
        "userIdentity": who, "eventTime": "2026-11-24T10:00:00Z", "eventSource": f"{source}.amazonaws.com", "eventName": name,
        "requestID": request, "recipientAccountId": ACCOUNT, **more,
        "additionalEventData": {"httpStatus": status, "decisions": [decision]},
    }  # fmt: skip


class Kept:
    """A data directory with events."""

    def __init__(self, data: DataDir) -> None:
        data.create()
        self.root = data.events
        self.logs = {kind: EventLog(data.events / kind, 1 << 24) for kind in KINDS}

    def add(self, record: dict[str, Any], at: int, kind: Kind = "management") -> None:
        record["additionalEventData"]["answered"] = at
        assert self.logs[kind].append(json.dumps(record, separators=(",", ":")).encode() + b"\n", at)


@pytest.fixture
def kept(home: Path) -> Kept:
    """Six events, a minute apart, the last a data event of nobody."""
    made = Kept(DataDir(home / ".local" / "share" / "fogbank"))
    minute = 60_000_000
    made.add(event("R1", "CreateUser", ROOT), NOW - 50 * minute)
    made.add(event("R2", "ListUsers", ANN, status=403, errorCode="AccessDenied"), NOW - 40 * minute)
    made.add(event("R3", "CreateBucket", SESSION, "s3"), NOW - 30 * minute)
    made.add(event("R4", "PutObject", ANN, "s3"), NOW - 20 * minute, "data")
    made.add(event("R5", "CreateUser", ANN, recipientAccountId="1" * 12), NOW - 10 * minute)
    made.add(
        event("R6", "GetObject", {"type": "Unknown", "accessKeyId": "AKIA"}, "s3", 403, errorCode="E"), NOW, "data"
    )
    return made


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0
    return [json.loads(line)["requestID"] for line in result.output.splitlines()]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "R1 R2 R3 R5"),
        ("--data-events", "R1 R2 R3 R4 R5 R6"),
        ("--errors", "R2"),
        ("--errors --data-events", "R2 R6"),
        ("--user ann", "R2 R5"),
        ("--user root", "R1"),
        ("--user admin", "R3"),
        ("--user bob", "R3"),
        ("--operation CreateUser", "R1 R5"),
        ("--operation iam:createuser", "R1 R5"),
        ("--operation s3:CreateUser", ""),
        (f"--account {ACCOUNT}", "R1 R2 R3"),
        ("--since 35m", "R3 R5"),
        ("--since 15m --data-events", "R5 R6"),
        ("--limit 2", "R3 R5"),
        ("--limit 2 --data-events --operation PutObject", "R4"),
        ("--operation PutObject", "R4"),
    ],
)
def test_what_is_shown(kept: Kept, fogbank: Callable[..., Result], options: str, expected: str) -> None:
    assert ids(fogbank("events", "--json", *options.split())) == expected.split()


def test_lines_for_people(kept: Kept, fogbank: Callable[..., Result]) -> None:
    lines = fogbank("events", "--data-events").output.splitlines()
    assert lines[0] == f"2026-11-24T10:00:00Z 200 R1 iam:CreateUser arn:aws:iam::{ACCOUNT}:user/new by root {ACCOUNT}"
    assert lines[1].endswith(f"by user/ann {ACCOUNT} AccessDenied")
    assert lines[5].endswith("by ? AKIA E")


@pytest.mark.parametrize("since", ["10", "m", "-1m", "10 m", "10w", "9999999d", ""])
def test_no_span(kept: Kept, fogbank: Callable[..., Result], since: str) -> None:
    result = fogbank("events", "--since", since)
    assert result.exit_code == 2
    assert "is not a time span such as" in result.output


def test_an_empty_log(home: Path, fogbank: Callable[..., Result]) -> None:
    result = fogbank("events", "--data-events")
    assert (result.exit_code, result.output) == (0, "")


def test_what_callers_chose_moves_no_cursor(kept: Kept, fogbank: Callable[..., Result]) -> None:
    record = event("R7")
    record["additionalEventData"]["decisions"][0]["resource"] = "arn:\x1b[2J\nforged"
    kept.add(record, NOW)
    last = fogbank("events").output.splitlines()[-1]
    assert "R7" in last
    assert "\x1b" not in last


def test_damaged_lines_are_skipped(kept: Kept, fogbank: Callable[..., Result]) -> None:
    for number, line in enumerate((b'{"a":', b'{"userIdentity":1,', b"{\xff")):
        at = NOW + 1 + number
        assert kept.logs["management"].append(line + b'"answered":%016d}}\n' % at, at)
    assert ids(fogbank("events", "--json")) == ["R1", "R2", "R3", "R5"]


def test_following(kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(events, "POLL", 0.0)
    reader = EventReader(kept.root)
    kinds = KINDS
    offsets = {kind: reader.ends(kind) for kind in kinds}
    events.follow_once(reader, kinds, offsets, ALL, True)
    assert capsys.readouterr().out == ""
    kept.add(event("R8"), NOW + 2)
    kept.add(event("R7"), NOW + 1, "data")
    kept.add(event("R9", status=500), NOW + 3)
    events.follow_once(reader, kinds, offsets, ALL | {"errors": True}, True)
    assert [json.loads(line)["requestID"] for line in capsys.readouterr().out.splitlines()] == ["R9"]
    kept.add(event("R10"), NOW + 5, "data")
    kept.add(event("R11"), NOW + 4)
    events.follow_once(reader, kinds, offsets, ALL, True)
    assert [json.loads(line)["requestID"] for line in capsys.readouterr().out.splitlines()] == ["R11", "R10"]


def test_following_shows_each_event_once(
    kept: Kept, fogbank: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes while the older ones are read is among them, and behind the place where following begins."""
    real, rounds = events.before, iter(range(3))

    def before(*given: Any) -> Any:
        kept.add(event("R8"), NOW + 1)
        return real(*given)

    class Waited:
        def wait(self, _seconds: float) -> None:
            if next(rounds) == 1:
                raise KeyboardInterrupt
            kept.add(event("R9"), NOW + 2)

    monkeypatch.setattr(events, "before", before)
    monkeypatch.setattr("threading.Event", Waited)
    assert ids(fogbank("events", "--json", "--follow"))[-2:] == ["R8", "R9"]
