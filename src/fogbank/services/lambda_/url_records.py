"""What is kept of function URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.lambda_ import gone
from fogbank.services.lambda_.names import Name
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx

NONE, IAM = "NONE", "AWS_IAM"
BUFFERED, STREAM = "BUFFERED", "RESPONSE_STREAM"


class Url(Record, version=1):
    """The URL of a function, or of an alias. Times in milliseconds since the epoch; `cors` as it was given."""

    id: str
    auth: str
    created: int
    modified: int
    mode: str = BUFFERED
    cors: dict[str, Any] = {}


class UrlOf(Record, version=1):
    """Whose a URL is."""

    account: str
    region: str
    name: str
    qualifier: str


class Opened(msgspec.Struct, frozen=True):
    """A URL, and what it is of."""

    url: Url
    name: Name


def index(tx: Tx, key: bytes, old: Url | None, new: Url | None) -> None:
    """Keep true which URL is whose."""
    if old is not None:
        owners.delete(tx, old.id)
    if new is not None:
        account, region, name, qualifier = (str(part) for part in urls.parts(key))
        owners.put(tx, UrlOf(account=account, region=region, name=name, qualifier=qualifier), new.id)


urls: Final = Table("lambda.url", Url, on_change=index)  # account, region, function's name, alias or empty
owners: Final = Table("lambda.url_of", UrlOf)  # URL's id


def opened(tx: Tx, url_id: str) -> Opened | None:
    """The URL of an id; None if there is none."""
    owner = owners.get(tx, url_id)
    if owner is None:
        return None
    name = Name(owner.account, owner.region, owner.name, owner.qualifier)
    found = urls.get(tx, *place(name))
    return None if found is None else Opened(found, name)


def place(name: Name) -> tuple[str, str, str, str]:
    """Where the URL of a name is kept."""
    return name.account, name.region, name.name, name.qualifier


@gone.reaction
def forget(tx: Tx, name: Name) -> None:
    """A function, or an alias, is deleted."""
    if name.qualifier:
        urls.delete(tx, *place(name))
        return
    for parts, _ in list(urls.scan(tx, name.account, name.region, name.name)):
        urls.delete(tx, *parts)
