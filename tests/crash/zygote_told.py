"""The zygote of regions whose queues are a file: what they are sent is appended to `told` beside the data directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import zygote

from fogbank.core import destinations


class Queues:
    """All queues there are."""

    def exists(self, _tx: Any, _arn: str) -> bool:
        return True

    def may(self, _call: Any, _arn: str, _sender: Any) -> bool:
        return True

    async def deliver(self, _ctx: Any, _arn: str, _sender: Any, message: bytes) -> None:
        file = os.open(Path(sys.argv[1]).parent / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, message + b"\n")
        os.close(file)


if __name__ == "__main__":
    destinations.register("sqs", Queues())
    zygote.main()
