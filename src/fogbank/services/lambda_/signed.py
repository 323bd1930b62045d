"""Code signing, as functions are held to it. No code here is signed: there is no service yet that would sign any.

    ("lambda.signed_by", account, region, configuration's id, function's name)    whose a configuration is

Source: Lambda Developer Guide, "Using code signing to verify code integrity with Lambda"; API Reference, CreateFunction.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fogbank.core.errors import AwsError
from fogbank.services.lambda_.errors import USER
from fogbank.services.lambda_.records import SigningConfig, signing_configs
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.services.lambda_.records import Function
    from fogbank.store.api import Tx

ENFORCE: Final = "Enforce"
_ARN: Final = re.compile(r"arn:aws:lambda:([a-z0-9-]+):([0-9]{12}):code-signing-config:(csc-[a-z0-9]{17})", re.ASCII)


class Held(Record, version=1):
    """A function has a configuration."""


held = Table("lambda.signed_by", Held)


def find(tx: Tx, arn: str) -> SigningConfig | None:
    """The configuration of an ARN; None if it is not there."""
    parsed = _ARN.fullmatch(arn)
    return signing_configs.get(tx, parsed[2], parsed[1], parsed[3]) if parsed else None


def need(call: Call, arn: str) -> SigningConfig:
    """A configuration of the caller's account and region. CodeSigningConfigNotFoundException."""
    found = find(call.tx, arn)
    if found is None or (found.account, found.region) != (call.account, call.region):
        what = f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
        raise AwsError("CodeSigningConfigNotFoundException", what, fields=USER)
    return found


def checked(call: Call, arn: str) -> str:
    """The configuration of a function that is being made, if its code may be deployed. CodeVerificationFailedException."""
    if arn:
        need(call, arn)
        check(call.tx, arn)
    return arn


def check(tx: Tx, arn: str) -> None:
    """Raise where a function's configuration does not let code be deployed that is not signed."""
    found = find(tx, arn) if arn else None
    if found is not None and found.policy == ENFORCE:
        what = (
            "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not "
            "configured to accept. Check the provided signature for unsigned."
        )
        raise AwsError("CodeVerificationFailedException", what, fields=USER)


def remember(tx: Tx, function: Function) -> None:
    """Keep whose a function's configuration is."""
    if function.signing:
        held.put(tx, Held(), function.account, function.region, id_of(function.signing), function.name)


def forget(tx: Tx, function: Function) -> None:
    """A function has its configuration no longer."""
    if function.signing:
        held.delete(tx, function.account, function.region, id_of(function.signing), function.name)


def id_of(arn: str) -> str:
    """A configuration's id, by its ARN."""
    return arn.rpartition(":")[2]
