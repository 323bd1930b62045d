"""CSV files as people make them: with a byte order mark or without, any line ends, commas, semicolons or tabs, UTF-8 or Windows."""

from __future__ import annotations

import csv
import io
from typing import Any

LARGEST = 64 << 20  # bytes of a file
MOST_ROWS = 1_000_000
LONGEST = 200  # characters of a cell: the rest is cut off

Row = dict[str, str]


def rows(data: bytes) -> list[Row]:
    """The rows of a file, by the names in its first line (in lower case, words joined by `_`). ValueError if it has no such line."""
    if len(data) > LARGEST:
        raise ValueError(f"larger than {LARGEST >> 20} MiB")
    text = decoded(data)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(text))
    found: list[Row] = []
    names: list[str] = []
    for cells in _cells(reader):
        if not any(cells):
            continue
        if not names:
            names = ["_".join(cell.lower().replace("-", " ").replace("_", " ").split()) for cell in cells]
            continue
        if len(found) >= MOST_ROWS:
            raise ValueError(f"more than {MOST_ROWS} rows")
        found.append(dict(zip(names, cells, strict=False)))
    if not names:
        raise ValueError("empty")
    return found


def _cells(reader: Any) -> Any:
    try:
        for cells in reader:
            yield [cell.strip()[:LONGEST] for cell in cells]
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from None


def decoded(data: bytes) -> str:
    """The text of a file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # what Excel writes in western Europe, if it is not asked for UTF-8
    return text.replace("\0", "")


def delimiter(text: str) -> str:
    """What separates the names in the first line that has any."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=head.count)


def cell(row: Row, *names: str) -> str:
    """The first of these cells that has anything."""
    return next((row[name] for name in names if row.get(name)), "")
