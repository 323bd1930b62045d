"""What callers used last, noted in batches: IAM tells it for access keys, roles and services."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fogbank.core.identity.used import Use, note
from fogbank.store.api import StoreError

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from fogbank.core.principal import Principal
    from fogbank.gateway.record import Record
    from fogbank.store.api import Store

NOTED_EVERY = 15.0  # seconds; AWS's own figures lag by hours
MOST = 10_000  # uses that wait; then they are written at once
_log = logging.getLogger("fogbank.gateway")


class Uses:
    """The last uses of this process, by access key and action, that are not in the store yet."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop
        self._last: dict[tuple[str, str], tuple[Principal, datetime, str]] = {}
        self._waits = False
        self._task: asyncio.Task[None] | None = None

    def take(self, record: Record) -> None:
        """Note what an answered request used, if its caller was allowed to."""
        principal, identified = record.principal, record.identified
        if principal is None or identified is None or not record.asked or not record.asked[0].decision.allowed:
            return
        self._last[principal.access_key_id, record.asked[0].action] = (principal, record.at, identified.region)
        if not self._waits:
            self._waits = True
            self._loop.call_later(NOTED_EVERY, self._start)
        elif len(self._last) >= MOST and self._task is None:
            self._start()

    def _start(self) -> None:
        self._waits = False
        self._task = self._loop.create_task(self.flush())

    async def flush(self) -> None:
        """Write what waits. It is lost with a process that is killed: a figure of minutes ago, not a promise."""
        last, self._last = self._last, {}
        try:
            uses = [self._use(action, *told) for (_, action), told in last.items() if told[0].kind != "anonymous"]
            if uses:
                await self._store.write(lambda tx: note(tx, uses))
        except StoreError as error:
            _log.error("last uses are not noted", extra={"fields": {"why": str(error), "uses": len(last)}})
        finally:
            self._task = None

    @staticmethod
    def _use(action: str, principal: Principal, at: datetime, region: str) -> Use:
        service, _, name = action.partition(":")
        seconds = int(at.timestamp())
        entity = principal.issuer
        return Use(principal.account, entity, principal.access_key_id, service, name, region, seconds)
