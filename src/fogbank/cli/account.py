"""`fogbank account`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fogbank.cli.options import print_json, settings_of, which_region

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fogbank.core.identity.accounts import Account
    from fogbank.region.data import DataDir, RootCredentials
    from fogbank.region.settings import Settings
    from fogbank.store.api import Tx

T = TypeVar("T")


@click.group()
def account() -> None:
    """Make and close accounts, and list them."""


@account.command()
@which_region
@click.argument("name")
@click.option(
    "--email", default="", help="The address of its root user (default: NAME@<number of this account>.fogbank.local)."
)
@click.option("--profile", default="", help="Write the root key into the AWS files, as a profile of this name.")
@click.option("--json", "as_json", is_flag=True, help="Print the account and its key as JSON.")
def create(data: Path | None, config: Path | None, name: str, email: str, profile: str, as_json: bool) -> None:
    """Make an account of its own in the region, running or not.

    The access key of its root user is printed once: it is kept sealed. The account belongs to the organization of the region's own
    account, if that has one.
    """
    settings = settings_of(data, config)
    directory, owner = _region(settings)
    if profile:
        _check_free(settings, profile)
    made, secret = _create(directory, owner, _checked_name(name), email or _email(name, owner))
    if as_json:
        key = {"access_key_id": made.key_id, "secret_access_key": secret}
        print_json({"account": made.number, "name": made.name, "email": made.email, **key})
        return
    click.echo(f"Made account {made.number} ({made.name}).")
    click.echo("The access key of its root user, told this once:")
    click.echo(f"  aws_access_key_id = {made.key_id}\n  aws_secret_access_key = {secret}")
    if profile:
        _write_profile(settings, profile, made.key_id, secret)
        click.echo(f"Wrote it as profile {profile}. Try: aws --profile {profile} sts get-caller-identity")


@account.command("list")
@which_region
@click.option("--json", "as_json", is_flag=True, help="Print the accounts as JSON.")
def list_(data: Path | None, config: Path | None, as_json: bool) -> None:
    """List the region's accounts."""
    from fogbank.core.identity.accounts import accounts

    directory, owner = _region(settings_of(data, config))
    found = _write(directory, lambda tx: [record for _, record in accounts.scan(tx)])
    told = [{"account": owner.account, "name": "", "email": "", "status": "ACTIVE"}]
    told += [{"account": each.number, "name": each.name, "email": each.email, "status": each.status} for each in found]
    if as_json:
        print_json(told)
        return
    for each in told:
        about = f"{each['name']}  {each['email']}" if each["name"] else "the region's own"
        click.echo(f"{each['account']}  {each['status']:<9}  {about}")


@account.command()
@which_region
@click.argument("number")
@click.option("--yes", is_flag=True, help="Close it without asking.")
def close(data: Path | None, config: Path | None, number: str, yes: bool) -> None:
    """Close an account: nobody of it may do anything from now on. What it has is kept."""
    from fogbank.core.identity.accounts import accounts, shut
    from fogbank.region.errors import RegionError

    directory, owner = _region(settings_of(data, config))
    if number == owner.account:
        raise RegionError("that is the region's own account: it cannot be closed.")
    if not yes:
        click.confirm(f"Close account {number}? Its keys and sessions will be refused.", abort=True)

    def shut_it(tx: Tx) -> bool:
        found = accounts.get(tx, number)
        if found is None:
            raise RegionError(f"there is no account {number} (`fogbank account list` shows them).")
        if found.status == "ACTIVE":
            shut(tx, found)
            return True
        return False

    click.echo(f"Closed account {number}." if _write(directory, shut_it) else f"Account {number} is closed already.")


def _region(settings: Settings) -> tuple[DataDir, RootCredentials]:
    """The data directory, and the region's own account."""
    from fogbank.cli.options import home_relative
    from fogbank.region.data import DataDir, read_root_credentials
    from fogbank.region.errors import RegionError

    directory = DataDir(settings.data)
    credentials = read_root_credentials(directory) if directory.exists() else None
    if credentials is None:
        where = home_relative(settings.data)
        raise RegionError(f"there is no region in {where} yet: start it with `fogbank up --detach`.")
    directory.create()
    return directory, credentials


def _create(directory: DataDir, owner: RootCredentials, name: str, email: str) -> tuple[Account, str]:
    """The account, and the secret of its root's key."""
    from fogbank.core.clock import Clock
    from fogbank.core.identity.accounts import EmailTaken, make_account
    from fogbank.core.identity.records import secret_context
    from fogbank.core.ids import Ids
    from fogbank.core.vault import Vault
    from fogbank.region.data import master_keys
    from fogbank.region.errors import RegionError

    ids = Ids()
    key_id, secret = ids.unique("AKIA"), ids.secret()
    sealed = Vault(master_keys(directory)).seal(secret.encode(), secret_context(key_id))
    fields: dict[str, Any] = {"name": name, "email": email, "owner": owner.account, "key_id": key_id, "sealed": sealed}
    try:
        made = _write(directory, lambda tx: make_account(tx, ids, Clock().now(), **fields))
    except EmailTaken:
        raise RegionError(f"another account has the address {email}: name another with --email.") from None
    return made, secret


def _write(directory: DataDir, change: Callable[[Tx], T]) -> T:
    """Read or change the state, beside the region's processes if it runs."""
    from fogbank.region.errors import RegionError
    from fogbank.store.api import StoreError
    from fogbank.store.sqlite import SqliteStore

    async def write() -> T:
        store = SqliteStore(directory.state / "state.db")
        try:
            return await store.write(change)
        finally:
            store.close()

    try:
        return asyncio.run(write())
    except StoreError as error:
        raise RegionError(f"cannot use the region's state: {error}") from None


def _checked_name(name: str) -> str:
    from fogbank.region.errors import RegionError

    if not name.strip() or not name.isprintable() or len(name) > 50:
        raise RegionError("an account's name has 1 to 50 printable characters.")
    return name


def _email(name: str, owner: RootCredentials) -> str:
    """An address that is nobody's."""
    local = "".join(each if each.isascii() and each.isalnum() else "-" for each in name.lower())
    return f"{local[:40]}@{owner.account}.fogbank.local"


def _check_free(settings: Settings, profile: str) -> None:
    """Raise if the profile cannot be written, or is there: before an account is made for it."""
    from fogbank.cli import aws_files
    from fogbank.cli.configure import sections
    from fogbank.region.errors import RegionError

    aws_files.check_profile(profile)
    for path, section, _ in sections(settings, profile, "", ""):
        if aws_files.section(aws_files.read(path), section) is not None:
            raise RegionError(f"{path} has a profile {profile} already: choose another name.")


def _write_profile(settings: Settings, profile: str, key_id: str, secret: str) -> None:
    from fogbank.cli import aws_files
    from fogbank.cli.configure import sections

    for path, section, pairs in sections(settings, profile, key_id, secret):
        aws_files.write(path, aws_files.with_section(aws_files.read(path), section, pairs))
