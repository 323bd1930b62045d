#!/usr/bin/env python3
"""Pack the function: its own code, and the library `segno` from wherever this Python has it. The same code makes the same bytes.

pip install segno && python pack.py function.zip
"""

from __future__ import annotations

import argparse
import io
import zipfile
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def packed() -> bytes:
    """The zip."""
    spec = find_spec("segno")
    if spec is None or spec.origin is None:
        raise SystemExit("segno is not installed: pip install segno")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for top in (HERE / "function" / "race_results", Path(spec.origin).parent):
            for path in sorted(top.rglob("*")):
                if path.is_file() and path.suffix in (".py", ".css", ".js"):
                    entry = zipfile.ZipInfo(str(path.relative_to(top.parent)), LONG_AGO)
                    entry.external_attr = 0o644 << 16
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    made.writestr(entry, path.read_bytes())
    return out.getvalue()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Pack the function.")
    parser.add_argument("zip", type=Path, nargs="?", default=HERE / "function.zip")
    path = parser.parse_args().zip
    path.write_bytes(packed())
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
