"""From what a request addresses to what is there: the function, its version, and the alias that leads to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.services.lambda_.errors import no_function
from fogbank.services.lambda_.names import LATEST
from fogbank.services.lambda_.records import Alias, Function, Version, aliases, functions, versions

if TYPE_CHECKING:
    from fogbank.services.lambda_.names import Name
    from fogbank.store.api import Tx

NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)  # of a published version


class Found(msgspec.Struct, frozen=True):
    """What a name leads to. `version` is the one that is addressed; by an alias, the one that it is of."""

    function: Function
    version: Version
    alias: Alias | None = None


def need(tx: Tx, name: Name) -> Found:
    """What a name addresses; without a qualifier $LATEST. ResourceNotFoundException if it is not there."""
    found = find(tx, name)
    if found is None:
        raise no_function(name.arn)
    return found


def find(tx: Tx, name: Name) -> Found | None:
    """What a name addresses; None if it is not there."""
    function = functions.get(tx, name.account, name.region, name.name)
    if function is None:
        return None
    number = number_of(name.qualifier)
    alias = None
    if number is None:
        alias = aliases.get(tx, name.account, name.region, name.name, name.qualifier)
        if alias is None:
            return None
        number = alias.version
    version = versions.get(tx, name.account, name.region, name.name, number)
    return None if version is None else Found(function, version, alias)


def resolve(tx: Tx, name: Name, draw: float) -> Found:
    """What runs for an invocation of a name: of an alias with several versions the one that `draw`, from 0 to 1 (not 1), is for.

    ResourceNotFoundException if it is not there.
    """
    found = need(tx, name)
    if found.alias is None or not found.alias.weights:
        return found
    for number, weight in found.alias.weights.items():
        if draw < weight:
            version = versions.get(tx, name.account, name.region, name.name, int(number))
            return found if version is None else msgspec.structs.replace(found, version=version)
        draw -= weight
    return found


def need_function(tx: Tx, name: Name) -> Function:
    """The function of a name, whatever the qualifier. ResourceNotFoundException if it is not there."""
    found = functions.get(tx, name.account, name.region, name.name)
    if found is None:
        raise no_function(name.arn)
    return found


def number_of(qualifier: str) -> int | None:
    """The number of a version's qualifier; None if it is an alias's.

    A version has one qualifier: were `01` another one of version 1, or `0` of $LATEST, what policies say of its ARN could be evaded.
    """
    if qualifier in ("", LATEST):
        return 0
    return int(qualifier) if NUMBER.fullmatch(qualifier) else None
