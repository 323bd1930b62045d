"""Brute force of access keys, slowed and made visible: who fails to sign again and again waits for each further refusal.

Failures are counted per source address, in each worker, as a level that rises by one with each and sinks with time. A request whose
signature is good is never held up, whatever its address did before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from fogbank.auth.dialect import EC2, JSON, QUERY, REST_JSON, S3

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fogbank.gateway.record import Record

FREE: Final = 10  # failures a minute that are answered at once
WINDOW: Final = 60.0  # seconds in which so many failures are forgotten
STEP: Final = 0.1  # seconds that each failure beyond adds to the wait
LONGEST: Final = 1.0  # seconds
MOST_SOURCES: Final = 4096  # addresses that are remembered; then the one that failed longest ago is forgotten
MOST_HELD: Final = 512  # refusals that wait at once; further ones are answered, since connections are dearer
MOST_LEVEL: Final = FREE + LONGEST / STEP
# What is answered to an unknown key, a wrong signature, a token that is not the key's.
CODES: Final = frozenset(
    code for dialect in (S3, QUERY, EC2, JSON, REST_JSON) for code in (dialect.unknown_key, dialect.mismatch, dialect.invalid_token)
)  # fmt: skip
_log = logging.getLogger("fogbank.gateway")


class Slowed:
    """Holds up refusals. `failures` counts all failed authentications of this process, `held` those that had to wait."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.failures = 0
        self.held = 0
        self._clock = clock
        self._wait = wait
        self._waiting = 0
        self._levels: dict[str, tuple[float, float]] = {}  # level and when, by source; the latest at the end

    async def hold(self, record: Record) -> None:
        """Wait before a refusal is sent, if it is one of a signature and its source has had many."""
        if record.principal is not None or record.claim is None or record.error not in CODES:
            return
        seconds = self._note(source_of(record.request.client), record.claim.access_key_id)
        if seconds <= 0 or self._waiting >= MOST_HELD:
            return
        self.held += 1
        self._waiting += 1
        try:
            await self._wait(seconds)
        finally:
            self._waiting -= 1

    def _note(self, source: str, key: str) -> float:
        """Count a failure; the seconds that its answer waits."""
        self.failures += 1
        now = self._clock()
        before, at = self._levels.pop(source, (0.0, now))
        sunk = max(0.0, before - (now - at) * FREE / WINDOW)
        level = min(sunk + 1, MOST_LEVEL)
        self._levels[source] = (level, now)
        if len(self._levels) > MOST_SOURCES:
            del self._levels[next(iter(self._levels))]
        if sunk <= FREE < level:  # once, until it sinks again
            fields = {"client": source, "access_key_id": key, "in_seconds": WINDOW}
            _log.warning("many failed authentications: their answers are slowed", extra={"fields": fields})
        return min((level - FREE) * STEP, LONGEST)


def source_of(client: str) -> str:
    """What counts as one source: an IPv4 address, or the network of 64 bits that a host's IPv6 addresses are all in."""
    try:
        address = ip_address(client)
    except ValueError:
        return client[:64]
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return client
