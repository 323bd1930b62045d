"""Buckets as destinations of failed asynchronous invocations: an object for each, put by the function's role.

Source: Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations", S3 destinations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.core.authorize import authorise
from fogbank.core.call import Call
from fogbank.core.errors import AwsError
from fogbank.services.lambda_.errors import invalid

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.core.principal import Principal

START: Final = "arn:aws:s3:::"


def is_bucket(arn: str) -> bool:
    """Whether an ARN is a bucket's."""
    return arn.startswith(START)


def check(call: Call, arn: str, role: Principal | None) -> None:
    """Refuse a bucket that is not there, or that the role may not list, as AWS wants it."""
    bound = call.operations("s3", "HeadBucket")
    if bound is None or role is None:
        raise invalid(f"The destination ARN {arn} is invalid.")
    req = {"Bucket": arn.removeprefix(START)}
    asked = Call(
        home=call.home,
        tx=call.tx,
        principal=role,
        region=call.region,
        scope_region=call.region,
        now=call.now,
        request_id=call.request_id,
        request=call.request,
        asked=[],
        bound=bound,
        req=req,
    )
    try:
        authorise(asked, bound.service.model.protocol)
        bound.handler(asked, req)
    except AwsError as error:
        raise invalid(f"The destination ARN {arn} is invalid: {error.message or error.code}") from None


async def put(ctx: Background, role: Principal, arn: str, function: str, region: str, body: bytes) -> None:
    """Put a record. AwsError if the role may not, or the bucket is gone."""
    now = ctx.region.clock.now()
    name = function.rpartition(":")[2]
    key = f"aws/lambda/async/{name}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{ctx.region.ids.uuid()}"
    await ctx.invoke(role, "s3", "PutObject", {"Bucket": arn.removeprefix(START), "Key": key}, region=region, data=body)
