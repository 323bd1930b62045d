"""Whether a bucket's requests are logged: asked before every request that names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.services.s3.records import buckets

if TYPE_CHECKING:
    from fogbank.core.service import Input
    from fogbank.store.api import Tx


def is_logged(tx: Tx, names: Input) -> bool:
    """Whether the addressed bucket has server access logging."""
    name = names.get("Bucket")
    bucket = buckets.get(tx, name) if name else None
    return bucket is not None and "logging" in bucket.configured
