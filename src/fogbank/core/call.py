"""What a handler is given: its transaction, who calls, and the region around it. Nothing else reaches a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.core.authorize import ask
from fogbank.core.service import Permission

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from fogbank.core.authorize import Asked
    from fogbank.core.events import Events
    from fogbank.core.identity.mfa import Attempts
    from fogbank.core.ids import Ids
    from fogbank.core.principal import Principal
    from fogbank.core.service import Bound, Input
    from fogbank.core.vault import Vault
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

    `scope_region` is the region that the signature is for; empty for anonymous callers and for S3's Signature Version 2. `asked`
    collects the permissions that were asked for, with what was decided. `vault` seals secrets before they are stored; `events` is
    the log of what was asked of the region. `prepared` is what the operation's `prepare` came to.
    """

    __slots__ = (
        "account", "asked", "attempts", "body", "bound", "events", "ids", "input", "now", "prepared", "principal", "region", "request",
        "request_id", "scope_region", "served", "tx", "vault",
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
        vault: Vault,
        attempts: Attempts,
        events: Events,
        asked: list[Asked],
        bound: Bound,
        req: Input,
        served: tuple[str, ...] = (),
        body: Body | None = None,
    ) -> None:
        self.tx = tx
        self.principal: Principal = principal
        self.account = principal.account
        self.region = region
        self.scope_region = scope_region
        self.now = now
        self.request_id = request_id
        self.request = request
        self.ids = ids
        self.vault = vault
        self.attempts = attempts
        self.events = events
        self.asked = asked
        self.bound = bound
        self.input = req
        self.served = served
        self.body = body
        self.prepared: Any = None

    def allowed(self, action: str, resource: str, owner: str, names: Input | None = None) -> bool:
        """Whether the caller may do one more thing than its operation: for operations that act on many resources."""
        return self.may(Permission(action, resource, self.input if names is None else names), owner)

    def may(self, permission: Permission, owner: str, principal: Principal | None = None) -> bool:
        """Whether the caller, or another principal that was verified, has a permission."""
        bound, names = self.bound, permission.names
        decision = ask(
            self,
            principal or self.principal,
            permission,
            owner,
            bound=bound,
            req=self.input,
            policy=bound.policy(self, names) if bound.policy else None,
            needs_policy=permission.needs_policy or (bound.needs_policy and permission.action == bound.action),
        )
        return decision.allowed
