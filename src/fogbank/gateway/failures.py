"""Failures as answers: which error they are, and in which protocol the caller is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.store.api import StoreFull
from fogbank.wire import load
from fogbank.wire.identify import Unidentified, identify

if TYPE_CHECKING:
    from fogbank.gateway.record import Record
    from fogbank.wire import HttpResponse

BODILESS = frozenset({204, 304})


def failure_of(error: Exception) -> AwsError:
    """What the caller is told of an error that is the region's own; the log has the rest."""
    if isinstance(error, StoreFull):
        what = "The region has no space left. Nothing of this request was kept."
        return AwsError("InsufficientStorage", what, status=507)
    return AwsError("InternalError", "We encountered an internal error. Please try again.", status=500)


def render_failure(record: Record, error: AwsError) -> HttpResponse:
    """The answer that carries an error, in the protocol of what was asked, or of what it looks like."""
    record.error = error.code
    resource = record.request.path
    if record.identified is not None:
        meaning = record.identified.meaning
        render = record.identified.operation.codec(meaning.protocol).render_error
        return render(error, record.id, resource, record.id)
    service, protocol = speaks(record, error)
    return load(service).render_unknown(error, record.id, resource, record.id, protocol)


def speaks(record: Record, error: AwsError) -> tuple[str, str | None]:
    """A service whose errors a caller understands that was not understood itself, and the protocol."""
    if isinstance(error, Unidentified):
        return error.service or DEFAULTS.get(error.protocol, "s3"), error.protocol
    try:
        meaning = identify(record.request, record.claim.service if record.claim else None)
    except Unidentified as other:
        return other.service or DEFAULTS.get(other.protocol, "s3"), other.protocol
    except AwsError:
        return "s3", None
    return meaning.service, meaning.protocol


# For requests of a protocol whose service is not known: any that speaks it.
DEFAULTS = {"query": "sts", "ec2": "ec2", "json": "dynamodb", "rest-json": "lambda", "smithy-rpc-v2-cbor": "sqs"}
