"""The AWS command line's and SDKs' own files, `config` and `credentials`: one profile replaced, all else kept byte for byte.

Format: docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from fogbank.region.data import write_file
from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER = re.compile(rb"[ \t]*\[([^\]\r\n]*)\]")
_PROFILE = re.compile(r"[A-Za-z0-9_@.:+-]{1,128}")
_MAX_SIZE = 16 << 20


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the AWS config file is."""
    return Path(environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()


def credentials_path(environ: Mapping[str, str]) -> Path:
    """Where the AWS shared credentials file is."""
    return Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()


def check_profile(name: str) -> str:
    """`name`, if it can be a profile's. RegionError otherwise."""
    if not _PROFILE.fullmatch(name):
        raise RegionError(f"{name!r} cannot be a profile's name: use letters, digits and _ @ . : + -")
    return name


def config_section(profile: str) -> str:
    """The profile's section in the config file: all but `default` have a prefix there."""
    return profile if profile == "default" else f"profile {profile}"


def read(path: Path) -> bytes:
    """The file's content; empty if there is no such file."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SIZE + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise RegionError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > _MAX_SIZE:
        raise RegionError(f"{path} is larger than 16 MiB: that is no AWS file.")
    return content


def write(path: Path, content: bytes) -> None:
    """Replace the file, readable by its owner alone. A symbolic link (to a repository of dot files, say) stays one."""
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():  # to replace /dev/null would break the machine
            raise RegionError(f"cannot write {path}: it is not a regular file")
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(target, content, 0o600)
    except OSError as error:
        raise RegionError(f"cannot write {path}: {error.strerror}") from None


def section(content: bytes, name: str) -> dict[str, str] | None:
    """The keys of one section, or None if there is no such section."""
    found = _find(content, name)
    if found is None:
        return None
    pairs = {}
    for line in content[found[0] : found[1]].decode("utf-8", "replace").splitlines()[1:]:
        key, separator, value = line.partition("=")
        if separator and not line.lstrip().startswith(("#", ";")):
            pairs[key.strip()] = value.strip()
    return pairs


def with_section(content: bytes, name: str, pairs: Mapping[str, str]) -> bytes:
    """`content` with the section `name` holding just `pairs`: in its old place, or appended."""
    if any(not text.isprintable() for text in pairs.values()):  # a line break would begin a line of its own
        raise RegionError("a path or name with control characters cannot be written into an AWS file")
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    lines = [f"[{name}]", *(f"{key} = {value}" for key, value in pairs.items())]
    block = b"".join(line.encode() + newline for line in lines)
    found = _find(content, name)
    if found is not None:
        return content[: found[0]] + block + content[found[1] :]
    if not content:
        return block
    gap = newline if content.endswith(b"\n") else newline * 2
    return content + gap + block


def _find(content: bytes, name: str) -> tuple[int, int] | None:
    """Where the section begins and ends: with its last line that is neither blank nor a comment, which belong to what follows."""
    spans = []
    start, end, position = -1, -1, 0
    for line in content.splitlines(keepends=True):
        header = _HEADER.match(line)
        if header and start >= 0:
            spans.append((start, end))
            start = -1
        if header and _same(header[1], name):
            start = position
        position += len(line)
        if start >= 0 and line.strip() and not line.lstrip().startswith((b"#", b";")):
            end = position
    if start >= 0:
        spans.append((start, end))
    if len(spans) > 1:
        raise RegionError(f"the section [{name}] is there {len(spans)} times: remove all but one.")
    return spans[0] if spans else None


def _same(header: bytes, name: str) -> bool:
    words = header.decode("utf-8", "replace").split()
    return [word.strip("\"'") for word in words] == name.split()
