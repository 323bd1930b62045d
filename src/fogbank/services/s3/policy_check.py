"""Whether a document can be the policy of a bucket: its actions, resources and conditions go together.

Source: S3 User Guide, "Bucket policies", "Policy resources", "Policy condition keys"; Service Authorization Reference.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from fogbank.auth.policy import PolicyError, parse_policy
from fogbank.auth.policy.wildcards import matcher, pattern_of
from fogbank.core import reference
from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.auth.policy import Policy

LARGEST: Final = 20 * 1024  # bytes, without white space
WIDEST: Final = 8 * LARGEST  # with it
_RESOURCE: Final = re.compile(r"arn:(?:aws|\*):s3:::(.+)", re.ASCII | re.DOTALL)
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")


def malformed(message: str, detail: str | None = None) -> AwsError:
    """S3's error for a policy that cannot be one."""
    return AwsError("MalformedPolicy", message, fields={"Detail": detail[:1024]} if detail is not None else {})


def parsed(document: str, name: str) -> Policy:
    """A document as a policy of a bucket's kind; MalformedPolicy if it is none."""
    if not document.startswith("{"):
        raise malformed("Policies must be valid JSON and the first byte must be '{'")
    too_large = AwsError("PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
    if len(document) > WIDEST:
        raise too_large
    try:
        found = parse_policy(document, "resource", name)
    except PolicyError as error:
        raise malformed(error.reason) from None
    if (
        len(
            json.dumps(json.loads(document), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        )
        > LARGEST
    ):
        raise too_large
    return found


def check(bucket: str, document: str) -> None:
    """MalformedPolicy unless each statement of a policy is about this bucket, and its parts fit each other."""
    found = json.loads(document, parse_int=str, parse_float=str)["Statement"]
    for statement in found if isinstance(found, list) else [found]:
        if statement["Effect"] == "Allow" and "NotPrincipal" in statement:
            raise malformed("Allow with NotPrincipal is not allowed.")
        actions = _actions(statement)
        kinds = _kinds(bucket, statement)
        if "Action" in statement:
            for pattern, matched in actions.items():
                if not any(kind in reference.actions("s3")[one].resources for one in matched for kind in kinds):
                    raise malformed("Action does not apply to any resource(s) in statement", pattern)
        _check_conditions(statement, actions)


def _actions(statement: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """S3's actions, without prefix, that each pattern means; MalformedPolicy for one that means none."""
    found = {}
    for pattern in _texts(statement.get("Action", statement.get("NotAction"))):
        found[pattern] = _meant("s3:*" if pattern == "*" else pattern.lower())
        if not found[pattern]:
            raise malformed("Policy has invalid action", pattern)
    return found


@lru_cache(maxsize=1024)
def _meant(pattern: str) -> tuple[str, ...]:
    return tuple(name[3:] for name in reference.matching(pattern)) if pattern.startswith("s3:") else ()


def _kinds(bucket: str, statement: dict[str, Any]) -> set[str]:
    """Whether a statement is about the bucket, its objects, or both; MalformedPolicy if any resource is neither."""
    kinds: set[str] = set()
    for resource in _texts(statement.get("Resource", statement.get("NotResource"))):
        match = _RESOURCE.fullmatch(resource)
        path = _VARIABLE.sub("*", match[1]) if match else ""
        name, slash, _ = path.partition("/")
        is_bucket, is_object = matcher(pattern_of(path))(bucket), False
        if slash:
            is_object = matcher(pattern_of(name))(bucket)
        elif "*" in name:
            is_object = bucket.startswith(name.partition("*")[0])
        if not is_bucket and not is_object:
            raise malformed("Policy has invalid resource", resource)
        kinds |= {kind for kind, there in (("bucket", is_bucket), ("object", is_object)) if there}
    return kinds


def _check_conditions(statement: dict[str, Any], actions: dict[str, tuple[str, ...]]) -> None:
    """MalformedPolicy for a key that is unknown, or that no action of a pattern has."""
    for key in (key for keys in statement.get("Condition", {}).values() for key in keys):
        if reference.condition_type(key) is None:
            raise malformed("Policy has an invalid condition key", key)
        if key.lower().startswith("s3:") and "Action" in statement:
            for matched in actions.values():
                if not any(_has(one, key.lower()) for one in matched):
                    what = "Conditions do not apply to combination of actions and resources in statement"
                    raise malformed(what, key)


def _has(action: str, key: str) -> bool:
    """Whether an action of S3 has a condition key."""
    return any(key == head or (head.endswith("/") and key.startswith(head)) for head in _keys(action))


@lru_cache(maxsize=256)
def _keys(action: str) -> frozenset[str]:
    """The condition keys of an action in lower case; of those with a part that differs, what is before it."""
    return frozenset(key.partition("${")[0].lower() for key in _all_keys(action))


def _all_keys(action: str) -> Iterator[str]:
    service = reference.service("s3")
    assert service is not None
    found = service.actions[action]
    yield from found.condition_keys
    for kind, access in found.resources.items():
        yield from access.condition_keys
        yield from service.resources[kind].condition_keys


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
