"""AWS's service models as botocore ships them: data files, read privately and lazily, corrected by `wire/overlay`."""

from __future__ import annotations

import gzip
import importlib.util
from copy import deepcopy
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec

Traits = dict[str, Any]

OVERLAY = Path(__file__).parent / "overlay"


@lru_cache(maxsize=1)
def data_directory() -> Path:
    """Where botocore keeps its models; found without importing botocore, which takes longer than Fogbank's start."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise RuntimeError("botocore, which carries AWS's service models, is not installed")
    return Path(spec.origin).parent / "data"


def read_model(service: str) -> Traits:
    """The newest version of a service's model, without its documentation, with its overlay merged in."""
    versions = sorted(path for path in (data_directory() / service).iterdir() if path.is_dir())
    raw = gzip.decompress((versions[-1] / "service-2.json.gz").read_bytes())
    model: Traits = msgspec.json.decode(raw)
    strip_documentation(model)
    overlay = OVERLAY / f"{service}.json"
    if overlay.exists():
        merge(model, msgspec.json.decode(overlay.read_bytes()))
        extend(model["shapes"])
    return model


def strip_documentation(node: Any) -> None:
    """Remove the prose, most of a model's size, in place. A *member* that is called documentation is a dict and stays."""
    if isinstance(node, dict):
        if isinstance(node.get("documentation"), str):
            del node["documentation"]
        for value in node.values():
            strip_documentation(value)
    elif isinstance(node, list):
        for value in node:
            strip_documentation(value)


def merge(base: Traits, patch: Traits) -> None:
    """Merge `patch` into `base` in place: objects merge, null deletes, everything else replaces (RFC 7396)."""
    for name, value in patch.items():
        if value is None:
            base.pop(name, None)
        elif isinstance(value, dict) and isinstance(base.get(name), dict):
            merge(base[name], value)
        else:
            base[name] = value


def extend(shapes: Traits) -> None:
    """Complete, in place, the shapes that an overlay derives from others: `extends` names the one whose members they have too."""
    for name, shape in shapes.items():
        if "extends" in shape:
            derived = deepcopy(shapes[shape["extends"]])
            merge(derived, shape)
            shapes[name] = derived


class Shape:
    """A shape where it is used: its own traits, overridden by those of the reference to it.

    `traits` holds what the model says (type, location, locationName, required, min, max, pattern, enum, payload, flattened, …);
    treat it as immutable. Members resolve on first use, so recursive shapes are fine, and `cache` (one per model) makes every
    use of a shape one object, as long as the reference adds nothing: EC2's 830 operations would not fit in memory otherwise.
    """

    __slots__ = ("__dict__", "_cache", "_shapes", "name", "traits", "type")

    def __init__(
        self, shapes: dict[str, Traits], reference: Traits, cache: dict[str | int, Shape] | None = None
    ) -> None:
        self._shapes = shapes
        self._cache: dict[str | int, Shape] = {} if cache is None else cache
        self.name: str = reference["shape"]
        own = shapes[self.name]
        self.traits: Traits = own if len(reference) == 1 else {**own, **reference}
        self.type: str = self.traits["type"]

    def _resolve(self, reference: Traits) -> Shape:
        # The model outlives its shapes, so the identity of a reference in it is a key.
        key = reference["shape"] if len(reference) == 1 else id(reference)
        shape = self._cache.get(key)
        if shape is None:
            shape = self._cache[key] = Shape(self._shapes, reference, self._cache)
        return shape

    @cached_property
    def memo(self) -> dict[str, Any]:
        """What has been compiled for this shape, by purpose: a shape that many operations share is compiled once."""
        return {}

    @cached_property
    def members(self) -> dict[str, Shape]:
        """A structure's members by name, in the model's order."""
        return {name: self._resolve(ref) for name, ref in self.traits.get("members", {}).items()}

    @cached_property
    def member(self) -> Shape:
        """A list's element."""
        return self._resolve(self.traits["member"])

    @cached_property
    def key(self) -> Shape:
        """A map's key."""
        return self._resolve(self.traits["key"])

    @cached_property
    def value(self) -> Shape:
        """A map's value."""
        return self._resolve(self.traits["value"])

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of a structure's required members."""
        return tuple(self.traits.get("required", ()))

    @cached_property
    def payload(self) -> str | None:
        """The member that is the whole HTTP body, in REST protocols."""
        name: str | None = self.traits.get("payload")
        return name

    def root_names(self, *others: str) -> frozenset[str]:
        """The names that the root element of an XML body of this shape may have: locationName, the shape's, or `others`."""
        own = self._shapes[self.name].get("locationName", self.name)
        return frozenset((self.wire_name(self.name), own, self.name, *others))

    def element_names(self, default: str) -> frozenset[str]:
        """The names that an XML element of this member may have.

        A locationName of the shape itself is meant for the root of a body, but botocore sends members by it too.
        """
        wire = self.wire_name(default)
        return frozenset((wire, default) if self._shapes[self.name].get("locationName") == wire else (wire,))

    def wire_name(self, default: str) -> str:
        """The name on the wire: locationName, or the member's own."""
        name: str = self.traits.get("locationName", default)
        return name

    def __repr__(self) -> str:
        return f"<Shape {self.name}: {self.type}>"
