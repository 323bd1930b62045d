"""The decision.

Source: IAM User Guide, "Policy evaluation logic", "Policy evaluation for requests within a single account",
"Cross-account policy evaluation logic".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.auth.policy.model import Decision
from fogbank.auth.policy.principals import Grade

if TYPE_CHECKING:
    from fogbank.auth.policy.model import Context, Layer, Match, Who
    from fogbank.auth.policy.policies import Policies, Policy, PolicySet


def decide(
    action: str,
    resource: str,
    who: Who,
    context: Context,
    policies: Policies,
    *,
    resource_policy: Policy | None = None,
    same_account: bool = True,
    needs_resource_policy: bool = False,
) -> Decision:
    """May `who` do `action` to `resource` (an ARN, or `*`)?

    `same_account`: the resource belongs to the caller's account. `needs_resource_policy`: the resource's policy has to allow
    (role trust policies, KMS keys); if it names the account, that delegates to identity policies.
    """
    question = _Question(action, resource, who, context, policies)
    denied = question.denied(resource_policy)
    if denied is not None:
        return denied
    grade = question.granted(resource_policy) if resource_policy is not None else Grade.NONE
    if question.outsider:
        return question.decision("resource", grade is Grade.DIRECT)
    for level in policies.control:
        if not question.allowed(level):
            return question.decision("control", False)
    if grade is Grade.NONE and (needs_resource_policy or not same_account):
        return question.decision("resource", False)
    if same_account and grade is Grade.DIRECT:
        return question.decision("resource", True)
    by_resource = same_account and grade is Grade.ENTITY
    if not by_resource and not question.allowed(policies.identity) and who.kind != "root":
        return question.decision("identity", False)
    if policies.boundary is not None and not question.allowed(policies.boundary):
        return question.decision("boundary", False)
    # A federated user has what its session policies give; without any, only what a resource's policy does.
    unscoped = policies.session is None and who.kind == "federated"
    if unscoped or (policies.session is not None and not question.allowed(policies.session)):
        return question.decision("session", False)
    return question.decision("resource" if by_resource else "identity", True)


class _Question:
    """A request while it is decided: the statements that allowed so far, and the keys that were missing."""

    __slots__ = ("action", "by", "context", "missing", "outsider", "policies", "resource", "who")

    def __init__(self, action: str, resource: str, who: Who, context: Context, policies: Policies) -> None:
        self.action, self.resource, self.who, self.context, self.policies = action, resource, who, context, policies
        self.by: list[Match] = []
        self.missing: list[str] = []
        # Those who belong to no account: no layer but the resource's policy is about them.
        kind = who.kind
        self.outsider = kind in ("service", "anonymous") or (kind == "federated" and bool(who.provider))

    def denied(self, resource_policy: Policy | None) -> Decision | None:
        """The explicit deny, by all the statements that deny, if there are any."""
        found: list[Match] = []
        kind: Layer = "control"
        action, resource, context, missing = self.action, self.resource, self.context, self.missing
        for layer, policies in self._layers():
            for statement in policies.about(action).deny:
                if statement.applies(resource, context, missing):
                    kind = kind if found else layer
                    found.append(statement.match)
        if resource_policy is not None:
            bounded = self.policies.boundary is not None
            for statement in resource_policy.about(action).deny:
                if statement.grade(self.who, context, bounded) and statement.applies(resource, context, missing):
                    kind = kind if found else "resource"
                    found.append(statement.match)
        if not found:
            return None
        return Decision(False, True, kind, tuple(found), tuple(dict.fromkeys(self.missing)))

    def _layers(self) -> list[tuple[Layer, PolicySet]]:
        """The policies of the caller, in the order in which a denial is told."""
        if self.outsider:
            return []
        policies = self.policies
        found: list[tuple[Layer, PolicySet]] = [("control", level) for level in policies.control]
        found.append(("identity", policies.identity))
        if policies.boundary is not None:
            found.append(("boundary", policies.boundary))
        if policies.session is not None:
            found.append(("session", policies.session))
        return found

    def granted(self, policy: Policy) -> Grade:
        """The strongest grant of the resource's policy."""
        best, by = Grade.NONE, None
        bounded = self.policies.boundary is not None
        for statement in policy.about(self.action).allow:
            grade = statement.grade(self.who, self.context, bounded)
            if grade > best and statement.applies(self.resource, self.context, self.missing):
                best, by = grade, statement.match
                if best is Grade.DIRECT:
                    break
        if by is not None:
            self.by.append(by)
        return best

    def allowed(self, policies: PolicySet) -> bool:
        """Whether any statement of the set allows."""
        resource, context, missing = self.resource, self.context, self.missing
        for statement in policies.about(self.action).allow:
            if statement.applies(resource, context, missing):
                self.by.append(statement.match)
                return True
        return False

    def decision(self, kind: Layer, allowed: bool) -> Decision:
        """An allow, or an implicit deny."""
        missing = tuple(dict.fromkeys(self.missing)) if self.missing else ()
        return Decision(allowed, False, kind, tuple(self.by) if allowed else (), missing)
