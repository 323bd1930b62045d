"""`fogbank up`."""

from __future__ import annotations

import os
import shlex
import time
from typing import TYPE_CHECKING, Any

import click

from fogbank.cli.options import home_relative, settings_of, which_region

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.region.processes import Runtime
    from fogbank.region.settings import Settings


@click.command()
@click.option("-d", "--detach", is_flag=True, help="Return when the region answers; it runs on in the background.")
@which_region
@click.option("--host", help="The address to listen on (default 127.0.0.1); others than loopback need --tls.")
@click.option("--port", type=int, help="The port (default 4566); 0 takes a free one.")
@click.option("--workers", type=int, help="How many processes serve requests (default: one a core, at most 4).")
@click.option("--dev/--no-dev", default=None, help='Also accept the key "test"/"test", account 000000000000.')
@click.option("--region", help="The region of clients that name none (default us-east-1).")
@click.option("--account", help="The account's 12 digits, when the data directory is made.")
@click.option("--tls/--no-tls", default=None, help="Serve HTTPS with a certificate from the region's own CA.")
@click.option("--lifecycle-day", help="With --dev: how long a day is in S3's lifecycle rules, such as 10s; for tests.")
@click.option("--log-level", help="debug, info, warning or error.")
def up(detach: bool, data: Path | None, config: Path | None, **flags: Any) -> None:
    """Start the region.

    Everything it keeps is in the data directory; nothing is acknowledged before it is on disk.
    """
    from fogbank.region import launch

    begun = time.perf_counter()
    settings = settings_of(data, config, **flags)

    def show(runtime: Runtime) -> None:
        _show(settings, runtime, time.perf_counter() - begun, detach)

    if not detach:
        launch.foreground(settings, show)
        return
    try:
        show(launch.detached(settings))
    except launch.AlreadyRunningError as error:
        # What was asked for is so: scripts may repeat themselves.
        click.echo(f"fogbank: {error}", err=True)


def _show(settings: Settings, runtime: Runtime, seconds: float, detached: bool) -> None:
    """One screen: where it is, whose it is, how to use it, how to stop it. Without rich, whose import takes as long as a fork."""
    from fogbank.region.settings import default_data

    served = f"{', '.join(settings.regions)} only" if settings.regions else "any AWS region name is served"
    data = "" if settings.data == default_data(os.environ) else f" --data {shlex.quote(str(settings.data))}"
    rows = {
        "Endpoint": click.style(runtime.endpoint, bold=True),
        "Account": runtime.account,
        "Region": f"{runtime.region} ({served})",
        "Data": home_relative(settings.data),
    }
    if detached:
        rows["Log"] = home_relative(settings.data / "logs" / "fogbank.log")
    if runtime.ca:
        rows["CA"] = f"{home_relative(runtime.ca)} (AWS_CA_BUNDLE; `fogbank configure` sets it)"
    if settings.dev:
        rows["Dev key"] = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test, for account 000000000000"
    rows["Use it"] = f"fogbank configure{data} && aws --profile fogbank s3 mb s3://my-bucket"
    rows["Stop it"] = f"fogbank down{data}" if detached else "Ctrl-C"
    click.echo(f"{click.style('Fogbank is up', fg='green', bold=True)} ({seconds:.2f} s)\n")
    for name, text in rows.items():
        click.echo(f"  {click.style(f'{name:<8}', dim=True)}  {text}")
    click.echo()
