"""Zips of functions for tests, good and bad."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HELLO = "def handler(event, context):\n    return {'hello': event}\n"


def zipped(files: Mapping[str, str | bytes], *, mode: int = 0o644, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files, readable for all; a name that ends in `/` is a directory, a value of bytes or text is its content."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            info = entry(name, (stat.S_IFDIR | 0o755) if name.endswith("/") else stat.S_IFREG | mode)
            archive.writestr(info, content, method)
    return made.getvalue()


def entry(name: str, mode: int, *, system: int = 3) -> zipfile.ZipInfo:
    """An entry of a zip with a Unix mode."""
    info = zipfile.ZipInfo(name, (2026, 11, 24, 12, 0, 0))
    info.create_system = system
    info.external_attr = mode << 16
    return info


def with_links(files: Mapping[str, str | bytes], links: Mapping[str, str]) -> bytes:
    """A zip of files, and of symbolic links to their targets."""
    made = io.BytesIO(zipped(files))
    with zipfile.ZipFile(made, "a") as archive:
        for name, target in links.items():
            archive.writestr(entry(name, stat.S_IFLNK | 0o777), target)
    return made.getvalue()


def hello(text: str = HELLO) -> bytes:
    """The zip of a function `app.handler`."""
    return zipped({"app.py": text})
