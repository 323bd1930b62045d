"""The step with a function: examples/race-results is deployed, chip reads arrive in S3, and the published places are the true ones."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fogbank.tour.objects import fetch_here
from fogbank.tour.programs import TourError

if TYPE_CHECKING:
    from fogbank.tour.tour import Tour

EXAMPLE = Path("examples", "race-results")
NEEDED = ("boto3", "segno")
RUNNERS = 500
SECONDS = 600.0  # until all pages are there: a machine with one slow core needs a minute


def race(tour: Tour) -> None:
    """Deploy, upload the files of a race, wait for the pages, compare with what really happened; then correct one result."""
    example = directory()
    missing = [name for name in NEEDED if find_spec(name) is None]
    if example is None or missing:
        why = f"{EXAMPLE} is not here" if example is None else f"it needs `pip install {' '.join(missing)}`"
        tour.screen.skipped(why)
        return
    files = tour.work / "race"
    python(tour, example / "generate.py", "--runners", str(RUNNERS), "--out", str(files))
    python(tour, example / "deploy.py", "--name", name_of(tour))
    state = tour.json("lambda", "get-function-configuration", "--function-name", f"{name_of(tour)}-results")["State"]
    tour.check(state == "Active", f"the function is {state}")
    truth = json.loads((files / "truth.json").read_text())
    begun = time.perf_counter()
    tour.aws("s3", "cp", "--quiet", "--recursive", str(files), f"s3://{name_of(tour)}-reads/", "--exclude", "*.json")
    settled(tour, truth)
    tour.screen.say(f"{RUNNERS} runners have their pages", time.perf_counter() - begun)
    compare(tour, truth)
    correct(tour, truth)
    hidden(tour, files)
    stays = "" if tour.keep else ", until the tour ends (`fogbank tour --steps race --keep` leaves it)"
    tour.screen.say(f"the page that anybody may read: {address(tour)}{stays}")


def directory() -> Path | None:
    """The example: beside the source, or below the current directory."""
    places = [Path(__file__).resolve().parents[3], Path.cwd()]
    return next((place / EXAMPLE for place in places if (place / EXAMPLE / "deploy.py").is_file()), None)


def name_of(tour: Tour) -> str:
    """What the names of the example's parts begin with."""
    return tour.race


def python(tour: Tour, script: Path, *words: str) -> None:
    """Run one of the example's programs."""
    tour.runner.run([sys.executable, str(script), *words])


def host(tour: Tour) -> str:
    """The host of the site, with its port."""
    port = tour.endpoint.rpartition(":")[2]
    return f"{name_of(tour)}-site.s3-website-{tour.target.runtime.region}.localhost:{port}"


def address(tour: Tour) -> str:
    """Where people see the page."""
    return f"{tour.endpoint.partition('://')[0]}://{host(tour)}/"


def page(tour: Tour, path: str) -> tuple[int, bytes]:
    """A page of the site, as anybody gets it."""
    return fetch_here(f"{tour.endpoint}/{path}", tour.target.runtime.ca, Host=host(tour))


def published(tour: Tour) -> dict[str, Any]:
    """The results by bib; none before there are any."""
    status, body = page(tour, "results.json")
    return {each["bib"]: each for each in json.loads(body)["results"]} if status == 200 else {}


def settled(tour: Tour, truth: dict[str, Any]) -> None:
    """Wait until the results know how everybody ended, and each bib has its page and its code."""
    end = time.monotonic() + SECONDS
    expected = {bib: told["status"] for bib, told in truth.items()}
    while True:
        found = {bib: each["status"] for bib, each in published(tour).items()}
        pages = sum(1 for _ in tour.client.listed(f"{name_of(tour)}-site", "bib/")) if found == expected else 0
        if pages == 2 * len(truth):
            return
        if time.monotonic() > end:
            raise TourError(f"after {SECONDS:.0f} s there are {pages} of {2 * len(truth)} pages and codes")
        time.sleep(0.5)


def places(truth: dict[str, Any], group: str = "") -> dict[str, int]:
    """The true places overall, or within each wave: by what happened, not by what was read of it."""
    groups: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for bib, told in truth.items():
        if told["status"] == "finished":
            groups[told[group] if group else ""].append((told["chip_ms"], bib))
    found = {}
    for times in groups.values():
        for time_, bib in times:
            found[bib] = 1 + sum(other < time_ for other, _ in times)
    return found


def compare(tour: Tour, truth: dict[str, Any]) -> None:
    """Times and places are the true ones."""
    found = published(tour)
    for what, member in (("chip times", "chip_ms"), ("gun times", "gun_ms")):
        true = {bib: told[member] for bib, told in truth.items() if member in told}
        tour.check_same(true, {bib: each[member] for bib, each in found.items() if member in each}, what)
    for what, kind, group in (("places", "overall", ""), ("places in waves", "wave", "wave")):
        told = {bib: each["places"][kind] for bib, each in found.items() if each["places"]}
        tour.check_same(places(truth, group), told, what)
    tour.screen.say(f"{len(places(truth))} finished: times and places are what really happened")


def correct(tour: Tour, truth: dict[str, Any]) -> None:
    """The winner is disqualified, in one more file: everybody moves up."""
    winner = min(places(truth).items(), key=lambda item: item[1])[0]
    path = tour.work / "corrections-2.csv"
    path.write_text(f"bib,action\n{winner},dsq\n")
    tour.aws("s3", "cp", "--quiet", str(path), f"s3://{name_of(tour)}-reads/")
    truth[winner] = {"status": "DSQ"}
    settled(tour, truth)
    told = {bib: each["places"]["overall"] for bib, each in published(tour).items() if each["places"]}
    tour.check_same(places(truth), told, "the places after a correction")
    tour.screen.say(f"bib {winner} is disqualified, and everybody moves up")


def hidden(tour: Tour, files: Path) -> None:
    """Who did not choose it is named nowhere: no last name is in the results of a runner who is not shown."""
    rows = [line.split(";") for line in (files / "runners.csv").read_text("utf-8-sig").splitlines()[1:]]
    chosen = {row[0] for row in rows if row[-1] == "yes"}
    named = {bib for bib, each in published(tour).items() if "name" in each}
    tour.check(named == chosen, f"named, or not, against their choice: {sorted(named ^ chosen)[:5]}")
    bib = min(truth for truth in published(tour) if truth not in chosen)
    status, body = page(tour, f"bib/{bib}.html")
    tour.check(
        status == 200 and f"<h1>Bib {bib}</h1>".encode() in body, f"the page of bib {bib} is {status}: {body[:300]!r}"
    )
    tour.screen.say(f"{len(chosen)} chose to show their names; the others appear by their bibs")
