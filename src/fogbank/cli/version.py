"""`fogbank version`."""

from __future__ import annotations

import platform

import click

from fogbank import __version__


@click.command()
def version() -> None:
    """Show the version."""
    click.echo(f"fogbank {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})")
