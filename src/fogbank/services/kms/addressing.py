"""From what a request names to the key that it means: by id, ARN, alias or alias ARN, or by a ciphertext.

Source: KMS Developer Guide, "Key identifiers (KeyId)"; API Reference, Decrypt.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.kms import ciphertext, managed
from fogbank.services.kms.records import PENDING_DELETION, PENDING_IMPORT, Key, aliases, keys
from fogbank.services.kms.tokens import read_token

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.tokens import Token

_ARN: Final = re.compile(r"arn:aws:kms:([a-z0-9-]+):(\d{12}):(key|alias)/([a-zA-Z0-9:/_-]+)", re.ASCII)
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
# The inputs that name a key, in the order in which they count.
MEMBERS: Final = ("KeyId", "SourceKeyId")


class Named(msgspec.Struct, frozen=True):
    """What a KeyId says: an id or an alias, of an account and a region; both empty for the caller's own."""

    key: str = ""
    alias: str = ""
    account: str = ""
    region: str = ""


@lru_cache(maxsize=4096)
def parse(text: str) -> Named:
    """Take a KeyId apart; NotFoundException or InvalidArnException for what is none."""
    if text.startswith("alias/"):
        return Named(alias=text[6:])
    if text.startswith("arn:"):
        match = _ARN.fullmatch(text)
        if match is None:
            raise AwsError("InvalidArnException", f"Invalid arn {text[:256]}", status=400)
        region, account, kind, name = match.groups()
        return Named(key=name, account=account, region=region) if kind == "key" else Named("", name, account, region)
    if not _ID.fullmatch(text):
        raise AwsError("NotFoundException", f"Invalid keyId '{text[:256]}'", status=400)
    return Named(key=text)


def find(call: Call, text: str) -> Key:
    """The key that a KeyId names: what it may be used for is for its policy to say. Anonymous callers, whom services may have, have
    no keys and use none."""
    named = parse(text)
    if call.principal.kind == "anonymous":
        raise beyond(call)
    if named.region not in ("", call.region):
        raise AwsError("NotFoundException", f"Invalid arn {named.region}", status=400)
    account = named.account or call.account
    key = _by_alias(call, account, named.alias) if named.alias else _by_id(call, account, named.key)
    if key is None:
        raise absent(call, account, named)
    return key


def find_own(call: Call, text: str) -> Key:
    """A key of the caller's account: what most operations are on."""
    key = find(call, text)
    if key.account != call.account:
        raise beyond(call)
    return key


def by_id(call: Call, account: str, key: str) -> Key | None:
    """A key of an account, by its id."""
    return _by_id(call, account, key)


def addressed(call: Call, req: Input) -> Key | None:
    """The key that an input names, by itself, by a ciphertext or by a grant token; None if it names none."""
    for member in MEMBERS:
        if member in req:
            return find(call, req[member])
    if "CiphertextBlob" in req:
        return of_ciphertext(call, ciphertext.parse(req["CiphertextBlob"]))
    return of_token(call, read_token(call.vault, req["GrantToken"])) if "GrantToken" in req else None


def of_ciphertext(call: Call, found: ciphertext.Ciphertext) -> Key:
    """The key that a ciphertext says it was made with."""
    if call.principal.kind == "anonymous":
        raise beyond(call)
    key = _by_id(call, found.account, found.key)
    if key is None:
        what = (
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you"
        )
        raise AwsError("AccessDeniedException", f"{what} are not allowed to access.", status=400)
    return key


def of_token(call: Call, token: Token) -> Key:
    """The key of a grant token."""
    key = _by_id(call, token.account, token.key) if token.region == call.region else None
    if key is None:
        raise AwsError("InvalidGrantTokenException", "The grant token is invalid.", status=400)
    return key


def alias_named(call: Call, req: Input) -> str | None:
    """The alias by which an input names its key, as `alias/name`."""
    for member in MEMBERS:
        if member in req:
            named = parse(req[member])
            return f"alias/{named.alias}" if named.alias else None
    return None


def absent(call: Call, account: str, named: Named) -> AwsError:
    """The error for a key or an alias that is not there. Of other accounts it is not told what there is."""
    if account != call.account:
        return beyond(call)
    arn = f"arn:aws:kms:{call.region}:{account}:"
    if named.alias:
        return AwsError("NotFoundException", f"Alias {arn}alias/{named.alias[:256]} is not found.", status=400)
    return AwsError("NotFoundException", f"Key '{arn}key/{named.key[:256]}' does not exist", status=400)


def beyond(call: Call) -> AwsError:
    """The error for a key of another account that is not there, or that the operation does not reach."""
    who, what = call.principal.arn, call.bound.action
    why = "the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy"
    message = (
        f"User: {who} is not authorized to perform: {what} on this resource because {why} explicitly denies access"
    )
    return AwsError("AccessDeniedException", message, status=400)


def _by_id(call: Call, account: str, key: str) -> Key | None:
    found = keys.get(call.tx, account, call.region, key)
    if found is None:
        return managed.find_id(account, call.region, key)
    now = call.now.timestamp()
    if 0 < found.deletes <= now:
        return None
    return without_material(found) if 0 < found.expires <= now else found


def without_material(key: Key) -> Key:
    """A key whose imported material expired or was deleted: it waits for it again."""
    gone = tuple(msgspec.structs.replace(each, sealed=b"") for each in key.materials)
    state = key.state if key.state == PENDING_DELETION else PENDING_IMPORT
    return msgspec.structs.replace(key, materials=gone, state=state, expires=0)


def _by_alias(call: Call, account: str, name: str) -> Key | None:
    if name.startswith("aws/"):
        return managed.find_alias(account, call.region, name)
    alias = aliases.get(call.tx, account, call.region, name)
    return None if alias is None else _by_id(call, account, alias.key)
