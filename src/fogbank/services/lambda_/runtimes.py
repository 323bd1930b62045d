"""Which runtimes and architectures functions may have here.

Source: Lambda Developer Guide, "Lambda runtimes", "Deprecated runtimes".
"""

from __future__ import annotations

import platform
from typing import Final

from fogbank.core.errors import not_implemented
from fogbank.engine.functions.runtimes import available
from fogbank.services.lambda_.errors import invalid

# What AWS lets nobody create or update functions with any more.
RETIRED: Final = frozenset({
    "nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x",
    "python2.7", "python3.6", "python3.7", "java8", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet6",
    "go1.x", "ruby2.5", "ruby2.7", "provided",
})  # fmt: skip
_ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def check(runtime: str) -> None:
    """Refuse a runtime that AWS retired, and one that this machine has not got."""
    if runtime in RETIRED:
        raise invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime not in available():
        raise not_implemented(
            f"The runtime {runtime}, for which this machine has no interpreter (see `fogbank doctor`),"
        )


def architecture() -> str:
    """This machine's architecture: functions have no other."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def check_architecture(given: list[str]) -> str:
    """The architecture of a function that asks for one."""
    if given[0] != architecture():
        raise not_implemented(f"The architecture {given[0]}, which this machine has not,")
    return given[0]
