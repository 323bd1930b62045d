"""The log: whole lines from several processes, rotation, and no secrets."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.region import log

if TYPE_CHECKING:
    from collections.abc import Iterator


class Memory:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.lines.append(line)


def make(level: str = "debug", text: bool = False) -> tuple[log.Log, Memory]:
    sink = Memory()
    return log.Log(sink, "worker-1", level=level, text=text, now=lambda: 1_700_000_000.5), sink


def test_an_event_is_one_line_of_json() -> None:
    events, sink = make()
    events.info("served", status=200, path="/a\nb", none=None, where=Path("/x"))
    assert sink.lines[0].endswith(b"}\n")
    assert sink.lines[0].count(b"\n") == 1
    assert json.loads(sink.lines[0]) == {
        "time": "2023-11-14T22:13:20.500000Z", "level": "info", "process": "worker-1", "message": "served",
        "status": 200, "path": "/a\nb", "none": None, "where": "/x",
    }  # fmt: skip


def test_levels() -> None:
    events, sink = make("warning")
    events.debug("no")
    events.info("no")
    events.warning("yes")
    events.error("yes")
    assert len(sink.lines) == 2
    assert not events.enabled("info")


def test_text_cannot_forge_lines_or_move_the_cursor() -> None:
    events, sink = make(text=True)
    events.info("served", path="/a\n12:00:00 error\x1b[2J")
    assert sink.lines[0].count(b"\n") == 2
    assert b"\n    12:00:00" in sink.lines[0]
    assert b"\x1b" not in sink.lines[0]


SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /a?X-Amz-Signature={SECRET}&b=1",
        f"GET /a?X-Amz-Security-Token={SECRET}",
        f"authorization: AWS4-HMAC-SHA256 Credential=AKIA/2/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={SECRET}",
        f'{{"SecretAccessKey": "{SECRET}"}}',
        f"{{'secret_access_key': '{SECRET}'}}",
        f"aws_secret_access_key = {SECRET}",
        f"x-amz-security-token: {SECRET}",
        f"password={SECRET}",
        f'"password": "with space {SECRET}"',
        f"Authorization: Bearer {SECRET}",
    ],
)
def test_secrets_in_texts_are_hidden(text: str) -> None:
    events, sink = make()
    events.info(text, url=text, error=ValueError(text))
    assert SECRET.encode() not in sink.lines[0]


def test_fields_named_like_secrets_are_hidden() -> None:
    events, sink = make()
    events.info(
        "x",
        secret=SECRET,
        SecretAccessKey=SECRET,
        sessionToken=SECRET,
        Authorization=SECRET,
        password=SECRET,
        access_key="AKIA",
    )
    assert SECRET.encode() not in sink.lines[0]
    assert json.loads(sink.lines[0])["access_key"] == "AKIA"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.text(),
    st.dictionaries(st.text(min_size=1, max_size=8), st.one_of(st.text(), st.integers(), st.binary()), max_size=3),
    st.booleans(),
)
def test_anything_can_be_logged(message: str, fields: dict[str, Any], text: bool) -> None:
    events, sink = make(text=text)
    events.write("info", message, fields)
    assert len(sink.lines) == 1
    if not text:
        json.loads(sink.lines[0])


def test_huge_events_are_cut() -> None:
    for text in (False, True):
        events, sink = make(text=text)
        events.info("x" * 100_000, more="y" * 1_000_000)
        assert len(sink.lines[0]) < 20_000
        assert b"bytes" in sink.lines[0]


def test_processes_share_a_file_and_follow_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "fogbank.log"
    now = [0.0]
    mine, other = (log.LogFile(path, clock=lambda: now[0]) for _ in range(2))
    mine.write(b"mine 1\n")
    other.write(b"other 1\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert not log.rotate(path, 1000)
    assert log.rotate(path, 10)
    other.write(b"other 2\n")  # has not noticed yet: nothing is lost
    now[0] = 2.0
    other.write(b"other 3\n")
    mine.write(b"mine 2\n")
    assert (tmp_path / "fogbank.log.1").read_text() == "mine 1\nother 1\nother 2\n"
    assert path.read_text() == "other 3\nmine 2\n"


def test_the_number_of_old_files_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "fogbank.log"
    for number in range(log.KEPT + 3):
        path.write_text(f"{number}")
        assert log.rotate(path, 1)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f"fogbank.log.{n}" for n in range(1, log.KEPT + 1)]
    assert (tmp_path / "fogbank.log.1").read_text() == str(log.KEPT + 2)


def test_descriptors_follow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fogbank.log"
    follower = os.open(os.devnull, os.O_WRONLY)
    now = [0.0]
    file = log.LogFile(path, follow=(follower,), clock=lambda: now[0])
    os.write(follower, b"a crash report\n")
    path.rename(tmp_path / "old")
    now[0] = 2.0
    file.write(b"x\n")
    os.write(follower, b"another\n")
    os.close(follower)
    assert path.read_text() == "x\nanother\n"


@pytest.fixture
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_root_logger")
def test_what_libraries_log_becomes_events() -> None:
    events, sink = make()
    log.adopt_logging(events)
    try:
        raise ValueError(f"Signature={SECRET}")
    except ValueError:
        logging.getLogger("library").exception("it %s", "failed", extra={"fields": {"bucket": "b"}})
    found = json.loads(sink.lines[0])
    assert (found["level"], found["message"], found["logger"], found["bucket"]) == (
        "error",
        "it failed",
        "library",
        "b",
    )
    assert "ValueError" in found["exception"]
    assert SECRET not in found["exception"]


def test_tail(tmp_path: Path) -> None:
    path = tmp_path / "fogbank.log"
    assert log.tail(path) == ""
    path.write_bytes(b"".join(b"%d \xff\n" % n for n in range(20_000)))
    assert log.tail(path, 2).split("\n")[0].startswith("19998 ")
