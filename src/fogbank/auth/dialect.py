"""What the families of AWS services call the same failure of authentication: codes, statuses and wording, as data.

Sources: Amazon S3 API Reference, "Error Responses"; IAM User Guide, "Troubleshoot Signature Version 4 API signing errors"; the
"Common Errors" page of each service's API reference; EC2's "Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

S3_SERVICES = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})
_QUERY_SERVICES = frozenset(
    {
        "autoscaling", "cloudformation", "cloudfront", "cloudsearch", "elasticache", "elasticbeanstalk",
        "elasticloadbalancing", "elasticmapreduce", "email", "iam", "importexport", "monitoring", "rds", "redshift", "route53",
        "sdb", "ses", "sns", "sqs", "sts",
    }
)  # fmt: skip
_REST_SERVICES = frozenset(
    {"apigateway", "batch", "backup", "bedrock", "efs", "eks", "elasticfilesystem", "es", "execute-api", "glacier",
     "iot", "kafka", "lambda", "mq", "polly", "scheduler", "xray"}
)  # fmt: skip


class Dialect(msgspec.Struct, frozen=True):
    """The error codes of one family of services, and how far a request's clock may be from ours."""

    s3: bool
    incomplete: str
    missing: str
    mismatch: str
    expired: str
    unknown_key: str
    invalid_token: str
    expired_token: str
    status: int
    ahead: timedelta = timedelta(minutes=5)
    behind: timedelta = timedelta(minutes=15)

    def error(self, code: str, message: str, **fields: Any) -> AwsError:
        """An AwsError with the status that this family gives to failures of authentication."""
        return AwsError(code, message, status=_STATUS.get(code, self.status), fields=fields)


# The codes whose status is the same wherever they occur; the others have that of their family.
_STATUS = {
    "AccessDenied": 403,
    "IncompleteSignature": 400,
    "InvalidAccessKeyId": 403,
    "RequestExpired": 400,
    "RequestTimeTooSkewed": 403,
    "SignatureDoesNotMatch": 403,
}

S3 = Dialect(
    s3=True, incomplete="AuthorizationHeaderMalformed", missing="AccessDenied", mismatch="SignatureDoesNotMatch",
    expired="RequestTimeTooSkewed", unknown_key="InvalidAccessKeyId", invalid_token="InvalidToken",
    expired_token="ExpiredToken", status=400, ahead=timedelta(minutes=15),
)  # fmt: skip
QUERY = Dialect(
    s3=False, incomplete="IncompleteSignature", missing="MissingAuthenticationToken", mismatch="SignatureDoesNotMatch",
    expired="SignatureDoesNotMatch", unknown_key="InvalidClientTokenId", invalid_token="InvalidClientTokenId",
    expired_token="ExpiredToken", status=403,
)  # fmt: skip
EC2 = Dialect(
    s3=False, incomplete="IncompleteSignature", missing="MissingAuthenticationToken", mismatch="AuthFailure",
    expired="RequestExpired", unknown_key="AuthFailure", invalid_token="AuthFailure", expired_token="RequestExpired",
    status=401,
)  # fmt: skip
JSON = Dialect(
    s3=False, incomplete="IncompleteSignatureException", missing="MissingAuthenticationTokenException",
    mismatch="InvalidSignatureException", expired="InvalidSignatureException", unknown_key="UnrecognizedClientException",
    invalid_token="UnrecognizedClientException", expired_token="ExpiredTokenException", status=400,
)  # fmt: skip
REST_JSON = msgspec.structs.replace(JSON, status=403)

_BY_PROTOCOL: Mapping[str, Dialect] = {
    "query": QUERY, "ec2": EC2, "json": JSON, "rest-json": REST_JSON, "rest-xml": QUERY, "smithy-rpc-v2-cbor": JSON,
}  # fmt: skip


def dialect_of(service: str, protocol: str = "") -> Dialect:
    """The dialect of a service by its signing name; `protocol` (botocore's name for it) decides where the caller knows it."""
    if service in S3_SERVICES:
        return S3
    if service == "ec2":
        return EC2
    if protocol in _BY_PROTOCOL:
        return _BY_PROTOCOL[protocol]
    if service in _QUERY_SERVICES:
        return QUERY
    return REST_JSON if service in _REST_SERVICES else JSON


def missing_credentials(dialect: Dialect) -> AwsError:
    """An anonymous request where credentials are needed."""
    if dialect.s3:
        return dialect.error(dialect.missing, "Access Denied")
    return dialect.error(dialect.missing, "Missing Authentication Token")


def unsupported_mechanism(dialect: Dialect) -> AwsError:
    """A way of signing that AWS has, but not for this."""
    message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    return dialect.error("InvalidRequest", message)


def unknown_key(dialect: Dialect, access_key_id: str) -> AwsError:
    """No such access key, or one that is inactive."""
    if dialect.s3:
        message = "The AWS Access Key Id you provided does not exist in our records."
        return dialect.error(dialect.unknown_key, message, AWSAccessKeyId=access_key_id)
    return dialect.error(dialect.unknown_key, _invalid_token_message(dialect))


def invalid_token(dialect: Dialect) -> AwsError:
    """A session token that does not belong to the access key, or one too many, or one missing."""
    if dialect.s3:
        return dialect.error(dialect.invalid_token, "The provided token is malformed or otherwise invalid.")
    return dialect.error(dialect.invalid_token, _invalid_token_message(dialect))


def expired_token(dialect: Dialect) -> AwsError:
    """A session that has ended."""
    if dialect.s3:
        return dialect.error(dialect.expired_token, "The provided token has expired.")
    if dialect is EC2:
        return dialect.error(dialect.expired_token, "Request has expired.")
    return dialect.error(dialect.expired_token, "The security token included in the request is expired")


def _invalid_token_message(dialect: Dialect) -> str:
    if dialect is EC2:
        return "AWS was not able to validate the provided access credentials"
    return "The security token included in the request is invalid."
