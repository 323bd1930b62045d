"""The race example reads files as people make them, and tells what it cannot use."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from race_results.entries import kind_of, parsed, read_files
from race_results.results import results
from race_results.times import Moment, parse


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "mark"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=repr)
def test_files_of_all_programs(start: bytes, ends: str, delimiter: str) -> None:
    lines = [
        "BIB,First Name,last_name,Sex,Birth-Year,Club,Start wave,Show name",
        "",
        '007,"Zoë",Müller,w,1990,,a,YES',
        "",
    ]
    found = parsed("runners", start + ends.join(lines).replace(",", delimiter).encode())
    assert not found.problems
    runner = found.runners["7"]
    assert (runner.name, runner.sex, runner.born, runner.wave, runner.shown) == ("Zoë Müller", "F", 1990, "A", True)


def test_a_file_of_windows() -> None:
    found = parsed("runners", "bib;first;last;sex;show_name\n1;Zoë;Müller;f;yes\n".encode("cp1252"))
    assert found.runners["1"].name == "Zoë Müller"


def test_chips_may_have_numbers_of_their_own() -> None:
    files = {
        "runners.csv": b"bib,chip,wave\n1,AB-12 CD-34,A\n2,EF-56,A\n",
        "waves.csv": b"wave,gun\nA,10:00\n",
        "reads-1.csv": b"chip,point,time\ncd-34,finish,10:20:00\n1,finish,10:19:00\nzz,finish,10:19:00\n",
    }
    entries = read_files(files)
    assert [each["status"] for each in results(entries)["results"]] == ["finished", "waiting"]
    assert entries.problems == ["chip 1: no runner has it (1 reads)", "chip ZZ: no runner has it (1 reads)"]


def test_names_of_files() -> None:
    kinds = {
        "runners.csv": "runners",
        "day/Reads-A-001.CSV": "reads",
        "waves.csv": "waves",
        "x.csv": "",
        "reads.txt": "",
        "": "",
    }
    assert {name: kind_of(name) for name in kinds} == kinds


def test_a_row_that_cannot_be_used_is_told_and_the_others_count() -> None:
    lines = (
        "bib,point,time\n1,finish,25:00:00\n,finish,10:00:00\n1,<b>,10:00:00\n../x,finish,10:00\n1\n1,finish,10:00:00\n"
    )
    found = parsed("reads", lines.encode())
    assert [read.time for read in found.reads] == [Moment(36_000_000)]
    assert [problem.partition(":")[0] for problem in found.problems] == [f"row {number}" for number in range(2, 7)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"\xff\xfe\x00",
        b"PK\x03\x04" + bytes(100),
        b"bib," * 10_000,
        b'"' * 9_999,
        b"a\0b\n\0",
        b"bib\n" + b"9" * 300,
    ],
    ids=["empty", "blank", "utf-16", "zip", "wide", "quotes", "nul", "long"],
)
def test_files_that_are_none(data: bytes) -> None:
    for kind in ("race", "waves", "runners", "reads", "corrections"):
        assert not parsed(kind, data).reads


def test_huge_files_are_bounded() -> None:
    assert parsed("reads", bytes(65 << 20)).problems == ["larger than 64 MiB"]
    many = b"bib\n" + b"".join(b"%d\n" % number for number in range(20_010))
    entries = read_files({"runners.csv": many})
    assert len(entries.runners) == 20_000
    assert len(read_files({"reads.csv": b"bib,point,time\n" + b"x\n" * 5000}).problems) == 1000


@given(text=st.text(max_size=40))
@settings(max_examples=300)
def test_any_text_is_a_time_or_is_refused(text: str) -> None:
    try:
        found = parse(text).of_day
    except ValueError:
        return
    assert 0 <= found < 86_400_000


cells = st.sampled_from(
    [
        "1",
        "2",
        "A",
        "B",
        "start",
        "finish",
        "2.5km",
        "10:00:00",
        "23:59:59.999",
        "yes",
        "time",
        "dsq",
        "²",
        "",
        "x" * 300,
    ]
)
rows = st.lists(st.lists(cells, max_size=8).map(",".join), max_size=8)


@given(runners=rows, waves=rows, reads=rows, corrections=rows, race=rows)
@settings(max_examples=150, deadline=None)
def test_any_rows_give_results(
    runners: list[str], waves: list[str], reads: list[str], corrections: list[str], race: list[str]
) -> None:
    heads = {
        "runners": "bib,first,last,sex,age,club,wave,show_name",
        "waves": "wave,gun",
        "reads": "bib,point,time",
        "corrections": "bib,action,point,time",
        "race": "key,value",
    }
    given_rows = {"runners": runners, "waves": waves, "reads": reads, "corrections": corrections, "race": race}
    files = {f"{kind}.csv": "\n".join([heads[kind], *lines]).encode() for kind, lines in given_rows.items()}
    document = results(read_files(files))
    assert sum(document["counts"].values()) == len(document["results"])
