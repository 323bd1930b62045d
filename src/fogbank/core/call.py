"""What a handler is given: its transaction, who calls, and the region around it. Nothing else reaches a handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.authorize import ask, authorise
from fogbank.core.errors import not_implemented
from fogbank.core.service import Permission

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fogbank.core.authorize import Asked
    from fogbank.core.control import Control
    from fogbank.core.events import Events
    from fogbank.core.identity.mfa import Attempts
    from fogbank.core.ids import Ids
    from fogbank.core.principal import Principal, Value
    from fogbank.core.region import Region
    from fogbank.core.service import Bound, Input, Operations
    from fogbank.core.vault import Vault
    from fogbank.store.api import Tx
    from fogbank.store.blobs import BlobRef
    from fogbank.wire.http import HttpRequest


class Sealing(msgspec.Struct, frozen=True):
    """How a body is to be encrypted: with a data key of 32 bytes. `record` is what the service keeps, to find the key again."""

    key: bytes
    record: Any = None

    def __repr__(self) -> str:
        return "Sealing()"


class Body(msgspec.Struct, frozen=True):
    """A streamed request body, durable before the handler sees it: `data` when small, else a blob that is not linked yet.

    `size` and `digests` are of what the caller sent; `digests` maps algorithm names (MD5, SHA256, CRC32, …) to raw digests;
    `trailers` are those of an aws-chunked body. With a `sealing`, the kept bytes are encrypted under its key and this `nonce`.
    """

    size: int
    digests: Mapping[str, bytes]
    data: bytes | None = None
    blob: BlobRef | None = None
    trailers: Mapping[str, str] = {}
    sealing: Sealing | None = None
    nonce: bytes = b""


class FileRange(msgspec.Struct, frozen=True):
    """A run of a blob file's bytes. Plain ones are sent without passing through Python.

    With a `key` and a `nonce` the file is encrypted (store/chunks.py), and `start` and `length` are of what it means.
    """

    blob: str
    start: int
    length: int
    key: bytes = b""
    nonce: bytes = b""

    def __repr__(self) -> str:
        return f"FileRange({self.blob}, {self.start}, {self.length})"


# A streaming response body: pieces in order.
Content = list[bytes | FileRange]


class Taking(msgspec.Struct, frozen=True):
    """Stored bytes that an operation takes as its body, the digests that are wanted of them, and how they are encrypted anew."""

    content: Content
    digests: tuple[str, ...] = ()
    sealing: Sealing | None = None


class Call:
    """One request, as its handler sees it. `served` are the regions that this installation is restricted to; empty is any.

    `scope_region` is the region that the signature is for; empty for anonymous callers and for S3's Signature Version 2. `asked`
    collects the permissions that were asked for, with what was decided. `vault` seals secrets before they are stored; `events` is
    the log of what was asked of the region. `operations` finds the operations of all services, for `invoke`. `control` has commands
    carried out in the control process. `prepared` is what the operation's `prepare` came to. `home` is the region that it runs on,
    for operations that act outside of the transaction.
    """

    __slots__ = (
        "account", "asked", "attempts", "body", "bound", "control", "events", "home", "ids", "input", "now", "operations", "prepared",
        "principal", "region", "request", "request_id", "scope_region", "served", "tx", "vault",
    )  # fmt: skip

    def __init__(
        self,
        *,
        home: Region,
        tx: Tx,
        principal: Principal,
        region: str,
        scope_region: str,
        now: datetime,
        request_id: str,
        request: HttpRequest,
        asked: list[Asked],
        bound: Bound,
        req: Input,
        body: Body | None = None,
    ) -> None:
        self.home = home
        self.tx = tx
        self.principal: Principal = principal
        self.account = principal.account
        self.region = region
        self.scope_region = scope_region
        self.now = now
        self.request_id = request_id
        self.request = request
        self.ids: Ids = home.ids
        self.vault: Vault = home.vault
        self.attempts: Attempts = home.attempts
        self.events: Events = home.events
        self.operations: Operations = home.operations
        self.control: Control = home.control
        self.asked = asked
        self.bound = bound
        self.input = req
        self.served = home.served
        self.body = body
        self.prepared: Any = None

    def invoke(self, service: str, operation: str, req: Input, region: str = "") -> Any:
        """Call an operation of another service, in this transaction, as this caller through this service; in this region by default.

        It is authorised there like any request, with the condition keys that AWS gives a service's calls on behalf of a caller
        (aws:ViaAWSService, aws:CalledVia, kms:ViaService). Only operations without a streamed body; a read does not write.
        """
        return carry_out(self, service, operation, req, region or self.region)

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


def carry_out(call: Call, service: str, operation: str, req: Input, region: str) -> Any:
    """An operation of another service on behalf of a call's caller; see Call.invoke."""
    bound = call.operations(service, operation)
    if bound is None:
        raise not_implemented(f"The operation {service}:{operation}")
    inner = Call(
        home=call.home,
        tx=call.tx,
        principal=through(call, region),
        region=region,
        scope_region=region,
        now=call.now,
        request_id=call.request_id,
        request=call.request,
        asked=call.asked,
        bound=bound,
        req=req,
    )
    authorise(inner, bound.service.model.protocol)
    return bound.handler(inner, req)


def through(call: Call, region: str) -> Principal:
    """The caller, as another service sees it that this one calls in its name.

    Source: IAM User Guide, "AWS global condition context keys"; KMS Developer Guide, "kms:ViaService".
    """
    name = call.bound.service.name
    host = f"{name}.amazonaws.com"
    keys: dict[str, Value] = {
        "aws:viaawsservice": "true",
        "aws:calledvia": (host,),
        "aws:calledviafirst": host,
        "aws:calledvialast": host,
        "kms:viaservice": f"{name}.{region}.amazonaws.com",
    }
    return msgspec.structs.replace(call.principal, keys=call.principal.keys | keys)
