"""The grammar of policies: from a document to a compiled policy, or the reason why it is none.

IAM's identity-based policies and the modern parser of resource and trust policies have different words for the same errors.
Source: IAM User Guide, "Grammar of the IAM JSON policy language", "IAM JSON policy elements reference".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from fogbank.auth.policy.conditions import condition
from fogbank.auth.policy.document import Number, load, scalars, texts
from fogbank.auth.policy.model import Effect, Kind, Match, PolicyError
from fogbank.auth.policy.policies import Policy, Resources, Statement
from fogbank.auth.policy.principals import Principals
from fogbank.auth.policy.variables import Template, parse
from fogbank.auth.policy.wildcards import any_of, arn_matcher, matches_everything, pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.auth.policy.conditions import Condition, Null

UNPARSABLE = "The policy failed legacy parsing"
SYNTAX = "Syntax errors in policy."
_VERSIONS = ("2008-10-17", "2012-10-17")
_ELEMENTS = frozenset(
    ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
)
_SID = re.compile(r"[0-9A-Za-z]*", re.ASCII)
_VENDOR = re.compile(r"[a-zA-Z0-9-]+", re.ASCII)
_NAME = re.compile(r"[!-9;-~]+", re.ASCII)  # printable, no colon
_TRUSTED = re.compile(r"sts:(assumerole[a-z*?]*|tagsession|setsourceidentity|setcontext|\*)", re.ASCII | re.IGNORECASE)
_PARTITION = re.compile(r"aws(-[a-z]+)*|\*", re.ASCII)
_IAM_PATHS = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
]


class Grammar(msgspec.Struct, frozen=True):
    """What differs between kinds of policies: whether there are principals and resources, and the words of the errors."""

    iam: bool  # the words of IAM's identity-based policies
    principal: bool = False
    resource: bool = True
    sids: bool = True  # alphanumeric, and none twice

    def error(self, legacy: str, modern: str) -> PolicyError:
        """The error in this kind's words."""
        return PolicyError(legacy if self.iam else modern)


_GRAMMARS: dict[Kind, Grammar] = {
    "identity": Grammar(iam=True),
    "control": Grammar(iam=True),
    "resource": Grammar(iam=False, principal=True, sids=False),
    "trust": Grammar(iam=False, principal=True, resource=False),
}


def parse_policy(document: str, kind: Kind, name: str = "") -> Policy:
    """Parse and compile a policy document. `name`: what explanations call it, an ARN or an inline policy's name.

    Raises PolicyError with AWS's words.
    """
    grammar = _GRAMMARS[kind]
    found = load(document, SYNTAX if grammar.iam else "This policy contains invalid Json")
    for element in found:
        if element not in ("Version", "Statement") and (element != "Id" or grammar.iam):
            raise grammar.error(SYNTAX, f"Unknown field {element}")
    if not isinstance(found.get("Id", ""), str) or isinstance(found.get("Id"), Number):
        raise PolicyError("Invalid policy syntax.")
    version = found.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise grammar.error(
            "Policy document must be version 2012-10-17 or greater.", "The policy must contain a valid version string"
        )
    raw = found.get("Statement")
    raw = [raw] if isinstance(raw, dict) else raw
    if not isinstance(raw, list) or not raw:
        raise grammar.error(SYNTAX, "Missing required field Statement")
    compiler = _Compiler(grammar, kind, name, version == _VERSIONS[1])
    return Policy(name, kind, tuple(compiler.statement(index, each) for index, each in enumerate(raw)))


class _Compiler:
    """Compiles the statements of one document."""

    def __init__(self, grammar: Grammar, kind: Kind, name: str, variables: bool) -> None:
        self.grammar, self.kind, self.name, self.variables = grammar, kind, name, variables
        self.sids: set[str] = set()

    def statement(self, index: int, raw: Any) -> Statement:
        error = self.grammar.error
        if not isinstance(raw, dict):
            raise error(SYNTAX, "Invalid policy syntax.")
        for element in raw:
            if element not in _ELEMENTS:
                raise error(SYNTAX, f"Unknown field {element}")
        sid = self._sid(raw.get("Sid", ""))
        if "Effect" not in raw:
            raise error(SYNTAX, "Missing required field Effect")
        effect = raw["Effect"]
        if effect not in ("Allow", "Deny"):
            raise error(SYNTAX, f"Invalid effect: {str(effect)[:64]}")
        deny = effect == "Deny"
        principals = self._principals(raw)
        actions = self._actions(raw)
        resources = self._resources(raw, deny)
        return Statement(
            sid=sid,
            effect=cast("Effect", effect),
            index=index,
            match=Match(self.name, sid or str(index + 1)),
            actions=actions,
            other_actions="NotAction" in raw,
            about=None if isinstance(resources, Resources) else resources,
            resources=resources if isinstance(resources, Resources) else None,
            conditions=self._conditions(raw.get("Condition", {}), deny),
            principals=principals,
            other_principals="NotPrincipal" in raw,
        )

    def _sid(self, sid: Any) -> str:
        if texts(sid) is None or isinstance(sid, list):
            raise self.grammar.error(SYNTAX, "Invalid policy syntax.")
        if self.grammar.sids:
            if not _SID.fullmatch(sid):
                rule = "Check that your input satisfies the regular expression [0-9A-Za-z]*"
                raise PolicyError(f"Statement IDs (SID) must be alpha-numeric. {rule}")
            if sid in self.sids:
                raise PolicyError("Statement IDs (SID) in a single policy must be unique.")
            if sid:
                self.sids.add(sid)
        return cast("str", sid)

    def _one_of(self, raw: dict[str, Any], name: str, legacy: str) -> Any:
        """The value of an element, or of its Not form; one of the two has to be there."""
        error = self.grammar.error
        if name in raw and f"Not{name}" in raw:
            raise error(SYNTAX, f"Has prohibited field Not{name}")
        if name not in raw and f"Not{name}" not in raw:
            raise error(legacy, f"Missing required field {name}")
        return raw.get(name, raw.get(f"Not{name}"))

    def _principals(self, raw: dict[str, Any]) -> Principals | None:
        if not self.grammar.principal:
            if "Principal" in raw or "NotPrincipal" in raw:
                raise PolicyError("Policy document should not specify a principal.")
            return None
        value = self._one_of(raw, "Principal", "")
        if value == "*":
            value = {"AWS": "*"}
        if not isinstance(value, dict):
            raise PolicyError("Invalid principal in policy")
        kinds = {"AWS", "Service", "Federated"} | ({"CanonicalUser"} if self.kind == "resource" else set())
        if not value:
            raise PolicyError("Missing required field Principal cannot be empty!")
        found = {kind: texts(named) for kind, named in value.items()}
        if not found.keys() <= kinds or not all(found.values()):
            raise PolicyError("Invalid principal in policy")
        return Principals({kind: named for kind, named in found.items() if named})

    def _actions(self, raw: dict[str, Any]) -> Callable[[str], bool]:
        missing = "Policy statement must contain actions."
        values = texts(self._one_of(raw, "Action", missing))
        if values is None:
            raise self.grammar.error(SYNTAX, "Invalid policy syntax.")
        if not values:
            raise self.grammar.error(missing, "Missing required field Action")
        for value in values:
            if self.kind == "trust" and not _TRUSTED.fullmatch(value):
                raise PolicyError("AssumeRole policy may only specify STS AssumeRole actions.")
            _check_action(value)
        return any_of(pattern_of(value.lower()) for value in values)

    def _resources(self, raw: dict[str, Any], deny: bool) -> Resources | Callable[[str], bool] | None:
        if not self.grammar.resource:
            for element in ("Resource", "NotResource"):
                if element in raw:
                    raise PolicyError(f"Has prohibited field {element}")
            return None
        missing = "Policy statement must contain resources."
        values = texts(self._one_of(raw, "Resource", missing))
        if values is None:
            raise self.grammar.error(SYNTAX, "Invalid policy syntax.")
        if not values:
            raise self.grammar.error(missing, "Missing required field Resource")
        patterns, templates = [], []
        for value in values:
            _check_resource(value)
            found = parse(value, pattern_of) if self.variables else pattern_of(value)
            if isinstance(found, Template):
                templates.append(found)
            else:
                patterns.append(found)
        other = "NotResource" in raw
        fixed = any_of(patterns, arn_matcher)
        if templates:
            return Resources(fixed, tuple(templates), other, deny)
        if matches_everything(fixed) and not other:
            return None
        return (lambda resource: not fixed(resource)) if other else fixed

    def _conditions(self, raw: Any, deny: bool) -> tuple[Condition | Null, ...]:
        malformed = self.grammar.error(SYNTAX, "Invalid policy syntax.")
        if not isinstance(raw, dict):
            raise malformed
        found = []
        for operator, keys in raw.items():
            if not isinstance(keys, dict):
                raise malformed
            for key, value in keys.items():
                values = scalars(value)
                if not values:
                    raise malformed
                found.append(condition(operator, key, values, variables=self.variables, deny=deny))
        return tuple(found)


def _check_action(value: str) -> None:
    """A vendor and a name, as `s3:Get*`, or `*`."""
    if value == "*":
        return
    vendor, colon, name = value.partition(":")
    if not colon or not vendor:
        raise PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if ":" in name:
        raise PolicyError("Actions/Condition can contain only one colon.")
    if vendor != "*" and not _VENDOR.fullmatch(vendor):
        raise PolicyError(f"Vendor {vendor} is not valid")
    if not _NAME.fullmatch(name) or "${" in name:
        raise PolicyError(UNPARSABLE)


def _check_resource(value: str) -> None:
    """An ARN with wildcards and, after the fifth colon, variables; or `*`."""
    if value == "*":
        return
    segments = value.split(":", 5)
    if segments[0] != "arn" or len(segments) < 3:
        raise PolicyError(f'Resource {value} must be in ARN format or "*".')
    partition, vendor = segments[1:3]
    if not _PARTITION.fullmatch(partition):
        raise PolicyError(f'Partition "{partition}" is not valid for resource "{value}".')
    if not _VENDOR.fullmatch(vendor) and value != "arn:*:*":
        raise PolicyError("Resource vendor must be fully qualified and cannot contain regexes.")
    if any("${" in segment for segment in segments[:5]):
        raise PolicyError(UNPARSABLE)
    if vendor == "iam" and len(segments) == 6:
        _check_iam(value, segments[3], segments[5])


def _check_iam(value: str, region: str, path: str) -> None:
    if region and region != "*":
        raise PolicyError(f"IAM resource {value} cannot contain region information.")
    if path not in ("*", "root") and not path.startswith(("${", *_IAM_PATHS)) and not _wild_path(path):
        paths = ", ".join(_IAM_PATHS)
        raise PolicyError(f'IAM resource path must either be "*" or start with {paths}.')


def _wild_path(path: str) -> bool:
    """Whether a pattern could still be one of IAM's paths: `u*`, `*/Bob`."""
    literal = re.split(r"[*?$]", path, maxsplit=1)
    return len(literal) == 2 and any(each.startswith(literal[0]) for each in _IAM_PATHS)
