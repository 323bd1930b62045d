"""Configurations that a bucket has several of, each with an id: kept, found, listed by pages.

Source: S3 API Reference, PutBucketAnalyticsConfiguration, PutBucketMetricsConfiguration, PutBucketIntelligentTieringConfiguration, and
the operations that get, list and delete them.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.s3 import configuration, tags
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.bucket import bad_token
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
MOST: Final = 1000  # of a kind, in a bucket
PAGE: Final = 100
PREFIX_BYTES: Final = 1024


def no_such_configuration() -> AwsError:
    """S3's error for a configuration that is not there."""
    return AwsError("NoSuchConfiguration", "The specified configuration does not exist.", status=404)


def keep(call: Call, req: Input, kind: str, value: Input) -> dict[str, Any]:
    """Keep a configuration under its id, which the address and the document say alike."""
    bucket, name = open_bucket(call, req), req["Id"]
    if not ID.fullmatch(name):
        fields = {"ArgumentName": "id", "ArgumentValue": name[:100]}
        what = "The specified configuration id is invalid."
        raise AwsError("InvalidConfigurationId", what, status=400, fields=fields)
    if value["Id"] != name:
        raise malformed()
    there = configuration.every(call.tx, bucket, kind)
    if configuration.find(call.tx, bucket, kind, name) is None and sum(1 for _ in there) >= MOST:
        what = (
            "You are attempting to create a new configuration but have already reached the 1,000-configuration limit."
        )
        raise AwsError("TooManyConfigurations", what, status=400)
    configuration.keep(call.tx, bucket, kind, value, name)
    return {}


def find(call: Call, req: Input, kind: str) -> Any:
    """The configuration of an id. NoSuchConfiguration if there is none."""
    found = configuration.find(call.tx, open_bucket(call, req), kind, req["Id"])
    if found is None:
        raise no_such_configuration()
    return found


def drop(call: Call, req: Input, kind: str) -> dict[str, Any]:
    """Forget the configuration of an id. NoSuchConfiguration if there is none."""
    if not configuration.drop(call.tx, open_bucket(call, req), kind, req["Id"]):
        raise no_such_configuration()
    return {}


def page(call: Call, req: Input, kind: str, member: str) -> dict[str, Any]:
    """A page of a hundred configurations, by id, as the output member of this name."""
    bucket, token = open_bucket(call, req), req.get("ContinuationToken")
    after = read_marker(token, bad_token(token or "")) or ""
    found = [value for _, value in islice(configuration.every(call.tx, bucket, kind, after), PAGE + 1)]
    result: dict[str, Any] = {"IsTruncated": len(found) > PAGE, member: found[:PAGE]}
    if token is not None:
        result["ContinuationToken"] = token
    if len(found) > PAGE:
        result["NextContinuationToken"] = write_marker(found[PAGE - 1]["Id"])
    return result


def check_filter(terms: Input | None) -> None:
    """MalformedXML unless a filter has one term, or several under And; each as it should be."""
    if terms is None:
        return
    inner: Input = terms.get("And", terms)
    if len(terms) != 1 or not inner or ("And" in terms and sum(map(len_of, inner.values())) < 2):
        raise malformed()
    given = [*inner.get("Tags", ()), *([inner["Tag"]] if "Tag" in inner else ())]
    tags.of_set(given)
    if len(inner.get("Prefix", "").encode("utf-8", "surrogatepass")) > PREFIX_BYTES:
        raise AwsError("InvalidRequest", f"The maximum size of a prefix is {PREFIX_BYTES}.")


def len_of(term: Any) -> int:
    """How many terms one member of And is: tags are several."""
    return len(term) if isinstance(term, list) else 1
