"""What functions use, added up as it happens and kept soon after: requests, and memory times duration."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fogbank.core import usage

if TYPE_CHECKING:
    from datetime import date

    from fogbank.core.region import Region
    from fogbank.engine.functions.spec import FunctionSpec, Outcome
    from fogbank.store.api import Tx

    Place = tuple[str, str, str, date]  # account, region, function's name, day

SERVICE: Final = "lambda"
SOON: Final = 0.4  # seconds: what a process that is killed may lose
_log = logging.getLogger("fogbank.lambda")


class Meter:
    """Adds up what is used, and writes it a moment later: many invocations cost one write."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._used: dict[Place, dict[str, float]] = {}
        self._writing: asyncio.Task[None] | None = None

    def ran(self, spec: FunctionSpec, outcome: Outcome) -> None:
        """An invocation has ended."""
        kind = "gb_ms_provisioned_used" if outcome.provisioned else of_architecture(spec)
        self.add(spec.account, spec.region, spec.name, requests=1, **{kind: spec.memory / 1024 * outcome.billed_ms})

    def add(self, account: str, region: str, name: str, /, **units: float) -> None:
        """A function used something."""
        place = (account, region, name, self._region.clock.now().date())
        used = self._used.setdefault(place, {})
        for unit, amount in units.items():
            used[unit] = used.get(unit, 0.0) + amount
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_soon())

    async def _write_soon(self) -> None:
        try:
            while self._used:
                await asyncio.sleep(SOON)
                await self.write()
        finally:
            self._writing = None

    async def write(self) -> None:
        """Keep what was used; what cannot be written now is written later."""
        used, self._used = self._used, {}

        def write(tx: Tx) -> None:
            for (account, region, name, day), units in used.items():
                usage.add(tx, account, region, SERVICE, name, day, **units)

        try:
            await self._region.store.write(write)
        except Exception:
            _log.exception("what functions used is kept later")
            for (account, region, name, day), units in used.items():
                kept = self._used.setdefault((account, region, name, day), {})
                for unit, amount in units.items():
                    kept[unit] = kept.get(unit, 0.0) + amount

    async def close(self) -> None:
        """Keep what was used since."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._used:
            await self.write()


def of_architecture(spec: FunctionSpec) -> str:
    """The unit of memory times duration: AWS's prices differ by architecture."""
    return "gb_ms_arm64" if spec.architecture == "arm64" else "gb_ms"
