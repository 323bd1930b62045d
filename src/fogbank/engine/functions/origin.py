"""Where an environment comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fogbank.engine.functions.budget import Share
    from fogbank.engine.functions.needs import Sandbox


class Origin:
    """Where an environment comes from: its sandbox, and what was decided when it was made."""

    def __init__(
        self, sandbox: Sandbox, wires: Wires, stream: str, how: str, expires: float, for_extensions: dict[str, str]
    ) -> None:
        self.sandbox = sandbox
        self.wires = wires
        self.stream = stream
        self.how = how
        self.expires = expires
        self.for_extensions = for_extensions


class Wires(Protocol):
    """What listens in the sandbox."""

    share: Share

    def close(self) -> None: ...
