"""How many invocations run at once: functions with reserved concurrency have theirs, the others share their account's.

Source: "Understanding Lambda function scaling" in AWS Lambda's developer guide.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from fogbank.engine.functions.spec import CONCURRENT, RESERVED, Throttled

if TYPE_CHECKING:
    from fogbank.engine.functions.spec import Concurrency, FunctionSpec


class Admission:
    """Counts what runs, by function (all its versions together) and by account."""

    def __init__(self) -> None:
        self.functions: Counter[tuple[str, str, str]] = Counter()
        self._shared: Counter[tuple[str, str]] = Counter()

    def admit(self, spec: FunctionSpec, limits: Concurrency) -> Permit:
        """A permit for one invocation. Raises Throttled."""
        function = spec.account, spec.region, spec.name
        if limits.reserved is not None:
            if self.functions[function] >= limits.reserved:
                raise Throttled(RESERVED)
        elif self._shared[function[:2]] >= limits.unreserved:
            raise Throttled(CONCURRENT)
        else:
            self._shared[function[:2]] += 1
        self.functions[function] += 1
        return Permit(self, function, limits.reserved is None)

    def done(self, function: tuple[str, str, str], shared: bool) -> None:
        """One less."""
        drop(self.functions, function)
        if shared:
            drop(self._shared, function[:2])


class Permit:
    """One invocation that counts, until it is given back."""

    __slots__ = ("_admission", "_function", "_shared")

    def __init__(self, admission: Admission, function: tuple[str, str, str], shared: bool) -> None:
        self._admission: Admission | None = admission
        self._function = function
        self._shared = shared

    def give_back(self, *_: object) -> None:
        """It has ended; more than once does no harm."""
        admission, self._admission = self._admission, None
        if admission:
            admission.done(self._function, self._shared)


def drop(counter: Counter[Any], key: object) -> None:
    """Count one less, and forget zeros."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
