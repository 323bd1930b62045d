"""A program that writes one Parquet file: its rows come as MessagePack from its standard input.

It is a process of its own, so that pyarrow's hundred megabytes are the control process's for no longer than a file takes.
Arguments: the file, then name and kind of each column. Input: lengths (4 bytes, big-endian), each before a list of rows.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH: Final = 4  # bytes
REQUIRED: Final = ("bucket", "key")
NAMES: Final = {
    "string": "binary {} (UTF8)",
    "bool": "boolean {}",
    "int": "int64 {}",
    "time": "int64 {} (TIMESTAMP_MILLIS)",
}


def schema_text(columns: list[tuple[str, str]]) -> str:
    """The schema as manifests have it."""
    told = [f"{'required' if name in REQUIRED else 'optional'} {NAMES[kind].format(name)};" for name, kind in columns]
    return f"message s3.inventory {{ {' '.join(told)} }}"


def schema_of(columns: list[tuple[str, str]]) -> Any:
    """The schema as pyarrow has it."""
    import pyarrow

    kinds = {
        "string": pyarrow.string(),
        "bool": pyarrow.bool_(),
        "int": pyarrow.int64(),
        "time": pyarrow.timestamp("ms", tz="UTC"),
    }
    return pyarrow.schema([pyarrow.field(name, kinds[kind], nullable=name not in REQUIRED) for name, kind in columns])


def batches() -> Iterator[list[list[Any]]]:
    """Lists of rows from standard input."""
    source = sys.stdin.buffer
    while head := source.read(LENGTH):
        yield msgspec.msgpack.decode(source.read(int.from_bytes(head, "big")))


def main() -> None:
    """Write the file."""
    import pyarrow
    from pyarrow import parquet

    path, told = sys.argv[1], sys.argv[2:]
    schema = schema_of(list(zip(told[::2], told[1::2], strict=True)))
    with parquet.ParquetWriter(path, schema, compression="snappy", version="1.0") as writer:
        for rows in batches():
            columns = [
                pyarrow.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))


if __name__ == "__main__":
    main()
