"""What layers and their versions are called, and the ones that are addressed.

Source: Lambda API Reference, GetLayerVersion; "Actions, resources, and condition keys for AWS Lambda".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.identity.documents import compiled
from fogbank.services.lambda_.errors import invalid
from fogbank.services.lambda_.records import LayerVersion, layer_versions

if TYPE_CHECKING:
    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.store.api import Tx

LONGEST: Final = 64  # characters of a name
MOST_NUMBER: Final = 10**10  # above any version's number
_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:lambda:([a-z0-9-]+):([0-9]{12}):layer:([a-zA-Z0-9_-]+)(?::([0-9]{1,10}))?", re.ASCII
)


class LayerName(msgspec.Struct, frozen=True):
    """A layer, or a version of it, as a request addresses it; `number` is 0 where none is given."""

    account: str
    region: str
    name: str
    number: int = 0

    @property
    def layer_arn(self) -> str:
        """The layer's ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"

    @property
    def arn(self) -> str:
        """The ARN of the version."""
        return f"{self.layer_arn}:{self.number}"


def parse(text: str, account: str, region: str) -> LayerName:
    """A layer's name, or the ARN of a layer or of a version. InvalidParameterValueException."""
    if not text.startswith("arn:"):
        return LayerName(account, region, text)
    found = _ARN.fullmatch(text)
    if found is None:
        if ":lambda:::awslayer:" in text:
            raise not_implemented("A layer of AWS's own")
        raise invalid(f"Invalid Layer arn: {text[:256]}")
    return LayerName(found[2], found[1], found[3], int(found[4] or 0))


def layer_of(call: Call, req: Input) -> LayerName:
    """The layer, or the version, that a request addresses, in this region."""
    found = parse(req["Arn"] if "Arn" in req else req["LayerName"], call.account, call.region)
    if found.region != call.region:
        raise elsewhere(call.region)
    if "VersionNumber" in req:
        found = msgspec.structs.replace(found, number=checked(req["VersionNumber"]))
    return found


def checked(number: int) -> int:
    """The number of a version."""
    if not 0 < number < MOST_NUMBER:
        raise invalid(f"Layer Version Cannot be less than 1 or more than {MOST_NUMBER}.")
    return number


def elsewhere(region: str) -> AwsError:
    """The error for a layer of another region."""
    what = "Layers are not in the same region as the function. Layers are expected to be in region"
    return invalid(f"{what} {region}.")


def find(tx: Tx, name: LayerName) -> LayerVersion | None:
    """A version of a layer; None if it is not there."""
    return layer_versions.get(tx, name.account, name.region, name.name, name.number)


def is_layer(names: Input) -> bool:
    """Whether an input addresses a layer."""
    return "LayerName" in names or ("Arn" in names and ":layer:" in names["Arn"])


def policy(call: Call, names: Input) -> Policy | None:
    """What the policy of the addressed version allows; None where there is none."""
    name = layer_of(call, names)
    found = find(call.tx, name) if name.number else None
    return compiled(document(found), name.arn, "resource") if found and found.policy else None


def document(version: LayerVersion) -> str:
    """The policy of a version."""
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{",".join(version.policy.values())}]}}'
