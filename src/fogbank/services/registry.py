"""The services of the house, found by their packages."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from fogbank.store.held import check_references, names_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fogbank.core.service import Bound, Service
    from fogbank.store.api import Tx
    from fogbank.store.check import Problem
    from fogbank.store.held import Held

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


def held(tx: Tx) -> Iterator[Held]:
    """All that records of services refer to."""
    for service in services().values():
        if service.holdings is not None:
            yield from service.holdings(tx)


def invariants(tx: Tx) -> Iterator[Problem]:
    """All that is wrong with what services keep, and with the bytes that they refer to."""
    for service in services().values():
        if service.invariants is not None:
            yield from service.invariants(tx)
    yield from check_references(tx, held(tx))


def name_holders(tx: Tx, blobs: Collection[str]) -> dict[str, list[str]]:
    """Who refers to each of these blobs, as people read it."""
    return names_of(held(tx), blobs)


def warm() -> None:
    """Compile all operations now, before processes are forked that would each do it."""
    for service in services().values():
        for bound in service.operations.values():
            for protocol in service.model.protocols:
                bound.model.codec(protocol)
