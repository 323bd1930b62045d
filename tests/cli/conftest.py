"""The command line, run in process, with the AWS files and the data directory of a user of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from fogbank.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory; nothing of the real one is seen."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("XDG_", "AWS_", "FOGBANK_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def fogbank(home: Path) -> Callable[..., Result]:
    """`fogbank("status", "--json")`."""

    def run(*arguments: str, answer: str | None = None) -> Result:
        result = CliRunner().invoke(main, list(arguments), input=answer)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
