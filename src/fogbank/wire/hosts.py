"""What the Host header says: a service, a region, and a bucket where S3 is addressed in the virtual-hosted style.

Sources: Amazon S3 User Guide, "Virtual hosting of buckets" and "Making requests to Amazon S3 over IPv6"; AWS General Reference,
"Service endpoints". Hosts come from the client and are bounded; what is not understood says nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from fogbank.wire.errors import AwsError
from fogbank.wire.indexing import load_index

AWS_SUFFIXES = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws")
LOCAL_SUFFIXES = ("localhost", "localhost.localstack.cloud", "localhost.localdomain")

FUNCTION_URL = "lambda-url"
"""The label behind a function URL's id: `<id>.lambda-url.<region>.on.aws`."""

MAX_HOST = 255 + 6
"""A DNS name, a colon and a port."""

NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?")
ADDRESS = re.compile(r"[0-9.]+")
REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,2}-\d{1,2}|aws-global")
S3_LABEL = re.compile(
    r"(?:s3-fips|s3)(?:-(?P<kind>website|accelerate|control-fips|control|object-lambda|accesspoint-fips|accesspoint|outposts|external))?"
    r"(?:-(?P<region>[a-z]{2}(?:-[a-z]+)+-\d{1,2}|1))?"
    r"|s3express-(?:fips-)?(?P<express>control|[a-z0-9]+-az\d+)(?:-[a-z]{2}(?:-[a-z]+)+-\d{1,2})?"
)


class HostName(msgspec.Struct, frozen=True):
    """What a Host header says; empty strings where it says nothing.

    `service` is an endpoint prefix of the index. `bucket` may be set beside it, since `lambda.localhost` can be a bucket as well:
    the signature decides. `kind` is the kind of S3 endpoint: `website`, `control`, `express`, `accesspoint`, …; or `lambda-url`, where
    `bucket` is the URL's id.
    """

    service: str = ""
    region: str = ""
    bucket: str = ""
    kind: str = ""


NOTHING = HostName()


class Hosts:
    """How the region is called: under AWS's names, `localhost`, and the `domains` that the operator has set."""

    def __init__(self, domains: tuple[str, ...] = ()) -> None:
        own = tuple(domain.strip(".").lower() for domain in domains)
        self._suffixes = sorted((*own, *LOCAL_SUFFIXES, *AWS_SUFFIXES), key=len, reverse=True)
        self.read = lru_cache(maxsize=1024)(self._read)

    def _read(self, header: str) -> HostName:
        """What a Host header says; AwsError where it is longer than a host can be."""
        name = host_name(header)
        for suffix in self._suffixes:
            if name.endswith(suffix) and (len(name) == len(suffix) or name[-len(suffix) - 1] == "."):
                return read_labels(name[: -len(suffix)].rstrip("."), local=suffix not in AWS_SUFFIXES)
        return NOTHING


def is_function_url(header: str) -> bool:
    """Whether a Host header is that of a function's URL."""
    return f".{FUNCTION_URL}." in header and LOCAL.read(header).kind == FUNCTION_URL


def host_name(header: str) -> str:
    """The lower-case name in a Host header, without port and trailing dot; empty where it is an address or not a name."""
    if len(header) > MAX_HOST:
        raise AwsError("InvalidRequest", "The Host header is longer than a host name can be", status=400)
    name = header.strip().lower().partition(":")[0].rstrip(".")
    if not NAME.fullmatch(name) or ADDRESS.fullmatch(name) or ".." in name:
        return ""
    return name


def read_labels(name: str, *, local: bool) -> HostName:
    """What the labels before a known suffix say; under a local one, a name of no service is a bucket's."""
    if not name:
        return NOTHING
    labels = name.split(".")
    if len(labels) > 1 and labels[1] == FUNCTION_URL and len(labels) < 4:
        return HostName("lambda", labels[2] if len(labels) == 3 else "", labels[0], FUNCTION_URL)
    found = read_s3(labels) or read_service(labels)
    if not local or (found and found.service.startswith("s3")):
        return found or NOTHING
    return HostName(found.service, found.region, name) if found else HostName(bucket=name)


def read_s3(labels: list[str]) -> HostName | None:
    """One of S3's endpoints: its label, the last that looks like it, has at most `dualstack` and a region after it."""
    for at in range(len(labels) - 1, max(-1, len(labels) - 4), -1):
        match = S3_LABEL.fullmatch(labels[at])
        if match and s3_rest(labels[at + 1 :]) is not None:
            region = match["region"] if match["region"] not in (None, "1") else s3_rest(labels[at + 1 :]) or ""
            kind = "express" if match["express"] else (match["kind"] or "").removesuffix("-fips")
            service = "s3-control" if kind == "control" else "s3-outposts" if kind == "outposts" and at == 0 else "s3"
            return HostName(service, region, "" if kind == "control" else ".".join(labels[:at]), kind)
    return None


def s3_rest(labels: list[str]) -> str | None:
    """The region after S3's label, empty if there is none; None if something else is there."""
    rest = labels[1:] if labels[:1] == ["dualstack"] else labels
    if not rest:
        return ""
    return rest[0] if len(rest) == 1 and REGION.fullmatch(rest[0]) else None


def read_service(labels: list[str]) -> HostName | None:
    """A service by the longest run of labels that one is called by, whatever stands before it; a region may be on either side."""
    region = next((label for label in labels if REGION.fullmatch(label)), "")
    rest = [label.removesuffix("-fips") for label in labels if label != region]
    names = service_hosts()
    for at in range(len(rest)):
        name = ".".join(rest[at:])
        if name in names:
            return HostName(names[name], region)
    return None


@lru_cache(maxsize=1)
def service_hosts() -> dict[str, str]:
    """What services are called in hosts, with the endpoint prefix that each name stands for."""
    index = load_index()
    names = {"queue": "sqs"}
    for service, entry in index.items():
        names.setdefault(service, entry.prefix)
    for entry in index.values():
        names.setdefault(entry.signing, entry.prefix)
    return names | {entry.prefix: entry.prefix for entry in index.values()}


LOCAL = Hosts()
