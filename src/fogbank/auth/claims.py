"""What a request claims about its caller, read from its head before anything is checked.

Sources: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header" and "… Using Query Parameters"; IAM
User Guide, "Elements of an AWS API request signature".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from fogbank.auth import version2
from fogbank.auth.claimed import Claim, parse_date, parse_time
from fogbank.auth.dialect import S3_SERVICES, Dialect, dialect_of, unsupported_mechanism
from fogbank.auth.payload import UNSIGNED_PAYLOAD
from fogbank.auth.signing import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fogbank.wire.errors import AwsError
    from fogbank.wire.http import HttpRequest

MAX_EXPIRES = 604_800  # a week, in seconds
# HTTP servers bound a head far above this; nothing longer is a credential, and caches must not hold it.
_MAX_CACHED = 1024
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_KEY = re.compile(r"[!-~]{1,128}").fullmatch
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")
_QUERY_REQUIRED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
# Arguments that are about the signature, not about the operation.
_OF_SIGNATURE = frozenset(
    "x-amz-" + name
    for name in (
        "algorithm", "content-sha256", "credential", "date", "expires", "s3session-token", "security-token", "signature",
        "signedheaders",
    )
)  # fmt: skip
_EXPECTED_CREDENTIAL = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'


def claim(request: HttpRequest, service: str | None = None, protocol: str = "") -> Claim | None:
    """The claim that a request's head makes, or None if it is anonymous. Raises AwsError if it is malformed.

    `service` (a signing name) and `protocol` word the errors of a request whose credential scope cannot be read; without them
    the scope decides, and else what the request looks like.
    """
    authorization = request.headers.get("authorization")
    if not request.query or not _maybe_signed_query(request.query):
        if authorization is None:
            return None
        return _from_header(request, authorization, service, protocol)
    args = request.args
    in_query = "X-Amz-Algorithm" in args or "X-Amz-Signature" in args or "X-Amz-Credential" in args
    version_2 = ("Signature" in args) + ("AWSAccessKeyId" in args)
    if authorization is not None:
        if in_query or version_2 == 2:
            raise _two_mechanisms(_dialect(request, service, protocol), authorization)
        return _from_header(request, authorization, service, protocol)
    if in_query:
        if version_2 == 2:
            raise _two_mechanisms(_dialect(request, service, protocol), "")
        return _from_query(request, service, protocol)
    return _from_version_2_query(request, _dialect(request, service, protocol)) if version_2 else None


def _maybe_signed_query(query: str) -> bool:
    # A name can be percent-encoded, so an escape means that the arguments have to be decoded to know.
    return "X-Amz-" in query or "Signature" in query or "%" in query or "AWSAccessKeyId" in query


def _dialect(request: HttpRequest, service: str | None, protocol: str, credential: str = "") -> Dialect:
    """The family of services whose error a malformed request gets."""
    if service is None:
        parts = credential.split("/")
        service = parts[3] if len(parts) > 4 and parts[3] else _guess(request)
    return dialect_of(service, protocol)


def _guess(request: HttpRequest) -> str:
    if "x-amz-target" in request.headers:
        return "json"
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "sts" if (form and request.method == "POST") or "Action" in request.args else "s3"


def _two_mechanisms(dialect: Dialect, authorization: str) -> AwsError:
    if dialect.s3:
        message = (
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the "
            "Authorization header should be specified"
        )
        scheme = authorization.split(" ", 1)[0]  # not the rest: it may be a bearer token
        return dialect.error("InvalidArgument", message, ArgumentName="Authorization", ArgumentValue=scheme)
    message = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    return dialect.error(dialect.mismatch, message)


def _refuse_mechanism(dialect: Dialect, scheme: str) -> NoReturn:
    """SigV4A, SigV2 of services other than S3, and what is not AWS's at all."""
    if dialect.s3:
        if scheme.startswith("AWS"):
            raise unsupported_mechanism(dialect)
        message = "Unsupported Authorization Type"
        raise dialect.error("InvalidArgument", message, ArgumentName="Authorization", ArgumentValue=scheme)
    if not scheme.startswith("AWS4-"):
        raise dialect.error(dialect.missing, "Request is missing Authentication Token")
    message = f"Unsupported AWS 'algorithm': '{scheme}' (only AWS4-HMAC-SHA256 for now). "
    raise dialect.error(dialect.incomplete, message)


# --- the Authorization header


def _from_header(request: HttpRequest, authorization: str, service: str | None, protocol: str) -> Claim:
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme != ALGORITHM:
        dialect = _dialect(request, service, protocol)
        if scheme == "AWS" and dialect.s3:
            return version2.header_claim(request, rest)
        _refuse_mechanism(dialect, scheme[:64])
    parameters = _split_parameters(rest)
    if parameters is None:
        _incomplete_header(request, rest, service, protocol)
    credential, signed_headers, signature = parameters
    scope = parse_credential(credential)
    if scope is None:
        raise _bad_credential(_dialect(request, service, protocol, credential), credential, query=False)
    access_key_id, date, region, scope_service, terminator = scope
    names = split_names(signed_headers)
    if names is None:
        dialect = dialect_of(service or scope_service, protocol)
        raise _malformed(dialect, "the SignedHeaders list is mal-formed.", "SignedHeaders names a header twice.")
    headers = request.headers
    timestamp, at = _header_time(request, scope_service, service, protocol)
    token = headers.get("x-amz-security-token")
    if token is None and scope_service == "s3express":
        token = headers.get("x-amz-s3session-token")
    return Claim(
        "header", access_key_id, date, region, scope_service, terminator, names, signature, timestamp, at, None, token,
        headers.get("x-amz-content-sha256"),
    )  # fmt: skip


def _split_parameters(text: str) -> tuple[str, str, str] | None:
    """Credential, SignedHeaders and Signature, each exactly once, separated by commas, spaces or both; else None."""
    credential = signed_headers = signature = None
    for part in text.replace(",", " ").split():
        name, _, value = part.partition("=")
        if name == "Credential" and credential is None:
            credential = value
        elif name == "SignedHeaders" and signed_headers is None:
            signed_headers = value
        elif name == "Signature" and signature is None:
            signature = value
        else:
            return None
    if credential and signed_headers and signature:
        return credential, signed_headers, signature
    return None


def _incomplete_header(request: HttpRequest, rest: str, service: str | None, protocol: str) -> NoReturn:
    found: dict[str, str] = {}
    duplicated = unknown = ""
    for part in rest.replace(",", " ").split():
        name, equals, value = part.partition("=")
        if name in found:
            duplicated = name
        if not equals or name not in _PARAMETERS:
            unknown = name[:64]
        found[name] = value
    dialect = _dialect(request, service, protocol, found.get("Credential", ""))
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARAMETERS if not found.get(name)]
    if "x-amz-date" not in request.headers and "date" not in request.headers:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if duplicated:
        missing.append(f"Authorization header has a duplicate '{duplicated}' parameter.")
    if unknown:
        missing.append(f"'{unknown}' not a valid key=value pair (missing equal-sign) in Authorization header.")
    three = "the authorization header requires three components: Credential, SignedHeaders, and Signature."
    raise _malformed(dialect, three, " ".join(missing))


def _malformed(dialect: Dialect, s3_reason: str, reason: str) -> AwsError:
    if dialect.s3:
        return dialect.error(dialect.incomplete, f"The authorization header is malformed; {s3_reason}")
    return dialect.error(dialect.incomplete, reason)


def _bad_credential(dialect: Dialect, credential: str, *, query: bool) -> AwsError:
    if query and dialect.s3:
        return _query_error(dialect, f"Error parsing the X-Amz-Credential parameter; {_EXPECTED_CREDENTIAL}")
    reason = (
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
        f"got '{credential[:256]}'"
    )
    return _malformed(dialect, _EXPECTED_CREDENTIAL, reason)


def _header_time(request: HttpRequest, scope: str, service: str | None, protocol: str) -> tuple[str, datetime]:
    """The time of signing: x-amz-date, else Date in either of the forms that SDKs send."""
    text = request.headers.get("x-amz-date")
    at = parse_time(text) if text is not None else None
    if text is not None and at is not None:
        return text, at
    if text is None:
        text = request.headers.get("date", "")
        at = parse_date(text)
        if at is not None:
            return at.strftime("%Y%m%dT%H%M%SZ"), at
    dialect = dialect_of(service or scope, protocol)
    if dialect.s3:
        raise dialect.error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    if not text:
        message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        raise dialect.error(dialect.incomplete, message)
    raise dialect.error(dialect.incomplete, _bad_date(text))


def _bad_date(text: str) -> str:
    return f"Date must be in ISO-8601 'basic format'. Got '{text[:64]}'. See http://en.wikipedia.org/wiki/ISO_8601"


# --- a presigned URL


def _from_query(request: HttpRequest, service: str | None, protocol: str) -> Claim:
    args = request.args
    credential = args.get("X-Amz-Credential", [""])[0]
    dialect = _dialect(request, service, protocol, credential)
    argument = _argument_reader(request, dialect)
    algorithm = argument("X-Amz-Algorithm")
    if algorithm and algorithm != ALGORITHM:
        _refuse_mechanism(dialect, algorithm[:64] if algorithm.startswith("AWS4-") else "AWS4-?")
    missing = [name for name in _QUERY_REQUIRED if not argument(name)]
    if missing or (dialect.s3 and "X-Amz-Expires" not in args):
        raise _missing_arguments(dialect, missing)
    scope = parse_credential(credential)
    if scope is None:
        raise _bad_credential(dialect, credential, query=True)
    access_key_id, date, region, scope_service, terminator = scope
    names = split_names(argument("X-Amz-SignedHeaders"))
    if names is None:
        raise _query_error(dialect, "X-Amz-SignedHeaders is mal-formed.")
    timestamp = argument("X-Amz-Date")
    at = parse_time(timestamp)
    if at is None:
        raise _query_error(
            dialect, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"", _bad_date(timestamp)
        )
    token = argument("X-Amz-Security-Token") or request.headers.get("x-amz-security-token")
    if scope_service == "s3express" and not token:
        token = argument("X-Amz-S3session-Token") or None
    return Claim(
        "query", access_key_id, date, region, scope_service, terminator, names, argument("X-Amz-Signature"), timestamp, at,
        _expires(dialect, argument("X-Amz-Expires")), token, _query_payload(request, scope_service, argument),
    )  # fmt: skip


def _from_version_2_query(request: HttpRequest, dialect: Dialect) -> Claim | None:
    """S3's older presigned URLs. Another service's argument may be called Signature, or it may be asked in vain."""
    if dialect.s3:
        return version2.query_claim(request)
    if "Signature" in request.args and "AWSAccessKeyId" in request.args:
        _refuse_mechanism(dialect, "AWS")
    return None


def hoisted_headers(request: HttpRequest, version: int = 4) -> dict[str, str]:
    """The headers that a presigned URL of S3 carries as arguments, by lower-case name: x-amz-acl, x-amz-meta-*, checksums, ….

    SDKs other than botocore move every x-amz-* header into the query when they presign, and S3 reads them as if they were
    headers. They are signed as arguments are, or in Signature `version` 2 as headers, with Content-Type and Content-MD5 among
    them. A header that the request itself has is not among them.
    """
    found = version2.carried_headers(request) if version == 2 else _carried_headers(request)
    return {name: value for name, value in found.items() if name not in _OF_SIGNATURE}


def _carried_headers(request: HttpRequest) -> dict[str, str]:
    names = ((name, name.lower()) for name in request.args)
    found = {lower: request.args[name][0] for name, lower in names if lower.startswith("x-amz-")}
    return {name: value for name, value in found.items() if name not in request.headers}


def _argument_reader(request: HttpRequest, dialect: Dialect) -> Callable[[str], str]:
    args = request.args

    def argument(name: str) -> str:
        values = args.get(name)
        if values is None:
            return ""
        if len(values) > 1:
            # Two values for what is checked once: whoever reads the other one would be deceived.
            raise _query_error(dialect, f"Query-string authentication requires that {name} appears only once.")
        return values[0]

    return argument


def _query_payload(request: HttpRequest, service: str, argument: Callable[[str], str]) -> str | None:
    declared = request.headers.get("x-amz-content-sha256") or argument("X-Amz-Content-Sha256")
    if declared:
        return declared
    return UNSIGNED_PAYLOAD if service in S3_SERVICES else None


def _missing_arguments(dialect: Dialect, missing: list[str]) -> AwsError:
    if dialect.s3:
        message = (
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
            "X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
        return _query_error(dialect, message)
    reasons = [f"AWS query-string parameters must include '{name}'. " for name in missing]
    return dialect.error(dialect.incomplete, "".join(reasons) + "Re-examine the query-string parameters.")


def _query_error(dialect: Dialect, s3_message: str, message: str | None = None) -> AwsError:
    code = "AuthorizationQueryParametersError" if dialect.s3 else dialect.incomplete
    return dialect.error(code, s3_message if dialect.s3 or message is None else message)


def _expires(dialect: Dialect, text: str) -> int | None:
    if not text and not dialect.s3:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise _query_error(dialect, "X-Amz-Expires should be a number")
    if text != digits:
        raise _query_error(dialect, "X-Amz-Expires must be non-negative")
    digits = digits.lstrip("0")
    if not digits:
        raise _query_error(dialect, "X-Amz-Expires must be greater than zero")
    if len(digits) > 6 or int(digits) > MAX_EXPIRES:
        message = (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 "
            "seconds"
        )
        raise _query_error(dialect, message)
    return int(digits)


# --- the small parsers, cached: a client repeats itself


def parse_credential(credential: str) -> tuple[str, str, str, str, str] | None:
    """Access key id, date, region, service, terminator; None if malformed."""
    if len(credential) > _MAX_CACHED:
        return None
    return _parse_credential(credential)


@lru_cache(maxsize=2048)
def _parse_credential(credential: str) -> tuple[str, str, str, str, str] | None:
    parts = credential.split("/")
    if len(parts) != 5 or not all(parts):
        return None
    key, date, region, service, terminator = parts
    # Region and service go into keys of the store and into messages: nothing but the letters of a name.
    if not (_NAME(region) and _NAME(service) and _KEY(key) and terminator.isprintable() and date.isprintable()):
        return None
    return key, date, region, service, terminator


def split_names(text: str) -> tuple[str, ...] | None:
    """The names of SignedHeaders in canonical form (lower case, sorted); None if one is empty or repeated."""
    if len(text) > _MAX_CACHED:
        return _split_names(text)
    return _split_names_cached(text)


def _split_names(text: str) -> tuple[str, ...] | None:
    names = sorted(text.lower().split(";"))
    if not names[0] or len(set(names)) != len(names):
        return None
    return tuple(names)


_split_names_cached = lru_cache(maxsize=2048)(_split_names)
