"""What is sent to a target, and that it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from fogbank.services.events.records import Place


class Sending(msgspec.Struct, frozen=True):
    """A message for a target of a rule. `role` is what it is sent as, empty for none; `hops` counts the buses that passed it on."""

    place: Place
    rule: str
    arn: str
    role: str
    message: bytes
    hops: int

    @property
    def rule_arn(self) -> str:
        """The rule's ARN."""
        return self.place.rule_arn(self.rule)


class Failed(Exception):
    """It is of no use to try again. `code` is AWS's, as dead-letter queues are told it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
