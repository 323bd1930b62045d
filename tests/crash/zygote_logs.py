"""The zygote of regions that put few chunks of log events into a segment, and do so all the time."""

from __future__ import annotations

import msgspec
import zygote

from fogbank.services import registry
from fogbank.services.logs import records, sealing

if __name__ == "__main__":
    records.FULL_CHUNKS = 6
    sealing.LITTLE = 4000
    logs = registry.services()["logs"]
    logs.chores = [msgspec.structs.replace(chore, seconds=0.02) for chore in logs.chores]
    zygote.main()
