"""Uploads by a browser's form: multipart/form-data whose fields say what a head would have said, and whose file is the body.

The fields are read first, within bounds, and become the head of a request that is parsed by the operation's model; the file is
streamed behind them like any other body.

Sources: Amazon S3 API Reference, "POST Object" and "Browser-Based Uploads Using POST"; RFC 7578.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from fogbank import auth
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.spool import Spool
from fogbank.gateway import body as bodies
from fogbank.wire import HttpRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping
    from datetime import datetime

    from fogbank.core.call import Sealing
    from fogbank.store.blobs import Blobs
    from fogbank.wire import Operation

MOST: Final = 20_480  # bytes of a form before its file
PARTS: Final = 512  # of a form: its fields, the file, and what comes behind it and is ignored
KEPT: Final = ("host", "user-agent", "referer", "origin")  # headers of the request itself that policies may ask for
FREE: Final = frozenset({"key", "policy", "tagging"})  # fields that never become headers: they may hold any character
CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
FILENAME: Final = "${filename}"


class Form:
    """A form whose fields have been read; as a body, its bytes are the file's.

    `fields` are by their names in lower case, `claim` is what they claim, None for nothing. `most` bounds the size of the file, which
    only its end tells.
    """

    def __init__(self, fields: dict[str, str], parts: Parts, most: int) -> None:
        self.fields = fields
        self.claim = auth.post_claim(fields)
        self.most = most
        self._parts = parts
        self._policy: auth.PostPolicy | None = None

    def verify(self, claim: auth.Claim, secret: str, now: datetime) -> auth.Verified:
        """Check the fields against the policy, and the policy against its signature; raises AwsError."""
        verified, self._policy = auth.verify_post(claim, self.fields, secret, now)
        return verified

    def spool(self, blobs: Blobs, algorithms: Collection[str], sealing: Sealing | None) -> Spool:
        """What takes the file."""
        return Spool(blobs, algorithms, expected=self.most, exact=False, sealing=sealing)

    async def __call__(self) -> bytes:
        """All of the file."""
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The file. EntityTooLarge as soon as it is larger than the policy allows, EntityTooSmall at its end."""
        size, policy = 0, self._policy
        async for chunk in self._parts.file():
            size += len(chunk)
            if policy is not None and policy.max_length is not None and size > policy.max_length:
                policy.check_length(size)
            yield chunk
        if policy is not None:
            policy.check_length(size)

    def head(self, operation: Operation, request: HttpRequest) -> HttpRequest:
        """A request whose head says what the fields do, as far as the operation knows them."""
        names, prefixes = places(operation)
        given = {name: text for name, text in self.fields.items() if name in names or name.startswith(prefixes)}
        kept = {name: request.headers[name] for name in KEPT if name in request.headers}
        length = {
            "content-length": str(self.most),
            "transfer-encoding": "chunked",
        }  # at most, and not known before its end
        return HttpRequest(request.method, request.path, "", given | kept | length, b"", request.client, request.scheme)


def places(operation: Operation) -> tuple[set[str], tuple[str, ...]]:
    """The names of the headers that an operation's input is in, in lower case, and the prefixes of others."""
    members = operation.input.members.items() if operation.input else ()
    located = [(member.traits.get("location"), member.wire_name(name).lower()) for name, member in members]
    names = {name for location, name in located if location == "header"}
    return names, tuple(name for location, name in located if location == "headers")


async def read_form(source: bodies.Source, request: HttpRequest, bucket: str, signed: bool) -> Form:
    """The fields of a form that is sent to a bucket, up to its file. AwsError unless it is one."""
    if signed:
        raise not_implemented("A form that is signed in its head")
    length = bodies.content_length(request.headers)
    if length is None:
        raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", status=411)
    boundary = boundary_of(request.headers.get("content-type", ""))
    parts = Parts(source, boundary)
    fields = await parts.fields()
    fields = with_filename(fields, parts.filename)
    check_fields(fields)
    return Form({**fields, "bucket": bucket}, parts, max(0, length - parts.size - len(boundary) - 6))


def with_filename(fields: Mapping[str, str], filename: str) -> dict[str, str]:
    """The fields with the file's name in the place of its variable, within the bounds of a form: few bytes could become megabytes."""
    grown = sum(text.count(FILENAME) for text in fields.values()) * len(filename)
    if grown > MOST:
        raise too_much()
    return {name: text.replace(FILENAME, filename) for name, text in fields.items()}


def boundary_of(content_type: str) -> str:
    """The boundary between a form's parts, from its Content-Type."""
    kind, options = parse_options_header(content_type[:1024])
    if kind != "multipart/form-data":
        condition = "Bucket POST must be of the enclosure-type multipart/form-data"
        message = "At least one of the pre-conditions you specified did not hold"
        raise AwsError("PreconditionFailed", message, fields={"Condition": condition})
    boundary: str = options.get("boundary", "")
    if not boundary or len(boundary) > 256 or not boundary.isascii() or not boundary.isprintable():
        raise malformed()
    return boundary


def check_fields(fields: Mapping[str, str]) -> None:
    """There is a key, and what would become a header can be one."""
    if not fields.get("key"):
        message = (
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."
        )
        raise AwsError("InvalidArgument", message, fields={"ArgumentName": "key", "ArgumentValue": ""})
    for name, text in fields.items():
        if name not in FREE and (CONTROL.search(text) or "\ufffd" in text):
            named = {"ArgumentName": name[:256], "ArgumentValue": text[:256]}
            raise AwsError("InvalidArgument", "The value of this field cannot be that of a header.", fields=named)


class Parts:
    """The parts of a form as they arrive: first its fields, then the file, then what is ignored."""

    def __init__(self, source: bodies.Source, boundary: str) -> None:
        self.size = 0  # bytes before the file
        self.filename = ""
        self._delimiter = len(boundary) + 6
        self._chunks = bodies.chunks(source)
        self._parser = PushMultipartParser(boundary, max_header_size=MOST, max_segment_count=PARTS)
        self._events: Iterator[Any] = iter(())
        self._parsed = 0  # bytes of the chunks so far
        self._at_file = False

    async def fields(self) -> dict[str, str]:
        """The fields before the file, by their names in lower case."""
        found: dict[str, str] = {}
        while (part := await self._next()) is not END:
            self._count(part)
            name = part.name.lower()
            if name == "file":
                self._at_file = True
                self.filename = last_segment(part.filename or "")
                return found
            found[name] = await self._text()
        raise no_file()

    async def file(self) -> AsyncIterator[bytes]:
        """The file; afterwards the rest of the form, in which there must not be another one."""
        while (event := await self._next()) is not None:
            yield bytes(event)
        behind = 0
        while (event := await self._next()) is not END:
            if isinstance(event, MultipartSegment):
                if event.name.lower() == "file":
                    raise no_file()
            elif event is not None:
                behind += len(event)
                if behind > MOST:
                    raise malformed()

    async def _text(self) -> str:
        """A field's value."""
        value = bytearray()
        while (event := await self._next()) is not None:
            value += event
            self.size += len(event)
            if self.size > MOST:
                raise too_much()
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise malformed() from None

    def _count(self, part: MultipartSegment) -> None:
        """Count the head of a part, and the boundary before it."""
        self.size += self._delimiter + sum(len(name) + len(value.encode()) + 4 for name, value in part.headerlist)
        if self.size > MOST:
            raise too_much()

    async def _next(self) -> Any:
        """What comes next: a part's head, some of its bytes, None at its end, END at the end of the form."""
        while True:
            try:
                event = next(self._events, END)
                if event is not END:
                    return event
                if self._parsed > MOST and not self._at_file:
                    raise too_much()
                chunk = await anext(self._chunks, None)
                if chunk is None:
                    self._parser.close()
                    return END
                self._parsed += len(chunk)
                self._events = self._parser.parse(chunk)
            except ParserLimitReached:
                raise too_much() from None
            except MultipartError:
                raise malformed() from None


END: Final = object()


def last_segment(name: str) -> str:
    """A file's name without the path that some browsers send before it."""
    return name.replace("\\", "/").rpartition("/")[2]


def malformed() -> AwsError:
    """The error for a body that is no form."""
    return AwsError(
        "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.", status=400
    )


def too_much() -> AwsError:
    """The error for a form that has more before its file than it may."""
    message = "Your POST request fields preceeding the upload file was too large."  # AWS's spelling
    fields = {"MaxPostPreDataLengthBytes": MOST}
    return AwsError("MaxPostPreDataLengthExceeded", message, status=400, fields=fields)


def no_file() -> AwsError:
    """The error for a form with no file, or with several."""
    message = "POST requires exactly one file upload per request."
    return AwsError("IncorrectNumberOfFilesInPostRequest", message, status=400)
