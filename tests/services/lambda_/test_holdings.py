"""What fsck knows of Lambda's records: it finds what is wrong, and sets right what it can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.services import registry
from fogbank.services.lambda_.records import Usage, functions, packages, usage, versions
from services.helpers import FILE, pattern
from services.lambda_.packages import HELLO, zipped
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

PLACE = (ACCOUNT, "us-east-1")
LARGE = zipped({"app.py": HELLO, "data": pattern(2 * FILE)}, method=0)


def write(region: LocalRegion, change: Any) -> None:
    """Change the state past the API."""
    region.run(region.region.store.write(change))


def problems(region: LocalRegion) -> list[str]:
    """What is wrong."""
    with region.region.store.snapshot() as tx:
        return [problem.what for problem in registry.invariants(tx)]


def repair(region: LocalRegion) -> None:
    """Set right what can be."""
    with region.region.store.snapshot() as tx:
        found = [problem.repair for problem in registry.invariants(tx) if problem.repair]
    for each in found:
        write(region, each)


def test_a_sound_state_has_no_problems(region: LocalRegion, make: Make) -> None:
    make(Publish=True)
    make("g", Code={"ZipFile": LARGE})
    assert problems(region) == []


def test_references_to_code_are_counted_again(region: LocalRegion, make: Make) -> None:
    make(Publish=True)

    def change(tx: Any) -> None:
        parts, package = next(iter(packages.scan(tx)))
        packages.put(tx, msgspec.structs.replace(package, refs=7), *parts)

    write(region, change)
    assert [what.partition(": ")[2] for what in problems(region)] == ["2 refer to it, not 7"]
    repair(region)
    assert problems(region) == []


def test_code_that_is_gone(region: LocalRegion, make: Make) -> None:
    make(Code={"ZipFile": LARGE})
    write(region, lambda tx: packages.delete(tx, str(next(iter(packages.scan(tx)))[0][0])))
    assert any(
        "it is not there, but 1 versions of functions or layers refer to it" in what for what in problems(region)
    )


def test_usage_is_added_up_again(region: LocalRegion, make: Make) -> None:
    make()
    write(region, lambda tx: usage.put(tx, Usage(code=1, functions=9), *PLACE))
    assert len(problems(region)) == 1
    repair(region)
    assert problems(region) == []


def test_versions_without_a_function_and_functions_without_versions(region: LocalRegion, make: Make) -> None:
    make("f")
    make("g")
    write(region, lambda tx: functions.delete(tx, *PLACE, "f"))
    write(region, lambda tx: versions.delete(tx, *PLACE, "g", 0))
    found = problems(region)
    assert "function f: it is not there, but 1 versions of it are" in found
    assert "function g: it has no $LATEST" in found


def test_a_scrub_names_the_code_that_is_damaged(region: LocalRegion, make: Make) -> None:
    make(Code={"ZipFile": LARGE})
    with region.region.store.snapshot() as tx:
        package = next(iter(packages.scan(tx)))[1]
        named = registry.name_holders(tx, [package.blob])
    assert next(iter(named.values()))[0].startswith("the code of functions or layers with the SHA-256 ")
