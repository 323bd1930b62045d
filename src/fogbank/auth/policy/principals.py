"""The Principal and NotPrincipal elements.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "NotPrincipal"; "Policy evaluation logic", the table of
resource-based policies and implicit denies.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING

from fogbank.auth.policy.model import PolicyError

if TYPE_CHECKING:
    from fogbank.auth.policy.model import Context, Who

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root", re.ASCII)
_ARN = re.compile(
    r"arn:aws[a-z-]*:(iam::[0-9]{12}:(user|role)/[^*?\s:]+"
    r"|sts::[0-9]{12}:(assumed-role/[^*?\s:/]+/[^*?\s:/]+|federated-user/[^*?\s:/]+))",
    re.ASCII,
)
_ID = re.compile(r"(AIDA|AROA)[A-Z0-9]{12,124}(:[\w+=,.@-]{2,64})?", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)
_PROVIDER = re.compile(
    r"arn:aws[a-z-]*:iam::[0-9]{12}:(saml|oidc)-provider/[^*?\s]+|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(/[^*?\s]*)?", re.ASCII
)
_CANONICAL = re.compile(r"[0-9a-f]{64}", re.ASCII)
_RULES = {
    "AWS": (_ACCOUNT, _ROOT, _ARN, _ID),
    "Service": (_SERVICE,),
    "Federated": (_PROVIDER,),
    "CanonicalUser": (_CANONICAL,),
}
# Where the caller's canonical user id is found in the context: AWS has no public condition key for it.
CANONICAL_KEY = "fogbank:canonicaluserid"


class Grade(IntEnum):
    """How a Principal element names a caller: each kind of grant passes by different layers."""

    NONE = 0
    ACCOUNT = 1  # its account, which decides further by identity policies
    ENTITY = 2  # the role of a session, the user of a federated one: limited by boundary and session policies
    DIRECT = 3  # itself, or everyone


class Principals:
    """The values of a Principal element."""

    __slots__ = ("_accounts", "_canonical", "_everyone", "_names", "_providers", "_services", "values")

    def __init__(self, values: dict[str, list[str]]) -> None:
        self.values = tuple((kind, value) for kind, found in values.items() for value in found)
        for kind, value in self.values:
            if (value != "*" or kind == "CanonicalUser") and not any(rule.fullmatch(value) for rule in _RULES[kind]):
                raise PolicyError(f'Invalid principal in policy: "{kind.upper()}":"{value}"')
        aws = values.get("AWS", [])
        self._everyone = "*" in aws
        roots = {value: root[1] for value in aws if (root := _ROOT.fullmatch(value))}
        self._accounts = frozenset(roots.values()) | {value for value in aws if _ACCOUNT.fullmatch(value)}
        self._names = frozenset(aws)
        self._services = frozenset(values.get("Service", []))
        self._providers = frozenset(values.get("Federated", []))
        self._canonical = frozenset(values.get("CanonicalUser", []))

    def grade(self, who: Who, context: Context) -> Grade:
        """How the caller is named, the strongest way if in several."""
        if self._everyone or self._itself(who):
            return Grade.DIRECT
        if self._entity(who):
            return Grade.ENTITY
        return Grade.ACCOUNT if self._account(who, context) else Grade.NONE

    def spares(self, who: Who, context: Context, deny: bool) -> bool:
        """Whether, as NotPrincipal, it excepts the caller.

        From a Deny only if it names the account as well as the user or the role, and the session too if it names any of the
        role; from an Allow if it names any of them.
        """
        if self._everyone:
            return True
        if who.kind in ("service", "anonymous", "root") or (who.kind == "federated" and who.provider):
            return self._itself(who)
        itself, account = self._itself(who), self._account(who, context)
        if who.kind != "role":
            return itself and account if deny else itself or account
        role = self._entity(who)
        if not deny:
            return itself or role or account
        return account and role and (itself or not self._sessions_of(who))

    def _sessions_of(self, who: Who) -> bool:
        """Whether it names particular sessions of the caller's role."""
        arn, identity = who.arn.rpartition("/")[0] + "/", who.id.partition(":")[0] + ":"
        return any(name.startswith((arn, identity)) for name in self._names)

    def _itself(self, who: Who) -> bool:
        if who.kind == "service":
            return who.service in self._services or "*" in self._services
        if who.kind == "anonymous":
            return False
        if who.kind == "root" and who.account in self._accounts:
            return True
        if who.kind == "federated" and who.provider:  # its id is what the provider calls it, and names nobody here
            return self._federated(who)
        return who.arn in self._names or who.id in self._names

    def _federated(self, who: Who) -> bool:
        return bool(who.provider) and (who.provider in self._providers or "*" in self._providers)

    def _entity(self, who: Who) -> bool:
        if who.kind not in ("role", "federated") or (who.kind == "federated" and who.provider):
            return False
        if who.issuer in self._names or self._federated(who):
            return True
        return who.kind == "role" and who.id.partition(":")[0] in self._names

    def _account(self, who: Who, context: Context) -> bool:
        if who.kind in ("service", "anonymous"):
            return False
        if who.account in self._accounts:
            return True
        return bool(self._canonical) and context.get(CANONICAL_KEY) in self._canonical
