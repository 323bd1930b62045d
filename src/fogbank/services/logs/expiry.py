"""Events that are past their group's retention are removed, as soon as all that are in the same chunk or segment are.

Until then nobody sees them. Time is the region's.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fogbank.services.logs.purge import drop_chunk, drop_segment
from fogbank.services.logs.records import chunks, groups, segments
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.services.logs.records import Group
    from fogbank.store.api import Tx

    Where = tuple[Any, ...]

EVERY: Final = 300.0  # seconds
PAGE: Final = 500  # groups that are looked at in one view; chunks and segments that are removed in one transaction


@logs.chore(EVERY)
async def expire(background: Background) -> None:
    """Remove what is expired, of all groups."""
    after: Where = ()
    while True:
        found, last = await asyncio.to_thread(retained, background, after)
        for group in found:
            while await background.region.store.write(
                partial(expire_some, background=background, group=group), bulk=True
            ):
                pass
        if last is None:
            return
        after = last


def retained(background: Background, after: Where) -> tuple[list[Group], Where | None]:
    """The groups that have a retention, among the next ones; the last that was looked at, None at the end."""
    with background.region.store.snapshot() as tx:
        page = list(groups.scan(tx, start_after=after or None, limit=PAGE))
    return [group for _, group in page if group.retention], page[-1][0] if len(page) == PAGE else None


def expire_some(tx: Tx, background: Background, group: Group) -> bool:
    """Remove a part of what is expired of a group; whether there was anything."""
    now = groups.get(tx, group.account, group.region, group.name)
    if now is None or now.id != group.id:
        return False
    at = background.region.clock.now()
    cutoff = now.cutoff(int(at.timestamp() * 1000))
    old = [where for where, _ in segments.scan(tx, group.id, limit=PAGE) if int(where[1]) < cutoff]
    for where in old:
        drop_segment(tx, where, at)
    expired = [where for where, chunk in chunks.scan(tx, group.id) if chunk.last < cutoff][:PAGE]
    for where in expired:
        drop_chunk(tx, where)
    return bool(old or expired)
