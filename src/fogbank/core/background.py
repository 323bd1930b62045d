"""What services do behind requests: effects that transactions left in the outbox, and chores that come round again."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.authorize import authorise
from fogbank.core.call import Call
from fogbank.core.errors import not_implemented
from fogbank.core.spool import Spool
from fogbank.wire.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

    from fogbank.core.call import Body, Sealing
    from fogbank.core.principal import Principal
    from fogbank.core.region import Region
    from fogbank.core.service import Bound, Input, Resident, Service
    from fogbank.store.api import Tx


class Options(msgspec.Struct, frozen=True):
    """What the operator set for work in the background, and where it is done.

    `lifecycle_day` is how long a day is in lifecycle rules, if not a day. `directory` is the data directory; None where there is
    none, as in some tests: what needs it refuses then. `address` is the host and port at which this machine reaches the region's own
    endpoint, with `tls` or without, None where it does not listen. `functions_memory` is in MiB, the sizes
    `functions_unpacked` and `logs_size` are in bytes.
    """

    lifecycle_day: timedelta | None = None
    directory: Path | None = None
    address: tuple[str, int] | None = None
    tls: bool = False
    functions_concurrency: int = 1000
    functions_memory: int = 0
    functions_reach: tuple[str, ...] = ()
    functions_idle: float = 600
    functions_unpacked: int = 0
    logs_size: int = 16 << 30


class Background:
    """What effects and chores work with: the region, and operations called as a principal that the service acts for.

    Every call is authorised like a request.
    """

    def __init__(self, region: Region, options: Options) -> None:
        self.region = region
        self.options = options
        self.residents: dict[str, Resident] = {}

    def resident(self, service: Service) -> Any:
        """What a service has in the control process; made when it is first asked for."""
        found = self.residents.get(service.name)
        if found is None and service.resident is not None:
            found = self.residents[service.name] = service.resident(self)
        return found

    async def invoke(
        self,
        principal: Principal,
        service: str,
        operation: str,
        req: Input,
        *,
        region: str = "",
        data: bytes | None = None,
    ) -> Any:
        """Carry out an operation; `data` is the body of one that streams. AwsError as a caller would see it."""
        bound = self.bound(service, operation)
        if bound.access in ("read", "scan"):
            with self.region.store.snapshot() as tx:
                return self.carry_out(tx, principal, bound, req, region)
        if bound.access == "act":
            with self.region.store.snapshot() as tx:
                acting = self.carry_out(tx, principal, bound, req, region)
            return await acting
        if data is None:
            prepared = await self._prepare(principal, bound, req, region)
            return await self._write(principal, bound, req, region, None, prepared)
        with self.region.store.snapshot() as tx:
            call = self.call(tx, principal, bound, req, region)
            authorise(call, bound.service.model.protocol)
            if bound.before_body is not None:
                bound.before_body(call, req)
            sealing = bound.seals(call, req) if bound.seals else None
        with spooled(self.region, bound, req, data, sealing) as body:
            return await self._write(principal, bound, req, region, body)

    def bound(self, service: str, operation: str) -> Bound:
        """An operation that works here."""
        found = self.region.operations(service, operation)
        if found is None:
            raise not_implemented(f"The operation {service}:{operation}")
        return found

    async def _prepare(self, principal: Principal, bound: Bound, req: Input, region: str) -> Any:
        """Do in a thread what an operation does ahead of its transaction, as for a request; None where it does nothing then."""
        if bound.prepare is None:
            return None
        with self.region.store.snapshot() as tx:
            call = self.call(tx, principal, bound, req, region)
            authorise(call, bound.service.model.protocol)
            work = bound.prepare(call, req)
        return await asyncio.to_thread(work)

    async def _write(
        self, principal: Principal, bound: Bound, req: Input, region: str, body: Body | None, prepared: Any = None
    ) -> Any:
        return await self.region.store.write(
            lambda tx: self.carry_out(tx, principal, bound, req, region, body, prepared), bulk=bound.access == "bulk"
        )

    def carry_out(
        self,
        tx: Tx,
        principal: Principal,
        bound: Bound,
        req: Input,
        region: str = "",
        body: Body | None = None,
        prepared: Any = None,
    ) -> Any:
        """Carry out an operation in a transaction that the caller has opened."""
        call = self.call(tx, principal, bound, req, region, body)
        call.prepared = prepared
        authorise(call, bound.service.model.protocol)
        return bound.handler(call, req)

    def call(
        self, tx: Tx, principal: Principal, bound: Bound, req: Input, region: str = "", body: Body | None = None
    ) -> Call:
        """A call without a request: its request is one that nobody sent."""
        mine = self.region
        name = region or mine.name
        return Call(
            home=mine,
            tx=tx,
            principal=principal,
            region=name,
            scope_region=region,
            now=mine.clock.now(),
            request_id=mine.ids.request_uuid(),
            request=HttpRequest("POST", "/", "", {}, b"", "", "https"),
            asked=[],
            bound=bound,
            req=req,
            body=body,
        )


@contextmanager
def spooled(region: Region, bound: Bound, req: Input, data: bytes, sealing: Sealing | None) -> Iterator[Body]:
    """Bytes as a body, durable; once the context is left, they are garbage if no record refers to them."""
    algorithms = bound.digests(req) if bound.digests else ()
    spool = Spool(region.blobs, algorithms, expected=len(data), sealing=sealing)
    try:
        spool.feed([data])
        yield spool.finish()
    finally:
        if spool.writer is not None:
            spool.writer.abort()
            spool.writer.close()
