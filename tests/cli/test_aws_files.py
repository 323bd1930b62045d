"""The AWS files: one section replaced, and not a byte of the rest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.cli import aws_files
from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = {"region": "us-east-1", "endpoint_url": "http://127.0.0.1:4566"}
BLOCK = b"[profile x]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:4566\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", BLOCK),
        (b"[default]\nregion=a\n", b"[default]\nregion=a\n\n" + BLOCK),
        (b"[default]\nregion=a", b"[default]\nregion=a\n\n" + BLOCK),
        (b"[profile x]\nold = 1\n", BLOCK),
        (b"# mine\n\n[profile x]\nold = 1\n# old comment\ns3 =\n  a = b\n\n# about y\n[profile y]\nz=1\n",
         b"# mine\n\n" + BLOCK + b"\n# about y\n[profile y]\nz=1\n"),
        (b"[ profile   \"x\" ] # mine\nold = 1", BLOCK),
        (b"[profile xx]\na=1\n[x]\nb=2\n", b"[profile xx]\na=1\n[x]\nb=2\n\n" + BLOCK),
        (b"[default]\r\na=1\r\n", b"[default]\r\na=1\r\n\r\n" + BLOCK.replace(b"\n", b"\r\n")),
        (b"\xff\xfe rubbish", b"\xff\xfe rubbish\n\n" + BLOCK),
    ],
)  # fmt: skip
def test_a_section_is_replaced(before: bytes, after: bytes) -> None:
    assert aws_files.with_section(before, "profile x", PAIRS) == after
    assert aws_files.section(after, "profile x") == PAIRS
    assert aws_files.with_section(after, "profile x", PAIRS) == after


def test_a_section_is_read() -> None:
    content = b"[a]\nx = 1\n# y = 2\n ; z = 3\nlong=a=b\nnothing\n[b]\nx=2\n"
    assert aws_files.section(content, "a") == {"x": "1", "long": "a=b"}
    assert aws_files.section(content, "c") is None


def test_what_is_ambiguous_is_refused() -> None:
    with pytest.raises(RegionError, match="2 times"):
        aws_files.with_section(b"[x]\na=1\n[y]\n[x]\n", "x", PAIRS)


def test_values_cannot_add_lines() -> None:
    with pytest.raises(RegionError, match="control characters"):
        aws_files.with_section(b"", "x", {"ca_bundle": "/a\nrole_arn = x"})


@pytest.mark.parametrize("name", ["", "a b", "a]", "[", "x\n[y]", "ü" * 10, "a" * 129])
def test_names_that_cannot_be_a_profiles(name: str) -> None:
    with pytest.raises(RegionError, match="cannot be a profile's name"):
        aws_files.check_profile(name)


_LINES = st.sampled_from(
    [b"[a]", b"[profile x]", b"[ b ]", b"k = v", b"  n = 1", b"# c", b"", b"\xff", b"[", b"[]", b"\t[x]", b"=", b"\x00"]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(_LINES, max_size=12), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_all_else_is_kept_byte_for_byte(lines: list[bytes], newline: bytes, ends: bool) -> None:
    content = newline.join(lines) + (newline if ends else b"")
    try:
        changed = aws_files.with_section(content, "profile x", PAIRS)
    except RegionError:
        assert lines.count(b"[profile x]") > 1
        return
    assert aws_files.section(changed, "profile x") == PAIRS
    block = BLOCK.replace(b"\n", b"\r\n") if b"\r\n" in content else BLOCK
    before, found, rest = changed.partition(block)
    assert found
    assert content.startswith(before.rstrip(b"\r\n"))
    assert content.endswith(rest)
    for name in ("a", "b", "x"):
        if lines.count(f"[{name}]".encode()) < 2:
            try:
                assert aws_files.section(changed, name) == aws_files.section(content, name)
            except RegionError:
                continue


def test_files_are_private_and_links_stay_links(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "config"
    real.parent.mkdir()
    real.write_text("x")
    link = tmp_path / ".aws" / "config"
    link.parent.mkdir()
    link.symlink_to(real)
    aws_files.write(link, b"y")
    assert link.is_symlink()
    assert real.read_text() == "y"
    assert real.stat().st_mode & 0o777 == 0o600


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match="cannot read"):
        aws_files.read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(RegionError, match="cannot write"):
        aws_files.write(tmp_path / "file" / "x", b"")


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "config").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "config"):
        with pytest.raises(RegionError, match="not a regular file"):
            aws_files.write(tmp_path / name, b"x")
    assert (tmp_path / "pipe").is_fifo()
