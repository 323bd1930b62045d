"""What a handler is given: its transaction, who calls, and the region around it. Nothing else reaches a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.core.authorize import Question, allowed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fogbank.core.ids import Ids
    from fogbank.core.principal import Principal
    from fogbank.store.api import Tx
    from fogbank.store.blobs import BlobRef
    from fogbank.wire.http import HttpRequest


class Body(msgspec.Struct, frozen=True):
    """A streamed request body, durable before the handler sees it: `data` when small, else a blob that is not linked yet.

    `digests` maps algorithm names (MD5, SHA256, CRC32, …) to raw digests; `trailers` are those of an aws-chunked body.
    """

    size: int
    digests: Mapping[str, bytes]
    data: bytes | None = None
    blob: BlobRef | None = None
    trailers: Mapping[str, str] = {}


class FileRange(msgspec.Struct, frozen=True):
    """A run of a blob file's bytes, to be sent without passing through Python."""

    blob: str
    start: int
    length: int


# A streaming response body: pieces in order.
Content = list[bytes | FileRange]


class Call:
    """One request, as its handler sees it. `served` are the regions that this installation is restricted to; empty is any.

    `scope_region` is the region that the signature is for; empty for anonymous callers and for S3's Signature Version 2.
    """

    __slots__ = (
        "account", "body", "ids", "now", "principal", "region", "request", "request_id", "scope_region", "served", "tx",
    )  # fmt: skip

    def __init__(
        self,
        *,
        tx: Tx,
        principal: Principal,
        region: str,
        scope_region: str,
        now: datetime,
        request_id: str,
        request: HttpRequest,
        ids: Ids,
        served: tuple[str, ...] = (),
        body: Body | None = None,
    ) -> None:
        self.tx = tx
        self.principal = principal
        self.account = principal.account
        self.region = region
        self.scope_region = scope_region
        self.now = now
        self.request_id = request_id
        self.request = request
        self.ids = ids
        self.served = served
        self.body = body

    def allowed(self, action: str, resource: str, owner: str) -> bool:
        """Whether the caller may do one more thing than its operation: for operations that act on many resources."""
        return allowed(Question(self.principal, action, resource, owner))
