"""The steps of the request path, from a request to the right to do what it asks. Each takes one type and returns a richer one."""

from __future__ import annotations

from functools import cache, lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank import auth
from fogbank.core import authorize as authorising
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.identity.sessions import BadToken, ExpiredToken
from fogbank.core.principal import ANONYMOUS, Principal
from fogbank.gateway import forms
from fogbank.services import registry
from fogbank.wire import HttpRequest, load
from fogbank.wire.hosts import FUNCTION_URL, REGION, is_function_url
from fogbank.wire.identify import Identified as Meaning
from fogbank.wire.identify import identify as find_meaning
from fogbank.wire.indexing import load_index

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from fogbank.core.call import Call, Sealing
    from fogbank.core.identity.directory import Credential, Directory
    from fogbank.core.region import Region
    from fogbank.core.service import Bound, Input
    from fogbank.gateway.body import Source
    from fogbank.gateway.forms import Form
    from fogbank.store.api import Tx
    from fogbank.wire import Operation

EMPTY_HASH = sha256(b"").hexdigest()


class Received(msgspec.Struct, frozen=True):
    """A request, its id, and when it came."""

    request: HttpRequest
    id: str
    at: datetime


class Identified(msgspec.Struct, frozen=True):
    """A request whose operation is known; `bound` is None where that does not work here. `form`: what it was sent as."""

    received: Received
    claim: auth.Claim | None
    meaning: Meaning
    operation: Operation
    bound: Bound | None
    region: str
    form: Form | None = None

    @property
    def streams(self) -> bool:
        """Whether the body is streamed to the blob store before the handler runs."""
        return self.operation.streaming_input is not None


class Authenticated(msgspec.Struct, frozen=True):
    """A request whose caller is who it says; `verified` is None for an anonymous one."""

    identified: Identified
    principal: Principal
    verified: auth.Verified | None


class Parsed(msgspec.Struct, frozen=True):
    """A request whose input is valid by the model, and all of which works here."""

    authenticated: Authenticated
    bound: Bound
    input: dict[str, Any]


class Authorised(msgspec.Struct, frozen=True):
    """A request that may be carried out.

    `prepared` is what its operation's `prepare` came to, `sealing` encrypts its body, `acting` is what one that acts waits for.
    """

    parsed: Parsed
    prepared: Any = None
    sealing: Sealing | None = None
    acting: Awaitable[Any] | None = None

    @property
    def bound(self) -> Bound:
        """Its operation."""
        return self.parsed.bound

    @property
    def identified(self) -> Identified:
        """What it is."""
        return self.parsed.authenticated.identified


def claim_of(region: Region, request: HttpRequest) -> auth.Claim | None:
    """What a request says of who sends it.

    A preflight request has no credentials; those in its URL are for the request that will follow. At a function's URL, what is not a
    signature is the function's; at one that asks nobody who calls, whatever looks like one is, too.
    """
    if request.method == "OPTIONS":
        return None
    if is_function_url(request.headers.get("host", "")) and (not is_signed(request) or is_anybodys(region, request)):
        return None
    return auth.claim(request)


def is_anybodys(region: Region, request: HttpRequest) -> bool:
    """Whether a request is for an address of a service at which nobody is asked who calls."""
    meaning = find_meaning(request, None)
    welcomes = registry.service(meaning.service).welcomes
    with region.store.snapshot() as tx:
        return welcomes is not None and welcomes(tx, meaning.labels)


def is_signed(request: HttpRequest) -> bool:
    """Whether a request to a function's URL has a signature of version 4."""
    return request.headers.get("authorization", "").startswith("AWS4-") or "X-Amz-Signature=" in request.query


def reads_as(region: Region, identified: Identified) -> tuple[str, bool]:
    """The protocol that limits a body that is read whole, and whether it is that of somebody who is known, or welcome."""
    meaning, bound = identified.meaning, identified.bound
    protocol = FUNCTION_URL if meaning.host_kind == FUNCTION_URL else meaning.protocol
    if identified.claim is not None or bound is None or bound.service.welcomes is None:
        return protocol, identified.claim is not None
    with region.store.snapshot() as tx:
        return protocol, bound.service.welcomes(tx, meaning.labels)


def identify(region: Region, received: Received, claim: auth.Claim | None) -> Identified:
    """Find the service, the operation and the region that a request means."""
    meaning = find_meaning(with_hoisted_headers(received.request, claim), claim.service if claim else None)
    if not received.request.path.isprintable():
        check_path(received.request.path)
    if meaning.protocol == "website":
        claim = None  # websites are anybody's: whatever a browser says of itself, no signature is looked at
    elif meaning.service == "s3" and meaning.host_kind not in ("", "accelerate"):  # which S3 itself checks, by bucket
        raise not_implemented(f"S3's {meaning.host_kind} endpoint")
    if claim is not None and claim.version == 2 and meaning.service != "s3":
        raise auth.unsupported_mechanism(auth.dialect_of(claim.service))
    operation = load(meaning.service).operations[meaning.operation]
    bound = registry.operation(meaning.service, meaning.operation)
    return Identified(received, claim, meaning, operation, bound, region_for(region, claim, meaning))


def region_for(region: Region, claim: auth.Claim | None, meaning: Meaning) -> str:
    """The name of the region that a request is for: the signature's, the host's, or the default. AwsError if it is not served."""
    name = (claim.region if claim else "") or meaning.host_region or region.name
    if name in region.served if region.served else REGION.fullmatch(name):
        return name
    if claim is not None and claim.region:
        raise auth.wrong_region(claim, meaning.protocol, region.name)
    raise AwsError("InvalidRequest", f"The region {name} is not served here.")


async def read_form(region: Region, identified: Identified, source: Source) -> Identified:
    """Read the fields of a form, and find in them who sends it and what would be the request's head."""
    meaning = identified.meaning
    signed = identified.claim is not None
    form = await forms.read_form(source, meaning.request, meaning.labels["Bucket"], signed=signed)
    return msgspec.structs.replace(
        identified,
        claim=form.claim,
        meaning=msgspec.structs.replace(meaning, request=form.head(identified.operation, meaning.request)),
        region=region_for(region, form.claim, meaning),
        form=form,
    )


def with_hoisted_headers(request: HttpRequest, claim: auth.Claim | None) -> HttpRequest:
    """A presigned request, with those headers that its SDK moved into the query; any other as it is."""
    hoisted = auth.hoisted_headers(request, claim.version) if claim is not None and claim.kind == "query" else None
    if not hoisted:
        return request
    headers = {**request.headers, **hoisted}
    return HttpRequest(
        request.method, request.path, request.query, headers, request.body, request.client, request.scheme
    )


def give_body(identified: Identified, body: bytes) -> None:
    """Complete a request whose head was enough to identify it. The one whose meaning was found may be a twin of it."""
    identified.received.request.body = body
    identified.meaning.request.body = body


def check_path(path: str) -> None:
    """Refuse a path with a NUL: no file system or client can have meant it."""
    if "\0" in path:
        raise AwsError(
            "InvalidURI", "Couldn't parse the specified URI.", fields={"URI": path[:200].replace("\0", "%00")}
        )


def find_credential(tx: Tx, directory: Directory, claim: auth.Claim, now: datetime) -> Credential:
    """The credential of the access key that a request names, as it is in this transaction."""
    dialect = auth.dialect_of(claim.service, protocol_of(claim.service))
    try:
        credential = directory.find(tx, claim.access_key_id, claim.session_token, now)
    except BadToken:
        raise auth.invalid_token(dialect) from None
    except ExpiredToken:
        raise auth.expired_token(dialect) from None
    if credential is None:
        raise auth.unknown_key(dialect, claim.access_key_id)
    return credential


@lru_cache(maxsize=1024)
def protocol_of(scope: str) -> str:
    """The protocol of the services that sign as `scope`, without loading a model; rest-xml, S3's, if there is none."""
    return next((entry.protocols[0] for entry in load_index().values() if scope == entry.signing), "rest-xml")


def authenticate(identified: Identified, credential: Credential | None) -> Authenticated:
    """Verify the signature with the secret of the access key that the request names; None is an anonymous request."""
    claim, meaning, received = identified.claim, identified.meaning, identified.received
    if claim is None or credential is None:
        dialect = auth.dialect_of(identified.operation.model.signing_name, meaning.protocol)
        if not dialect.s3 and not (identified.bound and identified.bound.anonymous):
            raise auth.missing_credentials(dialect)
        return Authenticated(identified, ANONYMOUS, None)
    if identified.form is not None:
        verified = identified.form.verify(claim, credential.secret, received.at)
        return Authenticated(identified, credential.principal, verified)
    dialect = auth.dialect_of(claim.service, meaning.protocol)
    verified = auth.verify(
        claim,
        received.request if claim.version == 4 else meaning.request,
        credential.secret,
        received.at,
        body_hash=None if identified.streams else body_hash(received.request, claim),
        services=signing_names(meaning.service),
        raw_path=meaning.raw_path,
        protocol=meaning.protocol,
        allow_unsigned=identified.operation.traits.get("authtype") == "v4-unsigned-body",
    )
    return Authenticated(identified, credential.principal, verified)


@cache
def signing_names(service: str) -> frozenset[str]:
    """The names that requests to a service may be signed for."""
    entry = load_index()[service]
    return frozenset((entry.signing, *entry.scopes))


def decode_body(authenticated: Authenticated) -> None:
    """Take the frames off an aws-chunked body of an operation that does not stream, and check it."""
    unframe(authenticated)
    identified = authenticated.identified
    bound = identified.bound
    if bound is not None and bound.service.verify is not None and not identified.streams:
        bound.service.verify(identified.meaning.request, identified.operation)


def unframe(authenticated: Authenticated) -> None:
    """Take the frames off an aws-chunked body, and check them."""
    verified, identified = authenticated.verified, authenticated.identified
    if verified is None or not verified.payload.chunked or identified.streams:
        return
    request = identified.received.request
    decoder = auth.chunk_decoder(verified.payload, request.headers, verified)
    body = b"".join(decoder.feed(request.body))
    decoder.finish()
    give_body(identified, body)


def body_hash(request: HttpRequest, claim: auth.Claim) -> str | None:
    """The sha256 of a body that was read; None where the claim covers it in another way."""
    if claim.payload_hash is not None and len(claim.payload_hash) != len(EMPTY_HASH):
        return None if claim.service in ("s3", "s3express") else sha256(request.body).hexdigest()
    return sha256(request.body).hexdigest() if request.body else EMPTY_HASH


def parse(authenticated: Authenticated) -> Parsed:
    """Read the input by the model, and refuse what does not work here."""
    identified = authenticated.identified
    meaning, bound = identified.meaning, identified.bound
    if bound is None:
        raise not_implemented(f"The operation {meaning.service}:{meaning.operation}")
    found = identified.operation.codec(meaning.protocol).parse(meaning.request, meaning.labels)
    if not found.keys() <= bound.takes:
        other = sorted(found.keys() - bound.takes)
        raise not_implemented(f"{meaning.operation} with {', '.join(other)}")
    return Parsed(authenticated, bound, found if bound.reads is None else bound.reads(found))


def is_watched(tx: Tx, identified: Identified) -> bool:
    """Whether the addressed resource has its access logged."""
    watched = identified.bound.service.watched if identified.bound else None
    return watched is not None and watched(tx, identified.meaning.labels)


def authorise(call: Call, parsed: Parsed) -> Authorised:
    """Ask for every permission that the request needs."""
    authorising.authorise(call, parsed.authenticated.identified.meaning.protocol)
    return Authorised(parsed)


def before_body(call: Call, authorised: Authorised) -> Authorised:
    """What an operation looks at before its body is read: whether it must fail, and the key that the body is encrypted with."""
    bound, req = authorised.bound, authorised.parsed.input
    if bound.before_body is not None:
        bound.before_body(call, req)
    if bound.seals is None:
        return authorised
    return Authorised(authorised.parsed, authorised.prepared, bound.seals(call, req))


def caller_now(tx: Tx, directory: Directory, parsed: Parsed) -> Principal:
    """The caller as it is in a later transaction: what applies to it may have changed, and its key may be gone."""
    principal, claim = parsed.authenticated.principal, parsed.authenticated.identified.claim
    if claim is None:
        return principal
    return find_credential(tx, directory, claim, parsed.authenticated.identified.received.at).principal


def input_of(authorised: Authorised) -> Input:
    """The operation's input."""
    return authorised.parsed.input
