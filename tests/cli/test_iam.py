"""`fogbank iam explain`, over events as the gateway records them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.cli import iam
from fogbank.region.data import DataDir
from fogbank.region.events import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

ANN = {"type": "IAMUser", "principalId": "AIDA1", "arn": "arn:aws:iam::123456789012:user/ann", "accountId": "123456789012",
       "accessKeyId": "AKIA1", "userName": "ann"}  # fmt: skip
AT = 1_700_000_000_000_000


def decided(decision: str = "allowed", kind: str = "identity", by: Any = (), missing: Any = ()) -> dict[str, Any]:
    action, resource = "s3:PutObject", "arn:aws:s3:::b/k"
    return {"action": action, "resource": resource, "decision": decision, "kind": kind, "by": by, "missing": missing}


def event(*decisions: dict[str, Any], request: str = "R1", status: int = 200, **more: Any) -> dict[str, Any]:
    made = {
        "userIdentity": ANN, "eventTime": "2026-11-24T10:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
        "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1", "userAgent": "boto", "requestID": request,
    }  # fmt: skip
    return made | more | {"additionalEventData": {"httpStatus": status, "decisions": decisions, "answered": AT}}


class Kept:
    """A data directory with events."""

    def __init__(self, data: DataDir) -> None:
        self.data = data

    def add(self, made: dict[str, Any], kind: str = "management") -> None:
        log = EventLog(self.data.events / kind, 1 << 20)
        assert log.append(json.dumps(made, separators=(",", ":")).encode() + b"\n", AT)
        log.close()


@pytest.fixture
def kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(iam, "WAIT", 0.0)
    data = DataDir(home / ".local" / "share" / "fogbank")
    data.create()
    for kind in ("management", "data"):
        (data.events / kind).mkdir(mode=0o700, parents=True, exist_ok=True)
    return Kept(data)


def test_an_allow(kept: Kept, fogbank: Callable[..., Result]) -> None:
    kept.add(event(decided(by=["arn:aws:iam::123456789012:policy/write#Write", "inline-x#2"])))
    result = fogbank("iam", "explain", "R1")
    assert result.exit_code == 0
    assert result.output == (
        "Request   R1, 2026-11-24T10:00:00Z, region us-east-1\n"
        "Asked     s3:PutObject\n"
        "By        arn:aws:iam::123456789012:user/ann (IAMUser, access key AKIA1), from 192.0.2.1\n"
        "Answered  200\n"
        "\n"
        "1. s3:PutObject on arn:aws:s3:::b/k\n"
        "   allowed\n"
        '   by statement "Write" of arn:aws:iam::123456789012:policy/write\n'
        "   by statement 2 of inline-x\n"
    )


def test_data_events_are_found(kept: Kept, fogbank: Callable[..., Result]) -> None:
    kept.add(event(decided()), "data")
    assert "1. s3:PutObject" in fogbank("iam", "explain", "R1").output


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("identity", "no identity-based policy allows it"),
        ("resource", "no resource-based policy allows it"),
        ("boundary", "no permissions boundary allows it"),
        ("session", "no session policy allows it"),
        ("control", "no service control policy allows it"),
    ],
)
def test_an_implicit_deny_says_what_kind_of_policy_lacks(
    kept: Kept, fogbank: Callable[..., Result], kind: str, words: str
) -> None:
    refused = {"errorCode": "AccessDenied", "errorMessage": "User is not authorized"}
    missing = ["aws:multifactorauthpresent", "aws:requesttag/team"]
    kept.add(event(decided(), decided("implicitDeny", kind, missing=missing), status=403, **refused))
    output = fogbank("iam", "explain", "R1").output
    assert "Answered  403 AccessDenied: User is not authorized\n" in output
    assert f"2. s3:PutObject on arn:aws:s3:::b/k\n   denied, because {words}\n" in output
    assert "the request has not: aws:multifactorauthpresent, aws:requesttag/team\n" in output


def test_an_explicit_deny_names_the_statement(kept: Kept, fogbank: Callable[..., Result]) -> None:
    kept.add(event(decided("explicitDeny", "identity", ["inline-x#NoWrites"]), status=403))
    kept.add(event(decided("explicitDeny", "session", ["s#1"]), request="R2", status=403))
    assert (
        '   denied by an identity-based policy\n   by statement "NoWrites" of inline-x\n'
        in fogbank("iam", "explain", "R1").output
    )
    assert "   denied by a session policy\n   by statement 1 of s\n" in fogbank("iam", "explain", "R2").output


def test_requests_without_a_question(kept: Kept, fogbank: Callable[..., Result]) -> None:
    kept.add(event(request="R1"))
    kept.add(event(request="R2", status=501, errorCode="NotImplemented"))
    unknown = {"type": "Unknown", "accessKeyId": "AKIAFORGED"}
    kept.add(event(request="R3", status=403, errorCode="InvalidAccessKeyId", userIdentity=unknown, awsRegion=""))
    kept.add(
        event(request="R4", userIdentity={"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"})
    )
    assert "the operation needs none" in fogbank("iam", "explain", "R1").output
    assert "refused before" in fogbank("iam", "explain", "R2").output
    output = fogbank("iam", "explain", "R3").output
    assert "By        an unverified caller with access key AKIAFORGED" in output
    assert "the caller was not authenticated" in output
    assert "region not known" in output
    assert "By        an anonymous caller, from" in fogbank("iam", "explain", "R4").output


def test_json(kept: Kept, fogbank: Callable[..., Result]) -> None:
    kept.add(event(decided("implicitDeny"), status=403, errorCode="AccessDenied"))
    found = json.loads(fogbank("iam", "explain", "--json", "R1").output)
    assert found["operation"] == "s3:PutObject"
    assert found["caller"]["arn"] == ANN["arn"]
    assert found["permissions"] == [decided("implicitDeny") | {"by": [], "missing": []}]


@pytest.mark.parametrize("request_id", ["R2", "", '"', "R1\\", "\x1b[2J", "R" * 10_000, "R", "1"])
def test_a_request_without_event(kept: Kept, fogbank: Callable[..., Result], request_id: str) -> None:
    kept.add(event())
    result = fogbank("iam", "explain", "--", request_id)
    assert result.exit_code == 1
    assert result.output.startswith("There is no event of request ")
    assert "\x1b" not in result.output


def test_no_data_directory(fogbank: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam, "WAIT", 0.0)
    assert fogbank("iam", "explain", "R1", "--data", str(home / "none")).exit_code == 1


def test_who_is_quoted_in_another_event_is_not_it(kept: Kept, fogbank: Callable[..., Result]) -> None:
    """A caller may put anything into what events quote: it does not pass for an event of its choice."""
    kept.add(event(request="R1", userAgent='"requestID":"R9"', requestParameters={"requestID": "R9"}))
    assert fogbank("iam", "explain", "R9").exit_code == 1


def test_what_callers_chose_does_not_move_the_cursor(kept: Kept, fogbank: Callable[..., Result]) -> None:
    hostile = decided() | {"resource": "arn:aws:s3:::b/\x1b[2J\r\nAnswered  200\u202e"}
    kept.add(event(hostile, errorMessage="\x07\x1b]0;x"))
    output = fogbank("iam", "explain", "R1").output
    assert not {"\x1b", "\r", "\x07", "\u202e"} & set(output)
    assert r"arn:aws:s3:::b/\x1b[2J\r\nAnswered  200\u202e" in output


def test_damaged_lines_are_passed_over(kept: Kept, fogbank: Callable[..., Result]) -> None:
    kept.add(event())
    segment = next((kept.data.events / "management").iterdir())
    with segment.open("ab") as file:
        file.write(b'{"requestID":"R1",broken,"answered":1700000000000001}}\n{"requestID":"R1","x\n')
    assert "Asked     s3:PutObject" in fogbank("iam", "explain", "R1").output
