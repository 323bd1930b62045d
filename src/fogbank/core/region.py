"""What a region runs on, passed to all that need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.core.control import Control, Nowhere
from fogbank.core.identity.mfa import Attempts

if TYPE_CHECKING:
    from fogbank.core.clock import Clock
    from fogbank.core.events import Events
    from fogbank.core.ids import Ids
    from fogbank.core.service import Operations
    from fogbank.core.vault import Vault
    from fogbank.store.api import Store
    from fogbank.store.blobs import Blobs


class Region(msgspec.Struct, frozen=True):
    """A region: `name` is the one for requests that are signed for none; `served` restricts the names, empty is any.

    `operations` finds the operations of its services. `control` carries out their commands in the control process.
    """

    name: str
    served: tuple[str, ...]
    store: Store
    blobs: Blobs
    clock: Clock
    ids: Ids
    vault: Vault
    events: Events
    operations: Operations
    attempts: Attempts = msgspec.field(default_factory=Attempts)
    control: Control = Nowhere()
