"""What temporary credentials are made of: session policies, tags, durations, and the credentials themselves.

Source: STS API Reference, AssumeRole, GetFederationToken; IAM User Guide, "Pass session tags in AWS STS", "IAM and AWS STS quotas".
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.auth.policy import PolicyError, parse_policy
from fogbank.core import managed
from fogbank.core.errors import AwsError
from fogbank.core.identity import mfa
from fogbank.core.identity.records import arn_of, key_of, policies, when
from fogbank.core.identity.sessions import new_key_id, seal
from fogbank.core.principal import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fogbank.core.call import Call
    from fogbank.core.identity.records import MfaDevice, Role
    from fogbank.core.service import Input
    from fogbank.store.api import Tx

PLAIN: Final = 2048  # characters of session policies, inline and ARNs
ARNS: Final = 10
TAGS: Final = 50
PACKED: Final = 4096  # bytes of session policies and tags, compressed; AWS does not say how many it takes
HOUR: Final = 3600  # seconds: what a chained role has at most, a root at most, and roles without a word on it
_POLICY: Final = re.compile(r"arn:aws:iam::([0-9]{12}|aws):policy/(?:[!-~]+/)?([A-Za-z0-9_+=,.@-]{1,128})", re.ASCII)


class Grant(msgspec.Struct, frozen=True):
    """What limits and describes a session: `packed` is how much of the space for it is used, in percent."""

    policies: tuple[str, ...]
    arns: tuple[str, ...]
    tags: dict[str, str]
    transitive: tuple[str, ...]
    packed: int

    @property
    def told(self) -> dict[str, Any]:
        """The members of an answer that are about it."""
        return {"PackedPolicySize": self.packed} if self.policies or self.arns or self.tags else {}


class Inherited(msgspec.Struct, frozen=True):
    """What a session passes on to the next role."""

    tags: dict[str, str] = {}
    source_identity: str = ""


def inherited_by(call: Call) -> Inherited:
    """What the caller's session passes on: its transitive tags, and its source identity."""
    session = call.principal.session
    if session is None:
        return Inherited()
    passed = {key: session.tags[key] for key in session.transitive}
    return Inherited(passed, session.source_identity)


def grant(call: Call, req: Input, account: str, inherited: Inherited | None = None) -> Grant:
    """The session policies and tags of a request, checked; the policies are the account's, or AWS's."""
    inline, arns = session_policies(call.tx, req, account)
    tags = checked_tags(req.get("Tags", []))
    return pack(inline, arns, tags, req.get("TransitiveTagKeys", []), (inherited or Inherited()).tags)


def pack(
    inline: tuple[str, ...],
    arns: tuple[str, ...],
    tags: dict[str, str],
    transitive: Sequence[str],
    passed: Mapping[str, str],
) -> Grant:
    """Put a grant together; `passed` are transitive tags of the session before."""
    names = {key.lower(): key for key in tags}
    if any(key.lower() in names for key in passed):
        what = "conflicts with a transitive tag key from the calling session"
        raise AwsError(
            "InvalidParameterValue", f"One of the specified transitive tag keys can't be set because it {what}."
        )
    if any(key.lower() not in names for key in transitive):
        raise AwsError(
            "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."
        )
    every = {**passed, **tags}
    kept = tuple(dict.fromkeys([*passed, *(names[key.lower()] for key in transitive)]))
    size = len(zlib.compress(msgspec.msgpack.encode([inline, arns, every])))
    percent = -(-100 * size // PACKED)
    if percent > 100:
        what = f"Packed size of session policies and tags consumes {percent}% of allotted space."
        raise AwsError("PackedPolicyTooLarge", what)
    return Grant(inline, arns, every, kept, percent)


def session_policies(tx: Tx, req: Input, account: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The inline session policy, and the ARNs of managed ones."""
    document = req.get("Policy")
    arns = tuple(dict.fromkeys(str(each.get("arn", "")) for each in req.get("PolicyArns", [])))
    if len(arns) > ARNS:
        raise invalid(
            f"Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to {ARNS}"
        )
    if len(document or "") + sum(map(len, arns)) > PLAIN:
        raise invalid(
            f"Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to {PLAIN}"
        )
    for arn in arns:
        if not is_there(tx, arn, account):
            raise invalid(f"PolicyArn {arn[:256]} is not a policy of account {account} or of AWS")
    if document is None:
        return (), arns
    try:
        parse_policy(document, "identity")
    except PolicyError as error:
        raise AwsError("MalformedPolicyDocument", error.reason) from None
    return (document,), arns


def is_there(tx: Tx, arn: str, account: str) -> bool:
    """Whether a managed policy is the account's or AWS's."""
    found = _POLICY.fullmatch(arn)
    if found is None:
        return False
    if found[1] == "aws":
        return managed.find(arn) is not None
    policy = policies.get(tx, account, key_of(found[2]))
    return policy is not None and arn_of(account, policy) == arn


def checked_tags(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Session tags. Keys are unique without regard to case, and `aws:` is reserved."""
    if len({tag["Key"].lower() for tag in given}) != len(given):
        raise AwsError(
            "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(tag["Key"].lower().startswith("aws:") for tag in given):
        raise AwsError("InvalidParameterValue", "Tag keys that start with aws: are reserved for AWS.")
    if len(given) > TAGS:
        raise AwsError("InvalidParameterValue", f"A session has at most {TAGS} tags.")
    return {tag["Key"]: tag["Value"] for tag in given}


def role_duration(req: Input, role: Role, *, chained: bool) -> int:
    """How long a role's session lasts, in seconds."""
    given = int(req.get("DurationSeconds", HOUR))
    if chained and given > HOUR:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        )
    if given > role.session:
        raise AwsError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    return given


def own_duration(call: Call, req: Input) -> int:
    """How long a session of a user (12 hours if nothing is said) or a root (an hour at most) lasts, in seconds."""
    if call.principal.kind == "root":
        return min(int(req.get("DurationSeconds", HOUR)), HOUR)
    return int(req.get("DurationSeconds", 12 * HOUR))


def need_long_term(call: Call, operation: str) -> None:
    """Raise unless a user or a root calls, with a key of its own."""
    if call.principal.session is not None or call.principal.kind not in ("user", "root"):
        raise AwsError("AccessDenied", f"Cannot call {operation} with session credentials", status=403)


def device_shown(call: Call, req: Input) -> MfaDevice | None:
    """The caller's MFA device whose code came with the request; None if none did, AccessDenied if it is wrong."""
    serial, code = req.get("SerialNumber"), req.get("TokenCode")
    if serial is None and code is None:
        return None
    if serial is None or code is None:
        raise invalid("SerialNumber and TokenCode must be given together")
    who = call.principal
    name = who.name if who.kind == "user" else ""
    may = call.attempts.may(call.account, name, serial[:256], call.now)
    found = mfa.shown(call.tx, call.vault, call.account, name, serial, code, call.now) if may else None
    if found is None:
        what = "MultiFactorAuthentication failed with invalid MFA one time pass code."
        account, now = call.account, call.now
        raise AwsError("AccessDenied", what, status=403, remains=lambda tx: mfa.failed(tx, account, name, serial, now))
    return found


def spend(call: Call, req: Input) -> bool:
    """Take the MFA code of a request, so that it is not taken again; whether there is one."""
    if device_shown(call, req) is None:
        return False
    mfa.check(call.tx, call.vault, call.account, call.principal.name, req["SerialNumber"], req["TokenCode"], call.now)
    return True


def new_session(call: Call, account: str, **given: Any) -> Session:
    """A session with an access key of its own; `given` are its other fields, `lasts` its seconds."""
    issued = int(call.now.timestamp())
    lasts = given.pop("lasts")
    return Session(
        key_id=new_key_id(call.ids, account), secret=call.ids.secret(), account=account, issued=issued,
        expires=issued + lasts, **given,
    )  # fmt: skip


def credentials(call: Call, session: Session) -> dict[str, Any]:
    """The credentials of a session, as they are told once."""
    return {
        "AccessKeyId": session.key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": seal(call.vault, session),
        "Expiration": when(session.expires),
    }


def invalid(what: str) -> AwsError:
    """The error for a value that the request may not have."""
    return AwsError("ValidationError", f"1 validation error detected: {what}")
