"""The way to the control process: commands of services that are carried out there, from wherever they are asked for.

What must exist once a region, whatever the number of workers, lives there: the sandboxes of functions, schedulers. A service names a
command (`@lambda_.command("invoke")`), and its operations ask for it. Requests and answers are bytes; errors are AwsErrors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fogbank.core.background import Background
    from fogbank.core.service import Service


class Control(Protocol):
    """Whoever carries out commands."""

    async def ask(self, service: str, command: str, request: bytes) -> bytes:
        """The answer to a command. AwsError if it fails, or `gone` if the control process ends meanwhile."""

    def stream(self, service: str, command: str, request: bytes) -> AsyncIterator[bytes]:
        """The pieces of the answer to a command that gives many. A caller that takes no more of them ends the command."""


def gone() -> AwsError:
    """The error of who waits for a control process that ended. It is started again at once: clients that retry find it."""
    return AwsError("ServiceUnavailable", "The service is unavailable. Please try again.", status=503)


class Here:
    """Carries commands out in this process: in the control process itself, and in tests."""

    def __init__(self, find: Callable[[str], Service]) -> None:
        self._find = find
        self.background: Background | None = None

    async def ask(self, service: str, command: str, request: bytes) -> bytes:
        """See Control."""
        return await cast("Awaitable[bytes]", self._begin(service, command, request))

    async def stream(self, service: str, command: str, request: bytes) -> AsyncIterator[bytes]:
        """See Control."""
        async for piece in cast("AsyncIterator[bytes]", self._begin(service, command, request)):
            yield piece

    def _begin(self, service: str, command: str, request: bytes) -> Any:
        if self.background is None:
            raise gone()
        return self._find(service).commands[command](self.background, request)


class Nowhere:
    """No control process: tools that look at the state of a region."""

    async def ask(self, service: str, command: str, request: bytes) -> bytes:
        """There is nobody to ask."""
        raise gone()

    def stream(self, service: str, command: str, request: bytes) -> AsyncIterator[bytes]:
        """There is nobody to ask."""
        raise gone()
