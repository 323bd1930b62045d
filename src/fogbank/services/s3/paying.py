"""Requester pays: who asks a bucket that others pay for says that it does, and is told that it did.

Source: S3 User Guide, "Using Requester Pays general purpose buckets for storage transfers and usage".
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fogbank.core.errors import AwsError
from fogbank.core.service import Handler, Service
from fogbank.services.s3.records import buckets

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from fogbank.core.call import Call
    from fogbank.core.service import Access, Input, Options
    from fogbank.services.s3.records import Bucket

KIND: Final = "requestPayment"
F = TypeVar("F", bound=Handler)


def is_charged(call: Call, bucket: Bucket) -> bool:
    """Whether the caller pays for its request: the bucket's owner always pays for its own."""
    return KIND in bucket.configured and call.account != bucket.account


def check(call: Call, bucket: Bucket) -> None:
    """AccessDenied for who would pay and does not say so, and for who cannot: anonymous callers."""
    if not is_charged(call, bucket) or call.principal.kind == "service":
        return
    operation = call.bound.model.input
    can_say = operation is not None and "RequestPayer" in operation.members
    if call.principal.kind == "anonymous" or (can_say and call.input.get("RequestPayer") != "requester"):
        raise AwsError("AccessDenied", "Access Denied", status=403)


class Paying(Service):
    """S3: where an operation's answer can tell that the requester was charged, it does."""

    def operation(self, access: Access, resource: str, *, takes: str, **options: Unpack[Options]) -> Callable[[F], F]:
        """Bind the decorated function; see Service."""
        bind: Callable[[Handler], Handler] = super().operation(access, resource, takes=takes, **options)

        def bind_told(function: F) -> F:
            output = self.model.operations[self._operation_name(function)].output
            bind(told(function) if output is not None and "RequestCharged" in output.members else function)
            return function

        return bind_told


def told(function: Handler) -> Handler:
    """An operation that tells who was charged."""

    @wraps(function)
    def charging(call: Call, req: Input) -> Any:
        result = function(call, req)
        if "RequestPayer" in req:
            bucket = buckets.get(call.tx, req["Bucket"])
            if bucket is not None and is_charged(call, bucket):
                return result | {"RequestCharged": "requester"}
        return result

    return charging
