"""Failures as answers: which error they are, and in which protocol the caller is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.gateway.steps import protocol_of
from fogbank.store.api import StoreFull
from fogbank.wire import load
from fogbank.wire.identify import Unidentified

if TYPE_CHECKING:
    from fogbank.gateway.record import Record
    from fogbank.wire import HttpResponse


def failure_of(error: Exception) -> AwsError:
    """What the caller is told of an error that is the region's own; the log has the rest."""
    if isinstance(error, StoreFull):
        what = "The region has no space left. Nothing of this request was kept."
        return AwsError("InsufficientStorage", what, status=507)
    return AwsError("InternalError", "We encountered an internal error. Please try again.", status=500)


def render_failure(record: Record, error: AwsError) -> HttpResponse:
    """The answer that carries an error, in the protocol of what was asked, or of what it looks like."""
    record.error, record.message = error.code, error.message
    resource = record.request.path
    if record.identified is not None:
        meaning = record.identified.meaning
        render = record.identified.operation.codec(meaning.protocol).render_error
        return render(error, record.id, resource, record.id)
    service, protocol = speaks(record, error)
    return load(service).render_unknown(error, record.id, resource, record.id, protocol)


def speaks(record: Record, error: AwsError) -> tuple[str, str]:
    """A service whose errors a caller understands that was not understood itself, and the protocol. Loads no other model."""
    if isinstance(error, Unidentified):
        return error.service or DEFAULTS.get(error.protocol, "s3"), error.protocol
    protocol = looks_like(record)
    return DEFAULTS.get(protocol, "s3"), protocol


def looks_like(record: Record) -> str:
    """The protocol that a request seems to speak."""
    headers = record.request.headers
    if "smithy-protocol" in headers:
        return "smithy-rpc-v2-cbor"
    if "x-amz-target" in headers:
        return "json"
    if record.claim is not None:
        return protocol_of(record.claim.service)
    form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "query" if form or "Action=" in record.request.query else "rest-xml"


# For requests of a protocol whose service is not known: any that speaks it.
DEFAULTS = {"query": "sts", "ec2": "ec2", "json": "dynamodb", "rest-json": "lambda", "smithy-rpc-v2-cbor": "sqs"}
