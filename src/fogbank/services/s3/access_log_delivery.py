"""Delivering server access logs: what the gateway kept of requests becomes objects in the target buckets.

A log is delivered at least once, as the log service, which the target bucket's policy (or its ACL) has to let. Where it does not, the
log is dropped, as AWS does.

Source: S3 User Guide, "Logging requests with server access logging", "Amazon S3 log object keys", "Permissions for log delivery".
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.principal import root_of, service_of
from fogbank.services.s3 import access_log, access_log_lifecycle, configuration
from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.records import buckets, when
from fogbank.services.s3.service import s3
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.services.s3.records import Bucket
    from fogbank.store.api import Tx
    from fogbank.store.keys import Part

EVERY: Final = 60  # seconds
AT_ONCE: Final = 2 << 20  # bytes of a segment that are read at a time
LINES: Final = 5000  # that no request is behind, at a time
SERVICE: Final = "logging.s3.amazonaws.com"
GRANTS: Final = {"FULL_CONTROL": "GrantFullControl", "READ": "GrantRead"}  # WRITE means nothing on an object
Lines = dict[tuple[str, str], list[dict[str, Any]]]  # by bucket, and day where logs are parted by it
_log = logging.getLogger("fogbank.s3")


class Delivered(Record, version=1):
    """How far the log of access has been delivered: offsets by segment."""

    offsets: dict[str, int]


delivered = Table("s3.access-delivered", Delivered)  # (nothing)


@s3.chore(EVERY)
async def deliver_access_logs(ctx: Background) -> None:
    """Deliver what was kept since the last time."""
    with ctx.region.store.snapshot() as tx:
        before = delivered.get(tx)
    offsets = dict(before.offsets) if before else {}
    while True:
        known = dict(offsets)
        found = await asyncio.to_thread(ctx.region.events.since, "access", offsets, AT_ONCE)
        if offsets == known:
            break
        await deliver(ctx, [each.line for each in found])
        await ctx.region.store.write(partial(keep, dict(offsets)))
    await asyncio.to_thread(ctx.region.events.forget, "access", offsets)
    await deliver_others(ctx)


def keep(offsets: dict[str, int], tx: Tx) -> None:
    """Remember how far it was delivered."""
    delivered.put(tx, Delivered(offsets=offsets))


async def deliver_others(ctx: Background) -> None:
    """Deliver lines that no request is behind."""
    while True:
        with ctx.region.store.snapshot() as tx:
            waiting = list(access_log_lifecycle.lines.scan(tx, limit=LINES))
        if not waiting:
            return
        await deliver(ctx, [line.kept for _, line in waiting])
        await ctx.region.store.write(partial(cross_out, [parts for parts, _ in waiting]))


def cross_out(done: list[tuple[Part, ...]], tx: Tx) -> None:
    """These lines are delivered."""
    for parts in done:
        access_log_lifecycle.lines.delete(tx, *parts)


async def deliver(ctx: Background, found: Sequence[bytes]) -> None:
    """Deliver some lines: an object for each bucket, or for each of its days."""
    for (name, day), kept in grouped(ctx, found).items():
        with ctx.region.store.snapshot() as tx:
            bucket = buckets.get(tx, name)
            value = configuration.find(tx, bucket, "logging") if bucket else None
        if bucket is not None and value is not None:
            own = [one for one in kept if one["at"] // 1_000_000 >= bucket.created]  # no earlier bucket's of the name
            if own:
                await write(ctx, bucket, value, day, own)


def grouped(ctx: Background, found: Sequence[bytes]) -> Lines:
    """Lines by the object that they go into."""
    groups: Lines = {}
    by_day: dict[str, bool] = {}
    for each in found:
        kept = msgspec.json.decode(each)
        name = kept["bucket"]
        if name not in by_day:
            by_day[name] = parts_by_event(ctx, name)
        day = f"{when(kept['at'] // 1_000_000):%Y-%m-%d}" if by_day[name] else ""
        groups.setdefault((name, day), []).append(kept)
    return groups


def parts_by_event(ctx: Background, name: str) -> bool:
    """Whether a bucket's logs are parted by the day of the requests."""
    with ctx.region.store.snapshot() as tx:
        bucket = buckets.get(tx, name)
        value = (configuration.find(tx, bucket, "logging") if bucket else None) or {}
    parted = value.get("TargetObjectKeyFormat", {}).get("PartitionedPrefix")
    return parted is not None and parted.get("PartitionDateSource", "EventTime") == "EventTime"


async def write(
    ctx: Background, bucket: Bucket, value: Mapping[str, Any], day: str, kept: list[dict[str, Any]]
) -> None:
    """Write one log object. What the target does not take is dropped, and logged."""
    data = "".join([access_log.line(bucket.account, each) for each in kept]).encode()
    unique = ctx.region.ids.random(8).hex().upper()
    key = key_of(bucket, value, day, ctx.region.clock.now(), unique)
    where = {"Bucket": value["TargetBucket"], "Key": key, "ExpectedBucketOwner": bucket.account}
    principal = service_of(SERVICE, bucket.account, f"arn:aws:s3:::{bucket.name}")
    try:
        told = {"ContentType": "text/plain"}
        await ctx.invoke(principal, "s3", "PutObject", where | told, region=bucket.region, data=data)
        if value.get("TargetGrants"):  # the owner's wish, in the owner's name
            owner, acl = root_of(bucket.account), grants(bucket, value)
            await ctx.invoke(owner, "s3", "PutObjectAcl", where | acl, region=bucket.region)
    except AwsError as error:
        fields = {"bucket": bucket.name, "target": value["TargetBucket"], "error": str(error), "lines": len(kept)}
        _log.warning("access log dropped: the target bucket does not take it", extra={"fields": fields})


def key_of(bucket: Bucket, value: Mapping[str, Any], day: str, now: datetime, unique: str) -> str:
    """The key of a log object."""
    prefix = value["TargetPrefix"]
    name = f"{day}-00-00-00-{unique}" if day else f"{now:%Y-%m-%d-%H-%M-%S}-{unique}"
    if "PartitionedPrefix" not in value.get("TargetObjectKeyFormat", {}):
        return f"{prefix}{name}"
    return f"{prefix}{bucket.account}/{bucket.region}/{bucket.name}/{name[:10].replace('-', '/')}/{name}"


def grants(bucket: Bucket, value: Mapping[str, Any]) -> dict[str, str]:
    """The configured grants as members of PutObjectAcl, beside the owner's own."""
    found = {"GrantFullControl": [f'id="{canonical_user(bucket.account)}"']}
    for grant in value.get("TargetGrants", ()):
        member, to = GRANTS.get(grant["Permission"]), grant["Grantee"]
        if member is not None:
            found.setdefault(member, []).append(f'uri="{to["URI"]}"' if "URI" in to else f'id="{to["ID"]}"')
    return {member: ", ".join(grantees) for member, grantees in found.items()}
