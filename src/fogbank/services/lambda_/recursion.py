"""Recursive loops: a function that, through others or not, invokes itself over and over, is stopped.

Functions' clients pass the tracing header on; in it is how often each function was invoked on the way. Where it is not passed on, as
by a bucket's notifications, nothing is detected.

Source: Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops".
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from fogbank.core.errors import AwsError

MOST: Final = 16  # invocations in one chain
KEPT: Final = 8  # functions of a chain that are counted
_LINEAGE: Final = re.compile(r";?Lineage=([0-9a-f]{8}:[0-9]{1,3}(?:\|[0-9a-f]{8}:[0-9]{1,3}){0,7})", re.ASCII)


def counted(trace: str, arn: str) -> tuple[str, int]:
    """A tracing header with one more invocation of a function, and how many there were of it before."""
    found = _LINEAGE.search(trace)
    pairs = (one.split(":") for one in found[1].split("|")) if found else ()
    counts = {name: int(count) for name, count in pairs}
    name = sha256(arn.encode()).hexdigest()[:8]
    before = counts.pop(name, 0)
    counts[name] = before + 1
    lineage = "|".join(f"{one}:{count}" for one, count in list(counts.items())[-KEPT:])
    rest = _LINEAGE.sub("", trace)
    return f"{rest};Lineage={lineage}", before


def recursive(arn: str) -> AwsError:
    """The error for an invocation that would go on with a loop."""
    return AwsError(
        "RecursiveInvocationException",
        f"Lambda has detected that the function {arn} is being invoked in a recursive loop, and stopped it.",
        fields={"Type": "User"},
    )
