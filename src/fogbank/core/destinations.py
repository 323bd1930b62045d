"""Where services send events to: queues, topics, functions … of other services, found by the ARN.

A service that can be sent events registers what it does with them; senders never import it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.store.api import Tx

ARN: Final = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]+):([a-z0-9-]+):([0-9]{12}):(\S+)", re.ASCII)
MOST_ARN: Final = 2048  # characters


class Sender(msgspec.Struct, frozen=True):
    """Who sends: the principal of a service (`s3.amazonaws.com`), for the resource `source` (aws:SourceArn) of `account`."""

    service: str
    source: str
    account: str


class Destination(Protocol):
    """What a service does with events that are sent to its resources."""

    def exists(self, tx: Tx, arn: str) -> bool:
        """Whether there is such a resource."""

    def may(self, call: Call, arn: str, sender: Sender) -> bool:
        """Whether the resource's policy lets this sender send to it."""

    async def deliver(self, ctx: Background, arn: str, sender: Sender, message: bytes) -> None:
        """Hand a message over, durably; raises where that fails for now. It may come again: delivery is at least once."""


_known: Final[dict[str, Destination]] = {}


def register(service: str, destination: Destination) -> None:
    """From now on the ARNs of this service (`sqs`, `sns`, `lambda`, `events`) can be sent to."""
    _known[service] = destination


def forget(service: str) -> None:
    """The ARNs of this service can be sent to no longer."""
    _known.pop(service, None)


def find(arn: str) -> Destination | None:
    """What to do with events for an ARN; None if its service is not here."""
    parsed = parse(arn)
    return _known.get(parsed[0]) if parsed else None


def parse(arn: str) -> tuple[str, str, str] | None:
    """Service, region and account of an ARN; None if it is not one."""
    found = ARN.fullmatch(arn) if len(arn) <= MOST_ARN else None
    return (found[1], found[2], found[3]) if found else None
