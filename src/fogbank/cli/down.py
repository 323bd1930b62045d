"""`fogbank down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fogbank.cli.options import home_relative, settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path

_MARGIN = 5.0  # seconds beyond the time that requests in flight are given


@click.command()
@which_region
def down(data: Path | None, config: Path | None) -> None:
    """Stop the region.

    Returns when all its processes are gone. Requests that are being served are finished first.
    """
    from fogbank.region import launch
    from fogbank.region.data import DataDir

    settings = settings_of(data, config)
    stopped = launch.stop(DataDir(settings.data), patience=settings.stop_seconds + _MARGIN)
    where = home_relative(settings.data)
    if stopped:
        click.echo(f"Stopped the region on {where} ({stopped.endpoint}).")
    else:
        click.echo(f"No region is running on {where}.")
