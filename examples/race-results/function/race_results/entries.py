"""What files say: who runs, when waves start, what was read of whom and where, and what the judges corrected.

A file's name tells its kind: `race.csv`, `waves.csv`, `runners….csv`, `reads….csv`, `corrections….csv`. Files count in the order of
their names, however they arrived, and later rows win: the outcome depends on the files alone. A row that cannot be used is a problem
that is told, never an end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from race_results.tables import Row, cell, rows
from race_results.times import Moment, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST_RUNNERS = 20_000
MOST_PROBLEMS = 1_000
START, FINISH = "start", "finish"
_BIB = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,11}", re.ASCII)
_POINT = re.compile(r"[0-9a-z][0-9a-z. ]{0,19}", re.ASCII)
_YES = {"yes", "y", "true", "1", "ja", "oui", "si"}
_SEXES = {"f": "F", "w": "F", "female": "F", "woman": "F", "m": "M", "male": "M", "man": "M"}


@dataclass(frozen=True)
class Runner:
    """Who runs. `age` is 0 and `born` 0 where they are not known; `shown`: whether the name may be."""

    bib: str
    name: str
    club: str
    sex: str  # F, M or X
    age: int
    born: int
    wave: str
    shown: bool
    chips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Read:
    """A chip was seen. Many of the same are one."""

    chip: str
    point: str
    time: Moment


@dataclass(frozen=True)
class Correction:
    """What judges decided of a bib: `time` (the point's true one), `remove` (the point's reads), `dsq`, `ok` (no longer)."""

    bib: str
    action: str
    point: str = ""
    time: Moment | None = None


@dataclass
class Entries:
    """All files together."""

    race: dict[str, str] = field(default_factory=dict)
    waves: dict[str, Moment] = field(default_factory=dict)
    runners: dict[str, Runner] = field(default_factory=dict)
    reads: dict[Read, None] = field(default_factory=dict)  # a set that keeps its order
    corrections: list[Correction] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def problem(self, text: str) -> None:
        """Tell of something that cannot be used; the first thousand are kept."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(text)


def kind_of(key: str) -> str:
    """What a file is, by its name; empty if it is none of ours."""
    name = key.rpartition("/")[2].lower()
    if not name.endswith(".csv"):
        return ""
    return next((kind for kind in KINDS if name.startswith(kind)), "")


def read_files(files: Mapping[str, bytes]) -> Entries:
    """What all files say, by their names."""
    return together({key: parsed(kind_of(key), data) for key, data in files.items() if kind_of(key)})


def together(files: Mapping[str, Entries]) -> Entries:
    """What all files say, each of which was read."""
    found = Entries()
    for key in sorted(files):
        part = files[key]
        found.race.update(part.race)
        found.waves.update(part.waves)
        for bib, runner in part.runners.items():
            if bib not in found.runners and len(found.runners) >= MOST_RUNNERS:
                found.problem(f"{key}: more than {MOST_RUNNERS} runners")
                break
            found.runners[bib] = runner
        found.reads.update(part.reads)
        found.corrections += part.corrections
        for text in part.problems:
            found.problem(f"{key}: {text}")
    return found


def parsed(kind: str, data: bytes) -> Entries:
    """What one file says."""
    found = Entries()
    try:
        lines = rows(data)
    except ValueError as error:
        found.problem(str(error))
        return found
    add = KINDS[kind]
    for number, row in enumerate(lines, 2):
        try:
            add(found, row)
        except ValueError as error:
            found.problem(f"row {number}: {error}")
    return found


def bib_of(text: str) -> str:
    """A bib as it is known: without leading zeros. ValueError if it is none."""
    if not _BIB.fullmatch(text):
        raise ValueError(f"not a bib or chip: {text[:40]!r}")
    return (text.lstrip("0") or "0") if text.isdigit() else text.upper()


def point_of(text: str) -> str:
    """The name of a point: `start`, `2.5km`, `finish`."""
    point = " ".join(text.lower().replace(",", ".").split()).replace(" km", "km")
    if not _POINT.fullmatch(point):
        raise ValueError(f"not a point: {text[:40]!r}")
    return point


def _race(found: Entries, row: Row) -> None:
    found.race[cell(row, "key", "setting").lower()] = cell(row, "value")


def _wave(found: Entries, row: Row) -> None:
    name = cell(row, "wave", "name")
    if not name:
        raise ValueError("no wave")
    found.waves[name.upper()] = parse(cell(row, "gun_time", "gun", "start", "time"))


def _runner(found: Entries, row: Row) -> None:
    bib = bib_of(cell(row, "bib", "number", "no"))
    age, born = _age(cell(row, "age", "birth_year", "year_of_birth", "born", "yob"))
    first, last = cell(row, "first_name", "first"), cell(row, "last_name", "last", "name")
    runner = Runner(
        bib=bib,
        name=" ".join(filter(None, (first, last))),
        club=cell(row, "club", "team"),
        sex=_SEXES.get(cell(row, "sex", "gender").lower(), "X"),
        age=age,
        born=born,
        wave=cell(row, "start_wave", "wave").upper(),
        shown=cell(row, "show_name", "public").lower() in _YES,
        chips=tuple(bib_of(chip) for chip in cell(row, "chip", "chips").split()) or (bib,),
    )
    if bib in found.runners and found.runners[bib] != runner:
        found.problem(f"bib {bib} is there twice: the later row counts")
    found.runners[bib] = runner


def _age(text: str) -> tuple[int, int]:
    """An age, and a year of birth: a number above 1900 is one, whatever the column is called."""
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        return 0, 0
    number = int(text)
    return (0, number) if 1900 < number < 2200 else (number if number < 130 else 0, 0)


def _read(found: Entries, row: Row) -> None:
    chip = bib_of(cell(row, "chip", "bib", "tag", "number"))
    found.reads[Read(chip, point_of(cell(row, "point", "location", "mat")), parse(cell(row, "time")))] = None


def _correction(found: Entries, row: Row) -> None:
    made = Correction(bib_of(cell(row, "bib", "number")), cell(row, "action").lower())
    if made.action in ("time", "remove"):
        made = replace(made, point=point_of(cell(row, "point")))
    if made.action == "time":
        made = replace(made, time=parse(cell(row, "time")))
    elif made.action not in ("remove", "dsq", "ok"):
        raise ValueError(f"not a correction: {made.action[:40]!r}")
    found.corrections.append(made)


def chips(runners: Iterable[Runner]) -> dict[str, str]:
    """Whose chip is whose: chip to bib."""
    return {chip: runner.bib for runner in runners for chip in runner.chips}


KINDS: dict[str, Callable[[Entries, Row], None]] = {
    "race": _race, "waves": _wave, "runners": _runner, "reads": _read, "corrections": _correction,
}  # fmt: skip
