"""Packages, unpacked: what functions find, and that nothing is left that should not be."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.lambda_ import archive, code, unpacked
from fogbank.services.lambda_.records import packages
from fogbank.services.lambda_.unpacked import Lost, ensure, place
from services.helpers import FILE, pattern
from services.helpers import code as error_of
from services.lambda_.packages import HELLO, entry, hello, with_links, zipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

LARGE = zipped({"app.py": HELLO, "data": pattern(2 * FILE)}, method=0)


def package(region: LocalRegion) -> str:
    """The only package that there is."""
    with region.region.store.snapshot() as tx:
        return str(next(parts[0] for parts, _ in packages.scan(tx)))


def found(region: LocalRegion) -> list[str]:
    """What there is of unpacked packages."""
    return sorted(path.name for path in place(region.region).iterdir())


def unpack(files: Mapping[str, str | bytes], tmp_path: Path, **options: Any) -> Path:
    """A zip of files, unpacked."""
    return unpack_zip(zipped(files, **options), tmp_path)


def unpack_zip(data: bytes, tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    unpacked.unpack(data, archive.read(data, 1 << 20), tree)
    return tree


def test_what_is_in_a_zip_is_there(tmp_path: Path) -> None:
    body = pattern(300_000)
    tree = unpack({"app.py": HELLO, "lib/deep/data": body, "empty/": "", "nothing": ""}, tmp_path)
    assert (tree / "app.py").read_text() == HELLO
    assert (tree / "lib/deep/data").read_bytes() == body
    assert (tree / "empty").is_dir()
    assert (tree / "nothing").read_bytes() == b""


def test_nothing_can_be_written_to(tmp_path: Path) -> None:
    tree = unpack({"app.py": HELLO, "lib/a": ""}, tmp_path)
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in (tree, *tree.rglob("*"))}
    assert modes == {"tree": 0o555, "app.py": 0o444, "lib": 0o555, "a": 0o444}


@pytest.mark.parametrize(("mode", "kept"), [(0o755, 0o555), (0o600, 0o400), (0o4755, 0o555), (0o000, 0o444)])
def test_permissions_of_files(tmp_path: Path, mode: int, kept: int) -> None:
    tree = unpack({"bootstrap": "#!/bin/sh\n"}, tmp_path, mode=mode) if mode else unpack_zip(plain(), tmp_path)
    assert stat.S_IMODE((tree / "bootstrap").stat().st_mode) == kept


def plain() -> bytes:
    """A zip of a system without permissions."""
    import io
    import zipfile

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archived:
        archived.writestr(entry("bootstrap", 0o600, system=0), "#!/bin/sh\n")
    return made.getvalue()


def test_times_are_those_of_the_zip(tmp_path: Path) -> None:
    tree = unpack({"app.py": HELLO}, tmp_path)
    assert (tree / "app.py").stat().st_mtime == 1795521600  # 2026-11-24 12:00


@pytest.mark.parametrize("modified", [0, 0xFFFFFFFF, 0x0000BF7D, 0x00210000])
def test_times_that_are_none(modified: int) -> None:
    assert 0 < unpacked.seconds(modified) < 1 << 33


def test_links(tmp_path: Path) -> None:
    tree = unpack_zip(with_links({"lib/a.py": "x"}, {"current": "lib", "lib/b.py": "a.py"}), tmp_path)
    assert os.readlink(tree / "current") == "lib"
    assert (tree / "current/b.py").read_text() == "x"


@pytest.mark.parametrize("body", [hello(), LARGE], ids=["small", "large"])
def test_a_function_is_unpacked_when_it_becomes_active(region: LocalRegion, make: Make, body: bytes) -> None:
    make(Code={"ZipFile": body})
    assert found(region) == [package(region)]
    tree = region.run(ensure(region.region, package(region)))
    assert (tree / "app.py").read_text() == HELLO


def test_what_is_lost_is_made_again(region: LocalRegion, make: Make) -> None:
    make()
    tree = region.run(ensure(region.region, package(region)))
    unpacked.remove(tree.parent)
    assert not tree.exists()
    assert region.run(ensure(region.region, package(region))) == tree
    assert (tree / "app.py").read_text() == HELLO


def test_what_was_made_in_another_boot_is_made_again(region: LocalRegion, make: Make) -> None:
    """The machine may have lost what was not synced when it went down."""
    make()
    tree = region.run(ensure(region.region, package(region)))
    (tree / "app.py").chmod(0o600)
    (tree / "app.py").write_text("")
    (tree.parent / "boot").write_text("another")
    assert (region.run(ensure(region.region, package(region))) / "app.py").read_text() == HELLO
    assert found(region) == [package(region)]


def test_what_is_there_stays_as_it_is(region: LocalRegion, make: Make) -> None:
    make()
    tree = region.run(ensure(region.region, package(region)))
    before = tree.stat().st_ino
    assert region.run(ensure(region.region, package(region))).stat().st_ino == before


def test_many_at_once_make_one(region: LocalRegion, make: Make) -> None:
    import asyncio

    make(Code={"ZipFile": LARGE})
    unpacked.remove(place(region.region) / package(region))

    async def all_of_them() -> set[Path]:
        return set(await asyncio.gather(*[ensure(region.region, package(region)) for _ in range(20)]))

    assert len(region.run(all_of_them())) == 1
    assert found(region) == [package(region)]


def test_a_damaged_zip_is_not_unpacked(region: LocalRegion, make: Make) -> None:
    make(Code={"ZipFile": LARGE})
    name = package(region)
    unpacked.remove(place(region.region) / name)
    blob = next(path for path in (region.directory / "blobs").rglob("*") if path.is_file())
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(bytes(data))
    with pytest.raises(Lost):
        region.run(ensure(region.region, name))
    assert found(region) == []


def test_a_function_whose_zip_is_damaged_fails(region: LocalRegion, client: Any, make: Make, role: str) -> None:
    client.create_function(
        FunctionName="f", Runtime="python3.11", Handler="app.handler", Role=role, Code={"ZipFile": LARGE}
    )
    blob = next(path for path in (region.directory / "blobs").rglob("*") if path.is_file())
    blob.write_bytes(blob.read_bytes()[:-100] + bytes(100))
    region.settle()
    told = client.get_function_configuration(FunctionName="f")
    assert (told["State"], told["StateReasonCode"]) == ("Failed", "InvalidZipFileException")
    assert error_of(client.publish_version, FunctionName="f") == "ResourceConflictException"
    client.update_function_code(FunctionName="f", ZipFile=hello())
    region.settle()
    told = client.get_function_configuration(FunctionName="f")
    assert (told["State"], told["LastUpdateStatus"], "StateReason" in told) == ("Active", "Successful", False)


def test_nothing_is_left_when_unpacking_fails(region: LocalRegion, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make(Code={"ZipFile": LARGE})
    name = package(region)
    unpacked.remove(place(region.region) / name)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacked, "write", full)
    with pytest.raises(OSError, match="No space"):
        region.run(ensure(region.region, name))
    assert found(region) == []
    monkeypatch.undo()
    region.run(ensure(region.region, name))
    assert found(region) == [name]


def test_code_leaves_room_on_the_disk(
    region: LocalRegion, client: Any, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function waits until there is room."""
    monkeypatch.setattr(unpacked, "RESERVE", 1 << 60)
    client.create_function(FunctionName="f", Runtime="python3.11", Handler="a.h", Role=role, Code={"ZipFile": hello()})
    region.settle()
    assert client.get_function_configuration(FunctionName="f")["State"] == "Pending"
    assert found(region) == []
    monkeypatch.undo()
    region.advance(seconds=30)
    region.settle()
    assert client.get_function_configuration(FunctionName="f")["State"] == "Active"


def test_a_package_that_is_not_there(region: LocalRegion, make: Make) -> None:
    make()
    with pytest.raises(Lost):
        region.run(ensure(region.region, "0" * 64))


def test_directories_go_a_while_after_their_function(region: LocalRegion, client: Any, make: Make) -> None:
    make()
    name = package(region)
    client.delete_function(FunctionName="f")
    region.run(unpacked_effects(region))
    assert found(region) == [name]
    region.advance(seconds=code.KEPT.total_seconds() + 1)
    region.run(unpacked_effects(region))
    assert found(region) == []


def test_a_directory_stays_if_its_code_is_there_again(region: LocalRegion, client: Any, make: Make) -> None:
    make()
    client.delete_function(FunctionName="f")
    make("g")
    region.advance(hours=1)
    region.run(unpacked_effects(region))
    assert found(region) == [package(region)]


def test_what_a_dead_process_left_is_swept(region: LocalRegion, make: Make) -> None:
    make()
    for name in ("new-left", "0" * 64):
        left = place(region.region) / name / "tree" / "sub"
        left.mkdir(parents=True)
        (left / "file").write_text("x")
        left.chmod(0o555)
    region.settle()
    assert found(region) == [package(region)]


async def unpacked_effects(region: LocalRegion) -> None:
    """Carry out the effects that are due, and no chore."""
    from fogbank.control import process

    await process.carry_out(region.background)
