"""`fogbank scrub`."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from fogbank.cli.options import print_json, settings_of, which_region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fogbank.store.blobs import Blobs
    from fogbank.store.scrubs import Scrubbed
    from fogbank.store.sqlite import SqliteStore


@click.command()
@which_region
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def scrub(context: click.Context, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Read every byte again, and name the objects whose bytes are not as they were written.

    It can run beside the region, which does the same slowly, once a day. `fogbank status` shows the last one. Exit code: 0 if all
    is whole, 1 if something is damaged or missing.
    """
    from fogbank.cli.state import opened

    with opened(settings_of(data, config)) as (store, blobs):
        found = scrubbed(store, blobs, quiet=as_json)
    if as_json:
        print_json(told(found))
    else:
        _show(found)
    context.exit(1 if found.damaged else 0)


def scrubbed(store: SqliteStore, blobs: Blobs, *, quiet: bool) -> Scrubbed:
    """Scrub all, with a progress bar, and keep what was found."""
    from fogbank.core.clock import Clock
    from fogbank.services import registry
    from fogbank.store import scrubs, upkeep

    def now() -> int:
        return int(Clock().now().timestamp())

    with store.snapshot() as tx:
        total = scrubs.size_of_all(tx)
    tally = scrubs.Tally(now())
    with progress(total, quiet=quiet) as advance:
        for step in upkeep.scrub(blobs, store):
            tally.take(step)
            if isinstance(step, upkeep.Checked):
                advance(step.size)
    found = tally.finish(store, registry.name_holders, now())
    asyncio.run(store.write(lambda tx: scrubs.keep(tx, found)))
    return found


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Callable[[float], Any]]:
    """A progress bar over bytes, on a terminal; what advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("Scrubbing"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda size: bar.advance(task, size)


def told(found: Scrubbed) -> dict[str, Any]:
    """A scrub as JSON. Times are in seconds since the epoch."""
    return {
        "began": found.began,
        "ended": found.ended,
        "blobs": found.blobs,
        "bytes": found.bytes,
        "damaged": found.damaged,
        "damage": [
            {"blob": each.blob, "missing": each.missing, "objects": list(each.holders)} for each in found.damage
        ],
    }


def _show(found: Scrubbed) -> None:
    from fogbank.cli.iam import printable
    from fogbank.cli.state import bytes_told

    click.echo(f"Read {found.blobs:,} blobs, {bytes_told(found.bytes)}, in {found.ended - found.began} s.")
    for each in found.damage:
        what = "missing" if each.missing else "damaged"
        named = printable(", ".join(each.holders)) or "nothing refers to it"
        click.secho(f"{what}: {named}  (blob {each.blob})", fg="red")
    if found.damaged > len(found.damage):
        click.secho(f"… and {found.damaged - len(found.damage):,} more.", fg="red")
    if not found.damaged:
        click.secho("All is as it was written.", fg="green")
