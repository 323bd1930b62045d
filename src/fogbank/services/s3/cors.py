"""Cross-origin resource sharing: what browsers let pages of other origins do with a bucket.

Sources: Amazon S3 User Guide, "Using cross-origin resource sharing (CORS)" and "Elements of a CORS configuration"; Amazon S3 API
Reference, PutBucketCors and "OPTIONS object"; the Fetch standard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.service import NO_PERMISSION_NEEDED
from fogbank.services.s3 import configuration
from fogbank.services.s3.access import no_such_bucket, open_bucket
from fogbank.services.s3.records import buckets
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from types_boto3_s3.type_defs import (
        CORSRuleOutputTypeDef,
        CORSRuleTypeDef,
        DeleteBucketCorsRequestTypeDef,
        GetBucketCorsRequestTypeDef,
        PutBucketCorsRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.store.api import Tx
    from fogbank.wire import HttpRequest

    Rule = CORSRuleTypeDef | CORSRuleOutputTypeDef

KIND: Final = "cors"
OUTPUT: Final = s3.model.operations["OptionsObject"].output
METHODS: Final = ("GET", "PUT", "HEAD", "POST", "DELETE")
MOST_RULES: Final = 100
MOST_BYTES: Final = 64 << 10
MOST_ID: Final = 255
HEADERS: Final = {name: member.wire_name(name) for name, member in OUTPUT.members.items()} if OUTPUT else {}
VARY: Final = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
NOT_ENABLED: Final = "CORSResponse: CORS is not enabled for this bucket."
NOT_ALLOWED: Final = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)  # AWS's spelling


@s3.operation(
    "write",
    "bucket",
    action="s3:PutBucketCORS",
    takes="Bucket CORSConfiguration ContentMD5 ChecksumAlgorithm ExpectedBucketOwner",
)
def put_bucket_cors(call: Call, req: PutBucketCorsRequestTypeDef) -> dict[str, Any]:
    """Replace the bucket's rules."""
    if len(call.request.body) > MOST_BYTES:
        fields = {"MaxMessageLengthBytes": MOST_BYTES}
        raise AwsError("MaxMessageLengthExceeded", "Your request was too big.", fields=fields)
    rules = req["CORSConfiguration"]["CORSRules"]
    if len(rules) > MOST_RULES:
        raise invalid(f"The number of CORS rules should not exceed allowed limit of {MOST_RULES} rules.")
    for rule in rules:
        check_rule(rule)
    configuration.keep(call.tx, open_bucket(call, req), KIND, {"CORSRules": rules})
    return {}


@s3.operation("read", "bucket", action="s3:GetBucketCORS", takes="Bucket ExpectedBucketOwner")
def get_bucket_cors(call: Call, req: GetBucketCorsRequestTypeDef) -> dict[str, Any]:
    """The bucket's rules."""
    bucket = open_bucket(call, req)
    found: dict[str, Any] | None = configuration.find(call.tx, bucket, KIND)
    if found is None:
        what = "The CORS configuration does not exist"
        raise AwsError("NoSuchCORSConfiguration", what, fields={"BucketName": bucket.name})
    return found


@s3.operation("write", "bucket", action="s3:PutBucketCORS", takes="Bucket ExpectedBucketOwner")
def delete_bucket_cors(call: Call, req: DeleteBucketCorsRequestTypeDef) -> dict[str, Any]:
    """Forget the bucket's rules, if it has any."""
    configuration.drop(call.tx, open_bucket(call, req), KIND)
    return {}


def check_rule(rule: Rule) -> None:
    """InvalidRequest or MalformedXML, in AWS's words, for a rule that cannot be one."""
    if not rule.get("AllowedMethods") or not rule.get("AllowedOrigins") or rule.get("MaxAgeSeconds", 0) < 0:
        what = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", what)
    if len(rule.get("ID", "")) > MOST_ID:
        raise invalid(f"The ID of a CORS rule should not exceed allowed limit of {MOST_ID} characters.")
    for method in rule["AllowedMethods"]:
        if method not in METHODS:
            raise invalid(f"Found unsupported HTTP method in CORS config. Unsupported method is {method[:64]}")
    check_wildcards("AllowedOrigin", rule["AllowedOrigins"])
    check_wildcards("AllowedHeader", rule.get("AllowedHeaders", ()))
    for name in rule.get("ExposeHeaders", ()):
        if "*" in name:
            what = (
                f'ExposeHeader "{name[:256]}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
            )
            raise invalid(what)
        if not name.isascii() or not name.isprintable() or "," in name:
            raise invalid(f'ExposeHeader "{name[:256]}" contains invalid character.')


def check_wildcards(element: str, patterns: Iterable[str]) -> None:
    """One wildcard in a pattern, at most."""
    for pattern in patterns:
        if pattern.count("*") > 1:
            raise invalid(f'{element} "{pattern[:256]}" can not have more than one wildcard.')


def invalid(message: str) -> AwsError:
    """S3's error for rules that it understands and does not take."""
    return AwsError("InvalidRequest", message)


@s3.operation("read", "bucket", action=NO_PERMISSION_NEEDED, anonymous=True, takes="Bucket Key Origin Method Headers")
def options_object(call: Call, req: Input) -> dict[str, Any]:
    """Answer a browser's preflight request: whether the request that it is about to make would be allowed to a page."""
    method = req.get("Method", "null")
    if "Origin" not in req:
        raise AwsError("BadRequest", "Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise AwsError("BadRequest", f"Invalid Access-Control-Request-Method: {method[:64]}")
    bucket = buckets.get(call.tx, req["Bucket"])
    if bucket is None:
        raise no_such_bucket(req["Bucket"])
    found = configuration.find(call.tx, bucket, KIND)
    wanted = [name.strip().lower() for name in req.get("Headers", "").split(",") if name.strip()]
    answer = allowed(found["CORSRules"], req["Origin"], method, wanted) if found else None
    if answer is None:
        fields = {"Method": method, "ResourceType": "OBJECT" if req["Key"] else "BUCKET"}
        raise AwsError("AccessForbidden", NOT_ALLOWED if found else NOT_ENABLED, fields=fields)
    return answer


def cross_origin(tx: Tx, request: HttpRequest, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """The headers of an answer to a page of the request's Origin, but for preflight requests, whose answer they are."""
    bucket = buckets.get(tx, labels["Bucket"]) if labels.get("Bucket") else None
    found = configuration.find(tx, bucket, KIND) if bucket else None
    origin = request.headers["origin"]
    if found is None or request.method == "OPTIONS" or not (origin.isascii() and origin.isprintable()):
        return []
    answer = allowed(found["CORSRules"], origin, request.method, ())
    return [(HEADERS[name], text) for name, text in answer.items()] if answer else []


s3.cross_origin = cross_origin


def allowed(rules: Iterable[Rule], origin: str, method: str, headers: Sequence[str]) -> dict[str, str] | None:
    """What the first rule that fits allows, as OptionsObject's output; None if no rule does. `headers` are in lower case."""
    for rule in rules:
        fitting = next((pattern for pattern in rule["AllowedOrigins"] if fits(pattern, origin)), None)
        if fitting is None or method not in rule["AllowedMethods"]:
            continue
        patterns = [pattern.lower() for pattern in rule.get("AllowedHeaders", ())]
        if all(any(fits(pattern, name) for pattern in patterns) for name in headers):
            return told(rule, "*" if fitting == "*" else origin, headers)
    return None


def fits(pattern: str, text: str) -> bool:
    """Whether a text is the pattern, whose one `*` stands for anything."""
    start, star, end = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(pattern) - 1 and text.startswith(start) and text.endswith(end)


def told(rule: Rule, origin: str, headers: Sequence[str]) -> dict[str, str]:
    """What a rule allows an origin, `*` for any. Credentials only with one that is named: browsers take no others."""
    answer = {"AllowOrigin": origin, "AllowMethods": ", ".join(rule["AllowedMethods"]), "Vary": VARY}
    if headers:
        answer["AllowHeaders"] = ", ".join(headers)
    if rule.get("ExposeHeaders"):
        answer["ExposeHeaders"] = ", ".join(rule["ExposeHeaders"])
    if "MaxAgeSeconds" in rule:
        answer["MaxAge"] = str(rule["MaxAgeSeconds"])
    if origin != "*":
        answer["AllowCredentials"] = "true"
    return answer
