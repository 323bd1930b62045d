"""Starts a region for each line that it reads: Fogbank is imported once, so that hundreds of starts take little time.

Run as a program with the data directory and the port; answers each line with one, when the region answers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import fogbank.gateway.worker
from fogbank.region import launch, settings


def main() -> None:
    """Serve."""
    assert fogbank.gateway.worker
    data = Path(sys.argv[1])
    port = 0
    for _ in sys.stdin:
        flags = {"data": data, "port": port, "workers": 2, "dev": True}
        port = launch.detached(settings.load(flags)).port
        print(port, flush=True)


if __name__ == "__main__":
    main()
