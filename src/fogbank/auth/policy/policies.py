"""Compiled policies, and sets of them indexed by action."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import msgspec

from fogbank.auth.policy.principals import Grade, Principals
from fogbank.auth.policy.wildcards import arn_matcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fogbank.auth.policy.conditions import Condition, Null
    from fogbank.auth.policy.model import Context, Effect, Kind, Match, Who
    from fogbank.auth.policy.variables import Template

CACHED_ACTIONS = 1024  # in one index; more than the services that a principal uses have together
CACHED_LENGTH = 256  # characters: longer names are no actions, and longer patterns are rare


_kept = lru_cache(1024)(arn_matcher)


def _matcher(pattern: str) -> Callable[[str], bool]:
    """The matcher of a pattern whose variables were filled; of short ones kept, since the next request is often the same caller's."""
    return _kept(pattern) if len(pattern) <= CACHED_LENGTH else arn_matcher(pattern)


class Resources(msgspec.Struct, frozen=True):
    """A Resource or, if `other`, a NotResource element, with variables."""

    fixed: Callable[[str], bool]  # whether it is named without them
    templates: tuple[Template, ...]
    other: bool
    deny: bool

    def match(self, resource: str, context: Context, missing: list[str]) -> bool:
        """Whether the statement is about the resource. A NotResource with a variable without value is decided for the safe side."""
        named = self.fixed(resource)
        certain = True
        if not named:
            for template in self.templates:
                pattern = template.resolve(context, missing)
                if pattern is None:
                    certain = False
                elif _matcher(pattern)(resource):
                    named = True
                    break
        if not self.other:
            return named
        return not named and (certain or self.deny)


class Statement(msgspec.Struct, frozen=True):
    """A compiled statement. `index` is its position in the policy, from 0."""

    sid: str
    effect: Effect
    index: int
    match: Match
    actions: Callable[[str], bool]
    other_actions: bool  # NotAction
    about: Callable[[str], bool] | None  # whether it is about a resource; None: about every one, or `resources` knows
    resources: Resources | None
    conditions: tuple[Condition | Null, ...]
    principals: Principals | None
    other_principals: bool  # NotPrincipal

    def covers(self, action: str) -> bool:
        """Whether it is about the action, which is given in lower case."""
        return self.actions(action) != self.other_actions

    def applies(self, resource: str, context: Context, missing: list[str]) -> bool:
        """Whether resource and conditions are those of the request."""
        about = self.about
        if about is not None and not about(resource):
            return False
        if self.resources is not None and not self.resources.match(resource, context, missing):
            return False
        for condition in self.conditions:  # noqa: SIM110 - a generator costs more than the conditions
            if not condition.holds(context, missing):
                return False
        return True

    def grade(self, who: Who, context: Context, bounded: bool) -> Grade:
        """How the Principal element names the caller. `bounded`: it has a permissions boundary."""
        if self.principals is None:
            return Grade.NONE
        if not self.other_principals:
            return self.principals.grade(who, context)
        deny = self.effect == "Deny"
        # AWS: NotPrincipal with Deny always denies a principal that has a permissions boundary.
        if deny and bounded and who.kind in ("user", "role"):
            return Grade.DIRECT
        return Grade.NONE if self.principals.spares(who, context, deny) else Grade.DIRECT


class About(msgspec.Struct, frozen=True):
    """The statements about an action."""

    deny: tuple[Statement, ...]
    allow: tuple[Statement, ...]


class Index:
    """Statements by action. What was found for an action is kept, bounded; safe to share between threads."""

    __slots__ = ("_found", "_statements")

    def __init__(self, statements: Iterable[Statement]) -> None:
        # Those that ask least come first: they decide without a look at the request.
        self._statements = sorted(
            statements, key=lambda s: (len(s.conditions), s.resources is not None, s.about is not None)
        )
        self._found: dict[str, About] = {}

    def about(self, action: str) -> About:
        """The statements about an action, in any case."""
        found = self._found.get(action)
        return self._look(action) if found is None else found

    def _look(self, action: str) -> About:
        name = action.lower()
        about = [statement for statement in self._statements if statement.covers(name)]
        found = About(
            tuple(statement for statement in about if statement.effect == "Deny"),
            tuple(statement for statement in about if statement.effect == "Allow"),
        )
        if len(action) <= CACHED_LENGTH:
            if len(self._found) >= CACHED_ACTIONS:
                self._found = {}
            self._found[action] = found
        return found


class Policy:
    """A parsed policy; immutable. `name` is what explanations call it."""

    __slots__ = ("about", "kind", "name", "statements")

    def __init__(self, name: str, kind: Kind, statements: tuple[Statement, ...]) -> None:
        self.name, self.kind, self.statements = name, kind, statements
        self.about = Index(statements).about

    def principals(self) -> tuple[tuple[str, str], ...]:
        """What its Principal and NotPrincipal elements name: pairs of ("AWS", "arn:…"), ("Service", "…") and so on."""
        named = [value for each in self.statements if each.principals for value in each.principals.values]
        return tuple(dict.fromkeys(named))


class PolicySet:
    """Policies of which any may allow and any may deny, indexed by action. Safe to share between requests and threads."""

    __slots__ = ("about", "policies")
    EMPTY: ClassVar[PolicySet]

    def __init__(self, policies: Iterable[Policy]) -> None:
        self.policies = tuple(policies)
        self.about = Index(statement for policy in self.policies for statement in policy.statements).about


PolicySet.EMPTY = PolicySet(())


class Policies(msgspec.Struct, frozen=True):
    """What applies to a caller.

    `boundary`: its permissions boundary. `session`: session policies. `control`: service control policies, a set for each
    level from the root down, each of which has to allow.
    """

    identity: PolicySet
    boundary: PolicySet | None = None
    session: PolicySet | None = None
    control: tuple[PolicySet, ...] = ()
