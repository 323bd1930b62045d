"""The bound on unpacked code: what was not used for longest goes first, never what is in use, and nobody notices."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.services.lambda_ import evicting, unpacked
from fogbank.services.lambda_.resident import functions as resident
from fogbank.services.lambda_.specs import Specs
from fogbank.services.lambda_.unpacked import place
from services.helpers import pattern
from services.lambda_.packages import HELLO, zipped
from services.lambda_.planted import ACCOUNT
from services.lambda_.standing import Pool, standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fogbank.services.lambda_.records import Version
    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

SIZE = 100_000
ENSURE = unpacked.ensure


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """A pool in place of the engine's, and real packages."""
    with standing(monkeypatch) as made:
        monkeypatch.setattr(unpacked, "ensure", ENSURE)
        yield made


def made(region: LocalRegion, make: Make, *names: str) -> dict[str, Path]:
    """Functions, each of its own code: where that is unpacked. The first was used least recently."""
    homes: dict[str, Path] = {}
    for age, name in enumerate(names):
        before = set(there(region))
        make(name, Code={"ZipFile": zipped({"app.py": HELLO, "data": name.encode() + pattern(SIZE)})})
        homes[name] = next(iter(set(there(region)) - before))
        os.utime(homes[name] / "boot", (age + 1, age + 1))
    return homes


def there(region: LocalRegion) -> list[Path]:
    return [*place(region.region).iterdir()] if place(region.region).is_dir() else []


def keep(region: LocalRegion, packages: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have room for so many of the packages."""
    options = msgspec.structs.replace(region.background.options, functions_unpacked=int(packages * 1.2 * SIZE))
    monkeypatch.setattr(region.background, "options", options)
    region.run(evicting.keep_within(region.background))


def test_what_was_used_least_recently_goes(region: LocalRegion, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = made(region, make, "a", "b", "c")
    keep(region, 3, monkeypatch)
    assert set(there(region)) == set(homes.values())
    keep(region, 2, monkeypatch)
    assert set(there(region)) == {homes["b"], homes["c"]}


def test_by_default_there_is_a_part_of_the_disk(
    region: LocalRegion, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = made(region, make, "a")
    keep(region, 0, monkeypatch)
    assert there(region) == [homes["a"]]


def test_layers_count_and_go_too(region: LocalRegion, client: Any, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"ZipFile": zipped({"python/lib.py": pattern(SIZE)})}
    layer = client.publish_layer_version(LayerName="l", Content=content)["LayerVersionArn"]
    make("f", Layers=[layer])
    assert len(there(region)) == 2
    keep(region, 0.5, monkeypatch)
    assert [home for home in there(region) if unpacked.size(home) > SIZE] == []


def test_what_is_mounted_stays_and_is_used_now(
    region: LocalRegion, make: Make, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = made(region, make, "a", "b", "c")
    region.run(started(region))
    pool.mounting = {homes["a"] / "tree"}
    keep(region, 1, monkeypatch)
    assert there(region) == [homes["a"]]
    assert unpacked.used(homes["a"]) > 100
    keep(region, 0.001, monkeypatch)
    assert there(region) == [homes["a"]]
    pool.mounting = set()
    keep(region, 0.001, monkeypatch)
    assert there(region) == []


def test_what_went_is_unpacked_again_for_the_next_invocation(
    region: LocalRegion, client: Any, make: Make, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = made(region, make, "a")
    pool.does["a"] = lambda event: event
    client.invoke(FunctionName="a")
    keep(region, 0.001, monkeypatch)
    assert there(region) == []
    assert client.invoke(FunctionName="a")["StatusCode"] == 200
    assert (homes["a"] / "tree/app.py").read_text() == HELLO
    assert [spec.task for spec, _ in pool.ran] == [homes["a"] / "tree"] * 2
    assert len(pool.retired) == 1  # which says that nothing more is known of it


def test_what_is_being_loaded_is_in_use(
    region: LocalRegion, make: Make, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = made(region, make, "a")
    seen = []

    async def ensure(region_: Any, package: str) -> Path:
        tree = await ENSURE(region_, package)
        seen.append(await evicting.evict(region.background, homes["a"]))
        return tree

    monkeypatch.setattr(unpacked, "ensure", ensure)
    region.run(loaded(region))
    assert (seen, there(region)) == ([False], [homes["a"]])


def test_what_goes_just_after_it_was_loaded_is_loaded_again(
    region: LocalRegion, make: Make, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may go before who waits for it is told that it is there."""
    homes = made(region, make, "a")
    load = Specs.load
    seen: list[bool] = []

    async def evicted(self: Specs, version: Version) -> None:
        await load(self, version)
        seen.append(not seen and await evicting.evict(region.background, homes["a"]))

    monkeypatch.setattr(Specs, "load", evicted)
    region.run(loaded(region))
    assert (seen, there(region)) == ([True, False], [homes["a"]])


async def loaded(region: LocalRegion) -> None:
    """Load function a."""
    await resident(region.background).loaded(ACCOUNT, "us-east-1", "a", 0)


async def started(region: LocalRegion) -> None:
    """Have the functions there."""
    resident(region.background)
