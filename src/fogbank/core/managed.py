"""AWS's own managed policies, as data: `managed_policies/<name>.json`.

A document is AWS's, word for word, in the version that `version` and `updated` name; AWS may have a newer one. Where AWS's id is not
known, it is derived from the ARN. `created` is AWS's to the minute.
Source: AWS Managed Policy Reference Guide, and what GetPolicyVersion answers.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

ARN: Final = "arn:aws:iam::aws:policy"
_FILES: Final = Path(__file__).parent / "managed_policies"


class AwsPolicy(msgspec.Struct, frozen=True):
    """A policy: `path` starts and ends with a slash, `created` and `updated` are ISO 8601, `version` is as `v3`."""

    name: str
    path: str
    id: str
    description: str
    created: str
    updated: str
    version: str
    document: str

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"{ARN}{self.path}{self.name}"


class _File(msgspec.Struct):
    name: str
    path: str
    id: str
    description: str
    created: str
    updated: str
    version: str
    document: msgspec.Raw


_decode = msgspec.json.Decoder(_File).decode


@lru_cache(maxsize=256)
def _read(name: str) -> AwsPolicy:
    found = _decode((_FILES / f"{name}.json").read_bytes())
    given = {field: getattr(found, field) for field in found.__struct_fields__ if field != "document"}
    return AwsPolicy(**given, document=bytes(found.document).decode())


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """The names of all policies."""
    return frozenset(path.stem for path in _FILES.glob("*.json"))


def find(arn: str) -> AwsPolicy | None:
    """The policy of an ARN; None if there is none."""
    name = arn.rpartition("/")[2]
    if name not in names():
        return None
    found = _read(name)
    return found if found.arn == arn else None


def all_policies() -> list[AwsPolicy]:
    """All of them, by name."""
    return [_read(name) for name in sorted(names())]
