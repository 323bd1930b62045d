"""From entries to results: each runner's times, and the places. Pure: the same entries give the same results, byte for byte.

- **Gun time**: from the gun of the runner's wave to the finish. **Chip time**: from the runner's own last read at the start (within
  half an hour after the gun, and before any other point) to the finish; without such a read it is the gun time.
- The **finish** is the first read there that is not faster than anybody runs. Reads before the gun do not count.
- **Places** go by chip time, or by gun time if `race.csv` says `rank_by,gun`: overall, by sex, by wave, by category. Who has the same
  time to the millisecond shares the place, and the next one is left out.
- Names and clubs are here only of those who chose to show them. Nobody's age is.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from race_results.entries import FINISH, START, Correction, Entries, Runner, chips
from race_results.times import Moment, between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

START_WINDOW = 30 * 60_000  # after the gun: who has not crossed the start by then has no chip start
GROUPS = (0, 20, 30, 40, 50, 60, 70, 80)  # the lowest age of each group
FASTEST = 140_000  # milliseconds a kilometre: the record over 5 km is above 150
CUTOFF = 90.0  # minutes after the gun
FINISHED, ON_COURSE, WAITING, DNF, DNS, DSQ = "finished", "on course", "waiting", "DNF", "DNS", "DSQ"
_ORDER = (FINISHED, ON_COURSE, WAITING, DNF, DSQ, DNS)


@dataclass(frozen=True)
class Race:
    """What `race.csv` says, or its defaults."""

    name: str
    date: str
    year: int
    kilometres: float
    rank_by: str
    cutoff: int  # milliseconds after the gun
    groups: tuple[int, ...]
    final: bool


@dataclass
class Run:
    """One runner's race, in milliseconds after the gun; a point that was not passed is not there."""

    runner: Runner
    passed: dict[str, int] = field(default_factory=dict)
    status: str = WAITING
    gun: int = 0
    chip: int = 0
    places: dict[str, int] = field(default_factory=dict)


def results(entries: Entries) -> dict[str, Any]:
    """The whole table, as it is published."""
    race = race_of(entries)
    seen = reads_of(entries)
    runs = [run_of(race, entries, runner, seen.get(runner.bib, {})) for runner in entries.runners.values()]
    words = {
        each.bib: each.action for each in entries.corrections if each.action in ("dsq", "ok")
    }  # the last word counts
    final = race.final or is_over(race, entries)
    for run in runs:
        if words.get(run.runner.bib) == "dsq":
            run.status = DSQ
        if final and run.status in (ON_COURSE, WAITING):
            run.status = DNF if run.status == ON_COURSE else DNS
    place(race, runs)
    runs.sort(key=lambda run: in_order(race, run))
    table = [row(race, run) for run in runs]
    points = sorted({point for run in runs for point in run.passed} - {START, FINISH}, key=natural)
    return {
        "race": {"name": race.name, "date": race.date, "kilometres": race.kilometres, "ranked_by": race.rank_by},
        "state": "final" if final else "provisional",
        "counts": {status: sum(run.status == status for run in runs) for status in _ORDER},
        "points": points,
        "waves": sorted({run.runner.wave for run in runs}, key=natural),
        "categories": sorted({each["category"] for each in table}, key=natural),
        "results": table,
    }


def race_of(entries: Entries) -> Race:
    """The race's settings. What cannot be read counts as not said."""
    said = entries.race
    groups = tuple(sorted({int(each) for each in re.findall(r"\d{1,3}", said.get("age_groups", ""))} | {0}))
    day = said.get("date", "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII):
        day = next((date.fromordinal(gun.day).isoformat() for gun in entries.waves.values() if gun.day), "")
    return Race(
        name=said.get("name") or "Race results",
        date=day,
        year=int(day[:4] or 0),
        kilometres=number(said.get("distance_km", ""), 5.0),
        rank_by="gun" if said.get("rank_by", "").lower() == "gun" else "chip",
        cutoff=int(number(said.get("cutoff_minutes", ""), CUTOFF) * 60_000),
        groups=groups if len(groups) > 1 else GROUPS,
        final=said.get("final", "").lower() in ("yes", "true", "1"),
    )


def number(text: str, otherwise: float) -> float:
    """A positive number, or another one."""
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        return otherwise
    return found if 0 < found < 10_000 and math.isfinite(found) else otherwise


def reads_of(entries: Entries) -> dict[str, dict[str, list[Moment]]]:
    """The reads of each bib at each point; corrections are in them already."""
    owner = chips(entries.runners.values())
    seen: dict[str, dict[str, list[Moment]]] = defaultdict(lambda: defaultdict(list))
    unknown: dict[str, int] = defaultdict(int)
    for read in entries.reads:
        bib = owner.get(read.chip)
        if bib is None:
            unknown[read.chip] += 1
        else:
            seen[bib][read.point].append(read.time)
    for chip, count in unknown.items():
        entries.problem(f"chip {chip}: no runner has it ({count} reads)")
    for correction in entries.corrections:
        correct(seen[correction.bib], correction)
    return seen


def correct(reads: dict[str, list[Moment]], correction: Correction) -> None:
    """What judges decided, in the place of what was read."""
    if correction.action == "remove":
        reads.pop(correction.point, None)
    elif correction.time is not None:
        reads[correction.point] = [correction.time]


def run_of(race: Race, entries: Entries, runner: Runner, reads: dict[str, list[Moment]]) -> Run:
    """What a runner's reads come to."""
    run = Run(runner)
    gun = entries.waves.get(runner.wave)
    if gun is None and len(entries.waves) == 1 and not runner.wave:
        gun = next(iter(entries.waves.values()))
    if gun is None:
        entries.problem(f"bib {runner.bib}: wave {runner.wave!r} has no gun time")
        return run
    after = {point: sorted(between(gun, time) for time in times) for point, times in reads.items()}
    run.passed = passed(race, after)
    run.status = FINISHED if FINISH in run.passed else ON_COURSE if run.passed else WAITING
    if run.status == FINISHED:
        run.gun = run.passed[FINISH]
        run.chip = run.gun - run.passed.get(START, 0)
    return run


def passed(race: Race, after: dict[str, list[int]]) -> dict[str, int]:
    """When each point was passed, of all reads in milliseconds after the gun."""
    found = {
        point: first
        for point, times in after.items()
        if point not in (START, FINISH)
        if (first := next((time for time in times if time > 0), None)) is not None
    }
    soonest = race.kilometres * FASTEST
    finish = next((time for time in after.get(FINISH, ()) if time >= soonest), None)
    if finish is not None:
        found[FINISH] = finish
        found = {point: time for point, time in found.items() if time <= finish}
    limit = min(found.values(), default=START_WINDOW + 1)
    starts = [time for time in after.get(START, ()) if 0 <= time < limit and time <= START_WINDOW]
    if starts and (finish is None or finish - starts[-1] >= soonest):
        found[START] = starts[-1]
    return found


def is_over(race: Race, entries: Entries) -> bool:
    """Whether the last wave's time is up, by the latest read of anybody: there is no other clock."""
    if not entries.waves:
        return False
    first = next(iter(entries.waves.values()))
    guns = {wave: between(first, gun) for wave, gun in entries.waves.items()}
    latest = max((between(first, read.time) for read in entries.reads), default=-1)
    return latest >= max(guns.values()) + race.cutoff


def place(race: Race, runs: list[Run]) -> None:
    """Places overall, by sex, by wave, by category."""
    finished = sorted((run for run in runs if run.status == FINISHED), key=lambda run: time_of(race, run))
    by: dict[str, Callable[[Run], str]] = {
        "overall": lambda run: "",
        "sex": lambda run: run.runner.sex,
        "wave": lambda run: run.runner.wave,
        "category": lambda run: category(race, run.runner),
    }
    for kind, group_of in by.items():
        groups: dict[str, list[Run]] = defaultdict(list)
        for run in finished:
            groups[group_of(run)].append(run)
        for group in groups.values():
            number_group(race, group, kind)


def number_group(race: Race, group: Iterable[Run], kind: str) -> None:
    """Places in one group, which is in the order of its times."""
    before, shared = -1, 0
    for at, run in enumerate(group, 1):
        if time_of(race, run) != before:
            before, shared = time_of(race, run), at
        run.places[kind] = shared


def time_of(race: Race, run: Run) -> int:
    """What places go by."""
    return run.gun if race.rank_by == "gun" else run.chip


def category(race: Race, runner: Runner) -> str:
    """Sex and age group: `F30`, `MU20`; the sex alone where the age is not known."""
    age = runner.age or (race.year - runner.born if race.year and runner.born else 0)
    if not 0 < age < 130:
        return runner.sex
    lowest = max(group for group in race.groups if group <= age)
    return f"{runner.sex}{lowest}" if lowest else f"{runner.sex}U{race.groups[1]}"


def in_order(race: Race, run: Run) -> tuple[Any, ...]:
    """Finishers by their time, then the others; of the same time by gun time, then by bib."""
    finished = run.status == FINISHED
    times = (time_of(race, run), run.gun) if finished else (0, 0)
    return (_ORDER.index(run.status), *times, natural(run.runner.bib))


def natural(text: str) -> list[tuple[int, str]]:
    """Sorts `2` before `10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text) if part]


def row(race: Race, run: Run) -> dict[str, Any]:
    """A runner as the public sees him or her."""
    runner = run.runner
    shown = {"name": runner.name, "club": runner.club} if runner.shown and runner.name else {}
    splits = {point: time - run.passed.get(START, 0) for point, time in run.passed.items()}
    splits = {point: time for point, time in splits.items() if point not in (START, FINISH) and time > 0}
    timed = {"chip_ms": run.chip, "gun_ms": run.gun} if run.status == FINISHED else {}
    return {
        "bib": runner.bib,
        **shown,
        "category": category(race, runner),
        "wave": runner.wave,
        "status": run.status,
        **timed,
        "splits_ms": splits,
        "places": run.places,
    }
