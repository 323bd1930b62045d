"""`fogbank keys`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fogbank.cli.options import settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.region.data import DataDir


@click.group()
def keys() -> None:
    """List and rotate the region's master keys."""


@keys.command("list")
@which_region
def list_(data: Path | None, config: Path | None) -> None:
    """List the numbers of the master keys: the last one seals, all open."""
    from fogbank.region.data import master_keys

    numbers = sorted(master_keys(_directory(data, config)))
    for number in numbers:
        click.echo(f"{number}  {'seals and opens' if number == numbers[-1] else 'opens'}")


@keys.command()
@which_region
def rotate(data: Path | None, config: Path | None) -> None:
    """Add a master key, while the region is stopped: from its next start on, secrets are sealed with it.

    The data keys of S3's objects are sealed anew with it in the background, within minutes of the start. The earlier keys stay, for
    other secrets that were sealed with them.
    """
    import os

    from fogbank.region.data import add_master_key, take_lock
    from fogbank.region.errors import RegionError

    directory = _directory(data, config)
    lock = take_lock(directory)
    if lock is None:
        raise RegionError(
            "the region is running: stop it first (`fogbank down`), so that all its processes know the new key."
        )
    try:
        number = add_master_key(directory)
    finally:
        os.close(lock)
    click.echo(f"Added master key {number}. Make a new backup of {directory.keys}.")


def _directory(data: Path | None, config: Path | None) -> DataDir:
    """The data directory, if there is a region in it."""
    from fogbank.cli.options import home_relative
    from fogbank.region.data import DataDir
    from fogbank.region.errors import RegionError

    settings = settings_of(data, config)
    directory = DataDir(settings.data)
    if not directory.exists():
        raise RegionError(
            f"there is no region in {home_relative(settings.data)} yet: start it with `fogbank up --detach`."
        )
    return directory
