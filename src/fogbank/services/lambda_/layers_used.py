"""Layers, as functions use them.

Source: Lambda Developer Guide, "Adding layers to functions", "Lambda quotas".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.core.service import Permission
from fogbank.services.lambda_ import code, layer_names
from fogbank.services.lambda_.errors import invalid
from fogbank.services.lambda_.records import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input
    from fogbank.services.lambda_.layer_names import LayerName

MOST: Final = 5  # of a function


def reading(call: Call, req: Input) -> list[Permission]:
    """Whoever uses a layer may read it."""
    names = [layer_names.parse(arn, call.account, call.region) for arn in req.get("Layers", ())]
    return [
        Permission("lambda:GetLayerVersion", name.arn, {"LayerName": name.layer_arn, "VersionNumber": name.number})
        for name in names
    ]


def keys(call: Call, req: Input) -> dict[str, Value]:
    """The condition key that says which layers a request gives to a function, however it writes their ARNs."""
    names = [layer_names.parse(arn, call.account, call.region) for arn in req.get("Layers", ())]
    return {"lambda:layer": tuple(name.arn for name in names)} if names else {}


def used(call: Call, arns: list[str]) -> tuple[Layer, ...]:
    """The layers of these ARNs, as a function keeps them."""
    if len(arns) > MOST:
        raise invalid(f"Cannot reference more than {MOST} layers.")
    names = [layer_names.parse(arn, call.account, call.region) for arn in arns]
    check_different(names)
    return tuple(use(call, name) for name in names)


def use(call: Call, name: LayerName) -> Layer:
    """A layer that is there, as a function keeps it."""
    if name.region != call.region:
        raise layer_names.elsewhere(call.region)
    found = layer_names.find(call.tx, name)
    if found is None:
        raise invalid(f"Layer version {name.arn} does not exist.")
    return Layer(name.arn, found.code, found.size, found.unzipped)


def check_different(names: list[LayerName]) -> None:
    """A function has one version of a layer."""
    seen: dict[str, LayerName] = {}
    for name in names:
        other = seen.setdefault(name.layer_arn, name)
        if other is not name:
            raise invalid(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{name.arn} and {other.arn} are versions of the same layer"
            )


def check_total(unzipped: int, layers: Iterable[Layer]) -> None:
    """Code and layers are unpacked together."""
    total = unzipped + sum(layer.unzipped for layer in layers)
    if total > code.LARGEST_UNZIPPED:
        raise invalid(
            f"Function code combined with layers exceeds the maximum allowed size of {code.LARGEST_UNZIPPED} bytes. "
            f"The actual size is {total} bytes."
        )
