"""Writing inventories: pages of a bucket become data files in the destination, and at last a manifest that names them.

As S3 itself, which the destination's policy has to let. A bucket is read page by page, as it is then: a report is not of one moment,
and says so little else as AWS's do.

Source: S3 User Guide, "Cataloging and analyzing your data with S3 Inventory", "Locating your inventory list", "Granting Amazon S3
permission for S3 Inventory".
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from functools import partial
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.principal import service_of
from fogbank.services.s3 import inventory_fields, inventory_runs, lifecycle_rules
from fogbank.services.s3.inventory_fields import View
from fogbank.services.s3.inventory_files import Csv, Parquet
from fogbank.services.s3.records import buckets, objects, versions
from fogbank.services.s3.service import s3
from fogbank.store import keys
from fogbank.store.keys import prefix_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.services.s3.inventory_files import Rows
    from fogbank.services.s3.records import Bucket
    from fogbank.store.api import Tx

EVERY: Final = 600  # seconds between looks at what is due
PAGE: Final = 5000  # versions that are read at once
_log = logging.getLogger("fogbank.s3")


class Gone(Exception):
    """The bucket is gone while it is listed."""


class Report(msgspec.Struct):
    """A report that is being written: its configuration, when it began, and the files so far."""

    bucket: Bucket
    value: Mapping[str, Any]
    at: datetime
    files: list[dict[str, Any]] = []

    @property
    def to(self) -> Mapping[str, Any]:
        """Where it is written to."""
        found: Mapping[str, Any] = self.value["Destination"]["S3BucketDestination"]
        return found

    @property
    def place(self) -> str:
        """What the keys of all its objects begin with."""
        prefix = self.to.get("Prefix", "")
        return f"{prefix}{'/' if prefix else ''}{self.bucket.name}/{self.value['Id']}"


@s3.chore(EVERY)
async def write_inventories(ctx: Background) -> None:
    """Write the reports that are due."""
    now = ctx.region.clock.now()

    def look() -> list[tuple[Bucket, dict[str, Any]]]:
        with ctx.region.store.snapshot() as tx:
            return inventory_runs.due(tx, now)

    for bucket, value in await asyncio.to_thread(look):
        try:
            await write(ctx, Report(bucket, value, now))
        except (AwsError, Gone) as error:
            fields = {"bucket": bucket.name, "id": value["Id"], "error": str(error)}
            _log.warning("inventory not written", extra={"fields": fields})
        await ctx.region.store.write(partial(finished, bucket.name, value["Id"], now))


def finished(bucket: str, name: str, now: datetime, tx: Any) -> None:
    """Note that a report's time is over."""
    inventory_runs.done(tx, bucket, name, now)


async def write(ctx: Background, report: Report) -> None:
    """Write one report: its data, the manifest, and what tells that the manifest is whole."""
    fields = inventory_fields.fields_of(report.value)
    form = report.to["Format"]
    file = Csv(fields) if form == "CSV" else Parquet(fields)
    place: bytes | None = b""
    while place is not None:
        found, place = await asyncio.to_thread(page, ctx, report, place)
        if found:
            await keep_file(ctx, report, file.suffix, await file.add(found))
    await keep_file(ctx, report, file.suffix, await file.finish())
    manifest = msgspec.json.format(msgspec.json.encode(manifest_of(report, form, file.schema)), indent=2)
    folder = f"{report.place}/{report.at:%Y-%m-%dT%H-%MZ}"
    await put(ctx, report, f"{folder}/manifest.json", manifest)
    await put(ctx, report, f"{folder}/manifest.checksum", md5(manifest).encode())
    links = "\n".join(f"s3://{bucket_of(report)}/{one['key']}" for one in report.files)
    await put(ctx, report, f"{report.place}/hive/dt={report.at:%Y-%m-%d-%H-%M}/symlink.txt", links.encode())


def page(ctx: Background, report: Report, place: bytes) -> tuple[Rows, bytes | None]:
    """Some rows, from a place on, and where it goes on; None at the end."""
    every = report.value["IncludedObjectVersions"] == "All"
    prefix = report.value.get("Filter", {}).get("Prefix", "")
    fields = inventory_fields.fields_of(report.value)
    lower = place or keys.encode_open(report.bucket.name, prefix)
    upper = prefix_end(keys.encode_open(report.bucket.name, prefix))
    made: Rows = []
    with ctx.region.store.snapshot() as tx:
        bucket = buckets.get(tx, report.bucket.name)
        if bucket is None or bucket.created != report.bucket.created:
            raise Gone(report.bucket.name)
        rules = lifecycle_rules.find(tx, bucket)
        tables = (objects, versions) if every else (objects,)
        found = merge(*[rows(tx, table.key(), lower, upper) for table in tables], key=itemgetter(0))
        for at, value in found:
            if len(made) == PAGE:
                return made, at
            key = str(keys.decode(at)[1])
            made.append(inventory_fields.row(View(tx, bucket, key, objects.decode(value), rules), fields))
    return made, None


def rows(tx: Tx, head: bytes, lower: bytes, upper: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The rows of a table, their keys without its head."""
    return ((key[len(head) :], value) for key, value in tx.scan(head + lower, head + upper))


async def keep_file(ctx: Background, report: Report, suffix: str, data: bytes | None) -> None:
    """Write a data file, if there is one."""
    if data is not None:
        key = f"{report.place}/data/{ctx.region.ids.uuid()}.{suffix}"
        await put(ctx, report, key, data)
        report.files.append({"key": key, "size": len(data), "MD5checksum": md5(data)})


def manifest_of(report: Report, form: str, schema: str) -> dict[str, Any]:
    """What says which files a report is of."""
    return {
        "sourceBucket": report.bucket.name,
        "destinationBucket": report.to["Bucket"],
        "version": "2016-11-30",
        "creationTimestamp": str(int(report.at.timestamp()) * 1000),
        "fileFormat": form,
        "fileSchema": schema,
        "files": report.files,
    }


def md5(data: bytes) -> str:
    """A file's MD5, as manifests have it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def bucket_of(report: Report) -> str:
    """The destination's name."""
    return str(report.to["Bucket"]).rpartition(":")[2]


async def put(ctx: Background, report: Report, key: str, data: bytes) -> None:
    """Write an object of a report. The owner of the destination has full control of it, as the policies for it demand."""
    req = {"Bucket": bucket_of(report), "Key": key, "ACL": "bucket-owner-full-control", **encryption_of(report)}
    if "AccountId" in report.to:
        req["ExpectedBucketOwner"] = report.to["AccountId"]
    principal = service_of("s3.amazonaws.com", report.bucket.account, f"arn:aws:s3:::{report.bucket.name}")
    await ctx.invoke(principal, "s3", "PutObject", req, region=report.bucket.region, data=data)


def encryption_of(report: Report) -> dict[str, str]:
    """How a report is to be encrypted, as members of PutObject."""
    wanted = report.to.get("Encryption", {})
    if "SSEKMS" in wanted:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": wanted["SSEKMS"]["KeyId"]}
    return {"ServerSideEncryption": "AES256"} if "SSES3" in wanted else {}
