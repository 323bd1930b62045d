"""The race example computes: times, places, and what is odd in real files."""

from __future__ import annotations

from typing import Any

import pytest
from generate import generate
from race_results.entries import read_files
from race_results.results import results
from race_results.times import Moment, between, parse, shown

RUNNERS = "bib,first name,last name,sex,age,club,start wave,show_name\n"
WAVES = "wave,gun time\nA,10:00:00.000\n"


def table(reads: str, runners: str = "", waves: str = WAVES, **more: str) -> dict[str, Any]:
    """Results by bib; the whole document under an empty one."""
    runners = runners or "".join(f"{bib},First,Last{bib},F,30,Club,A,yes\n" for bib in range(1, 6))
    files = {"waves.csv": waves, "runners.csv": RUNNERS + runners, "reads-1.csv": f"bib,point,time\n{reads}", **more}
    document = results(read_files({name: text.encode() for name, text in files.items()}))
    return {each["bib"]: each for each in document["results"]} | {"": document}


def test_gun_time_and_chip_time() -> None:
    found = table("1,start,10:00:12.345\n1,2.5km,10:10:12.345\n1,finish,10:20:00.000\n")["1"]
    assert (found["gun_ms"], found["chip_ms"]) == (1_200_000, 1_187_655)
    assert found["splits_ms"] == {"2.5km": 600_000}


def test_without_a_read_at_the_start_the_gun_counts() -> None:
    assert table("1,finish,10:20:00.000\n")["1"]["chip_ms"] == 1_200_000


def test_the_last_read_at_the_start_and_the_first_at_the_finish_count() -> None:
    reads = (
        "1,start,10:00:09.000\n1,start,10:00:10.000\n1,finish,10:20:03.000\n1,finish,10:20:01.000\n1,finish,10:45:00\n"
    )
    assert table(reads)["1"]["chip_ms"] == 1_191_000


def test_reads_before_the_gun_do_not_count() -> None:
    found = table("1,start,09:55:00\n1,finish,09:58:00\n1,2.5km,09:59:00\n1,finish,10:20:00\n")["1"]
    assert (found["chip_ms"], found["splits_ms"]) == (1_200_000, {})


def test_a_finish_faster_than_anybody_runs_is_a_chip_beside_the_mat() -> None:
    assert table("1,finish,10:03:00\n1,finish,10:20:00\n")["1"]["gun_ms"] == 1_200_000
    assert table("1,finish,10:03:00\n")["1"]["status"] == "waiting"


def test_who_crosses_the_start_again_after_the_race_started_once() -> None:
    reads = "1,start,10:00:10\n1,2.5km,10:09:00\n1,start,10:19:58\n1,finish,10:20:00\n"
    assert table(reads)["1"]["chip_ms"] == 1_190_000


def test_the_same_time_is_the_same_place_and_the_next_is_left_out() -> None:
    reads = "1,finish,10:20:00.001\n2,finish,10:20:00.000\n3,finish,10:20:00.000\n4,finish,10:19:59.999\n"
    found = table(reads)
    assert {bib: found[bib]["places"]["overall"] for bib in "1234"} == {"4": 1, "2": 2, "3": 2, "1": 4}
    assert [each["bib"] for each in found[""]["results"]] == ["4", "2", "3", "1", "5"]


def test_places_by_wave_sex_and_category() -> None:
    runners = "1,a,b,F,30,,A,yes\n2,a,b,F,39,,B,yes\n3,a,b,M,40,,A,yes\n4,a,b,W,40,,B,yes\n5,a,b,,,,A,yes\n"
    waves = "wave;gun time\nA;10:00:00\nB;10:05:00\n"
    reads = "".join(f"{bib},finish,10:{20 + bib}:00\n" for bib in range(1, 6))
    found = table(reads, runners, waves)
    assert {bib: found[bib]["category"] for bib in "12345"} == {
        "1": "F30",
        "2": "F30",
        "3": "M40",
        "4": "F40",
        "5": "X",
    }
    places = {bib: found[bib]["places"] for bib in "12345"}
    assert places["2"] == {"overall": 1, "sex": 1, "wave": 1, "category": 1}
    assert places["4"] == {"overall": 2, "sex": 2, "wave": 2, "category": 1}
    assert places["1"] == {"overall": 3, "sex": 3, "wave": 1, "category": 2}


def test_places_by_gun_time_if_the_race_says_so() -> None:
    reads = "1,start,10:01:00\n1,finish,10:20:01\n2,finish,10:20:00\n"
    assert table(reads)["1"]["places"]["overall"] == 1
    assert table(reads, **{"race.csv": "key,value\nrank_by,gun\n"})["1"]["places"]["overall"] == 2


@pytest.mark.parametrize("dated", [False, True])
def test_waves_across_midnight(dated: bool) -> None:
    first, second = ("2026-06-13 ", "2026-06-14T") if dated else ("", "")
    waves = f"wave,gun time\nA,{first}23:50:00.000\nB,{second}00:05:00.000\n"
    runners = "1,a,b,F,30,,A,yes\n2,a,b,F,30,,B,yes\n3,a,b,F,30,,B,yes\n"
    reads = (
        f"1,start,{first}23:59:59.500\n1,finish,{second}00:12:00.000\n"
        f"2,start,{first}23:58:00.000\n2,start,{second}00:05:30.000\n2,finish,{second}00:30:00.250\n"
        f"3,start,{second}00:05:01.000\n"
    )
    found = table(reads, runners, waves)
    assert (found["1"]["gun_ms"], found["1"]["chip_ms"]) == (1_320_000, 720_500)
    assert (found["2"]["gun_ms"], found["2"]["chip_ms"]) == (1_500_250, 1_470_250)
    assert found["3"]["status"] == "on course"
    assert found[""]["state"] == "provisional"


def test_who_is_out_is_known_when_the_time_is_up() -> None:
    reads = "1,start,10:00:10\n2,finish,10:40:00\n"
    early = table(reads)
    assert (early["1"]["status"], early["3"]["status"], early[""]["state"]) == ("on course", "waiting", "provisional")
    late = table(reads + "99,finish,11:30:00\n")
    assert (late["1"]["status"], late["3"]["status"], late[""]["state"]) == ("DNF", "DNS", "final")
    said = table(reads, **{"race.csv": "key,value\nfinal,yes\n"})
    assert said["1"]["status"] == "DNF"


def test_corrections_count_in_the_order_of_files_and_rows() -> None:
    reads = "".join(f"{bib},finish,10:2{bib}:00\n" for bib in range(1, 6))
    first = (
        "bib,action,point,time\n1,time,finish,10:30:00.500\n2,dsq,,\n3,remove,finish,\n4,dsq,,\n4,time,start,10:00:30\n"
    )
    found = table(reads, **{"corrections-1.csv": first, "corrections-2.csv": "bib;action\n4;ok\n5;fly\n"})
    assert found["1"]["gun_ms"] == 1_800_500
    assert (found["2"]["status"], found["3"]["status"], found["4"]["status"]) == ("DSQ", "waiting", "finished")
    assert found["4"]["chip_ms"] == found["4"]["gun_ms"] - 30_000
    assert "places" in found["2"]
    assert found["2"]["places"] == {}


def test_names_are_only_of_who_chose_to_show_them() -> None:
    runners = "1,Ada,Shown,F,30,Club1,A,yes\n2,Ben,Hidden,M,30,Club2,A,no\n3,Cem,Silent,M,30,Club3,A,\n"
    found = table("", runners)
    assert (found["1"]["name"], found["1"]["club"]) == ("Ada Shown", "Club1")
    assert not {"name", "club"} & (found["2"].keys() | found["3"].keys())
    assert not [word for word in ("Hidden", "Silent", "Ben", "Club2", "Club3") if word in repr(found)]


def test_a_file_that_comes_again_under_another_name_changes_nothing() -> None:
    reads = "bib,point,time\n1,finish,10:20:00\n2,finish,10:21:00\n"
    once = table("", **{"reads-7.csv": reads})
    assert table("", **{"reads-7.csv": reads, "reads-7 (1).csv": reads}) == once


@pytest.mark.parametrize("runners", [60, 500, 2000])
def test_a_generated_race_comes_out_as_it_was(runners: int) -> None:
    files, truth = generate(runners, seed=runners)
    document = results(read_files(files))
    assert len(document["results"]) == runners
    for each in document["results"]:
        told = {"wave": each["wave"], "status": each["status"]}
        told |= {name: each[name] for name in ("gun_ms", "chip_ms") if name in each}
        assert told == truth[each["bib"]]
    assert generate(runners, seed=runners) == (files, truth)


def test_times() -> None:
    assert parse("9:05") == Moment(32_700_000)
    assert parse("2026-06-14T10:00:01,5+02:00").of_day == 36_001_500
    assert parse("14.06.2026 10:00:00.9999").of_day == 36_000_999
    assert between(parse("10:00:00+02:00"), parse("08:30:00Z")) == 1_800_000
    assert [shown(each) for each in (0, 1, 59_000, 899_001, 3_661_000)] == ["0:00", "0:01", "0:59", "15:00", "1:01:01"]
