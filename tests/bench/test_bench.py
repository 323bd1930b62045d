"""The benchmark runs, with numbers so small that its figures mean nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.architecture.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TINY = [
    "--rounds",
    "1",
    "--seconds",
    "0.2",
    "--objects",
    "50",
    "--keys",
    "1100",
    "--stream-size",
    "4",
    "--uploads",
    "3",
    "--big-size",
    "0.0625",
]


def run(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "bench" / "run.py"), "--servers", "fogbank", "--json", str(file)]
    return subprocess.run([*command, *TINY, *options], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    file = tmp_path_factory.mktemp("bench") / "figures.json"
    done = run(file)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("client: GET 4 KiB from an empty granian", "client"),
        ("GET 4 KiB", "fogbank"),
        ("HEAD 4 KiB", "fogbank"),
        ("PUT 4 KiB", "fogbank"),
        ("mixed 4 KiB: p99", "fogbank"),
        ("this machine's MD5", "client"),
        ("one stream of 4 MiB: PUT, signed payload", "fogbank"),
        ("one stream of 4 MiB: GET", "fogbank"),
        ("listing 1,100 keys", "fogbank"),
        ("3 multipart uploads of 6 MiB at once", "fogbank"),
        ("memory, 0.0625 GiB: GET of parts", "fogbank"),
        ("fogbank up --detach", "fogbank"),
        ("idle, two workers (PSS)", "fogbank"),
        ("PUT 4 KiB: two workers over one", "fogbank"),
    ],
)
def test_every_part_measures(finished: tuple[str, dict[str, Any]], name: str, server: str) -> None:
    table, figures = finished
    measures = {measure["name"]: measure for measure in figures["measures"]}
    assert measures[name]["medians"][server] > 0
    assert name in table


def test_a_part_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path / "figures.json", "--only", "small,large")
    assert done.returncode == 2
    assert "unknown: large" in done.stderr
