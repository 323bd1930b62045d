"""Whether a bucket's requests are logged: asked before every request that names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.services.s3.records import buckets

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


def is_logged(call: Call, req: Input) -> bool:
    """Whether the addressed bucket has server access logging."""
    name = req.get("Bucket")
    bucket = buckets.get(call.tx, name) if name else None
    return bucket is not None and "logging" in bucket.configured
