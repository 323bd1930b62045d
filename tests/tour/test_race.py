"""The tour's step with a function: taken over a real region, and that it fails when a place is not the true one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.tour import race
from fogbank.tour.programs import TourError

if TYPE_CHECKING:
    from pathlib import Path

from gateway.live import Live
from tour.test_tour import run

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.xdist_group("tour")]

TRUTH = {
    "1": {"status": "finished", "wave": "A", "chip_ms": 900, "gun_ms": 1000},
    "2": {"status": "finished", "wave": "B", "chip_ms": 800, "gun_ms": 1100},
    "3": {"status": "finished", "wave": "B", "chip_ms": 900, "gun_ms": 1200},
    "4": {"status": "DNF", "wave": "A"},
}


def test_the_true_places() -> None:
    assert race.places(TRUTH) == {"2": 1, "1": 2, "3": 2}
    assert race.places(TRUTH, "wave") == {"1": 1, "2": 1, "3": 2}


class Said:
    """A tour that tells what is wrong, and nothing else."""

    def __init__(self) -> None:
        self.screen = self

    def say(self, text: str) -> None:
        pass

    def check_same(self, expected: dict[str, Any], found: dict[str, Any], what: str) -> None:
        if expected != found:
            raise TourError(what)


@pytest.mark.parametrize("wrong", ["", "chip times", "gun times", "places", "places in waves"])
def test_a_wrong_result_is_found(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    overall, waves = race.places(TRUTH), race.places(TRUTH, "wave")
    published: dict[str, Any] = {
        bib: {"places": {}}
        if "chip_ms" not in told
        else told | {"places": {"overall": overall[bib], "wave": waves[bib]}}
        for bib, told in json.loads(json.dumps(TRUTH)).items()
    }
    one = published["1"]
    if wrong in ("chip times", "gun times"):
        one["chip_ms" if wrong == "chip times" else "gun_ms"] += 1
    elif wrong:
        one["places"]["overall" if wrong == "places" else "wave"] += 1
    monkeypatch.setattr(race, "published", lambda tour: published)
    tour: Any = Said()
    if wrong:
        with pytest.raises(TourError, match=f"^{wrong}$"):
            race.compare(tour, TRUTH)
    else:
        race.compare(tour, TRUTH)


def test_the_step(tmp_path: Path) -> None:
    live = Live(tmp_path / "data")
    try:
        done = run("tour", "--data", str(live.data), "--steps", "race", temporary=tmp_path, timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "times and places are what really happened" in done.stdout
        assert "and everybody moves up" in done.stdout
        assert f"-race-site.s3-website-us-east-1.localhost:{live.port}/" in done.stdout
        assert "until the tour ends" in done.stdout
        assert live.client("s3").list_buckets()["Buckets"] == []
        assert live.client("lambda").list_functions()["Functions"] == []
        assert live.client("iam").list_roles()["Roles"] == []
        assert live.client("logs").describe_log_groups()["logGroups"] == []
    finally:
        live.end()
