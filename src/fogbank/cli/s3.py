"""`fogbank s3`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from fogbank.cli.options import print_json, settings_of, which_region
from fogbank.cli.s3_remote import remote
from fogbank.cli.s3_replicate import replicate

if TYPE_CHECKING:
    from pathlib import Path

    from fogbank.region.settings import Settings
    from fogbank.services.s3.usage import Usage

WIDE = 200  # columns, where the table is not for a screen


@click.group()
def s3() -> None:
    """Show what S3 holds, and replicate it elsewhere."""


s3.add_command(remote)
s3.add_command(replicate)


@s3.command()
@which_region
@click.argument("buckets", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def usage(data: Path | None, config: Path | None, buckets: tuple[str, ...], as_json: bool) -> None:
    """Count what each bucket holds, as of this moment, whether the region runs or not.

    Bytes are as they were sent. BUCKETS: only these.
    """
    from fogbank.region.errors import RegionError

    found = counted(settings_of(data, config))
    if unknown := sorted(set(buckets) - set(found)):
        raise RegionError(f"there is no bucket {unknown[0]}.")
    wanted = [found[name] for name in sorted(buckets or found)]
    if as_json:
        print_json([told(each) for each in wanted])
    else:
        _show(wanted)


def counted(settings: Settings) -> dict[str, Usage]:
    """What all buckets hold."""
    from fogbank.cli.state import opened
    from fogbank.core.clock import Clock
    from fogbank.services.s3.usage import count

    found: dict[str, Usage] = {}
    with opened(settings) as (store, _), store.snapshot() as tx:
        for step in count(lambda: nullcontext(tx), int(Clock().now().timestamp())):
            found = step
    return found


def told(found: Usage) -> dict[str, Any]:
    """A bucket's usage as JSON."""
    return {
        "bucket": found.bucket,
        "account": found.account,
        "objects": sum(amount.number for amount in found.current.values()),
        "bytes": sum(amount.bytes for amount in found.current.values()),
        "noncurrent_versions": sum(amount.number for amount in found.noncurrent.values()),
        "noncurrent_bytes": sum(amount.bytes for amount in found.noncurrent.values()),
        "delete_markers": found.markers.number,
        "uploads": found.uploads.number,
        "upload_parts": found.parts.number,
        "upload_bytes": found.parts.bytes,
        "storage_classes": {
            name: {
                kind: {"number": amounts[name].number, "bytes": amounts[name].bytes}
                for kind, amounts in (("current", found.current), ("noncurrent", found.noncurrent))
                if name in amounts
            }
            for name in sorted({*found.current, *found.noncurrent})
        },
    }


def _show(found: list[Usage]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from fogbank.cli.state import bytes_told

    heads = ("Bucket", "Class", "Objects", "Bytes", "Noncurrent", "Bytes", "Markers", "Uploads", "Bytes")
    table = Table(*heads, box=None, header_style="dim", pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for each in found:
        rows = told(each)
        others: tuple[str, ...] = (
            f"{rows['delete_markers']:,}",
            f"{rows['uploads']:,}",
            bytes_told(rows["upload_bytes"]),
        )
        for name, kinds in (rows["storage_classes"] or {"": {}}).items():
            cells = [cell for kind in ("current", "noncurrent") for cell in _cells(kinds.get(kind), bytes_told)]
            table.add_row(Text(each.bucket) if others else "", name, *cells, *others)
            others = ()
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDE
    console.print(table if found else "There are no buckets.")


def _cells(amount: dict[str, int] | None, size: Any) -> tuple[str, str]:
    return (f"{amount['number']:,}", size(amount["bytes"])) if amount else ("0", size(0))
