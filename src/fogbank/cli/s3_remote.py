"""`fogbank s3 remote`: buckets of other S3 endpoints that buckets here can be replicated to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fogbank.cli.options import print_json, settings_of, which_region

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.region.settings import Settings
    from fogbank.services.s3.remotes import Remote
    from fogbank.store.api import Tx

T = TypeVar("T")


@click.group()
def remote() -> None:
    """Name buckets of other S3 endpoints, to replicate to."""


@remote.command()
@which_region
@click.argument("name")
@click.option("--endpoint-url", required=True, help="The endpoint, such as https://s3.eu-west-1.amazonaws.com.")
@click.option("--access-key-id", required=True, help="The access key that the bucket is written with.")
@click.option(
    "--secret-access-key", envvar="REMOTE_SECRET_ACCESS_KEY", prompt=True, hide_input=True,
    help="Its secret; better in the environment, as REMOTE_SECRET_ACCESS_KEY, or asked for.",
)  # fmt: skip
@click.option("--bucket", default="", help="What the bucket is called there (default: NAME).")
@click.option("--region", default="us-east-1", show_default=True, help="The region that requests are signed for.")
@click.option(
    "--account", default="", help="Whose buckets may be replicated to it (default: the region's own account)."
)
@click.option("--virtual-hosted", is_flag=True, help="Put the bucket's name into the host's, as AWS prefers.")
@click.option(
    "--ca-bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Trust these certificates."
)
def add(data: Path | None, config: Path | None, name: str, **given: Any) -> None:
    """Name a bucket elsewhere NAME: rules replicate to it as to arn:aws:s3:::NAME.

    The secret is kept sealed. A remote of this name that is there already is replaced.
    """
    from fogbank.services.s3 import remotes

    settings = settings_of(data, config)
    made = _remote(settings, name, given)
    _write(settings, lambda tx: remotes.add(tx, made))
    click.echo(
        f"Buckets of account {made.account} can be replicated to arn:aws:s3:::{name}: {made.bucket} at {made.endpoint}."
    )


@remote.command("list")
@which_region
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(data: Path | None, config: Path | None, as_json: bool) -> None:
    """List the buckets elsewhere, and how many versions wait to be sent to them."""
    found = _write(settings_of(data, config), _told)
    if as_json:
        print_json(found)
        return
    for each in found:
        click.echo(
            f"{each['name']}  {each['bucket']} at {each['endpoint']}  (account {each['account']})  {each['waiting']:,} waiting"
        )


@remote.command()
@which_region
@click.argument("name")
def remove(data: Path | None, config: Path | None, name: str) -> None:
    """Forget a bucket elsewhere. What waits to be sent to it fails."""
    from fogbank.region.errors import RegionError
    from fogbank.services.s3 import remotes

    if not _write(settings_of(data, config), lambda tx: remotes.remove(tx, name)):
        raise RegionError(f"there is no bucket elsewhere that is called {name} (`fogbank s3 remote list` shows them).")
    click.echo(f"Forgot {name}.")


def _remote(settings: Settings, name: str, given: dict[str, Any]) -> Remote:
    """What the options say. RegionError for what cannot be."""
    from fogbank.core.vault import Vault
    from fogbank.region.data import DataDir, master_keys, read_root_credentials
    from fogbank.region.errors import RegionError
    from fogbank.services.s3 import remotes

    directory = DataDir(settings.data)
    own = read_root_credentials(directory) if directory.exists() else None
    if own is None:
        raise RegionError("there is no region yet: start it with `fogbank up --detach`.")
    ca: Path | None = given["ca_bundle"]
    made = remotes.Remote(
        name=name,
        account=given["account"] or own.account,
        endpoint=given["endpoint_url"].rstrip("/"),
        bucket=given["bucket"] or name,
        region=given["region"],
        access_key_id=given["access_key_id"],
        secret=remotes.sealed(Vault(master_keys(directory)), name, given["secret_access_key"]),
        virtual=given["virtual_hosted"],
        ca=ca.read_text() if ca else "",
    )
    try:
        remotes.check(made)
    except remotes.BadRemote as bad:
        raise RegionError(str(bad)) from None
    return made


def _told(tx: Tx) -> list[dict[str, Any]]:
    """The remotes as JSON, without their secrets."""
    from fogbank.services.s3.remotes import remotes
    from fogbank.services.s3.replication_remote import outgoing

    waiting: dict[str, int] = {}
    for parts, _ in outgoing.scan(tx):
        waiting[str(parts[2])] = waiting.get(str(parts[2]), 0) + 1
    return [
        {
            "name": each.name,
            "account": each.account,
            "endpoint": each.endpoint,
            "bucket": each.bucket,
            "region": each.region,
            "access_key_id": each.access_key_id,
            "waiting": waiting.get(each.name, 0),
        }
        for _, each in remotes.scan(tx)
    ]


def _write(settings: Settings, change: Callable[[Tx], T]) -> T:
    """Read or change the state, beside the region's processes if it runs."""
    from fogbank.cli.state import opened
    from fogbank.region.errors import RegionError
    from fogbank.services.s3.remotes import BadRemote

    with opened(settings) as (store, _):
        try:
            return asyncio.run(store.write(change))
        except BadRemote as bad:
            raise RegionError(str(bad)) from None
