"""Static websites: the configuration of a bucket that is one.

Sources: Amazon S3 API Reference, PutBucketWebsite; S3 User Guide, "Hosting a static website using Amazon S3".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.names import check_key
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        DeleteBucketWebsiteRequestTypeDef,
        GetBucketWebsiteRequestTypeDef,
        PutBucketWebsiteRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input

KIND: Final = "website"
MOST_RULES: Final = 50
MOST_BYTES: Final = 128 << 10
HOST: Final = re.compile(r"[A-Za-z0-9._~%:\[\]/-]+", re.ASCII)  # AWS takes a path behind the name, too
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
PROTOCOLS: Final = ("http", "https")


@s3.operation(
    "write",
    "bucket",
    takes="Bucket WebsiteConfiguration ContentMD5 ChecksumAlgorithm ExpectedBucketOwner",
)
def put_bucket_website(call: Call, req: PutBucketWebsiteRequestTypeDef) -> dict[str, Any]:
    """Make the bucket a website, or another one."""
    if len(call.request.body) > MOST_BYTES:
        fields = {"MaxMessageLengthBytes": MOST_BYTES}
        raise AwsError("MaxMessageLengthExceeded", "Your request was too big.", fields=fields)
    site = req["WebsiteConfiguration"]
    check_site(site)
    configuration.keep(call.tx, open_bucket(call, req), KIND, site)
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_website(call: Call, req: GetBucketWebsiteRequestTypeDef) -> dict[str, Any]:
    """What kind of website the bucket is."""
    bucket = open_bucket(call, req)
    found: dict[str, Any] | None = configuration.find(call.tx, bucket, KIND)
    if found is None:
        raise no_website(bucket.name)
    return found


@s3.operation("write", "bucket", takes="Bucket ExpectedBucketOwner")
def delete_bucket_website(call: Call, req: DeleteBucketWebsiteRequestTypeDef) -> dict[str, Any]:
    """Make the bucket no website, if it is one."""
    configuration.drop(call.tx, open_bucket(call, req), KIND)
    return {}


def no_website(bucket: str) -> AwsError:
    """S3's error for a bucket that is no website."""
    what = "The specified bucket does not have a website configuration"
    return AwsError("NoSuchWebsiteConfiguration", what, fields={"BucketName": bucket})


def check_site(site: Input) -> None:
    """Refuse, in AWS's words, what cannot be a website."""
    if "RedirectAllRequestsTo" in site:
        if len(site) > 1:
            raise invalid("RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.")
        check_target(site["RedirectAllRequestsTo"])
        return
    suffix = site.get("IndexDocument", {}).get("Suffix")
    if suffix is None:
        what = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty"
        raise argument("IndexDocument", "null", what)
    if not suffix or "/" in suffix or CONTROL.search(suffix):
        raise argument("IndexDocument", suffix, "The IndexDocument Suffix is not well formed")
    if "ErrorDocument" in site:
        key = site["ErrorDocument"]["Key"]
        if not key or CONTROL.search(key):
            raise argument("ErrorDocument", key, "The ErrorDocument Key is not well formed")
        check_key(key)
    rules = site.get("RoutingRules", [])
    if len(rules) > MOST_RULES:
        raise invalid(f"The number of routing rules must not exceed the limit of {MOST_RULES}.")
    for rule in rules:
        check_rule(rule)


def check_rule(rule: Input) -> None:
    """A routing rule: on what condition, and where to."""
    condition = rule.get("Condition")
    if condition is not None:
        if not condition:
            what = "Condition cannot be empty. To redirect all requests without a condition, the condition element "
            raise invalid(f"{what}shouldn't be present.")
        status = condition.get("HttpErrorCodeReturnedEquals", "404")
        if not re.fullmatch(r"[45]\d\d", status, re.ASCII):
            raise invalid(
                f"The provided HTTP error code ({status[:16]}) is not valid. Valid codes are 4XX or 5XX.",
            )
    redirect = rule["Redirect"]
    if "ReplaceKeyWith" in redirect and "ReplaceKeyPrefixWith" in redirect:
        raise invalid("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
    status = redirect.get("HttpRedirectCode", "301")
    if not re.fullmatch(r"3\d\d", status, re.ASCII) or status == "300":
        raise invalid(
            f"The provided HTTP redirect code ({status[:16]}) is not valid. Valid codes are 3XX except 300.",
        )
    check_target(redirect)


def check_target(redirect: Input) -> None:
    """Where a redirect leads to: what it says can be in an address."""
    if redirect.get("Protocol", "http") not in PROTOCOLS:
        what = "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically."
        raise invalid(what)
    host = redirect.get("HostName")
    if host is not None and not HOST.fullmatch(host):
        raise argument("HostName", host, "The HostName of a redirect is not well formed")
    for name in ("ReplaceKeyWith", "ReplaceKeyPrefixWith"):
        if CONTROL.search(redirect.get(name, "")):
            raise argument(name, redirect[name], f"The {name} of a redirect is not well formed")


def invalid(message: str) -> AwsError:
    """S3's error for a website that it understands and does not take."""
    return AwsError("InvalidRequest", message)


def argument(name: str, value: str, message: str) -> AwsError:
    """S3's error for a value that cannot be one."""
    return AwsError("InvalidArgument", message, fields={"ArgumentName": name, "ArgumentValue": value[:256]})
