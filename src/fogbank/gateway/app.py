"""The request path, on one page.

received → identified → authenticated → parsed → authorised → handled → rendered → recorded

Each step takes one frozen type and returns a richer one (`steps`), so that a step in the wrong place is a type error.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from fogbank import auth
from fogbank.core.call import Call
from fogbank.core.errors import AwsError
from fogbank.gateway import body as bodies
from fogbank.gateway import steps
from fogbank.gateway.failures import failure_of, render_failure
from fogbank.gateway.record import Record
from fogbank.gateway.respond import check_files
from fogbank.wire.identify import needs_body

if TYPE_CHECKING:
    from fogbank.core.call import Body
    from fogbank.core.region import Region
    from fogbank.gateway.body import Source
    from fogbank.gateway.record import Recorder
    from fogbank.services.iam.credentials import Credential, Root
    from fogbank.store.api import Tx
    from fogbank.wire import HttpRequest, HttpResponse

_log = logging.getLogger("fogbank.gateway")


class Gateway:
    """Answers requests."""

    def __init__(self, region: Region, root: Root, recorder: Recorder, max_body: int) -> None:
        self.region = region
        self._root = root
        self._recorder = recorder
        self._max_body = max_body

    async def answer(self, request: HttpRequest, source: Source) -> HttpResponse:
        """The response to one request. Never raises: what goes wrong becomes an answer."""
        record = Record(request, self.region.ids.request_id(), self.region.clock.now())
        try:
            response = await self._answer(record, source)
            await check_files(self.region.blobs, response)
        except AwsError as error:
            response = render_failure(record, error)
        except Exception as error:
            failure = failure_of(error)
            _log.exception("request failed", extra={"fields": {"request_id": record.id, "operation": record.operation}})
            response = render_failure(record, failure)
        self._recorder.take(record, response)
        return response

    async def _answer(self, record: Record, source: Source) -> HttpResponse:
        request = record.request
        record.claim = claim = auth.claim(request)
        credential = steps.find_credential(self.region, self._root, claim) if claim else None
        if needs_body(request, claim.service if claim else None):
            request.body = await self._read(request, source, "query", credential)
        received = steps.Received(request, record.id, record.at)
        record.identified = identified = steps.identify(self.region, received, claim)
        if bodies.announced_by(request.headers) and not identified.streams and not request.body:
            steps.give_body(identified, await self._read(request, source, identified.meaning.protocol, credential))
        if len(request.body) > bodies.LARGE:
            admitted = await asyncio.get_running_loop().run_in_executor(
                None, self._admit, record, identified, credential
            )
        else:
            admitted = self._admit(record, identified, credential)
        return await self._carry_out(admitted, source) if isinstance(admitted, steps.Authorised) else admitted

    async def _read(self, request: HttpRequest, source: Source, protocol: str, credential: Credential | None) -> bytes:
        most = bodies.limit_of(protocol, self._max_body, known=credential is not None)
        return await bodies.read_whole(source, request.headers, most)

    def _admit(
        self, record: Record, identified: steps.Identified, credential: Credential | None
    ) -> steps.Authorised | HttpResponse:
        """From the signature to the permission, in one view of the state; and on to the answer, where that is a lookup."""
        with self.region.store.snapshot() as tx:
            authenticated = steps.authenticate(identified, credential)
            record.principal = authenticated.principal
            steps.decode_body(authenticated)
            authorised = steps.authorise(tx, steps.parse(authenticated))
            if authorised.bound.access == "read":
                return self._render(authorised, self._handle(tx, authorised))
            self._before_body(tx, authorised)
            return authorised

    def _before_body(self, tx: Tx, authorised: steps.Authorised) -> None:
        check = authorised.bound.before_body
        if check is not None:
            check(self._call(tx, authorised, None), steps.input_of(authorised))

    async def _carry_out(self, authorised: steps.Authorised, source: Source) -> HttpResponse:
        """Handle what is more than a lookup: in a thread, or in the next batch of writes, after its body is durable."""
        bound = authorised.bound
        if bound.access == "scan":
            return await asyncio.get_running_loop().run_in_executor(None, self._scan, authorised)
        return self._render(authorised, await self._change(authorised, source))

    async def _change(self, authorised: steps.Authorised, source: Source) -> Any:
        bound = authorised.bound
        if bound.body_from is not None:
            with self.region.store.snapshot() as tx:
                steps.authorise(tx, authorised.parsed)
                content = bound.body_from(self._call(tx, authorised, None), steps.input_of(authorised))
            spooled, body = await bodies.copy(self.region.blobs, content, self._algorithms(authorised))
            return await self._write_with(authorised, spooled, body)
        if not authorised.identified.streams:
            return await self._write(authorised, None)
        return await self._write_streamed(authorised, source)

    async def _write_streamed(self, authorised: steps.Authorised, source: Source) -> Any:
        authenticated = authorised.parsed.authenticated
        claim, headers = authorised.identified.claim, authorised.identified.meaning.request.headers
        spooled = bodies.request_spool(
            self.region.blobs, headers, authenticated.verified, claim, self._algorithms(authorised)
        )
        try:
            body = await bodies.spool(source, headers, spooled)
        except BaseException:
            await bodies.discard(spooled)
            raise
        return await self._write_with(authorised, spooled, body)

    async def _write_with(self, authorised: steps.Authorised, spooled: bodies.Spool, body: Body) -> Any:
        """Write with a body. Its blob stays locked until the transaction is through: unreferred, it is garbage then."""
        refused = False
        try:
            return await self._write(authorised, body)
        except AwsError:
            refused = True
            raise
        finally:
            await bodies.discard(spooled, refused=refused)

    def _algorithms(self, authorised: steps.Authorised) -> tuple[str, ...]:
        wanted = authorised.bound.digests
        return wanted(steps.input_of(authorised)) if wanted else ()

    async def _write(self, authorised: steps.Authorised, body: Body | None) -> Any:
        return await self.region.store.write(
            lambda tx: self._handle_again(tx, authorised, body), bulk=authorised.bound.access == "bulk"
        )

    def _handle_again(self, tx: Tx, authorised: steps.Authorised, body: Body | None) -> Any:
        """Handle a write, which may come long after it was authorised: by now the bucket may be somebody else's."""
        return self._handle(tx, steps.authorise(tx, authorised.parsed), body)

    def _scan(self, authorised: steps.Authorised) -> HttpResponse:
        """A page of records takes milliseconds to read and to render: both in a thread."""
        with self.region.store.snapshot() as tx:
            return self._render(authorised, self._handle(tx, authorised))

    def _handle(self, tx: Tx, authorised: steps.Authorised, body: Body | None = None) -> Any:
        return authorised.bound.handler(self._call(tx, authorised, body), steps.input_of(authorised))

    def _call(self, tx: Tx, authorised: steps.Authorised, body: Body | None) -> Call:
        identified = authorised.identified
        return Call(
            tx=tx,
            principal=authorised.parsed.authenticated.principal,
            region=identified.region,
            scope_region=identified.claim.region if identified.claim else "",
            now=identified.received.at,
            request_id=identified.received.id,
            request=identified.meaning.request,
            ids=self.region.ids,
            served=self.region.served,
            body=body,
        )

    def _render(self, authorised: steps.Authorised, result: Any) -> HttpResponse:
        identified = authorised.identified
        render = identified.operation.codec(identified.meaning.protocol).render
        return render(result, identified.received.id, identified.received.id)
