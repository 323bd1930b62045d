"""The Condition element: keys, set operators, IfExists, Null.

Source: IAM User Guide, "IAM JSON policy elements: Condition", "Set operators for multivalued context keys",
"Condition operators" (…IfExists, Null).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fogbank.auth.policy.model import PolicyError
from fogbank.auth.policy.operators import OPERATORS
from fogbank.auth.policy.variables import Template, parse
from fogbank.auth.policy.wildcards import pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.auth.policy.model import Context
    from fogbank.auth.policy.operators import Operator

Each = Literal["", "ForAllValues", "ForAnyValue"]
_UNPARSABLE = "The policy failed legacy parsing"


class Condition:
    """One operator with one key."""

    __slots__ = ("_deny", "_each", "_key", "_negated", "_operator", "_optional", "_static", "_templates", "_test")

    def __init__(self, operator: Operator, key: str, each: Each, optional: bool, deny: bool) -> None:
        self._operator, self._key, self._each, self._optional, self._deny = operator, key, each, optional, deny
        self._negated = operator.negated
        self._static: list[str] = []
        self._templates: list[Template] = []
        self._test: Callable[[str], bool] = bool

    def take(self, values: list[str], variables: bool) -> None:
        """Compile the policy's values; ValueError for one that is not of the operator's type."""
        literal = pattern_of if self._operator.wild else str
        for value in values:
            found = parse(value, literal) if variables and self._operator.variables else literal(value)
            if isinstance(found, Template):
                self._templates.append(found)
            else:
                self._static.append(found)
        self._test = self._operator.make(self._static)

    def holds(self, context: Context, missing: list[str]) -> bool:
        """Whether the request meets the condition."""
        value = context.get(self._key)
        if value is None or value == ():
            missing.append(self._key)
            return self._absent()
        test, certain = self._test, True
        if self._templates:
            test, certain = self._resolved(context, missing)
        if isinstance(value, str) and not self._each:
            return self._fits(value, test, certain) if self._negated else test(value)
        return self._several((value,) if isinstance(value, str) else value, test, certain)

    def _absent(self) -> bool:
        if self._optional or self._each == "ForAllValues":
            return True
        return self._negated and not self._each

    def _resolved(self, context: Context, missing: list[str]) -> tuple[Callable[[str], bool], bool]:
        """The test with the variables' values, and whether all of them had one."""
        found = [template.resolve(context, missing) for template in self._templates]
        values = [value for value in found if value is not None]
        try:
            return self._operator.make(self._static + values), len(values) == len(found)
        except ValueError:  # a value that is not of the operator's type
            return self._test, False

    def _fits(self, value: str, test: Callable[[str], bool], certain: bool) -> bool:
        """Whether one value of the request fits. What a variable without value would have said is decided for the safe side."""
        if not self._negated:
            return test(value)
        return not test(value) and (certain or self._deny)

    def _several(self, values: tuple[str, ...], test: Callable[[str], bool], certain: bool) -> bool:
        if self._each == "ForAllValues":  # an empty string is no value
            return all(self._fits(value, test, certain) for value in values if value)
        if self._each == "" and self._negated:
            return all(self._fits(value, test, certain) for value in values)
        return any(self._fits(value, test, certain) for value in values)


class Null:
    """Whether a key is absent from the request."""

    __slots__ = ("_key", "_wanted")

    def __init__(self, key: str, values: list[str]) -> None:
        self._key = key
        self._wanted = frozenset(value.lower() for value in values)
        if not self._wanted <= {"true", "false"}:
            raise ValueError("neither true nor false")

    def holds(self, context: Context, _missing: list[str]) -> bool:
        """Whether it is as the policy wants it."""
        value = context.get(self._key)
        return ("true" if value is None or value == () else "false") in self._wanted


def condition(name: str, key: str, values: list[str], *, variables: bool, deny: bool) -> Condition | Null:
    """Compile an operator's name, a key and its values. Raises PolicyError for an operator or a value that is none."""
    if not key.partition(":")[0] or ":" not in key:
        raise PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    key = key.lower()
    try:
        if name == "Null":
            return Null(key, values)
        before, colon, rest = name.rpartition(":")
        bare = rest.removesuffix("IfExists")
        operator = OPERATORS.get(bare)
        if operator is None or (colon and before not in ("ForAllValues", "ForAnyValue")):
            raise PolicyError(f"Invalid Condition type : {name}")
        each: Each = "ForAllValues" if before == "ForAllValues" else "ForAnyValue" if before else ""
        found = Condition(operator, key, each, bare != rest, deny)
        found.take(values, variables)
    except PolicyError:
        raise
    except (ValueError, OverflowError):
        raise PolicyError(_UNPARSABLE) from None
    return found
