"""Functions become ready behind the requests that make or change them: their code and layers are unpacked, in the control process.

Source: Lambda Developer Guide, "Lambda function states".
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.lambda_ import archive, keeping, unpacked
from fogbank.services.lambda_.records import ACTIVE, FAILED, IN_PROGRESS, PENDING, SUCCESSFUL, Version, versions
from fogbank.services.lambda_.service import lambda_
from fogbank.store import outbox
from fogbank.store.record import Record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fogbank.core.background import Background
    from fogbank.core.call import Call
    from fogbank.store.api import Tx

    Warm = Callable[[Background, Version], Awaitable[None]]

KIND: Final = "lambda.activate"
CREATING: Final = "Creating"
REASON: Final = "The function is being created."  # AWS says so of updates, too
DAMAGED: Final = "InvalidZipFileException"
LONGEST_WARMING: Final = 20.0  # seconds
_log = logging.getLogger("fogbank.lambda")
_warming: Final[list[Warm]] = []


class Activation(Record, version=1):
    """A version that is to be made ready, in this revision."""

    account: str
    region: str
    name: str
    number: int
    revision: str


def begin_new(call: Call, version: Version) -> Version:
    """Keep a new version, and have it made ready."""
    made = msgspec.structs.replace(
        version, revision=call.ids.uuid(), state=PENDING, reason=REASON, reason_code=CREATING, update="", update_reason="",
        update_reason_code="",
    )  # fmt: skip
    return begin(call, made)


def begin_changed(call: Call, version: Version) -> Version:
    """Keep a version that was changed, and have it made ready."""
    made = msgspec.structs.replace(
        version, revision=call.ids.uuid(), update=IN_PROGRESS, update_reason=REASON, update_reason_code=CREATING
    )
    return begin(call, made)


def begin(call: Call, version: Version) -> Version:
    """Keep a version, and have it made ready after the transaction."""
    one = Activation(
        account=version.account,
        region=version.region,
        name=version.name,
        number=version.number,
        revision=version.revision,
    )
    outbox.emit(call.tx, KIND, one, now=call.now)
    return keeping.put(call.tx, version)


@lambda_.effect(KIND, at_once=2)
async def activate(ctx: Background, payload: bytes) -> None:
    """Make a version ready, unless it is gone or was changed again."""
    one, store = Activation.decode(payload), ctx.region.store
    with store.snapshot() as tx:
        version = current(tx, one)
    if version is None:
        return
    try:
        for package in version.packages:
            await unpacked.ensure(ctx.region, package)
    except (unpacked.Lost, archive.BadZip, archive.TooBig) as error:
        why = str(error)
        await store.write(lambda tx: fail(ctx, tx, one, why))
        return
    await warm(ctx, version)
    await store.write(lambda tx: succeed(ctx, tx, one))


def warming(function: Warm) -> Warm:
    """Have a function called with versions that are about to become active, so that their first invocation waits for less."""
    _warming.append(function)
    return function


async def warm(ctx: Background, version: Version) -> None:
    """Get ready what a version runs on. It takes its time, but not for ever, and a version is active without it, too."""
    for function in _warming:
        try:
            async with asyncio.timeout(LONGEST_WARMING):
                await function(ctx, version)
        except Exception:
            _log.warning("a runtime was not got ready", exc_info=True, extra={"fields": {"runtime": version.runtime}})


def current(tx: Tx, one: Activation) -> Version | None:
    """The version, if it is still the same."""
    found = versions.get(tx, one.account, one.region, one.name, one.number)
    return found if found is not None and found.revision == one.revision else None


def succeed(ctx: Background, tx: Tx, one: Activation) -> None:
    """The version is ready."""
    version = current(tx, one)
    if version is not None:
        ready = {"state": ACTIVE, "reason": "", "reason_code": ""}
        updated = {"update": SUCCESSFUL, "update_reason": "", "update_reason_code": ""}
        keeping.put(tx, msgspec.structs.replace(version, revision=ctx.region.ids.uuid(), **ready, **updated))


def fail(ctx: Background, tx: Tx, one: Activation, why: str) -> None:
    """The version cannot be made ready: its code is damaged."""
    version = current(tx, one)
    if version is None:
        return
    failed = {"update": FAILED, "update_reason": why, "update_reason_code": DAMAGED}
    if version.state == PENDING:
        failed = {"state": FAILED, "reason": why, "reason_code": DAMAGED}
    keeping.put(tx, msgspec.structs.replace(version, revision=ctx.region.ids.uuid(), **failed))
