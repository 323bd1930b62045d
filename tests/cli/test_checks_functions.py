"""What `fogbank doctor` says of functions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from fogbank.cli import checks_functions
from fogbank.cli.checks import Check
from fogbank.engine.sandbox.cgroups import Place
from fogbank.engine.sandbox.spec import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


def test_this_machine_is_tried() -> None:
    found = {check.name: check for check in checks_functions.run()}
    if not found["sandboxes"].ok:
        pytest.skip(f"no sandboxes here: {found['sandboxes'].found}")
    assert "/bin/true in " in found["sandboxes"].found
    assert "failed" not in found["sandboxes"].found
    assert "python3." in found["runtimes"].found
    assert "control groups" in found["limits"].found


class Controlled(NamedTuple):
    """A launcher with these control groups."""

    controls: dict[str, Place]


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (
            {"memory": 2, "cpu": 2, "pids": 2, "core": 2},
            "control groups: memory (version 2), cpu (version 2), pids (version 2)",
        ),
        (
            {"memory": 1, "core": 2},
            "control groups: memory (version 1); processor time not limited; processes by rlimit. For all: ",
        ),
        (
            {},
            "no control groups; memory of each process by rlimit; processor time not limited; processes by rlimit. For all: ",
        ),
    ],
)
def test_what_limits_functions(versions: dict[str, int], said: str) -> None:
    controls = {name: Place(Path("/"), version) for name, version in versions.items()}
    found = checks_functions._limits(Controlled(controls))  # type: ignore[arg-type]
    assert found.startswith(said)
    assert ("Delegate=yes" in found) == ("For all" in said)


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("libseccomp cannot be used (no library)", "libseccomp2"),
        ("libseccomp cannot be used (No module named 'pyseccomp')", "fogbank[functions]"),
        ("no template: PermissionError", "unprivileged_userns_clone"),
    ],
)
def test_what_is_missing_is_said_and_doctor_goes_on(
    fogbank: Callable[..., Result], home: Path, monkeypatch: pytest.MonkeyPatch, reason: str, fix: str
) -> None:
    async def fail(directory: Path) -> tuple[str, str]:
        raise Unavailable(reason)

    monkeypatch.setattr(checks_functions, "_try", fail)
    (check,) = checks_functions.run()
    assert (check.ok, check.found) == (False, reason)
    assert fix in check.fix
    monkeypatch.setattr("fogbank.cli.checks.run_all", lambda settings: [Check("Python", "now", "", True, "3")])
    result = fogbank("doctor")
    assert result.exit_code == 0
    assert f"missing  sandboxes  {reason}" in result.output
    assert "but no function" in result.output
