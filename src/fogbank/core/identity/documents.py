"""Stored policies, compiled once per process: what is not understood (an older release's, or damaged) allows nothing, and is told."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fogbank.auth.policy import PolicyError, parse_policy

if TYPE_CHECKING:
    from fogbank.auth.policy import Kind, Policy

_log = logging.getLogger(__name__)
DENY: Final = (
    '{"Version":"2012-10-17","Statement":[{"Sid":"NotUnderstood","Effect":"Deny","Action":"*","Resource":"*"}]}'
)


@lru_cache(maxsize=1024)
def understood(document: str, kind: Kind, name: str) -> Policy | None:
    """A stored policy; None if it is not understood."""
    try:
        return parse_policy(document, kind, name)
    except PolicyError as error:
        fields = {"policy": name, "why": error.reason}
        _log.error("a stored policy is not understood and allows nothing", extra={"fields": fields})
        return None


def compiled(document: str, name: str, kind: Kind = "identity") -> Policy:
    """A stored policy of a caller, which denies everything if it is not understood."""
    return understood(document, kind, name) or parse_policy(DENY, kind, name)
