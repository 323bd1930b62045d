"""Browser uploads: the POST policy document, what it allows, and its signature, of Version 4 or 2.

Sources: Amazon S3 API Reference, "Authenticating Requests: Browser-Based Uploads Using POST" and "POST Policy"; for Version 2,
S3 User Guide, "Browser-based uploads using POST (AWS signature version 2)".
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.auth import version2
from fogbank.auth.claimed import Claim, parse_time
from fogbank.auth.claims import parse_credential
from fogbank.auth.dialect import S3, unknown_key
from fogbank.auth.payload import PayloadMode
from fogbank.auth.signing import ALGORITHM, same, sign, signing_key
from fogbank.auth.verification import Verified, check_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.wire.errors import AwsError

MAX_POLICY = 20_480  # bytes: all of a form before its file, as S3 bounds it
MAX_LENGTH = 1 << 63
_SIGNED = frozenset({"x-amz-credential", "x-amz-signature", "awsaccesskeyid", "signature"})
_REQUIRED = ("x-amz-credential", "x-amz-date", "x-amz-signature")
# Fields that need no condition: the policy cannot name itself or its signature, and the file is the body.
_UNCONDITIONAL = frozenset({"policy", "x-amz-signature", "file", "bucket", "awsaccesskeyid", "signature"})


class Condition(msgspec.Struct, frozen=True):
    """A field (lower case) that has to equal a value or, if `prefix`, to start with it. `source` is the condition as written."""

    field: str
    value: str
    prefix: bool
    source: str


class PostPolicy(msgspec.Struct, frozen=True):
    """A policy document: until when it holds, what the form's fields must be, and how many bytes its file may have."""

    expiration: datetime
    conditions: tuple[Condition, ...]
    min_length: int = 0
    max_length: int | None = None

    def check_length(self, size: int) -> None:
        """Raise EntityTooSmall or EntityTooLarge unless a file of `size` bytes is allowed."""
        if size < self.min_length:
            message = "Your proposed upload is smaller than the minimum allowed size"
            raise S3.error("EntityTooSmall", message, ProposedSize=size, MinSizeAllowed=self.min_length)
        if self.max_length is not None and size > self.max_length:
            message = "Your proposed upload exceeds the maximum allowed size"
            raise S3.error("EntityTooLarge", message, ProposedSize=size, MaxSizeAllowed=self.max_length)


def post_claim(fields: Mapping[str, str]) -> Claim | None:
    """The claim that a form makes, or None if it carries no policy (an anonymous upload). `fields` have lower-case names."""
    if "policy" not in fields:
        if _SIGNED & fields.keys():
            raise _argument("policy", fields, "Bucket POST must contain a field named 'policy'.")
        return None
    if "x-amz-algorithm" not in fields and "signature" in fields:
        return _claim_of_version2(fields)
    if fields.get("x-amz-algorithm") != ALGORITHM:
        raise _argument("x-amz-algorithm", fields, "Bucket POST must contain a valid field named 'x-amz-algorithm'.")
    for name in _REQUIRED:
        if not fields.get(name):
            raise _argument(name, fields, f"Bucket POST must contain a field named '{name}'.")
    scope = parse_credential(fields["x-amz-credential"])
    if scope is None:
        raise _argument("x-amz-credential", fields, "The x-amz-credential field is malformed.")
    timestamp = fields["x-amz-date"]
    at = parse_time(timestamp)
    if at is None:
        raise _argument("x-amz-date", fields, "X-Amz-Date must be formatted via ISO8601 Long format")
    key, date, region, service, terminator = scope
    return Claim(
        kind="post",
        access_key_id=key,
        date=date,
        region=region,
        service=service,
        terminator=terminator,
        signed_headers=(),
        signature=fields["x-amz-signature"],
        timestamp=timestamp,
        at=at,
        expires=None,
        session_token=fields.get("x-amz-security-token"),
        payload_hash=None,
    )


def _claim_of_version2(fields: Mapping[str, str]) -> Claim:
    """The claim of a form with Signature Version 2, which knows no scope and no time but the policy's."""
    key = fields.get("awsaccesskeyid", "")
    if not version2.is_key(key):
        raise unknown_key(S3, key[:128])
    token, signature = fields.get("x-amz-security-token"), fields["signature"]
    never = datetime.fromtimestamp(0, UTC)
    return Claim("post", key, "", "", "s3", "", (), signature, "", never, None, token, None, version=2)


def verify_post(
    claim: Claim, fields: Mapping[str, str], secret: str, now: datetime, *, region: str | None = None
) -> tuple[Verified, PostPolicy]:
    """Check a form against its policy, and the policy against its signature; raises AwsError.

    `fields` are the form's, with lower-case names, and must also hold `bucket` (from the URL) and the `key` that will be
    written (after `${filename}`). The size of the file is left to the policy's `check_length`.
    """
    policy_text = fields.get("policy", "")
    key = b""
    if claim.version == 2:
        expected = version2.sign(secret, policy_text)
    else:
        check_scope(claim, S3, region, ("s3",))
        key = signing_key(secret, claim.date, claim.region, claim.service)
        expected = sign(key, policy_text)
    if not same(expected, claim.signature):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise S3.error(
            S3.mismatch,
            message,
            AWSAccessKeyId=claim.access_key_id,
            StringToSign=policy_text,
            SignatureProvided=claim.signature,
        )
    policy = parse_post_policy(policy_text)
    _check_policy(policy, fields, now)
    return Verified(key, claim.signature, claim.scope, claim.timestamp, PayloadMode.UNSIGNED), policy


def _check_policy(policy: PostPolicy, fields: Mapping[str, str], now: datetime) -> None:
    if now >= policy.expiration:
        raise _denied("Policy expired.")
    for condition in policy.conditions:
        if not _holds(condition, fields.get(condition.field, "")):
            raise _denied(f"Policy Condition failed: {condition.source}")
    named = {condition.field for condition in policy.conditions}
    extra = [name for name in fields if name not in named and name not in _UNCONDITIONAL]
    extra = [name for name in extra if not name.startswith("x-ignore-")]
    if extra:
        raise _denied(f"Extra input fields: {', '.join(sorted(extra))}")


def _holds(condition: Condition, value: str) -> bool:
    if not condition.prefix:
        return value == condition.value
    if condition.field == "content-type":
        # A list of types is allowed only if each of them is.
        return all(part.strip().startswith(condition.value) for part in value.split(","))
    return value.startswith(condition.value)


def _denied(reason: str) -> AwsError:
    return S3.error("AccessDenied", f"Invalid according to Policy: {reason}")


def _argument(name: str, fields: Mapping[str, str], message: str) -> AwsError:
    return S3.error("InvalidArgument", message, ArgumentName=name, ArgumentValue=fields.get(name, "")[:256])


# --- the document


def parse_post_policy(text: str) -> PostPolicy:
    """A base64 policy document, parsed. Raises InvalidPolicyDocument."""
    document = _decode(text)
    expiration, conditions = document.get("expiration"), document.get("conditions")
    if expiration is None:
        raise _invalid("Policy missing expiration.")
    if not isinstance(conditions, list):
        raise _invalid("Policy missing conditions.")
    matches: list[Condition] = []
    low, high = 0, None
    for item in conditions:
        if isinstance(item, list) and item and _operator(item[0]) == "content-length-range":
            minimum, maximum = _range(item)
            low = max(low, minimum)
            high = maximum if high is None else min(high, maximum)
        else:
            matches += _conditions(item)
    return PostPolicy(_expiration(expiration), tuple(matches), low, high)


def _decode(text: str) -> dict[str, Any]:
    if len(text) > MAX_POLICY:
        raise _invalid("Policy is too long.")
    try:
        document = msgspec.json.decode(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    return document


def _expiration(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise _invalid(f"Invalid 'expiration' value: '{_show(value)}'") from None
    if at.tzinfo is None:
        raise _invalid(f"Invalid 'expiration' value: '{value}'")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise _invalid(f"Invalid 'expiration' value: '{value}'") from None


def _conditions(item: Any) -> list[Condition]:
    """One condition as a list or as an object of exact matches."""
    if isinstance(item, dict) and item:
        return [_match(["eq", f"${name}", value], item) for name, value in item.items()]
    if isinstance(item, list):
        return [_match(item, item)]
    raise _invalid(f"Invalid condition: {_show(item)}")


def _match(parts: list[Any], source: Any) -> Condition:
    if len(parts) != 3 or not all(isinstance(part, str) for part in parts):
        raise _invalid(f"Invalid condition: {_show(source)}")
    operator, field, value = parts
    if _operator(operator) not in ("eq", "starts-with") or not field.startswith("$"):
        raise _invalid(f"Invalid condition: {_show(source)}")
    return Condition(field[1:].lower(), value, _operator(operator) == "starts-with", _show(parts))


def _operator(value: Any) -> str:
    return value.lower() if isinstance(value, str) else ""


def _range(item: list[Any]) -> tuple[int, int]:
    bounds = [_length(value) for value in item[1:]]
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        raise _invalid(f"Invalid content-length-range: {_show(item)}")
    return bounds[0], bounds[1]


def _length(value: Any) -> int:
    """A bound in bytes; S3 takes a number in a string too."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_LENGTH:
        raise _invalid(f"Invalid content-length-range: {_show(value)}")
    return value


def _show(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:256]


def _invalid(reason: str) -> AwsError:
    return S3.error("InvalidPolicyDocument", f"Invalid Policy: {reason}")
