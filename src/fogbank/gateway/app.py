"""The request path, on one page.

received → identified → authenticated → parsed → authorised → handled → rendered → recorded

Each step takes one frozen type and returns a richer one (`steps`), so that a step in the wrong place is a type error.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.call import Call
from fogbank.core.errors import AwsError
from fogbank.gateway import body as bodies
from fogbank.gateway import metrics, steps
from fogbank.gateway.cross_origin import cross_origin_headers
from fogbank.gateway.failures import failure_of, render_failure
from fogbank.gateway.failures_slowed import Slowed
from fogbank.gateway.record import Record
from fogbank.gateway.respond import check_files
from fogbank.wire import HttpResponse
from fogbank.wire.identify import needs_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Body
    from fogbank.core.identity.directory import Directory
    from fogbank.core.principal import Principal
    from fogbank.core.region import Region
    from fogbank.core.service import Work
    from fogbank.core.spool import Spool
    from fogbank.gateway.body import Source
    from fogbank.gateway.record import Recorder
    from fogbank.gateway.uses import Uses
    from fogbank.store.api import Tx
    from fogbank.wire import HttpRequest

_log = logging.getLogger("fogbank.gateway")


class Gateway:
    """Answers requests."""

    def __init__(self, region: Region, directory: Directory, recorder: Recorder, uses: Uses, max_body: int) -> None:
        self.region = region
        self._directory = directory
        self._recorder = recorder
        self._uses = uses
        self._max_body = max_body
        self.slowed = Slowed()

    def counters(self) -> metrics.Counters:
        """What this process counted, for metrics."""
        slowed, recorder = self.slowed, self._recorder
        return metrics.flat(recorder.counters, (slowed.failures, slowed.held, recorder.lost), recorder.traffic)

    async def answer(self, request: HttpRequest, source: Source) -> HttpResponse:
        """The response to one request. Never raises: what goes wrong becomes an answer."""
        record = Record(request, self.region.ids.request_id(), self.region.clock.now())
        try:
            response = await self._answered(record, source)
            await check_files(self.region.blobs, response)
        except AwsError as error:
            response = render_failure(record, error)
        except Exception as error:
            failure = failure_of(error)
            _log.exception("request failed", extra={"fields": {"request_id": record.id, "operation": record.operation}})
            response = render_failure(record, failure)
        if "origin" in request.headers:
            response.headers += cross_origin_headers(self.region, record)
        self._recorder.take(record, response)
        self._uses.take(record)
        if record.error:
            await self.slowed.hold(record)
        return response

    async def _answered(self, record: Record, source: Source) -> HttpResponse:
        try:
            return await self._answer(record, source)
        except AwsError as error:
            if error.remains is not None:
                await self.region.store.write(error.remains)
            raise

    async def _answer(self, record: Record, source: Source) -> HttpResponse:
        request = record.request
        record.claim = claim = steps.claim_of(self.region, request)
        if claim is not None and not self._directory.knows(claim.access_key_id, claim.session_token):
            with self.region.store.snapshot() as tx:  # an unknown key is refused before anything else is looked at
                steps.find_credential(tx, self._directory, claim, record.at)
        if needs_body(request, claim.service if claim else None):
            request.body = await self._read(request, source, "query", known=claim is not None)
        received = steps.Received(request, record.id, record.at)
        record.identified = identified = steps.identify(self.region, received, claim)
        if not identified.meaning.service.startswith("s3"):
            record.id = self.region.ids.request_uuid()
        if identified.operation.form:
            record.identified = identified = await steps.read_form(self.region, identified, source)
            record.claim, source = identified.claim, identified.form or source
        if bodies.announced_by(request.headers) and not identified.streams and not request.body:
            protocol, known = steps.reads_as(self.region, identified)
            steps.give_body(identified, await self._read(request, source, protocol, known=known))
        if len(request.body) > bodies.LARGE:
            admitted = await asyncio.get_running_loop().run_in_executor(None, self._admit, record, identified)
        else:
            admitted = self._admit(record, identified)
        return await self._carry_out(record, admitted, source) if isinstance(admitted, steps.Authorised) else admitted

    async def _read(self, request: HttpRequest, source: Source, protocol: str, *, known: bool) -> bytes:
        most = bodies.limit_of(protocol, self._max_body, known=known)
        return await bodies.read_whole(source, request.headers, most, protocol)

    def _admit(self, record: Record, identified: steps.Identified) -> steps.Authorised | HttpResponse:
        """From the signature to the permission, in one view of the state; and on to the answer, where that is a lookup."""
        with self.region.store.snapshot() as tx:
            claim = identified.claim
            record.watched = steps.is_watched(tx, identified)
            credential = steps.find_credential(tx, self._directory, claim, record.at) if claim else None
            authenticated = steps.authenticate(identified, credential)
            record.principal = authenticated.principal
            steps.decode_body(authenticated)
            parsed = steps.parse(authenticated)
            record.input = parsed.input
            call = self._call(tx, parsed, record)
            authorised = steps.authorise(call, parsed)
            if authorised.bound.access == "read":
                return self._render(record, authorised, self._handle(call, authorised))
            if authorised.bound.access == "act":
                return msgspec.structs.replace(authorised, acting=self._handle(call, authorised))
            return steps.before_body(call, authorised)

    async def _carry_out(self, record: Record, authorised: steps.Authorised, source: Source) -> HttpResponse:
        """Handle what is more than a lookup: by acting, in a thread, or in the next batch of writes, after its body is durable."""
        if authorised.acting is not None:
            return self._render(record, authorised, await authorised.acting)
        if authorised.bound.prepare is not None:
            authorised = await self._prepare(record, authorised, authorised.bound.prepare)
        if authorised.bound.access == "scan":
            return await asyncio.get_running_loop().run_in_executor(None, self._scan, record, authorised)
        return self._render(record, authorised, await self._change(record, authorised, source))

    async def _prepare(
        self, record: Record, authorised: steps.Authorised, prepare: Callable[[Call, Any], Work]
    ) -> steps.Authorised:
        """Do in a thread what must not be waited for with a transaction open."""
        with self.region.store.snapshot() as tx:
            work = prepare(self._again(tx, record, authorised, None), steps.input_of(authorised))
        prepared = await asyncio.get_running_loop().run_in_executor(None, work)
        return msgspec.structs.replace(authorised, prepared=prepared)

    async def _change(self, record: Record, authorised: steps.Authorised, source: Source) -> Any:
        bound = authorised.bound
        if bound.body_from is not None:
            with self.region.store.snapshot() as tx:
                call = self._again(tx, record, authorised, None)
                taking = bound.body_from(call, steps.input_of(authorised))
            if taking is not None:
                spooled, body = await bodies.copy(self.region.blobs, taking)
                return await self._write_with(record, authorised, spooled, body)
        if not authorised.identified.streams:
            return await self._write(record, authorised, None)
        return await self._write_streamed(record, authorised, source)

    async def _write_streamed(self, record: Record, authorised: steps.Authorised, source: Source) -> Any:
        authenticated = authorised.parsed.authenticated
        identified, algorithms, blobs = authorised.identified, self._algorithms(authorised), self.region.blobs
        claim, headers = identified.claim, identified.meaning.request.headers
        if identified.form is not None:
            spooled = identified.form.spool(blobs, algorithms, authorised.sealing)
        else:
            verified = authenticated.verified
            spooled = bodies.request_spool(blobs, headers, verified, claim, algorithms, authorised.sealing)
        try:
            body = await bodies.spool(source, headers, spooled)
        except BaseException:
            await bodies.discard(spooled)
            raise
        record.body_read()
        return await self._write_with(record, authorised, spooled, body)

    async def _write_with(self, record: Record, authorised: steps.Authorised, spooled: Spool, body: Body) -> Any:
        """Write with a body. Its blob stays locked until the transaction is through: unreferred, it is garbage then."""
        refused = False
        try:
            return await self._write(record, authorised, body)
        except AwsError:
            refused = True
            raise
        finally:
            await bodies.discard(spooled, refused=refused)

    def _algorithms(self, authorised: steps.Authorised) -> tuple[str, ...]:
        wanted = authorised.bound.digests
        return wanted(steps.input_of(authorised)) if wanted else ()

    async def _write(self, record: Record, authorised: steps.Authorised, body: Body | None) -> Any:
        return await self.region.store.write(
            lambda tx: self._handle(self._again(tx, record, authorised, body), authorised),
            bulk=authorised.bound.access == "bulk",
        )

    def _again(self, tx: Tx, record: Record, authorised: steps.Authorised, body: Body | None) -> Call:
        """The call in a later transaction, authorised anew: by now the bucket may be somebody else's, or a policy another."""
        parsed = authorised.parsed
        call = self._call(tx, parsed, record, body, steps.caller_now(tx, self._directory, parsed))
        call.prepared = authorised.prepared
        record.asked.clear()
        steps.authorise(call, parsed)
        return call

    def _scan(self, record: Record, authorised: steps.Authorised) -> HttpResponse:
        """A page of records takes milliseconds to read and to render: both in a thread."""
        with self.region.store.snapshot() as tx:
            return self._render(record, authorised, self._handle(self._again(tx, record, authorised, None), authorised))

    def _handle(self, call: Call, authorised: steps.Authorised) -> Any:
        return authorised.bound.handler(call, steps.input_of(authorised))

    def _call(
        self, tx: Tx, parsed: steps.Parsed, record: Record, body: Body | None = None, principal: Principal | None = None
    ) -> Call:
        identified, region = parsed.authenticated.identified, self.region
        return Call(
            home=region,
            tx=tx,
            principal=principal or parsed.authenticated.principal,
            region=identified.region,
            scope_region=identified.claim.region if identified.claim else "",
            now=record.at,
            request_id=record.id,
            request=identified.meaning.request,
            asked=record.asked,
            bound=parsed.bound,
            req=parsed.input,
            body=body,
        )

    def _render(self, record: Record, authorised: steps.Authorised, result: Any) -> HttpResponse:
        identified = authorised.identified
        if isinstance(result, HttpResponse):  # where AWS has no model of the answer
            return result
        record.result = result
        return identified.operation.codec(identified.meaning.protocol).render(result, record.id, record.id)
