"""AWS's Service Authorization Reference, as data: `reference_data/<prefix>.json`, one file for each service prefix.

It says of each action its access level, the types of resources that it is on, its condition keys and the actions that it needs too;
of each type of resource its ARN. `fogbank.cli.reference` makes the files; `reference_data/_source.json` has their source and licence.
A file is read when its service is first asked for, which no request waits for: IAM's reports and simulations are who ask.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS services"; for global condition keys, IAM
User Guide, "AWS global condition context keys".
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.auth.policy.wildcards import matcher, pattern_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER: Final = Path(__file__).parent / "reference_data"

# Condition keys that are listed with a service of another prefix: identity providers with the service that takes their word.
_ELSEWHERE: Final = {
    "accounts.google.com": "sts",
    "catalog": "aws-marketplace",
    "cognito-identity-auth": "cognito-identity",
    "cognito-identity-unauth": "cognito-identity",
    "cognito-identity.amazonaws.com": "sts",
    "graph.facebook.com": "sts",
    "identitycenter": "sso",
    "saml": "sts",
    "www.amazon.com": "sts",
}

_GLOBAL: Final = {
    "ARN": "PrincipalArn SourceArn SourceVpcArn Ec2InstanceSourceVpcArn",
    "ArrayOfString": "CalledVia PrincipalOrgPaths PrincipalServiceNamesList ResourceOrgPaths SourceOrgPaths TagKeys",
    "Bool": "AssumedRoot MultiFactorAuthPresent PrincipalIsAWSService SecureTransport ViaAWSService",
    "Date": "CurrentTime EpochTime TokenIssueTime",
    "IPAddress": "Ec2InstanceSourcePrivateIPv4 SourceIp VpcSourceIp",
    "Numeric": "MultiFactorAuthAge",
    "String": "CalledViaFirst CalledViaLast ChatbotSourceArn FederatedProvider PrincipalAccount PrincipalOrgID "
    "PrincipalServiceName PrincipalType ResourceAccount ResourceOrgID SourceAccount SourceIdentity SourceOrgID SourceVpc "
    "SourceVpce Ec2InstanceSourceVpc UserAgent VpceAccount VpceOrgID referer userid username RequestedRegion",
}
_GLOBAL_TYPES: Final = {f"aws:{key.lower()}": kind for kind, keys in _GLOBAL.items() for key in keys.split()}
_TAGS: Final = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/")


class Access(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an action asks of one type of resource. The action always needs a `required` one; of the others, at least one."""

    required: bool = False
    condition_keys: tuple[str, ...] = ()
    dependent: tuple[str, ...] = ()


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """An action: `level` is Read, List, Write, Tagging or Permissions management; an action without resources is on `*`.

    `condition_keys` and `dependent` hold whatever the resource is; those of one type of resource stand there.
    """

    level: str
    resources: dict[str, Access] = {}
    condition_keys: tuple[str, ...] = ()
    dependent: tuple[str, ...] = ()


class ResourceType(msgspec.Struct, frozen=True, omit_defaults=True):
    """A type of resource: its ARN, in which `${Name}` stands for what differs."""

    arn: str
    condition_keys: tuple[str, ...] = ()


class Service(msgspec.Struct, frozen=True):
    """A service: all by name, and the type of each condition key (String, Bool, ArrayOfString, …)."""

    name: str
    actions: dict[str, Action]
    resources: dict[str, ResourceType]
    condition_keys: dict[str, str]


_decode = msgspec.json.Decoder(Service).decode


@lru_cache(maxsize=1)
def prefixes() -> frozenset[str]:
    """The prefixes of all services, as `s3`."""
    return frozenset(path.stem for path in FOLDER.glob("[!_]*.json"))


@lru_cache(maxsize=64)
def service(prefix: str) -> Service | None:
    """The service of a prefix, in lower case; None if there is none."""
    return _decode((FOLDER / f"{prefix}.json").read_bytes()) if prefix in prefixes() else None


def actions(prefix: str) -> Mapping[str, Action]:
    """The actions of a service by their names without the prefix; none, if there is no such service."""
    found = service(prefix)
    return found.actions if found else {}


def action(name: str) -> Action | None:
    """An action by its whole name in any case, as `s3:GetObject`."""
    prefix, _, rest = name.partition(":")
    found = _by_lower_name(prefix.lower()).get(rest.lower())
    return actions(prefix.lower())[found] if found else None


def matching(pattern: str) -> Iterator[str]:
    """The actions that a policy's Action means, as `s3:GetObject`, sorted; `*` and `?` are wildcards, case does not matter."""
    prefix, colon, rest = pattern.lower().partition(":")
    if not colon:
        prefix, rest = pattern, pattern if pattern == "*" else ""
    is_prefix, is_action = matcher(pattern_of(prefix)), matcher(pattern_of(rest))
    for found in sorted(filter(is_prefix, prefixes())):
        for lower, name in _by_lower_name(found).items():
            if is_action(lower):
                yield f"{found}:{name}"


def condition_type(key: str) -> str | None:
    """The type of a condition key, in any case; None if the reference has no such key."""
    lower = key.lower()
    prefix = lower.partition(":")[0]
    if prefix == "aws":
        return "String" if lower.startswith(_TAGS) else _GLOBAL_TYPES.get(lower)
    exact, open_ended = _conditions(_ELSEWHERE.get(prefix, prefix))
    if lower in exact:
        return exact[lower]
    return next((kind for head, tail, kind in open_ended if lower.startswith(head) and lower.endswith(tail)), None)


@lru_cache(maxsize=64)
def _by_lower_name(prefix: str) -> dict[str, str]:
    return {name.lower(): name for name in sorted(actions(prefix))}


@lru_cache(maxsize=64)
def _conditions(prefix: str) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """The types of a service's keys, in lower case, and those of keys with a `${part}` that differs: what stands around it."""
    found = service(prefix)
    exact, open_ended = {}, []
    for key, kind in found.condition_keys.items() if found else ():
        head, variable, tail = key.lower().partition("${")
        if variable:
            open_ended.append((head, tail.partition("}")[2], kind))
        else:
            exact[head] = kind
    return exact, open_ended
