"""Static websites: the pages, as website endpoints answer them to anybody who may read them.

Sources: S3 User Guide, "Configuring an index document", "Configuring a custom error document", "(Optional) Configuring a webpage
redirect", "Website endpoints".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fogbank.core.errors import AwsError
from fogbank.core.service import NO_PERMISSION_NEEDED, Permission
from fogbank.services.s3 import configuration, granted, object_get
from fogbank.services.s3.access import open_named
from fogbank.services.s3.records import objects
from fogbank.services.s3.service import s3
from fogbank.services.s3.website import KIND, no_website

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

    Read = Callable[[Call, Any], dict[str, Any]]

TAKES: Final = "Bucket Key IfMatch IfModifiedSince IfNoneMatch IfUnmodifiedSince Range"
KEY: Final = "-._~/!$&'()*+,;=:@"  # what a path holds as it is
TARGET: Final = f"{KEY}?#%[]"  # what the configuration says of an address is one already
STATUSES: Final[dict[str, int]] = s3.model.raw["errorStatus"]


@s3.operation("read", "bucket", action=NO_PERMISSION_NEEDED, anonymous=True, takes=TAKES)
def get_website(call: Call, req: Input) -> dict[str, Any]:
    """A page of a website."""
    return answer(call, req, object_get.get_object)


@s3.operation("read", "bucket", action=NO_PERMISSION_NEEDED, anonymous=True, takes=TAKES)
def head_website(call: Call, req: Input) -> dict[str, Any]:
    """What GetWebsite would answer, without the page."""
    return answer(call, req, object_get.head_object)


def answer(call: Call, req: Input, read: Read) -> dict[str, Any]:
    """The page of a key, or what the website has for it instead: a redirect, or its error document."""
    bucket = open_named(call, req["Bucket"])
    check_endpoint(call, bucket)
    site = configuration.find(call.tx, bucket, KIND)
    if site is None:
        raise no_website(bucket.name)
    key: str = req["Key"]
    if "RedirectAllRequestsTo" in site:
        return redirect(call, site["RedirectAllRequestsTo"], quote(key, KEY))
    rule = fitting(site, key, None)
    if rule is not None:
        return by_rule(call, rule, key)
    try:
        return page(call, bucket, index_of(site, key), req, read)
    except AwsError as error:
        return instead(call, bucket, site, key, error, read)


def check_endpoint(call: Call, bucket: Bucket) -> None:
    """A website has the endpoint of its bucket's region, where the host names one."""
    if bucket.region != call.region and call.region in call.request.headers.get("host", ""):
        what = "The specified bucket exists in another Region. Direct requests to the correct endpoint."
        raise AwsError("IncorrectEndpoint", what, fields={"Endpoint": f"s3-website.{bucket.region}.amazonaws.com"})


def index_of(site: Input, key: str) -> str:
    """The object that is meant by a key: that of a folder is its index document."""
    return key + site["IndexDocument"]["Suffix"] if not key or key.endswith("/") else key


def page(call: Call, bucket: Bucket, key: str, req: Input, read: Read) -> dict[str, Any]:
    """An object, if anybody may read it, or where it says that it is."""
    names = {"Bucket": bucket.name, "Key": key}
    permission = Permission("s3:GetObject", f"arn:aws:s3:::{bucket.name}/{key}", names)
    if not call.may(permission, granted.owner(call, names) or bucket.account):
        raise AwsError("AccessDenied", "Access Denied")
    found = read(call, {**req, **names})
    location = found.pop("WebsiteRedirectLocation", None)
    return {"StatusCode": 301, "Location": quote(location, TARGET)} if location else found


def instead(call: Call, bucket: Bucket, site: Input, key: str, error: AwsError, read: Read) -> dict[str, Any]:
    """What a website answers where it has no page: a folder's address, a rule's, its error document; or the error."""
    status = error.status or STATUSES.get(error.code, 400)
    if status in (403, 404) and is_folder(call, bucket, site, key):
        return {"StatusCode": 302, "Location": with_query(call, quote(f"/{key}/", KEY))}
    rule = fitting(site, key, str(status))
    if rule is not None:
        return by_rule(call, rule, key)
    document = site.get("ErrorDocument", {}).get("Key")
    if document is None or not 400 <= status < 500:
        raise error
    try:
        found = page(call, bucket, document, {}, read)
    except AwsError as second:
        raise error from second
    told = {"ErrorCode": error.code, "ErrorMessage": error.message, "ErrorKey": error.fields.get("Key")}
    return found | told | {"StatusCode": status} if "Location" not in found else found


def is_folder(call: Call, bucket: Bucket, site: Input, key: str) -> bool:
    """Whether a key would be that of a folder, with a slash behind it: one that has an index document."""
    named = bool(key) and not key.endswith("/")
    return named and objects.get(call.tx, bucket.name, index_of(site, f"{key}/")) is not None


def fitting(site: Input, key: str, status: str | None) -> Input | None:
    """The first routing rule for a key: of those that ask for an error if there is one (its status), else of the others."""
    for rule in site.get("RoutingRules", ()):
        condition = rule.get("Condition", {})
        if condition.get("HttpErrorCodeReturnedEquals") == status and key.startswith(
            condition.get("KeyPrefixEquals", "")
        ):
            found: Input = rule
            return found
    return None


def by_rule(call: Call, rule: Input, key: str) -> dict[str, Any]:
    """The redirect of a routing rule."""
    target = rule["Redirect"]
    path = quote(key, KEY)
    if "ReplaceKeyWith" in target:
        path = quote(target["ReplaceKeyWith"], TARGET)
    elif "ReplaceKeyPrefixWith" in target:
        prefix = rule.get("Condition", {}).get("KeyPrefixEquals", "")
        path = quote(target["ReplaceKeyPrefixWith"], TARGET) + quote(key[len(prefix) :], KEY)
    return redirect(call, target, path)


def redirect(call: Call, target: Input, path: str) -> dict[str, Any]:
    """A redirect to a path, at the host and with the protocol that are named, or those of the request."""
    request = call.request
    protocol = target.get("Protocol", request.scheme)
    host = target.get("HostName", request.headers.get("host", ""))
    place = with_query(call, f"{protocol}://{host}/{path}")
    return {"StatusCode": int(target.get("HttpRedirectCode", "301")), "Location": place}


def with_query(call: Call, place: str) -> str:
    """An address with the request's query, unless it has one already or ends in a fragment."""
    query = call.request.query
    return f"{place}?{quote(query, TARGET)}" if query and "?" not in place and "#" not in place else place
