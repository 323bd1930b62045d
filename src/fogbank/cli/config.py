"""`fogbank config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fogbank.cli.options import home_relative, settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def config() -> None:
    """Show the settings in force, or write a settings file."""


@config.command()
@which_region
@click.option("--default", is_flag=True, help="The commented file that `config init` would write.")
def show(data: Path | None, config: Path | None, default: bool) -> None:
    """Print the settings in force, as a settings file."""
    from fogbank.region import settings

    click.echo(settings.default_file() if default else settings.effective_file(settings_of(data, config)), nl=False)


@config.command()
@which_region
def init(data: Path | None, config: Path | None) -> None:
    """Write a settings file with every setting explained, and its default commented out."""
    from fogbank.region.data import DataDir, write_file
    from fogbank.region.errors import RegionError
    from fogbank.region.settings import default_file

    path = config.expanduser().absolute() if config else DataDir(settings_of(data, None).data).config
    if path.exists():
        raise RegionError(
            f"{path} exists already: it is left as it is (`fogbank config show --default` prints the defaults)."
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, default_file(), 0o600)
    except OSError as error:
        raise RegionError(f"cannot write {path}: {error.strerror}") from None
    click.echo(f"Wrote {home_relative(path)}.")
