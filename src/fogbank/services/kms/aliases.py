"""Aliases: other names of keys, in an account and a region.

Source: API Reference, CreateAlias, UpdateAlias, DeleteAlias, ListAliases; KMS Developer Guide, "Aliases in AWS KMS".
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.services.kms import managed
from fogbank.services.kms.addressing import by_id, find_own
from fogbank.services.kms.listing import FEW, behind, paged
from fogbank.services.kms.records import Alias, aliases, aliases_of, when
from fogbank.services.kms.service import kms
from fogbank.services.kms.specs import PAIRS
from fogbank.services.kms.states import need_kept, validation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key

MOST: Final = 50  # aliases of a key


def on_target(call: Call, req: Input) -> list[Permission]:
    """An alias is made by who may do so on the alias and on the key."""
    return [on_key(call, req["TargetKeyId"], "kms:CreateAlias")]


def on_both(call: Call, req: Input) -> list[Permission]:
    """An alias is moved by who may do so on the alias, on the key that had it, and on the key that gets it."""
    old = opened(call, req).key
    return [on_key(call, req["TargetKeyId"], "kms:UpdateAlias"), *on_kept(call, old, "kms:UpdateAlias")]


def on_current(call: Call, req: Input) -> list[Permission]:
    """An alias is deleted by who may do so on the alias and on the key."""
    return on_kept(call, opened(call, req).key, "kms:DeleteAlias")


def on_key(call: Call, key: str, action: str) -> Permission:
    """A permission on a key."""
    return Permission(action, find_own(call, key).arn, {"KeyId": key}, needs_policy=True)


def on_kept(call: Call, key: str, action: str) -> list[Permission]:
    """A permission on the key that has an alias; none if that key is gone."""
    return [on_key(call, key, action)] if by_id(call, call.account, key) else []


@kms.operation("write", "alias", takes="AliasName TargetKeyId", also=on_target)
def create_alias(call: Call, req: Input) -> dict[str, Any]:
    """Give a key a name that no other key of the account has."""
    name, key = checked_name(req), find_own(call, req["TargetKeyId"])
    need_target(key)
    old = aliases.get(call.tx, call.account, call.region, name)
    if old is not None and by_id(call, call.account, old.key) is not None:
        arn = f"arn:aws:kms:{call.region}:{call.account}:alias/{name}"
        raise AwsError("AlreadyExistsException", f"An alias with the name {arn} already exists", status=400)
    now = int(call.now.timestamp())
    put(call, Alias(name=name, key=key.id, created=now, updated=now), old)
    return {}


@kms.operation("write", "alias", takes="AliasName TargetKeyId", also=on_both)
def update_alias(call: Call, req: Input) -> dict[str, Any]:
    """Give an alias to another key of the same kind and usage."""
    old, key = opened(call, req), find_own(call, req["TargetKeyId"])
    need_target(key)
    before = by_id(call, call.account, old.key)
    if before is not None and kind(before) != kind(key):
        raise validation("The new and the current KMS key must be of the same type, and have the same key usage.")
    now = int(call.now.timestamp())
    put(call, Alias(name=old.name, key=key.id, created=old.created, updated=now), old)
    return {}


def kind(key: Key) -> tuple[str, bool]:
    """What has to stay when an alias moves: the usage, and whether there is a pair."""
    return key.usage, key.spec in PAIRS


@kms.operation("write", "alias", takes="AliasName", also=on_current)
def delete_alias(call: Call, req: Input) -> dict[str, Any]:
    """Take an alias away."""
    old = opened(call, req)
    aliases.delete(call.tx, call.account, call.region, old.name)
    aliases_of.delete(call.tx, call.account, call.region, old.key, old.name)
    return {}


@kms.operation("scan", "*", takes="KeyId Limit Marker")
def list_aliases(call: Call, req: Input) -> dict[str, Any]:
    """The account's aliases in the region, or those of a key. Aliases of AWS managed keys are told without a key, as AWS tells those
    that were not used yet."""
    key = find_own(call, req["KeyId"]) if "KeyId" in req else None
    found = of_key(call, key) if key else every(call)
    return paged(req, "Aliases", behind(req, found), lambda alias: told(call, alias), FEW)


def every(call: Call) -> Iterator[tuple[str, Alias]]:
    """All aliases, by name, with AWS's own."""
    kept = ((alias.name, alias) for _, alias in aliases.scan(call.tx, call.account, call.region) if there(call, alias))
    ours = (Alias(name=f"aws/{service}", key="", created=0, updated=0) for service in sorted(managed.SERVICES))
    return heapq.merge(kept, ((alias.name, alias) for alias in ours), key=lambda pair: pair[0])


def of_key(call: Call, key: Key) -> Iterator[tuple[str, Alias]]:
    """The aliases of a key, by name."""
    service = managed.service_of(key)
    if service is not None:
        yield f"aws/{service}", Alias(name=f"aws/{service}", key=key.id, created=key.created, updated=key.created)
    yield from ((alias.name, alias) for _, alias in aliases_of.scan(call.tx, key.account, key.region, key.id))


def there(call: Call, alias: Alias) -> bool:
    """Whether the key of an alias is there: between the end of its waiting period and the chore it is not."""
    return by_id(call, call.account, alias.key) is not None


def told(call: Call, alias: Alias) -> dict[str, Any]:
    """An alias as it is listed."""
    name = f"alias/{alias.name}"
    made: dict[str, Any] = {"AliasName": name, "AliasArn": f"arn:aws:kms:{call.region}:{call.account}:{name}"}
    if not alias.key:
        return made
    return made | {
        "TargetKeyId": alias.key,
        "CreationDate": when(alias.created),
        "LastUpdatedDate": when(alias.updated),
    }


def checked_name(req: Input) -> str:
    """The name of a new alias, without `alias/`."""
    full = req["AliasName"]
    if not full.startswith("alias/") or len(full) == len("alias/"):
        raise validation("Invalid identifier")
    if full.startswith("alias/aws/") or full == "alias/aws":
        raise AwsError("NotAuthorizedException", status=400)
    if ":" in full:
        what = f"{full} contains invalid characters for an alias"
        raise AwsError("InvalidAliasNameException", what, status=400)
    return str(full[len("alias/") :])


def opened(call: Call, req: Input) -> Alias:
    """The alias of a request."""
    name = checked_name(req)
    found = aliases.get(call.tx, call.account, call.region, name)
    if found is None or by_id(call, call.account, found.key) is None:
        arn = f"arn:aws:kms:{call.region}:{call.account}:alias/{name}"
        raise AwsError("NotFoundException", f"Alias {arn} is not found.", status=400)
    return found


def need_target(key: Key) -> None:
    """Raise for a key that gets no alias: AWS's own, and one that waits for its deletion."""
    if managed.service_of(key) is not None:
        raise AwsError("NotAuthorizedException", status=400)
    need_kept(key)


def put(call: Call, alias: Alias, old: Alias | None) -> None:
    """Keep an alias in the place of an earlier one, if there is room at its key."""
    place = (call.account, call.region)
    if old is not None:
        aliases_of.delete(call.tx, *place, old.key, old.name)
    if sum(1 for _ in aliases_of.scan(call.tx, *place, alias.key, limit=MOST)) >= MOST:
        raise AwsError("LimitExceededException", f"A key has at most {MOST} aliases.", status=400)
    aliases.put(call.tx, alias, *place, alias.name)
    aliases_of.put(call.tx, alias, *place, alias.key, alias.name)
