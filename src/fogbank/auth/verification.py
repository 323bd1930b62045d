"""Whether a request is what its claim says: scope, time, signed headers, signature; in the order in which AWS checks them.

Sources: IAM User Guide, "Troubleshoot Signature Version 4 API signing errors"; Amazon S3 API Reference, "Error Responses" and
"Authenticating Requests: Using Query Parameters".
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.auth import version2
from fogbank.auth.canonical import canonical_headers, canonical_path, canonical_query, canonical_request, reserved_path
from fogbank.auth.dialect import EC2, S3, Dialect, dialect_of, unsupported_mechanism
from fogbank.auth.payload import UNSIGNED_PAYLOAD, PayloadMode, check_payload, payload_mode
from fogbank.auth.signing import EMPTY_SHA256, TERMINATOR, same, sign, signing_key, string_to_sign, to_bytes
from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from fogbank.auth.claimed import Claim
    from fogbank.wire.http import HttpRequest

# STS takes a presigned GetCallerIdentity for 15 minutes whatever X-Amz-Expires says, and EKS clients rely on it: they cache a
# token signed with 60 seconds for 14 minutes (aws-iam-authenticator's README).
_STS_PRESIGNED = timedelta(minutes=15)
_S3_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


class Verified(msgspec.Struct, frozen=True):
    """A request whose signature is good: the key and seed signature to verify its chunks with, and how its body is covered."""

    signing_key: bytes
    signature: str
    scope: str
    timestamp: str
    payload: PayloadMode

    def __repr__(self) -> str:
        return f"Verified({self.scope}, {self.timestamp}, {self.payload.name})"

    __str__ = __repr__


def verify(
    claim: Claim,
    request: HttpRequest,
    secret: str,
    now: datetime,
    *,
    body_hash: str | None = None,
    region: str | None = None,
    services: Collection[str] | None = None,
    raw_path: str | None = None,
    protocol: str = "",
    allow_unsigned: bool = False,
) -> Verified:
    """Check a claim against its request and the secret of its access key; raises AwsError.

    `body_hash` is the sha256 of the body in hexadecimal where it has been read elsewhere; without it a service other than S3
    hashes `request.body`, and S3 leaves a declared sha256 to `check_payload`. `services` are the accepted signing names;
    `region` restricts the scope to one; `raw_path` is the percent-encoded path where the decoded one is ambiguous;
    `allow_unsigned` accepts UNSIGNED-PAYLOAD from services other than S3 (operations whose model says v4-unsigned-body).
    For a claim of Signature Version 2 the path of `request` has to start with the bucket, even if its Host names that.
    """
    if claim.version == 2:
        return _verify_version_2(claim, request, secret, now, body_hash)
    dialect = dialect_of(claim.service, protocol)
    check_scope(claim, dialect, region, services)
    _check_time(claim, dialect, now)
    _check_signed_headers(claim, request, dialect)
    mode = _payload_mode(claim, dialect, allow_unsigned)
    payload_hash = _signed_hash(claim, request, dialect, mode, body_hash)
    canonical = _canonical(claim, request, canonical_path(request.path, s3=dialect.s3, raw_path=raw_path), payload_hash)
    text = string_to_sign(claim.timestamp, claim.scope, to_bytes(canonical))
    key = signing_key(secret, claim.date, claim.region, claim.service)
    if not same(sign(key, text), claim.signature):
        path = None if dialect.s3 else reserved_path(request.path)
        if path is None or not _signs(key, claim, _canonical(claim, request, path, payload_hash)):
            raise _mismatch(claim, dialect, canonical, text)
    if body_hash is not None and dialect.s3 and mode is PayloadMode.EXACT:
        check_payload(claim.payload_hash or "", body_hash)
    return Verified(key, claim.signature, claim.scope, claim.timestamp, mode)


def _verify_version_2(
    claim: Claim, request: HttpRequest, secret: str, now: datetime, body_hash: str | None
) -> Verified:
    if claim.kind == "header":
        _check_time(claim, S3, now)
    elif now > claim.at:
        fields = {"Expires": _iso(claim.at), "ServerTime": _iso(now)}
        raise S3.error("AccessDenied", "Request has expired", **fields)
    texts = list(version2.strings_to_sign(claim, request))
    if not any(same(version2.sign(secret, text), claim.signature) for text in texts):
        raise S3.error(S3.mismatch, _S3_MISMATCH, **_what_was_signed(claim, texts[0]))
    mode = _payload_mode(claim, S3, allow_unsigned=False)
    if mode.signed_chunks:
        raise unsupported_mechanism(S3)
    if body_hash is not None and mode is PayloadMode.EXACT:
        check_payload(claim.payload_hash or "", body_hash)
    return Verified(b"", claim.signature, "", claim.timestamp, mode)


# --- scope


def check_scope(claim: Claim, dialect: Dialect, region: str | None, services: Collection[str] | None) -> None:
    """Raise unless the credential scope is of the day of signing, of the region, of an accepted service, and well terminated."""
    if (
        claim.terminator == TERMINATOR
        and claim.timestamp.startswith(claim.date)
        and len(claim.date) == 8
        and (region is None or region == claim.region)
        and (services is None or claim.service in services)
    ):
        return
    raise _scope_error(claim, dialect, region, services)


def wrong_region(claim: Claim, protocol: str, expected: str) -> AwsError:
    """The scope names a region that is not here; S3's error says which one to sign for, and clients try again with that."""
    return _scope_error(claim, dialect_of(claim.service, protocol), expected, None)


def _scope_error(claim: Claim, dialect: Dialect, region: str | None, services: Collection[str] | None) -> AwsError:
    if dialect.s3:
        return _s3_scope_error(claim, dialect, region, services)
    return dialect.error(dialect.mismatch, " ".join(_scope_faults(claim, region, services)))


def _scope_faults(claim: Claim, region: str | None, services: Collection[str] | None) -> list[str]:
    faults = []
    if region is not None and claim.region != region:
        faults.append(f"Credential should be scoped to a valid region, not '{claim.region}'.")
    if services is not None and claim.service not in services:
        faults.append(f"Credential should be scoped to correct service: '{_one(services)}'.")
    if claim.terminator != TERMINATOR:
        faults.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{claim.terminator}'.")
    day = claim.timestamp[:8]
    if claim.date != day:
        faults.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.date}' != '{day}', from '{claim.timestamp}'."
        )
    return faults


def _one(services: Collection[str]) -> str:
    return min(services, default="")


def _s3_scope_error(claim: Claim, dialect: Dialect, region: str | None, services: Collection[str] | None) -> AwsError:
    fields: dict[str, Any] = {}
    if not (len(claim.date) == 8 and claim.date.isascii() and claim.date.isdigit()):
        reason = f'incorrect date format "{claim.date}". This date in the credential must be in the format "yyyyMMdd".'
    elif services is not None and claim.service not in services:
        reason = f'incorrect service "{claim.service}". This endpoint belongs to "{_one(services)}".'
    elif claim.terminator != TERMINATOR:
        reason = f'incorrect terminal "{claim.terminator}". This endpoint uses "{TERMINATOR}".'
    elif region is not None and claim.region != region:
        reason = f"the region '{claim.region}' is wrong; expecting '{region}'"
        fields["Region"] = region
    else:
        day = claim.timestamp[:8]
        reason = f'Invalid credential date "{claim.date}". This date is not the same as X-Amz-Date: "{day}".'
    if claim.kind == "header":
        return dialect.error(dialect.incomplete, f"The authorization header is malformed; {reason}", **fields)
    if claim.kind == "post":
        return dialect.error("AccessDenied", f"Invalid according to Policy: {reason}", **fields)
    return dialect.error(
        "AuthorizationQueryParametersError", f"Error parsing the X-Amz-Credential parameter; {reason}", **fields
    )


# --- time


def _check_time(claim: Claim, dialect: Dialect, now: datetime) -> None:
    age = now - claim.at
    if age < -dialect.ahead:
        raise _too_early(claim, dialect, now)
    if claim.expires is not None:
        _check_expiry(claim, dialect, now)
    elif age > dialect.behind:
        raise _too_late(claim, dialect, now, dialect.behind, "15 min.")


def _check_expiry(claim: Claim, dialect: Dialect, now: datetime) -> None:
    lifetime = timedelta(seconds=claim.expires or 0)
    if claim.service == "sts":
        lifetime = _STS_PRESIGNED
    if now <= claim.at + lifetime:
        return
    if dialect.s3:
        message = "Request has expired"
        fields = {"Expires": _iso(claim.at + lifetime), "ServerTime": _iso(now), "X-Amz-Expires": str(claim.expires)}
        raise AwsError("AccessDenied", message, status=403, fields=fields)
    raise _too_late(claim, dialect, now, lifetime, f"{int(lifetime.total_seconds())} sec.")


def _too_early(claim: Claim, dialect: Dialect, now: datetime) -> AwsError:
    if dialect.s3:
        if claim.kind == "query":
            fields = {"X-Amz-Date": claim.timestamp, "ServerTime": _iso(now)}
            return AwsError("AccessDenied", "Request is not yet valid", status=403, fields=fields)
        return _skewed(claim, dialect, now)
    if dialect is EC2:
        return dialect.error(dialect.expired, "Request has expired.")
    minutes = int(dialect.ahead.total_seconds()) // 60
    return dialect.error(
        dialect.expired,
        f"Signature not yet current: {claim.timestamp} is still later than {_basic(now + dialect.ahead)} "
        f"({_basic(now)} + {minutes} min.)",
    )


def _too_late(claim: Claim, dialect: Dialect, now: datetime, lifetime: timedelta, words: str) -> AwsError:
    if dialect.s3:
        return _skewed(claim, dialect, now)
    if dialect is EC2:
        return dialect.error(dialect.expired, "Request has expired.")
    message = (
        f"Signature expired: {claim.timestamp} is now earlier than {_basic(now - lifetime)} ({_basic(now)} - {words})"
    )
    return dialect.error(dialect.expired, message)


def _skewed(claim: Claim, dialect: Dialect, now: datetime) -> AwsError:
    return dialect.error(
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        RequestTime=claim.timestamp,
        ServerTime=_iso(now),
        MaxAllowedSkewMilliseconds=str(int(dialect.behind.total_seconds()) * 1000),
    )


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _basic(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")


# --- signed headers


def _check_signed_headers(claim: Claim, request: HttpRequest, dialect: Dialect) -> None:
    """The host, and every x-amz-* header that the request carries, has to be signed: an unsigned one could have been added."""
    signed = claim.signed_headers
    unsigned = [name for name in request.headers if name.startswith("x-amz-") and name not in signed]
    host = "host" in signed or ":authority" in signed
    if host and not unsigned:
        return
    if dialect.s3:
        names = ", ".join(sorted([*unsigned, *([] if host else ["host"])]))
        message = "There were headers present in the request which were not signed"
        raise dialect.error("AccessDenied", message, HeadersNotSigned=names)
    names_at_fault = [] if host else ["'Host' or ':authority'"]
    names_at_fault += [f"'{name}'" for name in sorted(unsigned)]
    faults = [f"{name} must be a 'SignedHeader' in the AWS Authorization." for name in names_at_fault]
    raise dialect.error(dialect.mismatch, " ".join(faults))


# --- payload and signature


def _payload_mode(claim: Claim, dialect: Dialect, allow_unsigned: bool) -> PayloadMode:
    declared = claim.payload_hash
    if dialect.s3:
        if declared is None:
            raise dialect.error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        return payload_mode(declared)
    if allow_unsigned and declared == UNSIGNED_PAYLOAD:
        return PayloadMode.UNSIGNED
    return PayloadMode.EXACT


def _signed_hash(claim: Claim, request: HttpRequest, dialect: Dialect, mode: PayloadMode, body_hash: str | None) -> str:
    """The last line of the canonical request. Services other than S3 believe only the body itself."""
    if dialect.s3 or mode is PayloadMode.UNSIGNED:
        return claim.payload_hash or ""
    if body_hash is not None:
        return body_hash
    return sha256(request.body).hexdigest() if request.body else EMPTY_SHA256


def _canonical(claim: Claim, request: HttpRequest, path: str, payload_hash: str) -> str:
    query = request.query
    return canonical_request(
        request.method,
        path,
        canonical_query(query, leave_out="X-Amz-Signature" if claim.kind == "query" else None) if query else "",
        canonical_headers(request.headers, claim.signed_headers),
        ";".join(claim.signed_headers),
        payload_hash,
    )


def _signs(key: bytes, claim: Claim, canonical: str) -> bool:
    return same(sign(key, string_to_sign(claim.timestamp, claim.scope, to_bytes(canonical))), claim.signature)


def _mismatch(claim: Claim, dialect: Dialect, canonical: str, text: str) -> AwsError:
    """The caller is told what should have been signed: only its own request, never anything derived from the secret."""
    if dialect.s3:
        fields = _what_was_signed(claim, text)
        fields |= {"CanonicalRequest": canonical, "CanonicalRequestBytes": to_bytes(canonical).hex(" ")}
        return dialect.error(dialect.mismatch, _S3_MISMATCH, **fields)
    if dialect is EC2:
        return dialect.error(dialect.mismatch, "AWS was not able to validate the provided access credentials")
    message = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
        "signing method. Consult the service documentation for details."
    )
    details = (
        f"\n\nThe Canonical String for this request should have been\n'{canonical}'"
        f"\n\nThe String-to-Sign should have been\n'{text}'\n"
    )
    return dialect.error(dialect.mismatch, message + details)


def _what_was_signed(claim: Claim, text: str) -> dict[str, str]:
    return {
        "AWSAccessKeyId": claim.access_key_id,
        "StringToSign": text,
        "SignatureProvided": claim.signature,
        "StringToSignBytes": to_bytes(text).hex(" "),
    }
