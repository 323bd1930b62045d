"""What of Lambda's refers to bytes, and what is always true of its records: for scrubs, and for `fogbank fsck`."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from fogbank.services.lambda_ import invariants
from fogbank.services.lambda_.records import (
    Package,
    Usage,
    functions,
    layer_versions,
    packages,
    usage,
    usage_of,
    versions,
)
from fogbank.services.lambda_.service import lambda_
from fogbank.store.check import Problem, readable
from fogbank.store.held import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Tx


class Holder(msgspec.Struct, frozen=True):
    """A package of code."""

    package: str

    def __str__(self) -> str:
        return f"the code of functions or layers with the SHA-256 {self.package}"


def held(tx: Tx) -> Iterator[Held]:
    """All references to bytes: each package's to its zip."""
    for where, package in readable(tx, packages):
        yield Held(Holder(str(where[0])), package.size, package.blob, package.inline)


def check(tx: Tx) -> Iterator[Problem]:
    """All that is wrong."""
    yield from check_packages(tx)
    yield from check_versions(tx)
    yield from check_usage(tx)
    yield from invariants.check(tx)


def check_packages(tx: Tx) -> Iterator[Problem]:
    """Each package has as many references as versions of functions and layers refer to it, and those are there."""
    found = Counter(package for _, version in readable(tx, versions) for package in version.packages)
    found.update(layer.code for _, layer in readable(tx, layer_versions))
    for where, package in readable(tx, packages):
        name, count = str(where[0]), found.pop(str(where[0]), 0)
        if package.refs != count:
            what = f"code {name}: {count} refer to it, not {package.refs}"
            yield Problem(what, partial(recount, name=name, package=package, count=count) if count else None)
    for name, count in found.items():
        yield Problem(f"code {name}: it is not there, but {count} versions of functions or layers refer to it")


def recount(tx: Tx, name: str, package: Package, count: int) -> None:
    """Set right how many refer to a package."""
    packages.put(tx, msgspec.structs.replace(package, refs=count), name)


def check_versions(tx: Tx) -> Iterator[Problem]:
    """A version is of a function that is there, and a function has its $LATEST."""
    known = {where for where, _ in readable(tx, functions)}
    latest = set()
    lost: Counter[str] = Counter()
    for where, version in readable(tx, versions):
        if where[:3] not in known:
            lost[version.name] += 1
        elif where[3] == 0:
            latest.add(where[:3])
    for name, count in lost.items():
        yield Problem(f"function {name}: it is not there, but {count} versions of it are")
    for where in sorted(known - latest):
        yield Problem(f"function {where[2]}: it has no $LATEST")


def check_usage(tx: Tx) -> Iterator[Problem]:
    """What an account is said to have is what it has."""
    code: Counter[tuple[str, str]] = Counter()
    for _, version in readable(tx, versions):
        code[version.account, version.region] += version.size
    for _, layer in readable(tx, layer_versions):
        code[layer.account, layer.region] += layer.size
    count = Counter((function.account, function.region) for _, function in readable(tx, functions))
    told = {(str(where[0]), str(where[1])) for where, _ in readable(tx, usage)}
    for account, region in sorted(told | code.keys() | count.keys()):
        right = Usage(code=code[account, region], functions=count[account, region])
        if usage_of(tx, account, region) != right:
            what = f"account {account}: it has {right.functions} functions and {right.code} bytes of code in {region}"
            yield Problem(
                f"{what}, and is said to have others", partial(set_usage, right=right, account=account, region=region)
            )


def set_usage(tx: Tx, right: Usage, account: str, region: str) -> None:
    """Set right what an account is said to have."""
    usage.put(tx, right, account, region)


lambda_.holdings = held
lambda_.invariants = check
