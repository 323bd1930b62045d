"""What Lambda keeps of functions: what all versions of one share, versions, aliases, layers, packages of code, signing configurations.

A version's number is 0 for $LATEST. Packages are kept once for all who use them, by the SHA-256 of the zip. Times are in
milliseconds since the epoch.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx

PENDING: Final = "Pending"
ACTIVE: Final = "Active"
FAILED: Final = "Failed"
IN_PROGRESS: Final = "InProgress"
SUCCESSFUL: Final = "Successful"


class Package(Record, version=1):
    """A zip of code: `size` of it and what it has `unzipped`, in bytes; kept as a `blob`, or `inline` where it is small.

    `refs` counts the versions that have it as their code or as one of their layers, and the layers' versions.
    """

    size: int
    unzipped: int
    refs: int
    blob: str = ""
    inline: int = 0


class Layer(msgspec.Struct, frozen=True, array_like=True):
    """A layer's version, as a function uses it: it does so after the layer's version is deleted, too. `code` is the package."""

    arn: str
    code: str
    size: int
    unzipped: int


class Function(Record, version=1):
    """What a function's versions share. `newest` is the number that was published last, and `published` what it had (see versions.py);
    `signing` is the ARN of its code signing configuration, if it has one; `recursion` what becomes of recursive loops.
    """

    account: str
    region: str
    name: str
    created: int
    tags: dict[str, str]
    newest: int = 0
    published: str = ""
    signing: str = ""
    recursion: str = "Terminate"

    @property
    def arn(self) -> str:
        """Its ARN, without a qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"


class Version(Record, version=1):
    """A version of a function: code and configuration. `revision` changes with every change of it.

    `code` is the package's SHA-256 in hexadecimal; `environment` is sealed (see environment.py), empty for none. `group` is empty for
    the log group that is called after the function; levels are empty for logs as text. `wrapped` is the environment's data key,
    encrypted under `kms_key`, if there is one.
    """

    account: str
    region: str
    name: str
    number: int
    revision: str
    modified: int
    code: str
    size: int
    unzipped: int
    role: str
    runtime: str
    handler: str
    architecture: str
    description: str = ""
    timeout: int = 3
    memory: int = 128
    ephemeral: int = 512
    environment: bytes = b""
    kms_key: str = ""
    wrapped: bytes = b""
    layers: tuple[Layer, ...] = ()
    dead_letter: str = ""
    tracing: str = "PassThrough"
    log_format: str = "Text"
    application_level: str = ""
    system_level: str = ""
    group: str = ""
    state: str = PENDING
    reason: str = ""
    reason_code: str = ""
    update: str = ""
    update_reason: str = ""
    update_reason_code: str = ""
    runtime_update: str = "Auto"
    runtime_version: str = ""

    @property
    def function_arn(self) -> str:
        """The function's ARN, without a qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def arn(self) -> str:
        """The ARN that GetFunctionConfiguration tells for the version itself: $LATEST's is the function's."""
        return f"{self.function_arn}:{self.number}" if self.number else self.function_arn

    @property
    def qualifier(self) -> str:
        """Its name: a number or $LATEST."""
        return str(self.number) if self.number else "$LATEST"

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that it needs to run: its code, and its layers."""
        return (self.code, *(layer.code for layer in self.layers))


class Alias(Record, version=1):
    """An alias: of the `version` of this number (0: $LATEST), but for a part of the invocations, by number as a text, from 0 to 1."""

    name: str
    version: int
    description: str
    weights: dict[str, float]
    revision: str


class LayerVersion(Record, version=1):
    """A version of a layer. `revision` is its policy's; `policy` has its statements by id, as JSON."""

    account: str
    region: str
    name: str
    number: int
    created: int
    code: str
    size: int
    unzipped: int
    description: str = ""
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    licence: str = ""
    policy: dict[str, str] = {}
    revision: str = ""

    @property
    def layer_arn(self) -> str:
        """The ARN of the layer."""
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"{self.layer_arn}:{self.number}"


class LayerName(Record, version=1):
    """A layer: `newest` is the number that was given last. It stays when all versions are deleted: numbers are not given again."""

    newest: int


class SigningConfig(Record, version=1):
    """A code signing configuration. `policy` is Warn or Enforce; `publishers` are ARNs of versions of signing profiles."""

    account: str
    region: str
    id: str
    modified: int
    publishers: tuple[str, ...]
    policy: str = "Warn"
    description: str = ""
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:code-signing-config:{self.id}"


class Usage(Record, version=1):
    """What an account has in a region: bytes of zips of all versions of functions and layers, and functions."""

    code: int = 0
    functions: int = 0


def count_code(tx: Tx, _key: bytes, old: Version | LayerVersion | None, new: Version | LayerVersion | None) -> None:
    """Keep true how much code an account has."""
    one = old or new
    change = (new.size if new else 0) - (old.size if old else 0)
    if one is not None and change:
        found = usage_of(tx, one.account, one.region)
        usage.put(tx, msgspec.structs.replace(found, code=found.code + change), one.account, one.region)


def count_functions(tx: Tx, _key: bytes, old: Function | None, new: Function | None) -> None:
    """Keep true how many functions an account has."""
    one, change = old or new, (new is not None) - (old is not None)
    if one is not None and change:
        found = usage_of(tx, one.account, one.region)
        usage.put(tx, msgspec.structs.replace(found, functions=found.functions + change), one.account, one.region)


def usage_of(tx: Tx, account: str, region: str) -> Usage:
    """What an account has in a region."""
    return usage.get(tx, account, region) or Usage()


functions = Table("lambda.function", Function, on_change=count_functions)  # account, region, name
versions = Table("lambda.version", Version, on_change=count_code)  # account, region, function's name, number
aliases = Table("lambda.alias", Alias)  # account, region, function's name, name
layers = Table("lambda.layer", LayerName)  # account, region, name
layer_versions = Table(
    "lambda.layer_version", LayerVersion, on_change=count_code
)  # account, region, layer's name, number
signing_configs = Table("lambda.signing_config", SigningConfig)  # account, region, id
packages = Table("lambda.package", Package)  # SHA-256 of the zip, hexadecimal
usage = Table("lambda.usage", Usage)  # account, region


def milliseconds(now: datetime) -> int:
    """A time as it is kept."""
    return int(now.timestamp() * 1000)


def told_time(kept: int) -> str:
    """A stored time as Lambda tells it: 2026-11-24T15:39:17.000+0000."""
    at = datetime.fromtimestamp(kept / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{kept % 1000:03d}+0000"
