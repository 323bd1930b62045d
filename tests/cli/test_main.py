"""The command line as a whole: help, errors, and that it is quick."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click
import pytest

from fogbank.cli.main import COMMANDS, LazyGroup, main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_the_commands_say(fogbank: Callable[..., Result], name: str) -> None:
    assert isinstance(main, LazyGroup)
    command = main.get_command(click.Context(main), name)
    assert command
    assert command.name == name
    assert (command.help or "").splitlines()[0] == COMMANDS[name][1]
    assert f"  {name} " in fogbank("--help").output
    assert fogbank(name, "--help").exit_code == 0


def test_unknown_commands(fogbank: Callable[..., Result]) -> None:
    result = fogbank("fly")
    assert result.exit_code == 2
    assert "No such command 'fly'" in result.output


def test_expected_failures_have_no_traceback(fogbank: Callable[..., Result], home: Path) -> None:
    (home / "file").touch()
    result = fogbank("tls", "ca", "--data", str(home / "file"))
    assert result.exit_code == 1
    assert result.output.startswith("fogbank: cannot use the data directory")
    assert result.output.count("\n") == 1


def test_bad_settings(fogbank: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    result = fogbank("up", "--host", "0.0.0.0")
    assert result.exit_code == 1
    assert "Add --tls" in result.output
    assert fogbank("up", "--port", "x").exit_code == 2
    monkeypatch.setenv("FOGBANK_PROT", "1")
    assert "did you mean FOGBANK_PORT?" in fogbank("status").output


def test_help_is_quick_and_imports_no_command() -> None:
    script = (
        "import sys; from fogbank.cli.main import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        times.append(time.perf_counter() - begun)
    modules = set(output.split())
    assert not modules & {
        "rich",
        "granian",
        "msgspec",
        "cryptography",
        "fogbank.cli.up",
        "fogbank.region.settings",
        "asyncio",
    }
    assert min(times) < 0.5  # 0.06 s on an idle machine


def test_version(fogbank: Callable[..., Result]) -> None:
    assert fogbank("version").output.startswith("fogbank 0.")
