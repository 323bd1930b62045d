"""The data files of inventories: rows go in, files of a bounded size come out."""

from __future__ import annotations

import asyncio
import gzip
import sys
import tempfile
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.s3 import inventory_parquet
from fogbank.services.s3.inventory_fields import csv_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.services.s3.inventory_fields import Field, Value

    Rows = list[tuple[Value, ...]]

MOST_BYTES: Final = 8 << 20  # of a CSV file, compressed
MOST_ROWS: Final = 200_000  # of a Parquet file


class Csv:
    """A file of gzip CSV at a time."""

    suffix: Final = "csv.gz"

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self.schema = ", ".join(fields)
        self._buffer = BytesIO()
        self._gzip: gzip.GzipFile | None = None

    async def add(self, rows: Rows) -> bytes | None:
        """Take rows in; a file, once it is large enough."""
        await asyncio.to_thread(self._write, rows)
        return await self.finish() if self._buffer.tell() >= MOST_BYTES else None

    def _write(self, rows: Rows) -> None:
        if self._gzip is None:
            self._gzip = gzip.GzipFile("", "wb", 6, self._buffer, 0)
        self._gzip.write("".join([csv_line(row) for row in rows]).encode())

    async def finish(self) -> bytes | None:
        """What is left, as a file."""
        if self._gzip is None:
            return None
        self._gzip.close()
        data, self._gzip, self._buffer = self._buffer.getvalue(), None, BytesIO()
        return data


class Parquet:
    """A file of Parquet at a time, written by a process of its own."""

    suffix: Final = "parquet"

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._columns = [(field.name, field.kind) for field in fields.values()]
        self.schema = inventory_parquet.schema_text(self._columns)
        self._count = 0
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def add(self, rows: Rows) -> bytes | None:
        """Take rows in; a file, once it is large enough."""
        process = self._process or await self._begin()
        assert process.stdin is not None
        data = msgspec.msgpack.encode([[plain(value) for value in row] for row in rows])
        process.stdin.write(len(data).to_bytes(inventory_parquet.LENGTH, "big") + data)
        await process.stdin.drain()
        self._count += len(rows)
        return await self.finish() if self._count >= MOST_ROWS else None

    async def _begin(self) -> asyncio.subprocess.Process:
        self._directory = tempfile.TemporaryDirectory(prefix="fogbank-inventory-")
        told = [text for column in self._columns for text in column]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", inventory_parquet.__name__, self._path(), *told, stdin=asyncio.subprocess.PIPE
        )
        return self._process

    def _path(self) -> str:
        assert self._directory is not None
        return f"{self._directory.name}/data.parquet"

    async def finish(self) -> bytes | None:
        """What is left, as a file."""
        if self._process is None or self._directory is None:
            return None
        assert self._process.stdin is not None
        self._process.stdin.close()
        status = await self._process.wait()
        try:
            if status != 0:
                raise RuntimeError(f"the writer of Parquet ended with status {status}")
            return await asyncio.to_thread(Path(self._path()).read_bytes)
        finally:
            self._directory.cleanup()
            self._process, self._directory, self._count = None, None, 0


def plain(value: Value) -> Any:
    """A value as the writer of Parquet is told it: times in milliseconds since the epoch."""
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value
