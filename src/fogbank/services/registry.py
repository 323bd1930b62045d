"""The services of the house, found by their packages."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fogbank.core.service import Bound, Service

SERVICES = Path(__file__).parent


@lru_cache(maxsize=1)
def services() -> dict[str, Service]:
    """Every service by its botocore name, with its operations loaded. A package's service.py names one attribute after it."""
    found = {}
    for path in sorted(SERVICES.glob("*/service.py")):
        name = path.parent.name
        service: Service = getattr(import_module(f"fogbank.services.{name}.service"), name)
        found[service.name] = service.load()
    return found


def service(name: str) -> Service:
    """A service of the house, by botocore's name."""
    return services()[name]


def operation(service: str, name: str) -> Bound | None:
    """The operation, if it works here."""
    found = services().get(service)
    return found.operations.get(name) if found else None


def warm() -> None:
    """Compile all operations now, before processes are forked that would each do it."""
    for service in services().values():
        for bound in service.operations.values():
            for protocol in service.model.protocols:
                bound.model.codec(protocol)
