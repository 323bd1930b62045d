"""The benchmark of functions runs, with numbers so small that its figures mean nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.architecture.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("functions")]


def test_it_measures_everything(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [
        sys.executable,
        str(ROOT / "bench" / "functions.py"),
        "--servers",
        "fogbank",
        "--rounds",
        "1",
        "--seconds",
        "0.3",
    ]
    done = subprocess.run(
        [*command, "--environments", "3", "--json", str(file)], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.dumps(json.loads(file.read_text()))
    for name in (
        "warm invocation, median",
        "invocations, 16 connections",
        "cold invocation, median",
        "REPORT tells",
        "3 warm",
        "accepted",
    ):
        assert name in figures
