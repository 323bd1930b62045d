#!/usr/bin/env python3
"""Make the files of a race that never was: 500 to 5,000 runners over 5 km, with what goes wrong in real ones.

    python generate.py --runners 1000 --seed 5 --out race

The same seed makes the same files. Beside them, `truth.json` tells what really happened, for whoever checks results: it comes from
the simulation, not from the files.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
from pathlib import Path
from typing import Any

FIRST = {
    "F": [
        "Ada",
        "Anna",
        "Aïcha",
        "Berta",
        "Chloé",
        "Elif",
        "Emma",
        "Fatou",
        "Grace",
        "Hanna",
        "Ines",
        "Jana",
        "Kim",
        "Léa",
        "Mia",
        "Nora",
        "Olga",
        "Priya",
        "Rosa",
        "Sofia",
        "Yuki",
        "Zoë",
    ],
    "M": [
        "Ali",
        "Amir",
        "Ben",
        "Björn",
        "Carlos",
        "David",
        "Émile",
        "Felix",
        "Goran",
        "Hugo",
        "Ivan",
        "Jan",
        "Kofi",
        "Luca",
        "Mats",
        "Noah",
        "Omar",
        "Paul",
        "Raj",
        "Sören",
        "Tom",
        "Wei",
    ],
}
LAST = [
    "Abdi",
    "Becker",
    "Castro",
    "Dubois",
    "Eriksson",
    "Fischer",
    "García",
    "Haddad",
    "Ivanova",
    "Jansen",
    "Kaya",
    "Lindqvist",
    "Müller",
    "Nguyen",
    "O'Brien",
    "Öztürk",
    "Papadopoulos",
    "Quist",
    "Rossi",
    "Sato",
    "Smith-Jones",
    "Tanaka",
    "Ueda",
    "Vogel",
    "Weiß",
    "Xu",
    "Yilmaz",
    "Żak",
]
CLUBS = ["", "", "", "Harriers", "LG Nord", "Run & Fun", "Sunday Runners", 'The "Hares"', "AC Porto; Lda", "TV 1861"]
HOSTILE = [  # names as some people enter them: they must come out as text
    ('<script>alert("1")</script>', "Tables"),
    ("<img src=x onerror=alert(1)>", "&amp;"),
    ("=HYPERLINK(1)", '"quoted", with comma'),
    ("Zalgo\u0301\u0302\u0303", "\u202eevil"),
]
GUN = 9 * 3600 + 30 * 60  # seconds after midnight: the first wave


class Maker:
    """A race in the making. Times are milliseconds after midnight."""

    def __init__(self, runners: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = runners
        self.waves = {name: (GUN + 300 * at) * 1000 for at, name in enumerate("ABCD"[: 1 + min(3, runners // 250)])}
        self.runners: list[dict[str, Any]] = []
        self.reads: dict[str, list[tuple[int, str]]] = {"start": [], "2.5km": [], "finish": []}
        self.truth: dict[str, dict[str, Any]] = {}
        self.corrections: list[list[str]] = []

    def run(self) -> None:
        """Everybody registers, and runs or does not."""
        for number in range(1, self.count + 1):
            self.register(number)
        ability = sorted(self.runners, key=lambda runner: runner["pace"])
        per = -(-len(ability) // len(self.waves))
        for at, runner in enumerate(ability):  # faster ones start earlier
            runner["wave"] = list(self.waves)[at // per]
            self.race(runner)
        for chip in ("99991", "99992"):  # chips of last week's race
            self.reads["start"] += [(self.waves["A"] + self.random.randrange(60_000), chip) for _ in range(3)]

    def register(self, number: int) -> None:
        """One more runner."""
        pick = self.random
        sex = pick.choices(["F", "M", "X"], [47, 51, 2])[0]
        first, last = pick.choice(FIRST.get(sex, FIRST["F"] + FIRST["M"])), pick.choice(LAST)
        if number % 97 == 0:
            first, last = HOSTILE[number // 97 % len(HOSTILE)]
        age = min(88, max(10, int(pick.gauss(39, 13))))
        pace = max(
            166.0, pick.lognormvariate(5.82, 0.2) * (1.07 if sex == "F" else 1.0) * (1 + max(0, age - 40) * 0.005)
        )
        self.runners.append(
            {"bib": str(number), "first": first, "last": last, "sex": sex, "age": age, "club": pick.choice(CLUBS),
             "shown": pick.random() < 0.8, "pace": pace}
        )  # fmt: skip

    def race(self, runner: dict[str, Any]) -> None:
        """What happens to a runner, and what the mats see of it."""
        pick, bib, gun = self.random, runner["bib"], self.waves[runner["wave"]]
        truth = self.truth[bib] = {"wave": runner["wave"], "status": "DNS"}
        if pick.random() < 0.05:
            return
        self.see("start", bib, gun - pick.randrange(60_000, 900_000), 0.3)  # walks over the mat before the gun
        start = gun + int(pick.triangular(500, 150_000, 20_000))
        seen = self.see("start", bib, start, 0.98)
        chip = int(runner["pace"] * pick.gauss(1, 0.03) * 5000)
        chip = max(chip, 790_000)
        passed = self.see("2.5km", bib, start + int(chip * pick.uniform(0.47, 0.51)), 0.99)
        truth["status"] = "DNF"
        if pick.random() < 0.015:
            if not (seen or passed):
                truth["status"] = "DNS"  # nobody saw this runner
            return
        finish = start + chip
        if not self.see("finish", bib, finish, 0.997):
            finish += pick.randrange(-400, 400)  # timed by hand
            self.corrections.append([bib, "time", "finish", clock(finish), "video"])
        truth.update(status="finished", gun_ms=finish - gun, chip_ms=finish - (start if seen else gun))
        if pick.random() < 0.003:
            truth.clear()
            truth.update(wave=runner["wave"], status="DSQ")
            self.corrections.append([bib, "dsq", "", "", "shortened the course"])

    def see(self, point: str, bib: str, time: int, chance: float) -> bool:
        """A chip passes a mat, and may be read, some times in a row. True is the last read at the start, elsewhere the first."""
        if self.random.random() >= chance:
            return False
        sign = -1 if point == "start" else 1
        more = [time + sign * self.random.randrange(20, 2500) for _ in range(self.random.choice([0, 0, 1, 2, 4]))]
        self.reads[point] += [(each, bib) for each in (time, *more)]
        return True

    def files(self) -> dict[str, bytes]:
        """The files, by name, as they come from half a dozen programs."""
        names = {"A": "start", "B": "2.5km", "C": "finish"}
        made = {
            "race.csv": table(
                [["key", "value"], ["name", "The Fogbank 5 km"], ["date", "2026-06-14"], ["distance_km", "5"]]
            ),
            "waves.csv": table([["wave", "gun time"], *([name, clock(gun)] for name, gun in self.waves.items())]),
            "runners.csv": table(self.entries(), delimiter=";", bom=True, ends="\r\n"),
            "corrections-1.csv": table([["bib", "action", "point", "time", "reason"], *self.corrections], ends="\r\n"),
        }
        for mat, point in names.items():
            reads = sorted(self.reads[point])
            for part, start in enumerate(range(0, max(1, len(reads)), 2000), 1):
                lines = [
                    [bib.zfill(5) if mat == "B" else bib, point, clock(time)]
                    for time, bib in reads[start : start + 2000]
                ]
                self.random.shuffle(lines)  # boxes send when they have a connection
                head = ["chip" if mat == "A" else "bib", "point", "time"]
                made[f"reads-{mat}-{part:03}.csv"] = table(
                    [head, *lines], ends="\r\n" if mat == "C" else "\n", bom=mat == "B"
                )
        made["reads-C-001-again.csv"] = made["reads-C-001.csv"]  # sent twice, under another name
        last = max(self.waves.values()) + 91 * 60_000
        made["reads-D-sweeper.csv"] = table([["chip", "point", "time"], ["99991", "finish", clock(last)]])
        return made

    def entries(self) -> list[list[str]]:
        """The registrations: half of them with an age, half with a year of birth."""
        head = ["Bib", "First name", "Last name", "Sex", "Age", "Club", "Start wave", "Show name"]
        return [head] + [
            [each["bib"], each["first"], each["last"], each["sex"], str(each["age"] if int(each["bib"]) % 2 else 2026 - each["age"]),
             each["club"], each["wave"], "yes" if each["shown"] else "no"]
            for each in self.runners
        ]  # fmt: skip


def clock(time: int) -> str:
    """A time of day, with milliseconds."""
    seconds, part = divmod(time, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{part:03}"


def table(rows: list[list[str]], *, delimiter: str = ",", bom: bool = False, ends: str = "\n") -> bytes:
    """A CSV file."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ends).writerows(rows)
    return out.getvalue().encode("utf-8-sig" if bom else "utf-8")


def generate(runners: int, seed: int) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a race, and what really happened."""
    maker = Maker(runners, seed)
    maker.run()
    return maker.files(), maker.truth


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Make the files of a race that never was.")
    parser.add_argument("--runners", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("race"))
    asked = parser.parse_args()
    files, truth = generate(asked.runners, asked.seed)
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (asked.out / name).write_bytes(data)
    (asked.out / "truth.json").write_text(json.dumps(truth, indent=1))
    print(f"{len(files)} files of {asked.runners:,} runners in {asked.out}/; truth.json tells what happened")


if __name__ == "__main__":
    main()
