"""`fogbank tls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fogbank.cli.options import settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.region.tls import Files


@click.group()
def tls() -> None:
    """Show the region's certificates."""


@tls.command()
@which_region
def ca(data: Path | None, config: Path | None) -> None:
    """Print the path of the CA certificate that clients must trust; it is made if there is none.

    For every AWS SDK and the aws command: export AWS_CA_BUNDLE="$(fogbank tls ca)".
    """
    click.echo(_files(data, config).ca)


@tls.command()
@which_region
def show(data: Path | None, config: Path | None) -> None:
    """Print the names that the server's certificate is for, and when it and the CA expire."""
    from fogbank.region import tls as certificates

    files = _files(data, config)
    click.echo(f"CA:           {files.ca}, until {certificates.expiry(files.ca):%Y-%m-%d}")
    click.echo(
        f"certificate:  {files.certificate}, until {certificates.expiry(files.certificate):%Y-%m-%d} (renewed before)"
    )
    click.echo(f"names:        {', '.join(certificates.certificate_names(files.certificate))}")


def _files(data: Path | None, config: Path | None) -> Files:
    from fogbank.region import tls as certificates
    from fogbank.region.data import DataDir

    settings = settings_of(data, config)
    directory = DataDir(settings.data)
    directory.create()
    return certificates.ensure(directory.tls, settings.tls_names)
