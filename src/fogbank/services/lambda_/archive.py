"""Zips from strangers, read with nothing taken on trust: what is in them, whether it is whole, and unpacking it.

A zip is taken whole or not at all. Bounded are the entries, the directories that their names imply, the length of names, the steps
that links take, and the bytes that come out, which are counted as they come: what an entry says of its size has to be so. Entries do
not overlap, neither each other nor the directory (so a small zip cannot use the same bytes many times), and each is called the same
in both places where it is named.
Nothing in a zip leads out of it: no absolute names, no `..`, no symbolic link whose target is outside, through other links or not, and
no files behind links. There are files, directories and symbolic links; anything else, and what is encrypted, is refused.

Source: PKWARE, APPNOTE.TXT, "ZIP File Format Specification", 4.3, 4.4, 4.5.3; Lambda Developer Guide, "Lambda quotas"; AWS Knowledge
Center, "permission denied" (permissions are kept: files need to be readable for all).
"""

from __future__ import annotations

import stat
import struct
import zlib
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

    Buffer = bytes | mmap

MOST_NODES: Final = 100_000  # files, links and directories, those that names imply among them
MOST_DIRECTORY: Final = 64 << 20  # bytes of the list of entries
MOST_NAMES: Final = 16 << 20  # characters of the names of all directories
LONGEST_NAME: Final = 1024  # bytes
LONGEST_PART: Final = 255  # bytes of a file's name: what file systems take
LONGEST_TARGET: Final = 4095  # bytes of a link's target
MOST_LINKS: Final = 40  # that one path leads through, as Linux has it
MOST_STEPS: Final = 1_000_000  # that are taken to see where all links lead
RUN: Final = 1 << 20  # bytes that are read or come out at a time
UNIX: Final = (3, 19)  # systems whose attributes have a mode: Unix, macOS

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_FULL: Final = 0xFFFFFFFF  # the value is in the zip64 field
_REFUSED_FLAGS: Final = 0x2061  # encrypted, patched, strongly encrypted, masked
_UTF8: Final = 0x800


class BadZip(Exception):
    """It cannot be unzipped here. Says why, for logs and tests; callers are told AWS's words."""


class TooBig(Exception):
    """There is more in it than is allowed."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What is in a zip: its path, its kind, its permissions, when it was changed, and where its data are.

    `start` and `packed` tell the compressed bytes, `size` and `crc` what comes out. `modified` is in MS-DOS's form.
    """

    path: str
    kind: Literal["file", "directory", "link"]
    mode: int
    modified: int
    deflated: bool
    start: int
    packed: int
    size: int
    crc: int


class _Raw(msgspec.Struct, frozen=True, gc=False):
    """An entry of the central directory, as it stands."""

    system: int
    flags: int
    method: int
    modified: int
    crc: int
    packed: int
    size: int
    attributes: int
    offset: int
    name: bytes


def read(data: Buffer, most: int) -> list[Entry]:
    """What is in a zip, and at most `most` bytes by its own word. BadZip; TooBig."""
    start, end, count, shift = _directory(data)
    entries, spans, total = [], [], 0
    for raw in _entries(data, start, end, count):
        total += raw.size
        if total > most:
            raise TooBig(f"more than {most} bytes")
        entry = _entry(data, raw, shift)
        spans.append((raw.offset + shift, entry.start + raw.packed))
        entries.append(entry)
    _check_spans(spans, start)
    kept = [entry for entry in entries if entry.path]
    _check_tree(data, kept)
    return kept


def examine(data: Buffer, most: int) -> int:
    """Whether a zip is whole, by unpacking all of it to nowhere; the bytes that come out. BadZip; TooBig."""
    entries = read(data, most)
    for entry in entries:
        for _ in content(data, entry):
            pass
    return sum(entry.size for entry in entries)


def content(data: Buffer, entry: Entry) -> Iterator[bytes]:
    """An entry's bytes, in runs. BadZip, at the latest at the end, if they are not what the entry says."""
    crc, size = 0, 0
    for run in _inflated(data, entry) if entry.deflated else _stored(data, entry):
        crc = zlib.crc32(run, crc)
        size += len(run)
        if size > entry.size:
            raise BadZip(f"{entry.path!r} is larger than it says")
        yield run
    if size != entry.size or crc != entry.crc:
        raise BadZip(f"{entry.path!r} is not what it says")


def _stored(data: Buffer, entry: Entry) -> Iterator[bytes]:
    for at in range(entry.start, entry.start + entry.packed, RUN):
        yield data[at : min(at + RUN, entry.start + entry.packed)]


def _inflated(data: Buffer, entry: Entry) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    end = entry.start + entry.packed
    try:
        for at in range(entry.start, end, RUN):
            waiting = data[at : min(at + RUN, end)]
            while waiting and not inflate.eof:
                yield inflate.decompress(waiting, RUN)
                waiting = inflate.unconsumed_tail
            if inflate.eof and (waiting or inflate.unused_data or at + RUN < end):
                raise BadZip(f"{entry.path!r} has bytes behind its end")
    except zlib.error as error:
        raise BadZip(f"{entry.path!r}: {error}") from None
    while not inflate.eof:  # what is left in the window
        run = inflate.decompress(b"", RUN)
        if not run:
            raise BadZip(f"{entry.path!r} is cut off")
        yield run


def _directory(data: Buffer) -> tuple[int, int, int, int]:
    """Where the central directory begins and ends, how many entries it has, and how far all offsets are off: zips may have
    something before them (a shell's first line)."""
    at = _end_record(data)
    _, disk, first, here, count, size, offset, _ = _END.unpack_from(data, at)
    end = at
    if at >= _LOCATOR.size and data[at - _LOCATOR.size : at - _LOCATOR.size + 4] == b"PK\x06\x07":
        end, disk, first, here, count, size, offset = _end_record64(data, at - _LOCATOR.size)
    if disk or first or here != count:
        raise BadZip("on several disks")
    shift = end - size - offset
    if shift < 0 or size > MOST_DIRECTORY or count > MOST_NODES or count * _ENTRY.size > size:
        raise BadZip("its directory cannot be")
    return end - size, end, count, shift


def _end_record(data: Buffer) -> int:
    at = len(data)
    for _ in range(4):  # a comment may have the signature in it
        at = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF), at)
        if at < 0:
            break
        if at + _END.size <= len(data) and at + _END.size + _END.unpack_from(data, at)[7] == len(data):
            return at
    raise BadZip("has no end")


def _end_record64(data: Buffer, locator: int) -> tuple[int, int, int, int, int, int, int]:
    _, _, offset, disks = _LOCATOR.unpack_from(data, locator)
    for at in {offset, locator - _END64.size}:  # the second: where something stands before the zip
        if disks <= 1 and 0 <= at <= locator - _END64.size and data[at : at + 4] == b"PK\x06\x06":
            _, _, _, _, disk, first, here, count, size, start = _END64.unpack_from(data, at)
            return at, disk, first, here, count, size, start
    raise BadZip("its zip64 end is not there")


def _entries(data: Buffer, at: int, end: int, count: int) -> Iterator[_Raw]:
    for _ in range(count):
        if at + _ENTRY.size > end:
            raise BadZip("its directory is cut off")
        (
            signature,
            version,
            _,
            flags,
            method,
            time,
            date,
            crc,
            packed,
            size,
            long,
            extra,
            comment,
            disk,
            _,
            mode,
            offset,
        ) = _ENTRY.unpack_from(data, at)
        behind = at + _ENTRY.size + long
        following = behind + extra + comment
        if signature != b"PK\x01\x02" or following > end:
            raise BadZip("its directory is damaged")
        if _FULL in (size, packed, offset):
            size, packed, offset = _zip64(data[behind : behind + extra], size, packed, offset)
        if disk not in (0, 0xFFFF):
            raise BadZip("on several disks")
        name = data[at + _ENTRY.size : behind]
        yield _Raw(version >> 8, flags, method, date << 16 | time, crc, packed, size, mode, offset, name)
        at = following
    if at != end:
        raise BadZip("its directory is longer than its entries")


def _zip64(extra: bytes, *values: int) -> tuple[int, int, int]:
    """Size, packed size and offset, those from the zip64 field that do not fit into 32 bits."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            wanted = sum(value == _FULL for value in values)
            if len(field) < wanted * 8:
                break
            found = iter(struct.unpack_from(f"<{wanted}Q", field))
            size, packed, offset = (next(found) if value == _FULL else value for value in values)
            return size, packed, offset
        at += 4 + length
    raise BadZip("a zip64 field is missing")


def _entry(data: Buffer, raw: _Raw, shift: int) -> Entry:
    """An entry, checked, with the place of its data."""
    if raw.flags & _REFUSED_FLAGS or raw.method not in (0, 8):
        raise BadZip(f"{raw.name[:100]!r} is encrypted, or packed in a way that is not known here")
    if raw.method == 0 and raw.packed != raw.size:
        raise BadZip(f"{raw.name[:100]!r} is stored, and of two sizes")
    at = raw.offset + shift
    if at + _LOCAL.size > len(data):
        raise BadZip("an entry is beyond the end")
    signature, _, flags, method, _, _, _, _, _, long, extra = _LOCAL.unpack_from(data, at)
    named = at + _LOCAL.size
    if (
        signature != b"PK\x03\x04"
        or method != raw.method
        or flags & _REFUSED_FLAGS
        or data[named : named + long] != raw.name
    ):
        raise BadZip(f"{raw.name[:100]!r} is not where the directory says")
    path = _path(raw)
    kind, mode = _kind(raw)
    return Entry(path, kind, mode, raw.modified, raw.method == 8, named + long + extra, raw.packed, raw.size, raw.crc)


def _path(raw: _Raw) -> str:
    """An entry's path below the root, without `.` and empty parts; empty for the root itself."""
    if len(raw.name) > LONGEST_NAME or b"\0" in raw.name or not raw.name:
        raise BadZip("a name that no file can have")
    try:
        name = raw.name.decode()
    except UnicodeDecodeError:
        if raw.flags & _UTF8:
            raise BadZip(f"{raw.name[:100]!r} is not UTF-8") from None
        name = raw.name.decode("cp437")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or any(len(part.encode()) > LONGEST_PART for part in parts):
        raise BadZip(f"{name[:100]!r} leads out of the zip")
    return "/".join(parts)


def _kind(raw: _Raw) -> tuple[Literal["file", "directory", "link"], int]:
    """Whether an entry is a file, a directory or a link, and its permissions."""
    mode = raw.attributes >> 16 if raw.system in UNIX else 0
    form = stat.S_IFMT(mode)
    permissions = stat.S_IMODE(mode) & 0o777
    if raw.name.endswith(b"/") or form == stat.S_IFDIR:
        if form not in (0, stat.S_IFDIR) or raw.size:
            raise BadZip(f"{raw.name[:100]!r} is no directory")
        return "directory", permissions if mode else 0o755
    if form == stat.S_IFLNK:
        return "link", 0o777
    if form not in (0, stat.S_IFREG):
        raise BadZip(f"{raw.name[:100]!r} is a device, a pipe or a socket")
    return "file", permissions if mode else 0o644


def _check_spans(spans: list[tuple[int, int]], end: int) -> None:
    """Raise if entries share bytes, with each other or with the central directory."""
    before = 0
    for start, stop in sorted(spans):
        if start < before:
            raise BadZip("entries overlap")
        before = stop
    if before > end:
        raise BadZip("an entry reaches into the directory")


def _check_tree(data: Buffer, entries: list[Entry]) -> None:
    """Raise if a path is there twice, but for directories, if a file or a link is used as a directory, or if a link leads outside."""
    directories: set[str] = set()
    others: dict[str, Entry] = {}
    characters = 0
    for entry in entries:
        if entry.kind != "directory" and others.setdefault(entry.path, entry) is not entry:
            raise BadZip(f"{entry.path[:100]!r} is there twice")
        above = entry.path if entry.kind == "directory" else entry.path.rpartition("/")[0]
        while above and above not in directories:
            directories.add(above)
            characters += len(above)
            above = above.rpartition("/")[0]
        if len(directories) + len(others) > MOST_NODES or characters > MOST_NAMES:
            raise BadZip("too many files and directories")
    if directories & others.keys():
        raise BadZip("a file is a directory, too")
    links = {entry.path: target(data, entry) for entry in entries if entry.kind == "link"}
    steps = 0
    for path in links:
        steps += _follow(path, links, MOST_STEPS - steps)


def target(data: Buffer, link: Entry) -> str:
    """Where a link leads, as it says. BadZip."""
    if not 0 < link.size <= LONGEST_TARGET:
        raise BadZip(f"{link.path[:100]!r} is no link")
    found = b"".join(content(data, link))
    try:
        text = found.decode()
    except UnicodeDecodeError:
        raise BadZip(f"{link.path[:100]!r} leads to what is not UTF-8") from None
    if "\0" in text or text.startswith("/"):
        raise BadZip(f"{link.path[:100]!r} leads out of the zip")
    return text


def _follow(path: str, links: dict[str, str], most: int) -> int:
    """Raise if a link leads out of the zip on its way to where it ends, as the system would go; the steps that it takes."""
    here = [""]  # the paths of the directories that lead to where it is
    waiting = path.split("/")[::-1]
    followed, steps = 0, 0
    while waiting:
        part, steps = waiting.pop(), steps + 1
        if part == "..":
            if len(here) == 1:
                raise BadZip(f"{path[:100]!r} leads out of the zip")
            here.pop()
        elif part not in ("", "."):
            there = f"{here[-1]}/{part}" if here[-1] else part
            where = links.get(there)
            if where is None:
                here.append(there)
            else:
                followed += 1
                waiting.extend(where.split("/")[::-1])
        if followed > MOST_LINKS or steps > most or len(here[-1]) > LONGEST_TARGET:
            raise BadZip(f"{path[:100]!r} leads round in a circle, or too far")
    return steps
