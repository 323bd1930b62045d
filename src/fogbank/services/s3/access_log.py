"""Lines of server access logs.

Source: S3 User Guide, "Amazon S3 server access log format". What nobody here knows (cipher suite and TLS version: another
program ends the connection) is `-`, as the format has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.records import when
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Operations whose names in logs do not follow from method and sub-resource.
NAMES: Final = {
    "CopyObject": "REST.COPY.OBJECT",
    "UploadPartCopy": "REST.COPY.PART",
    "UploadPart": "REST.PUT.PART",
    "CreateMultipartUpload": "REST.POST.UPLOADS",
    "CompleteMultipartUpload": "REST.POST.UPLOAD",
    "AbortMultipartUpload": "REST.DELETE.UPLOAD",
    "ListParts": "REST.GET.UPLOAD",
    "DeleteObjects": "REST.POST.MULTI_OBJECT_DELETE",
    "DeleteObjects.Key": "BATCH.DELETE.OBJECT",
    "ListObjectsV2": "REST.GET.BUCKET",
    "OptionsObject": "REST.OPTIONS.PREFLIGHT",
    "PostObject": "REST.POST.OBJECT",
    "GetWebsite": "WEBSITE.GET.OBJECT",
    "HeadWebsite": "WEBSITE.HEAD.OBJECT",
}
RESOURCES: Final = {
    "acl": "ACL",
    "logging": "LOGGING_STATUS",
    "policy": "BUCKETPOLICY",
    "policyStatus": "BUCKETPOLICYSTATUS",
    "versions": "BUCKETVERSIONS",
    "requestPayment": "REQUEST_PAYMENT",
    "publicAccessBlock": "PUBLIC_ACCESS_BLOCK",
    "ownershipControls": "OWNERSHIP_CONTROLS",
    "intelligent-tiering": "INTELLIGENT_TIERING",
    "object-lock": "OBJECT_LOCK_CONFIGURATION",
    "legal-hold": "OBJECT_LOCK_LEGALHOLD",
    "retention": "OBJECT_LOCK_RETENTION",
    "attributes": "OBJECT_ATTRIBUTES",
}
SIGNATURES: Final = {2: "SigV2", 4: "SigV4"}
WAYS: Final = {"header": "AuthHeader", "query": "QueryString"}


def operation(name: str, method: str) -> str:
    """An operation's name in logs."""
    special = NAMES.get(name)
    if special is not None:
        return special
    model = s3.model.operations.get(name)
    uri = str(model.traits["http"]["requestUri"]) if model else "/{Bucket}"
    of_object = "{Key" in uri
    found = uri.partition("?")[2].partition("&")[0].partition("=")[0]
    if not found:
        return f"REST.{method}.{'OBJECT' if of_object else 'BUCKET'}"
    resource = RESOURCES.get(found, found.upper())
    return f"REST.{method}.{'OBJECT_' if of_object and found == 'tagging' else ''}{resource}"


def moment(at: datetime) -> str:
    """A time as logs have it."""
    return f"[{at:%d}/{MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000]"


def line(owner: str, kept: Mapping[str, Any]) -> str:
    """A line of the log of a bucket of the account `owner`, with its end, of what the gateway kept of a request."""
    requester = kept["requester"]
    if requester.startswith("account:"):
        requester = canonical_user(requester.removeprefix("account:"))
    fields = (
        canonical_user(owner),
        kept["bucket"],
        moment(when(kept["at"] // 1_000_000)),
        kept["client"],
        requester,
        kept["id"],
        operation(kept["operation"], kept["method"]) if kept["method"] else kept["operation"],
        quote(kept["key"], safe="/"),
        quoted(f"{kept['method']} {kept['uri']} HTTP/1.1" if kept["method"] else ""),
        str(kept["status"] or ""),
        kept["error"],
        str(kept["sent"] or ""),
        str(kept["size"]) if kept["size"] >= 0 else "",
        str(kept["took"] // 1000) if kept["took"] >= 0 else "",
        str(kept["turnaround"] // 1000) if kept["turnaround"] >= 0 else "",
        quoted(kept["referer"]),
        quoted(kept["agent"]),
        word(kept["version"]),
        kept["id"],  # the host's id is the request's here
        SIGNATURES.get(kept["signature"], ""),
        "",  # cipher suite
        WAYS.get(kept["by"], ""),
        word(kept["host"]),
        "",  # TLS version
        "",  # access point
        "Yes" if kept["acl"] else "",
    )
    return " ".join(field or "-" for field in fields) + "\n"


# What is kept of what S3 does by itself, without what it is done to.
NO_REQUEST: Final[Mapping[str, Any]] = {
    "method": "", "uri": "", "client": "", "requester": "AmazonS3", "status": 0, "error": "", "sent": 0, "took": -1, "turnaround": -1,
    "referer": "", "agent": "", "signature": 0, "by": "", "host": "", "acl": False,
}  # fmt: skip


def quoted(text: str) -> str:
    """A field that may have spaces. A quote, or a line's end, in it would begin a field, or a line, that nobody wrote."""
    safe = text.replace('"', "%22").replace("\n", "%0A").replace("\r", "%0D")
    return f'"{safe or "-"}"'


def word(text: str) -> str:
    """A field without spaces that the caller gave."""
    return quote(text, safe="/~:@!$&'()*+,;=?#[]")
