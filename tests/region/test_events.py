"""The log of events: order, bounds, torn lines, a full disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.region import events
from fogbank.region.events import EventLog, EventReader, prune, segments, time_of

if TYPE_CHECKING:
    from pathlib import Path

START = 1_700_000_000_000_000


def line(at: int, text: str = "") -> bytes:
    return b'{"t":"%b","additionalEventData":{"answered":%016d}}\n' % (text.encode(), at)


def times(reader: EventReader, **asked: int) -> list[int]:
    return [found.answered - START for found in reader.newest("management", **asked)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "management"
    made.mkdir()
    return made


def write(directory: Path, pid: int, *at: int, text: str = "") -> None:
    """A segment of some process."""
    name = f"{START + at[0]:016d}-{pid}.ndjson"
    (directory / name).write_bytes(b"".join(line(START + one, text) for one in at))


def test_several_processes_newest_first(directory: Path, tmp_path: Path) -> None:
    write(directory, 11, 1, 4, 9)
    write(directory, 11, 12, 13)
    write(directory, 22, 2, 3, 10, 11)
    reader = EventReader(tmp_path)
    assert times(reader) == [13, 12, 11, 10, 9, 4, 3, 2, 1]
    assert times(reader, since=START + 4, until=START + 11) == [11, 10, 9, 4]
    assert times(reader, since=START + 14) == times(reader, until=START) == []
    assert list(reader.newest("data")) == []


@given(
    st.lists(st.lists(st.integers(0, 60), max_size=30, unique=True), max_size=4), st.integers(0, 60), st.integers(0, 60)
)
@settings(max_examples=60, deadline=None)
def test_pages_meet_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, at: list[list[int]], low: int, high: int
) -> None:
    """Going on behind any event, also among equal times, gives each once; long lines cross the chunks that are read."""
    root = tmp_path_factory.mktemp("pages")
    (root / "management").mkdir()
    for pid, own in enumerate(at):
        if own:
            write(root / "management", pid + 1, *sorted(own), text="x" * 20_000)
    reader = EventReader(root)
    expected = sorted((one for own in at for one in own if low <= one <= high), reverse=True)
    got: list[int] = []
    before = None
    while page := next(reader.newest("management", since=START + low, until=START + high, before=before), None):
        got.append(page.answered - START)
        before = page[:2]
    assert got == expected
    assert times(reader, since=START + low, until=START + high) == expected


def test_what_is_torn_is_skipped(directory: Path, tmp_path: Path) -> None:
    good = line(START + 5)
    noise = b'{"additionalEventData":{"answered":17000\n\n\x00\xff\n' + b'x"answered":1700000000000001}}\n[]\n'
    (directory / f"{START}-1.ndjson").write_bytes(noise + good + noise + line(START + 6) + good[:-4])
    (directory / f"{START}-2.ndjson").write_bytes(b"no line at all")
    (directory / f"{START}-3.ndjson").write_bytes(b"")
    (directory / "README").write_text("not a segment")
    assert times(EventReader(tmp_path)) == [6, 5]


@pytest.mark.parametrize(
    "text", [b"", b"{", b"}}", b'{"answered":123}}', b'{"answered":12345678901234x6}}', b"{" + b"}" * 40]
)
def test_no_time(text: bytes) -> None:
    assert time_of(text) is None


def test_the_log_stays_within_its_limit(directory: Path, tmp_path: Path) -> None:
    """A flood: whole segments go, the oldest first; what is left is the newest, without gaps."""
    limit = 1 << 22
    log = EventLog(directory, limit)
    most = 0
    for at in range(12_000):
        assert log.append(line(START + at, "x" * 1000), START + at)
        if at % 10 == 0:
            log.sync()
            most = max(most, sum(one.size for one in segments(directory)))
    log.close()
    assert limit * 3 // 4 < most <= limit
    kept = times(EventReader(tmp_path))
    assert kept == list(range(11_999, 11_999 - len(kept), -1))
    assert (os.stat(directory / segments(directory)[0].name).st_mode & 0o777) == 0o600


def test_prune_keeps_what_is_open(directory: Path) -> None:
    write(directory, os.getpid(), 1, 2, 3)
    for number in range(20):
        write(directory, 4_194_304 + number, 10 + number)  # a number that no process can have
    assert prune(directory, 1, 4096) == 20
    assert [one.pid for one in segments(directory)] == [os.getpid()]


def test_too_many_segments(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_SEGMENTS", 3)
    for number in range(10):
        write(directory, 4_194_304, number)
    assert prune(directory, 1 << 30, 4096) == 7
    assert [one.first - START for one in segments(directory)] == [7, 8, 9]


def test_a_full_disk_loses_lines_and_no_more(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(directory, 1 << 20)
    assert log.append(line(START + 1), START + 1)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, text: real(descriptor, text[:10]))
    assert not log.append(line(START + 2), START + 2)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    assert not log.append(line(START + 3), START + 3)
    monkeypatch.setattr(os, "write", real)
    assert log.append(line(START + 4), START + 4)
    log.close()
    assert times(EventReader(tmp_path)) == [4, 1]


def test_following(directory: Path, tmp_path: Path) -> None:
    write(directory, 1, 1, 2)
    reader = EventReader(tmp_path)
    offsets = reader.ends("management")
    assert reader.since("management", offsets) == []
    path = directory / f"{START + 1:016d}-1.ndjson"
    path.write_bytes(path.read_bytes() + line(START + 4) + line(START + 6)[:20])
    write(directory, 2, 3)
    assert [found.answered - START for found in reader.since("management", offsets)] == [3, 4]
    with path.open("ab") as file:
        file.write(line(START + 6)[20:])
    assert [found.answered - START for found in reader.since("management", offsets)] == [6]


def test_behind_a_torn_line_a_new_one_begins(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece that cannot be cut off again is lost; what follows it is not."""
    log, write_all = EventLog(directory, 1 << 20), os.write
    assert log.append(line(START + 1), START + 1)

    def no(*_: object) -> None:
        raise OSError("input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(events.os, "write", lambda descriptor, data: write_all(descriptor, data[:10]))
        broken.setattr(events.os, "ftruncate", no)
        assert not log.append(line(START + 2), START + 2)
        broken.undo()
        broken.setattr(events.os, "write", lambda descriptor, data: write_all(descriptor, data[:20]))
        assert not log.append(line(START + 3), START + 3)
    assert log.append(line(START + 4), START + 4)
    assert log.append(line(START + 5), START + 5)
    assert times(EventReader(tmp_path)) == [5, 4, 1]
    log.close()
