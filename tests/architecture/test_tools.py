"""mypy --strict and ruff find nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.architecture.source import ROOT


@pytest.mark.parametrize(
    "command",
    [
        ["mypy"],
        ["ruff", "check", "--output-format=concise", "src", "tests", "bench"],
        ["ruff", "format", "--check", "--output-format=concise", "--quiet", "src", "tests", "bench"],
    ],
    ids=["mypy", "ruff check", "ruff format"],
)
def test_a_tool_finds_nothing(command: list[str]) -> None:
    found = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-5_000:] + found.stderr[-5_000:]
