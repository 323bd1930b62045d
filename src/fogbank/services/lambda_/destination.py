"""Functions as destinations of events: of S3's notifications, of EventBridge's rules, of Logs' subscriptions, of other functions.

What is sent waits in the queue of asynchronous invocations, as on AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core import destinations
from fogbank.core.call import Call
from fogbank.core.errors import AwsError
from fogbank.core.principal import service_of
from fogbank.core.service import Permission
from fogbank.services.lambda_ import asking, queue, recursion
from fogbank.services.lambda_.names import parse
from fogbank.services.lambda_.resolving import find
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.destinations import Sender
    from fogbank.services.lambda_.names import Name
    from fogbank.store.api import Tx


class Functions:
    """See core.destinations.Destination."""

    def exists(self, tx: Tx, arn: str) -> bool:
        """Whether there is such a function, version or alias."""
        name = name_of(arn)
        return name is not None and find(tx, name) is not None

    def may(self, call: Call, arn: str, sender: Sender) -> bool:
        """Whether the function's policy lets a service invoke it for a resource."""
        name, bound = name_of(arn), call.operations("lambda", "Invoke")
        if name is None or bound is None:
            return False
        names = {"FunctionName": arn}
        principal = service_of(sender.service, sender.account, sender.source)
        asked = Call(
            home=call.home,
            tx=call.tx,
            principal=principal,
            region=name.region,
            scope_region=name.region,
            now=call.now,
            request_id=call.request_id,
            request=call.request,
            asked=call.asked,
            bound=bound,
            req=names,
        )
        return asked.may(Permission("lambda:InvokeFunction", name.arn, names), name.account)

    async def deliver(self, ctx: Background, arn: str, sender: Sender, message: bytes) -> None:
        """Put an event into the function's queue."""
        name = name_of(arn)
        if name is None:
            raise AwsError("ResourceNotFoundException", f"Function not found: {arn}")
        region = ctx.region
        now = region.clock.now()
        trace, _ = recursion.counted(asking.trace_of("", region.ids, now.timestamp()), name.unqualified)
        event = queue.new(name, now, trace)
        request_id = region.ids.uuid()
        sealed = queue.seal(region.vault, request_id, message)
        await region.store.write(lambda tx: queue.put(tx, event, request_id, sealed))
        asking.wake(region.control)


def name_of(arn: str) -> Name | None:
    """What an ARN names; None if it is no function's."""
    if not arn.startswith("arn:"):
        return None
    try:
        return parse(arn, "", "")
    except AwsError:
        return None


destinations.register(lambda_.name, Functions())
