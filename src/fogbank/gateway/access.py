"""What is kept of a request whose resource has its access logged, for the service to deliver.

It is written before the caller is answered, as the log of events is: it survives the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_plus

import msgspec

from fogbank.gateway.shown import cut
from fogbank.gateway.traffic import received

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.gateway.record import Record

MOST_BATCH: Final = 1000  # keys of one request
# What of a presigned URL opens something: SDKs move a customer's key into it, like any header.
SECRET: Final = frozenset(
    {
        "x-amz-signature", "x-amz-security-token", "signature", "x-amz-s3session-token",
        "x-amz-server-side-encryption-customer-key", "x-amz-copy-source-server-side-encryption-customer-key",
    }
)  # fmt: skip
_encode = msgspec.json.Encoder().encode


class End(msgspec.Struct, frozen=True):
    """The end of a line, which the log is read by."""

    answered: int


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A request. Times are in microseconds, `at` since the epoch; `turnaround` is from the body's end; -1 is not known.

    `requester` is an ARN, `account:` and the number for a root, or empty; `signature` is 2, 4 or 0, `by` how it came: header, query,
    post. `acl`: an access control list allowed it.
    """

    bucket: str
    service: str
    operation: str
    key: str
    at: int
    took: int
    turnaround: int
    client: str
    requester: str
    id: str
    method: str
    uri: str
    status: int
    error: str
    sent: int
    size: int
    referer: str
    agent: str
    version: str
    signature: int
    by: str
    host: str
    tls: bool
    acl: bool
    end: End


def lines(record: Record, status: int, took: int, answered: int, sent: int) -> Iterator[bytes]:
    """The lines of a request: one, and one for each key that it deletes besides."""
    first = access_of(record, status, took, answered, sent)
    yield _line(first)
    if first.operation == "DeleteObjects" and status == 200 and isinstance(record.result, dict):
        for key, version, error in list(_deleted(record.result, record.input or {}))[:MOST_BATCH]:
            each = {"operation": "DeleteObjects.Key", "key": cut(key), "version": cut(version), "error": error}
            more = {"status": 204 if not error else 403, "sent": 0, "size": -1}
            yield _line(msgspec.structs.replace(first, **each, **more))


def _line(access: Access) -> bytes:
    try:
        return _encode(access)
    except UnicodeEncodeError:  # half a surrogate pair
        whole = {
            name: value.encode("utf-8", "replace").decode()
            for name, value in msgspec.structs.asdict(access).items()
            if isinstance(value, str)
        }
        return _encode(msgspec.structs.replace(access, **whole))


def access_of(record: Record, status: int, took: int, answered: int, sent: int) -> Access:
    """What is kept of a request."""
    request, identified, claim = record.request, record.identified, record.claim
    given = record.input or (
        identified.meaning.labels if identified else {}
    )  # of a request that was refused early: its path
    return Access(
        bucket=cut(str(given.get("Bucket", ""))),
        service=identified.meaning.service if identified else "",
        operation=identified.operation.name if identified else "",
        key=cut(str(given.get("Key", ""))),
        at=int(record.at.timestamp() * 1e6),
        took=took,
        turnaround=took - int((record.read - record.started) * 1e6) if record.read else took,
        client=request.client,
        requester=_requester(record),
        id=record.id,
        method=request.method,
        uri=_uri(record),
        status=status,
        error=record.error,
        sent=sent,
        size=_size(record, status),
        referer=cut(request.headers.get("referer", "")),
        agent=cut(request.headers.get("user-agent", "")),
        version=cut(str(given.get("VersionId", ""))),
        signature=claim.version if claim else 0,
        by=claim.kind if claim else "",
        host=cut(request.headers.get("host", "")),
        tls=request.scheme == "https",
        acl=any(match.statement == "ACL" for one in record.asked for match in one.decision.by),
        end=End(answered),
    )


def _requester(record: Record) -> str:
    principal = record.principal
    if principal is None or principal.kind == "anonymous":
        return ""
    return f"account:{principal.account}" if principal.kind == "root" else cut(principal.arn)


def _uri(record: Record) -> str:
    """The path and the query as they came, without what opens something."""
    query = "&".join(part for part in record.request.query.split("&") if not _is_secret(part))
    return cut(
        quote(record.request.path, safe="/~:@!$&'()*+,;=", errors="replace") + (f"?{query}" if query else ""), 4096
    )


def _is_secret(part: str) -> bool:
    """Whether a part of a query, whose name may be encoded, opens something."""
    return unquote_plus(part.partition("=")[0]).strip().lower() in SECRET


def _size(record: Record, status: int) -> int:
    """The size of the object that is read or written; -1 where there is none."""
    result, operation = record.result, record.identified.operation.name if record.identified else ""
    if operation in ("PutObject", "UploadPart", "PostObject"):
        return received(record)
    if status >= 300 or not isinstance(result, dict) or operation not in ("GetObject", "HeadObject", "GetWebsite"):
        return -1
    whole = str(result.get("ContentRange", "")).rpartition("/")[2]
    return int(whole) if whole.isdigit() else int(result.get("ContentLength", -1))


def _deleted(result: dict[str, Any], given: Any) -> Iterator[tuple[str, str, str]]:
    """Key, version and error of everything that a request deleted, or could not."""
    errors = {(one["Key"], one.get("VersionId", "")): one["Code"] for one in result.get("Errors", ())}
    for one in given.get("Delete", {}).get("Objects", ()):
        key, version = one["Key"], one.get("VersionId", "")
        yield key, version, errors.get((key, version), "")
