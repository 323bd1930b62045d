"""Events: what CloudTrail would record of a request, and what was decided about it.

Sources: CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity events" (version 1.11),
"CloudTrail userIdentity element"; Amazon S3 User Guide, "Amazon S3 CloudTrail events" (which of S3's are data events).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from fogbank.gateway import user_identity as who
from fogbank.gateway.event_names import event_name
from fogbank.gateway.shown import cut, shown
from fogbank.region.events import MOST_LINE
from fogbank.region.log import hide_secrets

if TYPE_CHECKING:
    from fogbank.core.authorize import Asked
    from fogbank.gateway.record import Record
    from fogbank.gateway.steps import Identified
    from fogbank.region.events import Kind

Word = Literal["allowed", "explicitDeny", "implicitDeny"]
VERSION: Final = "1.11"
KMS: Final = "kms.amazonaws.com"
MOST_DECISIONS: Final = 64  # in one event; refusals first
OMITTED: Final = {"omitted": "too large for an event"}
_DATA = frozenset(  # S3's data events without a Key
    ("DeleteObjects", "HeadBucket", "ListMultipartUploads", "ListObjectVersions", "ListObjects", "ListObjectsV2")
)
_READS = (
    "Describe",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Query",
    "Scan",
    "Search",
    "Select",
    "Simulate",
    "Assume",
    "Decode",
)
_SPECIAL = {"source_ip_address": "sourceIPAddress", "request_id": "requestID", "event_id": "eventID"}
_encode = msgspec.json.Encoder().encode


def _name(field: str) -> str:
    first, *others = field.split("_")
    return _SPECIAL.get(field) or first + "".join(word.capitalize() for word in others)


class Decided(msgspec.Struct, frozen=True):
    """A permission that was asked for. `kind` is the kind of policy that decided, `by` the statements, as `policy#statement`."""

    action: str
    resource: str
    decision: Word
    kind: str
    by: tuple[str, ...]
    missing: tuple[str, ...]


class Additional(msgspec.Struct, frozen=True, rename=_name):
    """What is ours in an event. The path has no query: a presigned one is a credential. `answered` is last: `region.events`."""

    http_status: int
    microseconds: int
    bytes_transferred_in: int
    bytes_transferred_out: int
    method: str
    path: str
    decisions: list[Decided]
    answered: int


class Event(msgspec.Struct, frozen=True, kw_only=True, rename=_name):
    """An event, in CloudTrail's terms."""

    event_version: str = VERSION
    user_identity: msgspec.Raw
    event_time: str
    event_source: str
    event_name: str
    aws_region: str
    source_ip_address: str
    user_agent: str
    error_code: str | msgspec.UnsetType = msgspec.UNSET
    error_message: str | msgspec.UnsetType = msgspec.UNSET
    request_parameters: Any
    response_elements: Any
    request_id: str
    event_id: str
    read_only: bool
    resources: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET
    event_type: str = "AwsApiCall"
    management_event: bool
    recipient_account_id: str | msgspec.UnsetType = msgspec.UNSET
    event_category: str
    tls_details: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    additional_event_data: Additional


class Meaning(msgspec.Struct, frozen=True):
    """What events say of all requests for an operation."""

    source: str
    name: str
    read_only: bool
    data: bool
    session: bool  # it makes a session: its result is shown, though it changes nothing

    @property
    def lasts(self) -> bool:
        """Whether its event has to survive what the caller was told: a change, or credentials that were given out."""
        return self.session or not self.read_only

    @staticmethod
    def of(identified: Identified) -> Meaning:
        """That of an operation, whether it works here or not."""
        service, operation = identified.meaning.service, identified.operation
        found = _meanings.get((service, operation.name))
        if found is None:
            bound, name = identified.bound, operation.name
            reads = bound.access in ("read", "scan") if bound else name.startswith(_READS)
            found = _meanings[service, name] = Meaning(
                source=f"{operation.model.signing_name}.amazonaws.com",
                name=event_name(service, name),
                read_only=reads or service == "sts",
                data=(service == "lambda" and name.startswith("Invoke"))
                or (service, name) in (("events", "PutEvents"), ("logs", "PutLogEvents"))
                or (
                    service == "s3" and (name in _DATA or "Key" in (operation.input.members if operation.input else ()))
                ),
                session=service == "sts" and name.startswith(("Assume", "GetSession", "GetFederation")),
            )
        return found


_meanings: dict[tuple[str, str], Meaning] = {}


class Told(msgspec.Struct, frozen=True):
    """An event as bytes, without a newline. `lasting`: it has to be written before the caller is answered."""

    line: bytes
    kind: Kind
    lasting: bool


def told(record: Record, status: int, microseconds: int, answered: int, sent: int = 0) -> Told:
    """The event of an answered request; `answered` in microseconds since the epoch, `sent` the bytes of the answer's body.

    In the log of management events is what accounts did. S3's data events are in the other one, and so is what nobody did whom we
    know: whoever can only reach the port must not be able to push the accounts' history out of its log.
    """
    identified, principal = record.identified, record.principal
    meaning = Meaning.of(identified) if identified else _unknown(record)
    known = principal is not None and (principal.kind != "anonymous" or not record.error)
    management = known and identified is not None and not meaning.data
    event = Event(
        user_identity=_identity(record),
        event_time=_second(answered // 1_000_000),
        event_source=meaning.source,
        event_name=meaning.name,
        aws_region=identified.region if identified else (record.claim.region if record.claim else ""),
        source_ip_address=record.request.client,
        user_agent=cut(record.request.headers.get("user-agent", "")),
        error_code=record.error or msgspec.UNSET,
        error_message=_message(record) or msgspec.UNSET,
        request_parameters=_parameters(record, meaning, management),
        response_elements=_response(record, meaning) if management else None,
        request_id=record.id,
        event_id=event_id(record.id),
        read_only=meaning.read_only,
        resources=_resources(record) if meaning.data or meaning.session or meaning.source == KMS else msgspec.UNSET,
        management_event=not meaning.data,
        recipient_account_id=_account(record) or msgspec.UNSET,
        event_category="Data" if meaning.data else "Management",
        tls_details=_tls(record) if record.request.scheme == "https" else msgspec.UNSET,
        additional_event_data=Additional(
            status,
            microseconds,
            _received(record),
            sent,
            record.request.method,
            cut(record.request.path),
            decisions(record.asked),
            answered,
        ),
    )
    try:
        line = _encode(event)
    except UnicodeEncodeError:  # half a surrogate pair, out of an escape in JSON
        line = _encode(_without_halves(event))
    if len(line) >= MOST_LINE:
        line = _shortened(event)
    return Told(line, "management" if management else "data", management and meaning.lasts and status < 400)


def decisions(asked: list[Asked]) -> list[Decided]:
    """What was asked, in order; of very many the refusals first."""
    if len(asked) > MOST_DECISIONS:
        asked = sorted(asked, key=lambda one: one.decision.allowed)[:MOST_DECISIONS]
    return [_decided(one) for one in asked]


def event_id(request_id: str) -> str:
    """The event's id: a UUID, found from the request's, which is random."""
    text = blake2b(request_id.encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _decided(asked: Asked) -> Decided:
    decision = asked.decision
    word: Word = "allowed" if decision.allowed else "explicitDeny" if decision.explicit else "implicitDeny"
    by = tuple([f"{match.policy}#{match.statement}" for match in decision.by[:MOST_DECISIONS]])
    return Decided(asked.action, cut(asked.resource), word, decision.kind, by, decision.missing[:MOST_DECISIONS])


def _unknown(record: Record) -> Meaning:
    """A request that means no operation. The scope of its signature says a service, as far as that can be believed."""
    service = record.claim.service[:64] if record.claim else "unknown"
    return Meaning(f"{service}.amazonaws.com", "Unknown", record.request.method in ("GET", "HEAD"), False, False)


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _identity(record: Record) -> msgspec.Raw:
    principal = record.principal
    if principal is None:
        return who.unknown(record.claim.access_key_id if record.claim else "")
    if principal.kind == "anonymous" and isinstance(record.result, dict):
        return who.of_token(record.operation, record.result) or who.encoded(principal)
    return who.encoded(principal)


def _received(record: Record) -> int:
    """How long the caller said that the body is; what it really sent was refused if it was another length."""
    length = record.request.headers.get("content-length", "0")
    return int(length) if len(length) < 16 and length.isdecimal() else 0


def _resources(record: Record) -> list[dict[str, str]] | msgspec.UnsetType:
    """The object and the bucket of a data event, the role that was assumed, KMS's keys: what CloudTrail names in events of these."""
    arn = record.asked[0].resource if record.asked else ""
    if arn.startswith("arn:aws:s3:::"):
        bucket, _, key = arn.partition("/")
        found = [{"type": "AWS::S3::Object", "ARN": cut(arn)}] if key else []
        return [*found, {"type": "AWS::S3::Bucket", "ARN": cut(bucket)}]
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[5].startswith("role/"):
        return [{"accountId": parts[4], "type": "AWS::IAM::Role", "ARN": cut(arn)}]
    if arn.startswith("arn:aws:kms:"):
        return _keys(record) or msgspec.UNSET
    return msgspec.UNSET


def _keys(record: Record) -> list[dict[str, str]]:
    """The keys of a request to KMS: two where it encrypts anew."""
    found = dict.fromkeys(one.resource for one in record.asked if ":key/" in one.resource)
    return [{"accountId": arn.split(":")[4], "type": "AWS::KMS::Key", "ARN": cut(arn)} for arn in found]


def _tls(record: Record) -> dict[str, str]:
    """What is known of the connection behind the server that ends it."""
    return {"clientProvidedHostHeader": cut(record.request.headers.get("host", ""))}


def _account(record: Record) -> str:
    """Whose event it is: the caller's; of an anonymous one's the account of what it asked for."""
    if record.principal is None:
        return ""
    if record.principal.kind != "anonymous":
        return record.principal.account
    return next((account for one in record.asked if (account := one.resource.split(":", 5)[4:5])), [""])[0]


def _message(record: Record) -> str:
    """The error's message. Of a failed authentication only its first line: below is the request as it should have been signed."""
    message = record.message
    return hide_secrets(cut(message if record.principal else message.partition("\n")[0])) if message else ""


def _parameters(record: Record, meaning: Meaning, management: bool) -> dict[str, Any] | None:
    values, identified = record.input, record.identified
    if values is None or identified is None:
        return None
    if meaning.data:
        names = {"bucketName": values.get("Bucket"), "key": values.get("Key")}
        return {name: cut(value) for name, value in names.items() if value is not None}
    return shown(identified.operation.input, values, bucket=identified.meaning.service == "s3") if management else None


def _response(record: Record, meaning: Meaning) -> dict[str, Any] | None:
    if record.error or record.identified is None or (meaning.read_only and not meaning.session):
        return None
    return shown(record.identified.operation.output, record.result) if isinstance(record.result, dict) else None


def _shortened(event: Event) -> bytes:
    """An event without what made it too large."""
    more = event.additional_event_data
    for parameters, asked in ((event.request_parameters, more.decisions), (None, more.decisions), (None, [])):
        less = msgspec.structs.replace(
            event,
            request_parameters=OMITTED if parameters is None else parameters,
            response_elements=OMITTED,
            additional_event_data=msgspec.structs.replace(more, decisions=asked),
        )
        line = _encode(less)
        if len(line) < MOST_LINE:
            break
    return line


def _without_halves(event: Event) -> Event:
    """An event that can be written as UTF-8."""
    more, message = event.additional_event_data, event.error_message
    return msgspec.structs.replace(
        event,
        user_agent=_whole(event.user_agent),
        error_message=_whole(message) if isinstance(message, str) else message,
        request_parameters=OMITTED,
        response_elements=OMITTED,
        resources=msgspec.UNSET,
        additional_event_data=msgspec.structs.replace(more, path=_whole(more.path), decisions=[]),
    )


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
