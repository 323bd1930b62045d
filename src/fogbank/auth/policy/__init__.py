"""IAM's policies: their grammar and their evaluation. Pure functions over a document and a request's context."""

from fogbank.auth.policy.decision import decide
from fogbank.auth.policy.grammar import parse_policy
from fogbank.auth.policy.model import Context, Decision, Kind, Match, PolicyError, Who
from fogbank.auth.policy.policies import Policies, Policy, PolicySet

__all__ = [
    "Context",
    "Decision",
    "Kind",
    "Match",
    "Policies",
    "Policy",
    "PolicyError",
    "PolicySet",
    "Who",
    "decide",
    "parse_policy",
]
