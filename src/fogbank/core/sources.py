"""Where services read events from by themselves: queues and streams of other services, found by the ARN.

A service whose resources can be polled registers it; those that poll (Lambda's event source mappings) never import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from fogbank.core.destinations import parse

if TYPE_CHECKING:
    from fogbank.store.api import Tx


class Source(Protocol):
    """What can be polled of a service."""

    def exists(self, tx: Tx, arn: str) -> bool:
        """Whether there is such a queue or stream."""


_known: Final[dict[str, Source]] = {}


def register(service: str, source: Source) -> None:
    """From now on the ARNs of this service (`sqs`, `kinesis`, `dynamodb`) can be polled."""
    _known[service] = source


def forget(service: str) -> None:
    """The ARNs of this service can be polled no longer."""
    _known.pop(service, None)


def find(arn: str) -> Source | None:
    """What is polled at an ARN; None if its service is not here."""
    parsed = parse(arn)
    return _known.get(parsed[0]) if parsed else None
