"""Export tasks: the events of a group, as files in a bucket; one task at a time.

The bucket has to let CloudWatch Logs read its ACL and put objects: that is tried when a task is made, by writing a test object. A task
that is ended by a restart of the region begins again, over the same objects.

Source: API Reference, CreateExportTask; CloudWatch Logs User Guide, "Export log data to Amazon S3".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.background import Background, Options
from fogbank.core.errors import AwsError
from fogbank.core.paging import read_marker, write_marker
from fogbank.core.principal import service_of
from fogbank.services.logs.addressing import need_group
from fogbank.services.logs.errors import invalid, not_for_class, not_found, too_many
from fogbank.services.logs.put import milliseconds
from fogbank.services.logs.records import STANDARD
from fogbank.services.logs.service import logs
from fogbank.store import outbox
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from fogbank.core.call import Call
    from fogbank.core.principal import Principal
    from fogbank.core.service import Input
    from fogbank.store.api import Tx

EFFECT: Final = "logs.export"
PENDING, RUNNING, COMPLETED, FAILED = "PENDING", "RUNNING", "COMPLETED", "FAILED"
CANCELLED, PENDING_CANCEL = "CANCELLED", "PENDING_CANCEL"
ACTIVE: Final = (PENDING, RUNNING, PENDING_CANCEL)
PREFIX: Final = "exportedlogs"
TEST_FILE: Final = "aws-logs-write-test"
TEST_CONTENT: Final = b"Permission Check Successful"
OWNED: Final = {"ACL": "bucket-owner-full-control"}
PAGE: Final = 50
REFUSED: Final = (
    "{} call on the given bucket failed. "
    "Please check if CloudWatch Logs has been granted permission to perform this operation."
)


class Task(Record, version=1):
    """An export task. Times are in milliseconds since the epoch; `stream` is a prefix of streams' names."""

    account: str
    region: str
    id: str
    name: str
    group: str
    stream: str
    start: int
    end: int
    bucket: str
    prefix: str
    code: str
    message: str
    created: int
    completed: int = 0


tasks = Table("logs.export_task", Task)  # account, region, id


def keep(tx: Tx, task: Task) -> None:
    """Keep how a task stands."""
    tasks.put(tx, task, task.account, task.region, task.id)


def acting(account: str, region: str, group: str) -> Principal:
    """CloudWatch Logs, as it writes what a group exports."""
    return service_of(f"logs.{region}.amazonaws.com", account, f"arn:aws:logs:{region}:{account}:log-group:{group}:*")


@logs.operation("act", "group", takes="taskName logGroupName logStreamNamePrefix from to destination destinationPrefix")
def create_export_task(call: Call, req: Input) -> Awaitable[dict[str, Any]]:
    """Make an export task, after a test of the bucket."""
    group = need_group(call, req)
    if group.kind != STANDARD:
        raise not_for_class(group.kind)
    if req["from"] >= req["to"]:
        raise invalid("'from' must be before 'to'.")
    made = Task(
        account=call.account,
        region=call.region,
        id=call.ids.uuid(),
        name=req.get("taskName", ""),
        group=group.name,
        stream=req.get("logStreamNamePrefix", ""),
        start=req["from"],
        end=req["to"],
        bucket=req["destination"],
        prefix=req.get("destinationPrefix", PREFIX),
        code=PENDING,
        message="Task is created successfully",
        created=milliseconds(call),
    )
    check_free(call.tx, made)
    return begin(call, made)


def check_free(tx: Tx, made: Task) -> None:
    """Refuse a task while another one is not done."""
    if any(task.code in ACTIVE for _, task in tasks.scan(tx, made.account, made.region)):
        raise too_many("Resource limit exceeded.")


async def begin(call: Call, made: Task) -> dict[str, Any]:
    """Try whether the bucket can be written, then keep the task."""
    behind = Background(call.home, Options())
    principal = acting(made.account, made.region, made.group)
    await attempt(behind, principal, made, "GetBucketAcl", {"Bucket": made.bucket}, None)
    key = f"{made.prefix}/{TEST_FILE}" if made.prefix else TEST_FILE
    await attempt(behind, principal, made, "PutObject", {"Bucket": made.bucket, "Key": key, **OWNED}, TEST_CONTENT)

    def write(tx: Tx) -> None:
        check_free(tx, made)
        keep(tx, made)
        payload = msgspec.msgpack.encode((made.account, made.region, made.id))
        outbox.emit(tx, EFFECT, payload, now=call.now)

    await call.home.store.write(write)
    return {"taskId": made.id}


async def attempt(
    behind: Background, principal: Principal, made: Task, operation: str, req: Input, data: bytes | None
) -> None:
    """Do something with the bucket as the service; InvalidParameterException, in AWS's words, where that fails."""
    try:
        await behind.invoke(principal, "s3", operation, req, region=made.region, data=data)
    except AwsError as error:
        if error.code == "NoSuchBucket":
            raise invalid("The specified bucket does not exist.") from None
        raise invalid(REFUSED.format(operation)) from None


@logs.operation("scan", "*", takes="taskId statusCode nextToken limit")
def describe_export_tasks(call: Call, req: Input) -> dict[str, Any]:
    """The account's export tasks in this region, the newest first."""
    after = read_marker(req.get("nextToken"), invalid("The specified nextToken is invalid."))
    most, code = req.get("limit", PAGE), req.get("statusCode")
    every = sorted(
        (f"{task.created:015d} {task.id}", task) for _, task in tasks.scan(call.tx, call.account, call.region)
    )
    found = [
        (place, task)
        for place, task in reversed(every)
        if (after is None or place < after) and code in (None, task.code) and req.get("taskId", task.id) == task.id
    ]
    more = {"nextToken": write_marker(found[most - 1][0])} if len(found) > most else {}
    return {"exportTasks": [told(task) for _, task in found[:most]], **more}


def told(task: Task) -> dict[str, Any]:
    """A task as output members."""
    ended = {"completionTime": task.completed} if task.completed else {}
    return {
        "taskId": task.id,
        **({"taskName": task.name} if task.name else {}),
        "logGroupName": task.group,
        "from": task.start,
        "to": task.end,
        "destination": task.bucket,
        "destinationPrefix": task.prefix,
        "status": {"code": task.code, "message": task.message},
        "executionInfo": {"creationTime": task.created, **ended},
    }


@logs.operation("write", "*", takes="taskId")
def cancel_export_task(call: Call, req: Input) -> dict[str, Any]:
    """Stop a task that is not done. What it has written stays."""
    task = tasks.get(call.tx, call.account, call.region, req["taskId"])
    if task is None:
        raise not_found("The specified export task does not exist.")
    if task.code not in (PENDING, RUNNING):
        raise AwsError("InvalidOperationException", "The specified export task has already finished", status=400)
    now = milliseconds(call)
    if task.code == PENDING:
        done = msgspec.structs.replace(task, code=CANCELLED, message="Cancelled", completed=now)
    else:
        done = msgspec.structs.replace(task, code=PENDING_CANCEL, message="Being cancelled")
    keep(call.tx, done)
    return {}
