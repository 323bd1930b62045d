"""`fogbank s3 replicate`: what failed, and what is there already, is replicated."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import click

from fogbank.cli.options import settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.store.sqlite import SqliteStore


@click.command()
@which_region
@click.argument("bucket")
@click.option("--existing", is_flag=True, help="Also what was there before the rules.")
def replicate(data: Path | None, config: Path | None, bucket: str, existing: bool) -> None:
    """Have versions of a bucket that its rules are about replicated again, if that failed.

    The region does it, as soon as it runs. Versions from before the bucket kept any (their id is null) are left out.
    """
    from fogbank.cli.state import opened
    from fogbank.region.errors import RegionError
    from fogbank.services.s3.records import buckets

    with opened(settings_of(data, config)) as (store, _):
        with store.snapshot() as tx:
            found = buckets.get(tx, bucket)
        if found is None or "replication" not in found.configured:
            raise RegionError(f"there is no bucket {bucket} that is replicated.")
        click.echo(f"{asyncio.run(lined_up(store, bucket, existing)):,} versions are to be replicated.")


async def lined_up(store: SqliteStore, bucket: str, existing: bool) -> int:
    """How many versions were found, a thousand keys at a time."""
    from fogbank.core.clock import Clock
    from fogbank.services.s3.replication_again import line_up_again

    clock, total, after = Clock(), 0, ""
    while True:
        work = partial(line_up_again, name=bucket, after=after, now=clock.now(), existing=existing)
        number, after = await store.write(work, bulk=True)
        total += number
        if not after:
            return total
