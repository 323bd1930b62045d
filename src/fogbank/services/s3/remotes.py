"""Buckets elsewhere: names that the operator gave to buckets of other S3 endpoints, so that rules can replicate to them (ADR 16)."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fogbank.services.s3.names import ADDRESS, BUCKET_NAME
from fogbank.services.s3.records import buckets
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.vault import Vault
    from fogbank.store.api import Tx

ENDPOINT: Final = re.compile(r"https?://[!-~]{1,1000}", re.ASCII)
WORD: Final = re.compile(r"[!-~]{1,255}", re.ASCII)


class BadRemote(Exception):
    """What an operator said of a bucket elsewhere cannot be; the message says why."""


class Remote(Record, version=1):
    """A bucket elsewhere: `name` is what it is called here, `bucket` there. Only `account`'s buckets may be replicated to it.

    `secret` is the secret access key, sealed. `virtual`: the bucket's name goes into the host's, not into the path. `ca`: who the
    endpoint's certificate is from, in PEM, where it is none of the machine's authorities.
    """

    name: str
    account: str
    endpoint: str
    bucket: str
    region: str
    access_key_id: str
    secret: bytes
    virtual: bool = False
    ca: str = ""


remotes = Table("s3.remote", Remote)  # name


def context(name: str) -> str:
    """What binds a sealed secret to its remote."""
    return f"s3:remote:{name}"


def sealed(vault: Vault, name: str, secret: str) -> bytes:
    """A secret access key as it is kept."""
    return vault.seal(secret.encode(), context(name))


def secret_of(vault: Vault, remote: Remote) -> str:
    """A remote's secret access key."""
    return vault.open(remote.secret, context(remote.name)).decode()


def check(remote: Remote) -> None:
    """Raise BadRemote for what cannot be."""
    for name in (remote.name, remote.bucket):
        if not BUCKET_NAME.fullmatch(name) or ADDRESS.fullmatch(name):
            raise BadRemote(f"{name!r} is no bucket's name.")
    split = urlsplit(remote.endpoint) if ENDPOINT.fullmatch(remote.endpoint) else None
    if split is None or not split.hostname or split.query or split.fragment or split.username:
        raise BadRemote("the endpoint is a URL with http or https, a host, and perhaps a port and a path.")
    if not (WORD.fullmatch(remote.access_key_id) and WORD.fullmatch(remote.region)):
        raise BadRemote("access key ids and regions are words of ASCII.")
    if remote.ca:
        try:
            ssl.create_default_context(cadata=remote.ca)
        except (ssl.SSLError, ValueError):
            raise BadRemote("the certificates of the authority are not in PEM.") from None


def add(tx: Tx, remote: Remote) -> None:
    """Keep a remote, in the place of one with its name."""
    if buckets.get(tx, remote.name) is not None:
        raise BadRemote(f"there is a bucket {remote.name} in this region.")
    remotes.put(tx, remote, remote.name)


def remove(tx: Tx, name: str) -> bool:
    """Forget a remote; whether there was one."""
    there = remotes.get(tx, name) is not None
    remotes.delete(tx, name)
    return there


def find(tx: Tx, name: str, account: str) -> Remote | None:
    """The remote of this name, for buckets of an account."""
    found = remotes.get(tx, name)
    return found if found is not None and found.account == account else None
