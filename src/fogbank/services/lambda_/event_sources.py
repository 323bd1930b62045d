"""Event source mappings: queues and streams that Lambda polls for a function.

Those services are not here yet: a mapping is refused as AWS refuses a source that does not exist, and so there is none.

Source: Lambda API Reference, CreateEventSourceMapping and its siblings; the messages of refusals as AWS's service gives them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core import sources
from fogbank.core.destinations import parse
from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.paging import read_marker
from fogbank.services.lambda_.errors import invalid, no_function, not_found
from fogbank.services.lambda_.names import parse as parse_name
from fogbank.services.lambda_.resolving import need
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

NO_QUEUE: Final = (
    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
    "SQS Error Message: The specified queue does not exist for this wsdl version."
)
STREAMS: Final = ("kinesis", "dynamodb")
TAKES: Final = (
    "FunctionName Enabled BatchSize FilterCriteria KMSKeyArn MetricsConfig ScalingConfig MaximumBatchingWindowInSeconds"
    " ParallelizationFactor DestinationConfig MaximumRecordAgeInSeconds BisectBatchOnFunctionError MaximumRetryAttempts"
    " TumblingWindowInSeconds FunctionResponseTypes"
)


@lambda_.operation(
    "write", "*", takes=f"{TAKES} EventSourceArn StartingPosition StartingPositionTimestamp Tags", makes=True
)
def create_event_source_mapping(call: Call, req: Input) -> dict[str, Any]:
    """Have a queue or a stream polled for a function."""
    need_own(call, req)
    arn = req.get("EventSourceArn", "")
    parsed = parse(arn)
    if parsed is None:
        raise absent(arn, "")
    if parsed[0] in STREAMS and "StartingPosition" not in req:
        what = "Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."
        raise invalid(f"1 validation error detected: {what}")
    source = sources.find(arn)
    if source is None or not source.exists(call.tx, arn):
        raise absent(arn, parsed[0])
    raise not_implemented(f"Polling {parsed[0]}")


@lambda_.operation("read", "event_source_mapping", takes="UUID")
def get_event_source_mapping(_call: Call, _req: Input) -> dict[str, Any]:
    """A mapping."""
    raise no_mapping()


@lambda_.operation("write", "event_source_mapping", takes=f"UUID {TAKES}")
def update_event_source_mapping(_call: Call, _req: Input) -> dict[str, Any]:
    """Change a mapping."""
    raise no_mapping()


@lambda_.operation("write", "event_source_mapping", takes="UUID")
def delete_event_source_mapping(_call: Call, _req: Input) -> dict[str, Any]:
    """Have a queue or a stream polled no more."""
    raise no_mapping()


@lambda_.operation("read", "*", takes="EventSourceArn FunctionName Marker MaxItems", makes=True)
def list_event_source_mappings(call: Call, req: Input) -> dict[str, Any]:
    """The mappings of the account, of a function or of a source."""
    read_marker(req.get("Marker"), invalid("Invalid Marker."))
    if "FunctionName" in req:
        need_own(call, req)
    return {"EventSourceMappings": []}


def need_own(call: Call, req: Input) -> None:
    """ResourceNotFoundException unless the function is the account's, and there: of others' nobody is told whether they are."""
    name = parse_name(req["FunctionName"], call.account, call.region)
    if name.account != call.account:
        raise no_function(name.arn)
    need(call.tx, name)


def absent(arn: str, service: str) -> AwsError:
    """The error for a source that does not exist."""
    if service == "sqs":
        return invalid(NO_QUEUE)
    if service in STREAMS:
        return invalid(f"Stream not found: {arn}")
    return invalid(
        f"Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn : {arn}"
    )


def no_mapping() -> AwsError:
    """The error for a mapping that there is not."""
    return not_found("The resource you requested does not exist.")
