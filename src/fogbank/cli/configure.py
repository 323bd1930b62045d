"""`fogbank configure`."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from fogbank.cli.options import home_relative, settings_of, which_region

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fogbank.region.data import DataDir
    from fogbank.region.settings import Settings


@click.command()
@which_region
@click.option("--profile", default="fogbank", show_default=True, help="The profile's name.")
@click.option("--yes", is_flag=True, help="Overwrite an existing profile without asking.")
def configure(data: Path | None, config: Path | None, profile: str, yes: bool) -> None:
    """Write a profile for the region into the AWS files.

    Every AWS SDK and the aws command then reach the region with that profile. Other profiles, comments and blank lines stay as
    they are. The files are ~/.aws/config and ~/.aws/credentials, or what AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name.
    """
    from fogbank.cli import aws_files

    aws_files.check_profile(profile)
    settings = settings_of(data, config)
    changes = []
    for path, section, pairs in _wanted(settings, profile):
        content = aws_files.read(path)
        existing = aws_files.section(content, section)
        if existing != pairs:
            if existing is not None and not yes:
                click.confirm(f"Overwrite [{section}] in {home_relative(path)}?", abort=True)
            changes.append((path, aws_files.with_section(content, section, pairs)))
    for path, content in changes:  # only once all questions are answered
        aws_files.write(path, content)
        click.echo(f"Wrote profile {profile} to {home_relative(path)}.")
    if not changes:
        click.echo(f"Profile {profile} is up to date.")
    for warning in _overridden(settings, os.environ):
        click.echo(f"Beware: {warning}", err=True)
    click.echo(f"Try: aws --profile {profile} sts get-caller-identity")


def _overridden(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """What this shell's environment sets that counts before the profile, and so keeps clients from the region."""
    from fogbank.region.data import DataDir

    endpoint, _, ca = _where(settings, DataDir(settings.data))
    found = []
    if ca and environ.get("AWS_CA_BUNDLE", ca) != ca:
        found.append(f"AWS_CA_BUNDLE is set, and counts before the profile: export AWS_CA_BUNDLE={shlex.quote(ca)}")
    if environ.get("AWS_ENDPOINT_URL", endpoint).rstrip("/") != endpoint:
        found.append("AWS_ENDPOINT_URL is set to another endpoint, and counts before the profile: unset it")
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        found.append("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS keeps clients from the profile's endpoint: unset it")
    return found


def _wanted(settings: Settings, profile: str) -> list[tuple[Path, str, dict[str, str]]]:
    """The two files, and the section in each for the region's root key."""
    from fogbank.region.data import DataDir, read_root_credentials
    from fogbank.region.errors import RegionError

    directory = DataDir(settings.data)
    credentials = read_root_credentials(directory) if directory.exists() else None
    if credentials is None:
        raise RegionError(
            f"there is no region in {home_relative(settings.data)} yet: start it with `fogbank up --detach`."
        )
    return sections(settings, profile, credentials.access_key_id, credentials.secret_access_key)


def sections(settings: Settings, profile: str, key_id: str, secret: str) -> list[tuple[Path, str, dict[str, str]]]:
    """The two AWS files, and the section in each that makes a profile with a key of the region."""
    from fogbank.cli import aws_files
    from fogbank.region.data import DataDir

    endpoint, region, ca = _where(settings, DataDir(settings.data))
    general = {"region": region, "endpoint_url": endpoint}
    if ca:
        general["ca_bundle"] = ca
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
    return [
        (aws_files.config_path(os.environ), aws_files.config_section(profile), general),
        (aws_files.credentials_path(os.environ), profile, keys),
    ]


def _where(settings: Settings, directory: DataDir) -> tuple[str, str, str]:
    """Endpoint, region and CA: of the region that runs, or of the one that the settings would start."""
    from fogbank.region import health, processes
    from fogbank.region.errors import RegionError

    runtime = processes.running(directory)
    if runtime:
        return runtime.endpoint, runtime.region, runtime.ca
    if settings.port == 0:
        raise RegionError("port is 0, so the endpoint is known only while the region runs: start it first.")
    ca = str(directory.tls / "ca.pem") if settings.tls else ""
    return health.endpoint(settings.scheme, settings.host, settings.port), settings.region, ca
