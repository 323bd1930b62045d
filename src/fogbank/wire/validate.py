"""A parsed input against its model: required, length, range, enum and pattern, in the words of AWS's services.

The words are those of AWS's JSON and query services ("N validation errors detected: Value 'x' at 'a.b' failed to satisfy
constraint: …"), of EC2 (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html) and of S3
(https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). Which service has which, and which enums a service does
not check, is data: `overlay/_validation.json`. Types are the parsers' business: whatever they return has its model's types.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from fogbank.wire.errors import AwsError
from fogbank.wire.model import OVERLAY
from fogbank.wire.patterns import compile_pattern
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from fogbank.wire.model import Shape

MAX_FAILURES = 10
MAX_SHOWN = 1024  # characters of a value that are repeated in a message
UNBOUNDED_PATTERN = 65_536  # longest text, in characters, that a pattern without a maximum length is applied to

Path = tuple[Any, ...]  # (parent path, segment), or () at the root
Check = Callable[[Any, Path, "list[Failure]"], None]


class Policy(msgspec.Struct, frozen=True):
    """How a service refuses.

    `style` of the error and its usual `code`; `open_enums`: shapes whose enums it does not check; `codes`: shapes whose values
    have a code and a message of their own.
    """

    style: str
    code: str
    open_enums: tuple[str, ...] = ()
    codes: dict[str, tuple[str, str]] = {}


class Failure(NamedTuple):
    """A constraint that a value does not satisfy. `kind` is required, enum, range or other."""

    kind: str
    path: Path
    value: Any
    shape: Shape
    constraint: str


class _Enough(Exception):
    """As many failures as are reported."""


@lru_cache(maxsize=1)
def _policies() -> dict[str, dict[str, dict[str, Any]]]:
    policies: dict[str, dict[str, dict[str, Any]]] = msgspec.json.decode((OVERLAY / "_validation.json").read_bytes())
    return policies


def policy_of(service: str, protocol: str) -> Policy:
    """A service's policy: its protocol's, with what `overlay/_validation.json` says of the service itself."""
    policies = _policies()
    return msgspec.convert({**policies["styles"][protocol], **policies["services"].get(service, {})}, Policy)


def compile_validator(shape: Shape | None, protocol: str, service: str = "") -> Callable[[dict[str, Any]], None] | None:
    """What raises AwsError if a parsed input breaks its model; None where the model asks nothing.

    A streaming payload is not there when the parser has run, so it is never missed.
    """
    if shape is None:
        return None
    policy = policy_of(service, protocol)
    check = _compile_structure(shape, policy, skip=_streamed(shape))
    if check is None:
        return None
    refuse = _STYLES[policy.style]

    def validate(value: dict[str, Any]) -> None:
        failures: list[Failure] = []
        with suppress(_Enough):
            check(value, (), failures)
        if failures:
            raise refuse(policy, shape, failures)

    return validate


def _streamed(shape: Shape) -> str | None:
    payload = shape.payload
    if payload is None:
        return None
    traits = shape.members[payload].traits
    return payload if traits.get("streaming") or traits.get("eventstream") else None


def _fail(failures: list[Failure], failure: Failure) -> None:
    failures.append(failure)
    if len(failures) >= MAX_FAILURES:
        raise _Enough


# Checks, compiled


def _compile(shape: Shape, policy: Policy) -> Check | None:
    if "check" not in shape.memo:
        shape.memo["check"] = _COMPILERS.get(shape.type, _no_check)(shape, policy)
    check: Check | None = shape.memo["check"]
    return check


def _no_check(shape: Shape, policy: Policy) -> None:
    return None


def _compile_structure(shape: Shape, policy: Policy, skip: str | None = None) -> Check | None:
    if shape.traits.get("document"):
        return None
    required = tuple(name for name in shape.required if name != skip)
    checks: dict[str, Check] = {}
    check = _structure(shape, required, checks, bool(shape.traits.get("union")))
    if skip is None:
        shape.memo["check"] = check  # before its members, which may contain it
    for name, member in shape.members.items():
        member_check = _compile(member, policy)
        if member_check is not None and name != skip:
            checks[name] = member_check
    return check if required or checks or shape.traits.get("union") else None


def _structure(shape: Shape, required: tuple[str, ...], checks: dict[str, Check], union: bool) -> Check:
    find = checks.get

    def check(value: dict[str, Any], path: Path, failures: list[Failure]) -> None:
        for name in required:
            if name not in value:
                missing = Failure("required", (path, name), None, shape.members[name], "Member must not be null")
                _fail(failures, missing)
        if union and len(value) != 1:
            _fail(failures, Failure("other", path, value, shape, "Member must have exactly one member set"))
        for name, item in value.items():
            check_member = find(name)
            if check_member is not None:
                check_member(item, (path, name), failures)

    return check


def _compile_list(shape: Shape, policy: Policy) -> Check | None:
    size = _compile_size(shape)
    item_type = shape.member.type
    nested = item_type in ("structure", "list", "map") or shape.member.traits.get("document")
    check_item = _compile(shape.member, policy)
    if check_item is not None and not nested:
        return _scalar_list(shape, size, check_item, policy)
    sparse = bool(shape.traits.get("sparse"))

    def check(value: list[Any], path: Path, failures: list[Failure]) -> None:
        if size is not None:
            size(value, path, failures)
        for index, item in enumerate(value, 1):
            if item is None:
                if not sparse:
                    null = Failure("other", (path, f"{index}.member"), None, shape.member, "Member must not be null")
                    _fail(failures, null)
            elif check_item is not None:
                check_item(item, (path, f"{index}.member"), failures)

    return check


def _scalar_list(shape: Shape, size: Check | None, check_item: Check, policy: Policy) -> Check:
    kind = "enum" if "enum" in shape.member.traits else "other"
    everything = f"Member must satisfy constraint: [{_constraints(shape.member, policy)}]"

    def check(value: list[Any], path: Path, failures: list[Failure]) -> None:
        if size is not None:
            size(value, path, failures)
        found: list[Failure] = []
        for item in value:
            if item is not None:
                check_item(item, path, found)
            if item is None or found:
                _fail(failures, Failure(kind, path, value, shape.member, everything))
                return

    return check


def _compile_map(shape: Shape, policy: Policy) -> Check | None:
    size, key, value_check = _compile_size(shape), _compile(shape.key, policy), _compile(shape.value, policy)
    nested = shape.value.type in ("structure", "list", "map")
    key_constraint = f"Map keys must satisfy constraint: [{_constraints(shape.key, policy)}]"
    value_constraint = f"Map value must satisfy constraint: [{_constraints(shape.value, policy)}]"
    sparse = bool(shape.traits.get("sparse"))

    def check(value: dict[str, Any], path: Path, failures: list[Failure]) -> None:
        if size is not None:
            size(value, path, failures)
        for name, item in value.items():
            found: list[Failure] = []
            if key is not None:
                key(name, path, found)
            if found:
                _fail(failures, Failure("other", path, value, shape, key_constraint))
            elif item is None:
                if not sparse:
                    _fail(failures, Failure("other", path, value, shape, "Map value must not be null"))
            elif value_check is not None and nested:
                value_check(item, (path, f"{name[:256]}.member"), failures)
            elif value_check is not None:
                value_check(item, path, found)
                if found:
                    _fail(failures, Failure("other", path, value, shape, value_constraint))

    return check


def _constraints(shape: Shape, policy: Policy) -> str:
    traits, found = shape.traits, []
    if shape.type in ("integer", "long", "float", "double"):
        kind = "value"
    else:
        kind = "length"
    if "max" in traits:
        found.append(f"Member must have {kind} less than or equal to {traits['max']}")
    if "min" in traits:
        found.append(f"Member must have {kind} greater than or equal to {traits['min']}")
    if "pattern" in traits:
        found.append(f"Member must satisfy regular expression pattern: {traits['pattern']}")
    if "enum" in traits and shape.name not in policy.open_enums:
        found.append(_enum_constraint(traits["enum"]))
    return ", ".join(found) or "Member must not be null"


def _enum_constraint(values: list[str]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def _compile_size(shape: Shape) -> Check | None:
    low, high = shape.traits.get("min") or 0, shape.traits.get("max")
    if not low and high is None:
        return None

    def check(value: Any, path: Path, failures: list[Failure]) -> None:
        if len(value) < low:
            constraint = f"Member must have length greater than or equal to {low}"
        elif high is not None and len(value) > high:
            constraint = f"Member must have length less than or equal to {high}"
        else:
            return
        _fail(failures, Failure("other", path, value, shape, constraint))

    return check


def _compile_range(shape: Shape, policy: Policy) -> Check | None:
    low, high = shape.traits.get("min"), shape.traits.get("max")
    if low is None and high is None:
        return None

    def check(value: Any, path: Path, failures: list[Failure]) -> None:
        if low is not None and value < low:
            constraint = f"Member must have value greater than or equal to {low}"
        elif high is not None and value > high:
            constraint = f"Member must have value less than or equal to {high}"
        else:
            return
        _fail(failures, Failure("range", path, value, shape, constraint))

    return check


def _compile_string(shape: Shape, policy: Policy) -> Check | None:
    if shape.traits.get("jsonvalue") and shape.traits.get("location") == "header":
        return None  # a document by now
    size = _compile_size(shape)
    checks = [check for check in (size, _compile_enum(shape, policy), _compile_pattern(shape)) if check is not None]
    if len(checks) < 2:
        return checks[0] if checks else None

    def check(value: str, path: Path, failures: list[Failure]) -> None:
        for each in checks:
            each(value, path, failures)

    return check


def _compile_enum(shape: Shape, policy: Policy) -> Check | None:
    values = shape.traits.get("enum")
    if not values or shape.name in policy.open_enums:
        return None
    allowed = frozenset(values)

    def check(value: str, path: Path, failures: list[Failure]) -> None:
        if value not in allowed:
            _fail(failures, Failure("enum", path, value, shape, _enum_constraint(values)))

    return check


def _compile_pattern(shape: Shape) -> Check | None:
    text = shape.traits.get("pattern")
    pattern = compile_pattern(text) if text else None
    if pattern is None:
        return None
    longest = min(shape.traits.get("max") or UNBOUNDED_PATTERN, UNBOUNDED_PATTERN)
    matches = pattern.matches

    def check(value: str, path: Path, failures: list[Failure]) -> None:
        if len(value) <= longest and not matches(value):
            constraint = f"Member must satisfy regular expression pattern: {text}"
            _fail(failures, Failure("other", path, value, shape, constraint))

    return check


def _compile_blob(shape: Shape, policy: Policy) -> Check | None:
    return _compile_size(shape)


_COMPILERS: dict[str, Callable[[Shape, Policy], Check | None]] = {
    "structure": _compile_structure,
    "list": _compile_list,
    "map": _compile_map,
    "string": _compile_string,
    "blob": _compile_blob,
    "integer": _compile_range,
    "long": _compile_range,
    "float": _compile_range,
    "double": _compile_range,
}


# What the caller is told


def segments(path: Path) -> list[str]:
    """A path's segments from the root."""
    found: list[str] = []
    while path:
        path, segment = path
        found.append(segment)
    return found[::-1]


def _show(value: Any) -> str:
    if isinstance(value, list):
        text = "[" + ", ".join(_show(item) for item in value[:100]) + "]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key}={_show(item)}" for key, item in list(value.items())[:100]) + "}"
    elif isinstance(value, bytes):
        text = f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    else:
        text = str(value)
    return text[:MAX_SHOWN]


def _describe(failure: Failure) -> str:
    # AWS names members as its Java classes do: with a small first letter.
    path = ".".join(segment[:1].lower() + segment[1:] for segment in segments(failure.path))
    if failure.value is None:
        value = "Value null at"
    elif failure.shape.traits.get("sensitive"):
        value = "Value at"
    else:
        value = f"Value '{_show(failure.value)}' at"
    return f"{value} '{path}' failed to satisfy constraint: {failure.constraint}"


def _refuse_coral(policy: Policy, shape: Shape, failures: list[Failure]) -> AwsError:
    count = len(failures)
    detected = f"{count} validation error{'s' if count > 1 else ''} detected: "
    return AwsError(policy.code, detected + "; ".join(map(_describe, failures)))


def _refuse_ec2(policy: Policy, shape: Shape, failures: list[Failure]) -> AwsError:
    failure = failures[0]
    name = _wire_path(shape, segments(failure.path))
    if failure.kind == "required":
        return AwsError("MissingParameter", f"The request must contain the parameter {name}")
    name = name[:1].lower() + name[1:]
    constraint = failure.constraint
    if failure.kind == "range":
        # EC2's words, also for the limit itself: "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5."
        constraint = constraint.replace("Member must have value", "Expecting a value").replace(" or equal to", "")
    return AwsError(policy.code, f"Value ( {_show(failure.value)} ) for parameter {name} is invalid. {constraint}.")


def _wire_path(shape: Shape, path: list[str]) -> str:
    """A path in the names that the caller used: `NetworkInterface.1.SubnetId`."""
    names = []
    for segment in path:
        if shape.type == "structure":
            shape = shape.members[segment]
            wire = shape.traits.get("queryName") or shape.wire_name(segment)
            names.append(wire[:1].upper() + wire[1:])
        else:
            shape = shape.member if shape.type == "list" else shape.value
            names.append(segment.removesuffix(".member"))
    return ".".join(names)


def _refuse_s3(policy: Policy, shape: Shape, failures: list[Failure]) -> AwsError:
    failure = failures[0]
    path = segments(failure.path)
    member = shape.members[path[0]]
    name = member.wire_name(path[0])
    if failure.kind in ("enum", "range") and failure.shape.name in policy.codes:
        code, message = policy.codes[failure.shape.name]
        return AwsError(code, message, fields=_argument(name, failure.value))
    if "location" not in member.traits:
        if failure.kind == "required" and len(path) == 1:
            return AwsError("MissingRequestBodyError", "Request body is empty.")
        return malformed()
    if failure.kind == "required":
        return AwsError("InvalidArgument", f"Missing required parameter: {name}", fields=_argument(name, ""))
    if failure.kind == "range":
        return _refuse_range(name, failure)
    return AwsError("InvalidArgument", f"Invalid value for {name}", fields=_argument(name, failure.value))


def _refuse_range(name: str, failure: Failure) -> AwsError:
    first, *others = name.removeprefix("x-amz-").split("-")
    name = first + "".join(map(str.capitalize, others))  # S3 says maxKeys where the argument is max-keys
    low, high = failure.shape.traits.get("min", 0), failure.shape.traits.get("max", 2**31 - 1)
    message = f"Argument {name} must be an integer between {low} and {high}"
    return AwsError("InvalidArgument", message, fields=_argument(name, failure.value))


def _argument(name: str, value: Any) -> dict[str, str]:
    return {"ArgumentName": name, "ArgumentValue": _show(value)}


_STYLES: dict[str, Callable[[Policy, Shape, list[Failure]], AwsError]] = {
    "coral": _refuse_coral,
    "ec2": _refuse_ec2,
    "s3": _refuse_s3,
}
