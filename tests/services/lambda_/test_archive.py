"""Zips that are taken, and zips that are refused."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.services.lambda_ import archive
from fogbank.services.lambda_.archive import BadZip, Entry, TooBig, content, examine, read
from services.lambda_.packages import entry, with_links, zipped

MIB = 1 << 20
GOOD = zipped({"a.py": "one", "lib/b.py": "two" * 100})


def names(data: bytes) -> list[str]:
    return [one.path for one in read(data, MIB)]


def refused(data: bytes, most: int = MIB) -> str:
    """Why a zip is refused."""
    with pytest.raises(BadZip) as caught:
        examine(data, most)
    return str(caught.value)


def patched(data: bytes, old: bytes, new: bytes, count: int = -1) -> bytes:
    assert old in data
    return data.replace(old, new, count)


def directory(data: bytes, at: int, form: str, value: int, which: int = 0) -> bytes:
    """A zip with a field of an entry in its central directory changed."""
    start = -1
    for _ in range(which + 1):
        start = data.index(b"PK\x01\x02", start + 1)
    made = bytearray(data)
    struct.pack_into(form, made, start + at, value)
    return bytes(made)


def one_entry(name: str, body: bytes, mode: int, system: int = 3) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        written.writestr(entry(name, mode, system=system), body)
    return made.getvalue()


def test_files_and_directories() -> None:
    data = zipped({"a.py": "one", "lib/": "", "lib/b.py": "two"})
    assert [(one.path, one.kind, one.mode) for one in read(data, MIB)] == [
        ("a.py", "file", 0o644), ("lib", "directory", 0o755), ("lib/b.py", "file", 0o644),
    ]  # fmt: skip
    assert examine(data, MIB) == 6


def test_contents_stored_and_deflated() -> None:
    body = bytes(range(256)) * 10_000
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = zipped({"a": body}, method=method)
        assert b"".join(content(data, read(data, 3 * MIB)[0])) == body


def test_an_empty_zip_has_nothing() -> None:
    assert read(zipped({}), MIB) == []


def test_permissions_are_kept_but_for_set_user_id() -> None:
    modes = {
        mode: read(one_entry("a", b"", stat.S_IFREG | mode), MIB)[0].mode for mode in (0o600, 0o755, 0o4755, 0o444)
    }
    assert modes == {0o600: 0o600, 0o755: 0o755, 0o4755: 0o755, 0o444: 0o444}


def test_entries_of_other_systems_are_readable() -> None:
    assert read(one_entry("a", b"", 0o600, system=0), MIB)[0].mode == 0o644
    assert read(directory(GOOD, 38, "<L", 0), MIB)[0].mode == 0o644


def test_something_before_the_zip_and_a_comment_behind() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        written.writestr("a", b"body")
        written.comment = b"PK\x05\x06 is not the end"
    assert names(b"#!/usr/bin/env python3\n" + made.getvalue()) == ["a"]


def test_zip64() -> None:
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w") as written,
        written.open(entry("a", stat.S_IFREG | 0o644), "w", force_zip64=True) as file,
    ):
        file.write(b"body")
    assert examine(made.getvalue(), MIB) == 4


def test_zip64_in_the_directory_and_at_the_end() -> None:
    data = zipped({"a": "body"})
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    head = bytearray(data[at:end])
    struct.pack_into("<LL", head, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", head, 30, 20)
    packed = struct.unpack_from("<L", data, at + 20)[0]
    head += struct.pack("<HHQQ", 1, 16, 4, packed)
    last = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(head), at)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + len(head), 1)
    short = struct.pack("<4s4H2LH", b"PK\x05\x06", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    made = data[:at] + bytes(head) + last + locator + short
    assert examine(made, MIB) == 4
    assert (
        refused(patched(made, struct.pack("<HHQ", 1, 16, 4), struct.pack("<HHQ", 2, 16, 4)))
        == "a zip64 field is missing"
    )


@pytest.mark.parametrize("cut", [0, 1, 10, 21, 22, 50])
def test_what_is_cut_off_or_no_zip(cut: int) -> None:
    assert refused(GOOD[:-cut] if cut else b"not a zip" * 10)


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x05\x06", b"\0" * 100, b"PK\x05\x06" + b"\xff" * 18, GOOD[:60]])
def test_fragments(data: bytes) -> None:
    assert refused(data)


def test_a_damaged_byte_is_seen() -> None:
    at = GOOD.index(b"a.py") + 4
    assert refused(GOOD[:at] + bytes([GOOD[at] ^ 1]) + GOOD[at + 1 :])


def test_more_than_is_allowed_by_its_own_word() -> None:
    with pytest.raises(TooBig):
        examine(zipped({"a": b"\0" * (MIB + 1)}), MIB)


def test_a_bomb_that_lies_about_its_size() -> None:
    data = zipped({"a": b"\0" * (50 * MIB)})
    for place, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        made = bytearray(data)
        struct.pack_into("<L", made, data.index(place) + offset, 10)
        data = bytes(made)
    assert refused(data) == "'a' is larger than it says"


def test_a_size_that_is_smaller_than_said() -> None:
    assert refused(directory(GOOD, 24, "<L", 4)) == "'a.py' is not what it says"


def test_entries_that_share_their_bytes() -> None:
    """The bombs of overlapping files: one kernel of bytes, named many times."""
    data = zipped({"a": b"\0" * 1000, "b": b"\0" * 1000})
    at = data.index(b"PK\x01\x02")
    both = data.index(b"PK\x01\x02", at + 1)
    again = bytearray(data[at:both])
    made = data[:both] + bytes(again) + data[data.index(b"PK\x05\x06") :]
    assert refused(made) == "entries overlap"


def test_an_entry_that_reaches_into_the_directory() -> None:
    data = zipped({"a": b"x" * 100}, method=zipfile.ZIP_STORED)
    data = directory(directory(data, 20, "<L", 120), 24, "<L", 120)
    assert refused(data) == "an entry reaches into the directory"


def test_a_zip_in_itself_is_a_file() -> None:
    data = zipped({"inner.zip": zipped({"inner.zip": GOOD})})
    assert names(data) == ["inner.zip"]


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/etc/passwd", "a/..", "..", "x" * 256, "a/" * 600 + "a", "a\0b"]
)
def test_names_that_lead_out_or_cannot_be(name: str) -> None:
    placed = name.replace("\0", "?").encode()
    data = zipped({"?" * len(placed): "x"})
    assert refused(data.replace(b"?" * len(placed), name.encode()))


def test_dots_and_empty_parts_are_nothing() -> None:
    assert names(zipped({"./": "", "./a//b.py": "x", ".hidden": "y"})) == ["a/b.py", ".hidden"]


def test_backslashes_are_characters_of_a_name() -> None:
    assert names(patched(zipped({"lib/a.py": "x"}), b"lib/a.py", b"lib\\a.py")) == ["lib\\a.py"]


def test_names_in_utf8_and_in_the_old_characters() -> None:
    assert names(zipped({"grün.py": "x"})) == ["grün.py"]
    assert names(patched(zipped({"gr?n.py": "x"}), b"gr?n.py", b"gr\x81n.py")) == ["grün.py"]
    assert refused(patched(zipped({"grün.py": "x"}), "ü".encode(), b"\xff\xfe"))


def test_case_tells_files_apart() -> None:
    assert names(zipped({"A.py": "x", "a.py": "y"})) == ["A.py", "a.py"]


def test_names_that_are_there_twice() -> None:
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w") as written:
        warnings.simplefilter("ignore")
        written.writestr("a.py", "one")
        written.writestr("a.py", "two")
    assert refused(made.getvalue()) == "'a.py' is there twice"
    assert refused(zipped({"a.py": "x", "./a.py": "y"})) == "'a.py' is there twice"


def test_a_file_that_is_a_directory_too() -> None:
    assert refused(zipped({"a": "x", "a/b": "y"})) == "a file is a directory, too"


def test_a_name_that_is_another_in_the_entry_itself() -> None:
    assert refused(patched(GOOD, b"a.py", b"z.py", 1)) == "b'a.py' is not where the directory says"


@pytest.mark.parametrize("form", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_devices_and_pipes(form: int) -> None:
    assert refused(one_entry("a", b"", form | 0o644)) == "b'a' is a device, a pipe or a socket"


def test_encrypted_entries() -> None:
    assert "encrypted" in refused(directory(GOOD, 8, "<H", 1))
    assert "encrypted" in refused(directory(GOOD, 8, "<H", 0x40))


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99])
def test_other_ways_of_packing(method: int) -> None:
    assert "not known" in refused(directory(GOOD, 10, "<H", method))


def test_more_than_one_disk() -> None:
    made = bytearray(GOOD)
    struct.pack_into("<H", made, GOOD.index(b"PK\x05\x06") + 4, 1)
    assert refused(bytes(made)) == "on several disks"


def test_counts_that_cannot_be() -> None:
    at = GOOD.index(b"PK\x05\x06")
    for count in (0, 1, 3, 0xFFFE):
        made = bytearray(GOOD)
        struct.pack_into("<HH", made, at + 8, count, count)
        assert refused(bytes(made))


def test_too_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_NODES", 50)
    assert refused(zipped({f"{number}": "" for number in range(51)}))
    assert refused(zipped({"/".join(map(str, range(number, number + 20))): "" for number in range(3)}))
    assert len(names(zipped({f"{number}": "" for number in range(50)}))) == 50


def test_links_that_stay_inside() -> None:
    data = with_links(
        {"lib/a.py": "x"}, {"current": "lib", "lib/b.py": "a.py", "deep/c": "../lib/../current/a.py", "gone": "no"}
    )
    assert names(data) == ["lib/a.py", "current", "lib/b.py", "deep/c", "gone"]


@pytest.mark.parametrize(
    "links",
    [
        {"a": ".."}, {"a": "/etc/passwd"}, {"a/b": "../../c"}, {"a": "b/../../c"}, {"a": ""}, {"a": "x" * 5000},
        {"a/b/up": "../..", "a/b/out": "up/../x"}, {"a": "b", "b": "c/..", "c": "../d"}, {"a": "a"}, {"a": "b", "b": "a"},
        {f"l{number}": f"l{number + 1}" for number in range(50)},
    ],
)  # fmt: skip
def test_links_that_lead_out_or_nowhere(links: dict[str, str]) -> None:
    assert refused(with_links({}, links))


def test_links_take_a_bounded_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_STEPS", 100)
    assert "too far" in refused(with_links({"f": "x"}, {f"l{number}": "./" * 30 + "f" for number in range(5)}))


def test_files_behind_links() -> None:
    assert refused(with_links({"a/b": "x"}, {"a": "c"})) == "a file is a directory, too"


def test_bytes_behind_the_end_of_an_entry() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packer.compress(b"body") + packer.flush() + b"more"
    data = zipped({"a": b"?" * len(stream)}, method=zipfile.ZIP_STORED)
    for place, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        made = bytearray(data)
        struct.pack_into("<H", made, data.index(place) + at, 8)
        struct.pack_into("<LLL", made, data.index(place) + at + 6, zlib.crc32(b"body"), len(stream), 4)
        data = bytes(made)
    assert refused(patched(data, b"?" * len(stream), stream)) == "'a' has bytes behind its end"


@given(
    st.dictionaries(
        st.from_regex(r"[a-zé]{1,5}(/[a-z]{6,8}|[0-9])", fullmatch=True), st.binary(max_size=2000), max_size=8
    )
)
@settings(max_examples=50, deadline=None)
def test_what_is_packed_comes_out(files: dict[str, bytes]) -> None:
    data = zipped(files)
    assert {one.path: b"".join(content(data, one)) for one in read(data, MIB)} == files


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8))
@settings(max_examples=400, deadline=None)
def test_damage_anywhere_is_refused_or_harmless(at: int, noise: bytes) -> None:
    """Only BadZip and TooBig are raised, and what is taken is within bounds."""
    data = GOOD[:at] + noise + GOOD[at + len(noise) :]
    try:
        entries = read(data, MIB)
        total = sum(len(run) for one in entries for run in content(data, one))
    except (BadZip, TooBig):
        return
    assert total <= MIB
    assert all(is_inside(one) for one in entries)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes(noise: bytes) -> None:
    for data in (noise, noise + GOOD[GOOD.index(b"PK\x01\x02") :], GOOD[:100] + noise + GOOD[-22:]):
        try:
            examine(data, MIB)
        except (BadZip, TooBig):
            continue
        assert all(is_inside(one) for one in read(data, MIB))


def is_inside(one: Entry) -> bool:
    return not one.path.startswith("/") and ".." not in one.path.split("/")
