"""Unpacked code has its bound on disk: what nothing has used for longest goes. It is unpacked anew when it is invoked again."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from fogbank.services.lambda_ import unpacked
from fogbank.services.lambda_.resident import Functions
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from fogbank.core.background import Background

LOOK: Final = 10.0  # seconds
LEAST: Final = 1 << 30  # bytes, unless the operator says less
SHARE: Final = 10  # one part in so many of the disk
_log = logging.getLogger("fogbank.lambda")


class Held(NamedTuple):
    """A package that is unpacked: when it was last used (seconds), the bytes that it takes, and where it is."""

    used: float
    size: int
    home: Path


@lambda_.chore(LOOK)
async def keep_within(ctx: Background) -> None:
    """Remove what was used least recently, until the rest is within the bound. What is in use stays, however much it is."""
    directory = unpacked.place(ctx.region)
    if not directory.is_dir():
        return
    held, bound = await asyncio.to_thread(_look, directory, in_use(ctx), ctx.options.functions_unpacked)
    total = sum(one.size for one in held)
    for one in sorted(held):
        if total <= bound:
            break
        if await evict(ctx, one.home):
            total -= one.size
            _log.info("code went for lack of room", extra={"fields": {"package": one.home.name, "size": one.size}})


def in_use(ctx: Background) -> set[str]:
    """The packages that environments have mounted, or are about to."""
    found = ctx.residents.get(lambda_.name)
    return found.in_use() if isinstance(found, Functions) else set()


async def evict(ctx: Background, home: Path) -> bool:
    """Remove an unpacked package, unless it is in use by now; whether it was removed."""
    async with unpacked.turn(home):
        if home.name in in_use(ctx):
            return False
        found = ctx.residents.get(lambda_.name)
        if isinstance(found, Functions):
            found.specs.forget(home.name)  # nothing was awaited since: none can begin with what goes
        await asyncio.to_thread(unpacked.remove, home)
    return True


def _look(directory: Path, in_use: Collection[str], bound: int) -> tuple[list[Held], int]:
    """What there is, those in use marked as used now; and the bound in bytes."""
    held = []
    for home in directory.iterdir():
        if not home.name.startswith(unpacked.NEW):
            with suppress(FileNotFoundError):  # removed meanwhile
                if home.name in in_use:
                    unpacked.mark(home)
                held.append(Held(unpacked.used(home), unpacked.size(home), home))
    return held, bound or max(shutil.disk_usage(directory).total // SHARE, LEAST)
