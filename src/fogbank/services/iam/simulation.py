"""One simulation: its caller, policies and context, and the result for an action on a resource."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from fogbank.auth.policy import Policies, PolicySet, decide
from fogbank.core.errors import AwsError
from fogbank.core.principal import EVERYTHING
from fogbank.services.iam.policy_sources import context_keys, line_and_column, positions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fogbank.auth.policy import Decision, Match, Policy
    from fogbank.core.principal import Principal, Value

ENTRIES = 256


@dataclass(frozen=True)
class Origin:
    """Where a policy comes from: SourcePolicyId, SourcePolicyType, and its document."""

    id: str
    type: str
    document: str

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Where its statements are."""
        return positions(self.document)


@dataclass(frozen=True)
class Simulation:
    """`owner` is the account of resources whose ARN names none; `origins` are by the policies' names in decisions."""

    who: Principal
    policies: Policies
    resource_policy: Policy | None
    owner: str
    context: Mapping[str, Value]
    origins: Mapping[str, Origin]

    def result(self, action: str, resource: str, listed: bool) -> dict[str, Any]:
        """The EvaluationResult. `listed`: the request named its resources."""
        same = self.owner_of(resource) == self.who.account
        decision = self.decide(action, resource, self.policies, self.resource_policy, same)
        verdict = outcome(decision)
        shared = {
            "MatchedStatements": [found for match in decision.by if (found := self.matched(match))],
            "MissingContextValues": self.as_written(decision.missing),
        }
        if self.policies.boundary is not None:
            allowed = self.decide(action, resource, Policies(self.policies.boundary), None, True).allowed
            shared["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
        if not same:
            shared["EvalDecisionDetails"] = self.details(action, resource)
        told: dict[str, Any] = {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": verdict,
            **shared,
        }
        if self.policies.control:
            levels = [self.decide(action, resource, Policies(level), None, True) for level in self.policies.control]
            told["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": all(level.allowed for level in levels)}
        if listed:
            told["ResourceSpecificResults"] = [
                {"EvalResourceName": resource, "EvalResourceDecision": verdict, **shared}
            ]
        return told

    def decide(self, action: str, resource: str, policies: Policies, policy: Policy | None, same: bool) -> Decision:
        """Ask the evaluator."""
        return decide(action, resource, self.who, self.context, policies, resource_policy=policy, same_account=same)

    def details(self, action: str, resource: str) -> dict[str, str]:
        """What each side says of a request from one account to another."""
        ours = self.decide(action, resource, self.policies, None, True)
        theirs = self.decide(action, resource, EVERYTHING, self.resource_policy, False)
        return {"IAM Policy": outcome(ours), "Resource Policy": outcome(theirs)}

    def owner_of(self, resource: str) -> str:
        """The account of a resource."""
        account = resource.split(":", 5)[4] if resource.count(":") >= 5 else ""
        return account if len(account) == 12 and account.isdigit() else self.owner

    def matched(self, match: Match) -> dict[str, Any] | None:
        """A statement that decided, as IAM tells it; None for one of a policy that is nobody's business (service control)."""
        origin = self.origins.get(match.policy)
        if origin is None:
            return None
        told: dict[str, Any] = {"SourcePolicyId": origin.id, "SourcePolicyType": origin.type}
        index, places = self.indices.get(match), origin.places
        if index is not None and index < len(places):
            told["StartPosition"], told["EndPosition"] = (
                line_and_column(origin.document, each) for each in places[index]
            )
        return told

    @cached_property
    def indices(self) -> Mapping[Match, int]:
        """The positions of statements in their policies."""
        sets = [self.policies.identity, self.policies.boundary or PolicySet.EMPTY]
        policies = [policy for each in sets for policy in each.policies]
        policies += [self.resource_policy] if self.resource_policy else []
        return {each.match: each.index for policy in reversed(policies) for each in reversed(policy.statements)}

    def as_written(self, keys: Sequence[str]) -> list[str]:
        """Condition keys as the policies write them."""
        return [self.written.get(key, key) for key in keys]

    @cached_property
    def written(self) -> Mapping[str, str]:
        """The condition keys of all policies: in lower case, and as they are written."""
        return {key.lower(): key for origin in self.origins.values() for key in context_keys(origin.document)}


def outcome(decision: Decision) -> str:
    """A PolicyEvaluationDecisionType."""
    return "allowed" if decision.allowed else "explicitDeny" if decision.explicit else "implicitDeny"


def context_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    """The condition keys of ContextEntries. Raises InvalidInput for values that are not of their type."""
    if len(entries) > ENTRIES:
        raise AwsError("InvalidInput", f"More than {ENTRIES} context entries.")
    found: dict[str, Value] = {}
    for entry in entries:
        name, kind, values = entry.get("ContextKeyName"), entry.get("ContextKeyType"), entry.get("ContextKeyValues", [])
        if not name or not kind:
            raise AwsError("InvalidInput", "A context entry needs ContextKeyName and ContextKeyType.")
        check = _CHECKS[kind.removesuffix("List")]
        if not all(_is(check, value) for value in values) or (len(values) != 1 and not kind.endswith("List")):
            raise AwsError(
                "InvalidInput", f"Invalid values for the context key {name}: they are not of the type {kind}."
            )
        found[name.lower()] = tuple(values) if kind.endswith("List") else values[0]
    return found


def _is(check: Callable[[str], Any], value: str) -> bool:
    try:
        check(value)
    except (ValueError, InvalidOperation, OverflowError):
        return False
    return True


def _boolean(value: str) -> None:
    if value.lower() not in ("true", "false"):
        raise ValueError(value)


def _date(value: str) -> None:
    if not value.isdigit():
        datetime.fromisoformat(value)


_CHECKS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "binary": str,
    "numeric": Decimal,
    "boolean": _boolean,
    "ip": lambda value: ip_network(value, strict=False),
    "date": _date,
}
