"""`fogbank fsck`."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

import click

from fogbank.cli.options import print_json, settings_of, which_region

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from fogbank.region.data import DataDir
    from fogbank.store.api import Tx
    from fogbank.store.blobs import Blobs
    from fogbank.store.check import Problem
    from fogbank.store.sqlite import SqliteStore

MOST = 10_000  # problems that are told, and repaired, at a time
PASSES = 3  # one repair may show what another one hid


@click.command()
@which_region
@click.option(
    "--repair", is_flag=True, help="Put right what can be without losing anything; the region must be stopped."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def fsck(context: click.Context, data: Path | None, config: Path | None, repair: bool, as_json: bool) -> None:
    """Check what must always be true of the region's state: its records, what they refer to, and its files.

    It can run beside the region, on one view of the state; it reads no object's bytes (`fogbank scrub` does). Exit code: 0 if all
    is right, 1 if something is wrong, 4 if something was and is repaired.
    """
    from fogbank.cli.state import opened
    from fogbank.region.data import DataDir

    settings = settings_of(data, config)
    if repair:
        alone(DataDir(settings.data))
    with opened(settings) as (store, blobs):
        found = check(store, blobs)
        left = repaired(store, blobs, found) if repair and found else found
    report = {"problems": [each.what for each in found], "left": [each.what for each in left], "repaired": repair}
    if as_json:
        print_json(report)
    else:
        _show(found, left, repair)
    context.exit(1 if left else 4 if found else 0)


def alone(data: DataDir) -> None:
    """Hold the region's lock until this process ends. RegionError if the region runs."""
    from fogbank.region.data import take_lock
    from fogbank.region.errors import RegionError

    if data.exists() and take_lock(data) is None:
        raise RegionError("the region runs: stop it (`fogbank down`) before its state is repaired.")


def check(store: SqliteStore, blobs: Blobs) -> list[Problem]:
    """All that is wrong, the lowest layer first. What lies above one that cannot be read is not checked."""
    from fogbank.services import registry
    from fogbank.store import check
    from fogbank.store.api import StoreError
    from fogbank.store.check import Problem

    registry.services()  # the tables of all of them are known now
    damaged = [Problem(f"database: {line}") for line in store.verify()]
    if damaged:
        return damaged
    with store.snapshot() as tx:
        found = list(islice(check.check_records(tx), MOST))
        if found:  # what they refer to is unknown: nothing may be removed
            try:
                found += [Problem(each.what) for each in islice(registry.invariants(tx), MOST)]
            except StoreError as error:
                found.append(Problem(f"the check ended early: {error}"))
            return found + [Problem(each.what) for each in check.check_files(blobs, store, tx)]
        all_checks = chain(registry.invariants(tx), check.check_unlinks(tx), check.check_files(blobs, store, tx))
        return list(islice(all_checks, MOST))


def repaired(store: SqliteStore, blobs: Blobs, found: list[Problem]) -> list[Problem]:
    """Repair what can be; what is left."""
    for _ in range(PASSES):
        repairs = [each.repair for each in found if each.repair]
        if not repairs:
            break
        asyncio.run(store.write(partial(apply, repairs=repairs), bulk=True))
        found = check(store, blobs)
    return found


def apply(tx: Tx, repairs: list[Callable[[Tx], Any]]) -> None:
    """Carry out repairs in one transaction."""
    for repair in repairs:
        repair(tx)


def _show(found: list[Problem], left: list[Problem], repair: bool) -> None:
    from fogbank.cli.iam import printable

    still = {each.what for each in left}
    for each in found:
        word = "wrong" if each.what in still else "repaired"
        can = "" if repair or not each.repair else "  (--repair can put it right)"
        click.secho(f"{word}: {printable(each.what)}{can}", fg="red" if word == "wrong" else "yellow")
    for each in left:
        if all(each.what != one.what for one in found):
            click.secho(f"wrong: {printable(each.what)}", fg="red")
    if not left:
        click.secho("All is right." if not found else "All is right now.", fg="green")
