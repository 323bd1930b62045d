"""Signature Version 2, which S3 still takes: what a request claims by it, and the text that is signed.

boto3 presigns with it unless the region is newer than 2014. It covers the method, Content-MD5, Content-Type, the time, every
x-amz-* header and the resource; neither the host, the region, the body nor the arguments that are not sub-resources.

Source: Amazon S3 API Reference, "Signing and authenticating REST requests (AWS signature version 2)".
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from fogbank.auth.claimed import Claim, parse_date
from fogbank.auth.dialect import S3, unknown_key
from fogbank.auth.payload import UNSIGNED_PAYLOAD
from fogbank.auth.signing import to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Literal

    from fogbank.wire.http import HttpRequest

# The arguments that are part of the resource: AWS's list, and every other one that makes a request another operation. Without
# those a URL for one operation would do for others. `list-type` needs the same permission with and without; `attributes` does
# nothing without a header, which is signed.
SUBRESOURCES = frozenset(
    {
        "abac", "accelerate", "acl", "analytics", "annotation", "cors", "defaultObjectAcl", "delete", "encryption",
        "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging", "metadataAnnotationTable",
        "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics", "notification",
        "object-lock", "ownershipControls", "partNumber", "policy", "policyStatus", "publicAccessBlock", "renameObject",
        "replication", "requestPayment", "response-cache-control", "response-content-disposition",
        "response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore",
        "retention", "select", "select-type", "session", "storageClass", "tagging", "torrent", "uploadId", "uploads",
        "versionId", "versioning", "versions", "website",
    }
)  # fmt: skip
MAX_TIME = 253_402_300_799  # seconds since the epoch: the end of the year 9999
_REQUIRED = ("Signature", "Expires", "AWSAccessKeyId")
_STANDARD = ("content-md5", "content-type")
is_key = re.compile(r"[!-~]{1,128}").fullmatch
# What a header's name and value can be: no more may come as an argument, or it could pass for another line of what is signed.
_NAME = re.compile(r"x-amz-[!#$%&'*+.^_`|~0-9a-z-]+|content-md5|content-type").fullmatch
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch
_BUCKET = re.compile(r"(/[^/]+)/?").fullmatch
_UNESCAPED = "!$&'()*+,;=:@"  # what RFC 3986 lets a path hold, and clients other than AWS's do not escape


# --- the claim


def header_claim(request: HttpRequest, credentials: str) -> Claim:
    """The claim of `Authorization: AWS AccessKeyId:Signature`. Raises AwsError if it is malformed."""
    access_key_id, colon, signature = credentials.strip().partition(":")
    if not (colon and access_key_id and signature):
        message = "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature"
        raise S3.error("InvalidArgument", message, ArgumentName="Authorization", ArgumentValue="AWS")
    headers = request.headers
    text = headers.get("x-amz-date", headers.get("date", "")).strip()
    at = parse_date(text)
    if at is None:
        raise S3.error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    return _claim("header", access_key_id, signature, text, at, headers)


def query_claim(request: HttpRequest) -> Claim:
    """The claim of `?AWSAccessKeyId=…&Signature=…&Expires=…`. Raises AwsError if it is malformed."""
    found = [request.args.get(name, [""]) for name in _REQUIRED]
    if not all(len(values) == 1 and values[0] for values in found):
        message = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        raise S3.error("AccessDenied", message)
    signature, expires, access_key_id = [values[0] for values in found]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 20 and int(expires) <= MAX_TIME):
        raise S3.error("AccessDenied", f"Invalid date (should be seconds since epoch): {expires[:64]}")
    at = datetime.fromtimestamp(int(expires), UTC)
    headers = {**carried_headers(request), **request.headers}
    return _claim("query", access_key_id, signature, expires, at, headers)


def _claim(
    kind: Literal["header", "query"], key: str, signature: str, text: str, at: datetime, headers: Mapping[str, str]
) -> Claim:
    if not is_key(key):
        raise unknown_key(S3, key[:128])
    token, payload = headers.get("x-amz-security-token"), headers.get("x-amz-content-sha256") or UNSIGNED_PAYLOAD
    return Claim(kind, key, "", "", "s3", "", (), signature, text, at, None, token, payload, version=2)


def carried_headers(request: HttpRequest) -> dict[str, str]:
    """The headers that a presigned URL carries as arguments, by lower-case name, but for those that the request itself has.

    Raises InvalidArgument for what cannot be a header.
    """
    found = {}
    for name, values in request.args.items():
        lower = name.lower()
        if (lower.startswith("x-amz-") or lower in _STANDARD) and lower not in request.headers:
            if not (_NAME(lower) and _VALUE(values[0])):
                fields = {"ArgumentName": name[:256], "ArgumentValue": values[0][:256]}
                raise S3.error("InvalidArgument", "This argument cannot be a header.", **fields)
            found[lower] = values[0]
    return found


# --- the signature


def sign(secret: str, text: str) -> str:
    """The signature, in base64."""
    return b64encode(hmac.digest(to_bytes(secret), to_bytes(text), "sha1")).decode()


def strings_to_sign(claim: Claim, request: HttpRequest) -> Iterator[str]:
    """What may have been signed for a request whose path starts with the bucket; first what AWS's clients sign.

    The others differ in how the same path is written, and stand for no other path.
    """
    query = claim.kind == "query"
    headers = {**carried_headers(request), **request.headers} if query else request.headers
    amz = sorted(name for name in headers if name.startswith("x-amz-"))
    date = "" if "x-amz-date" in amz and not query else claim.timestamp
    lines = [request.method, *(headers.get(name, "").strip() for name in _STANDARD), date]
    lines += [f"{name}:{headers[name].strip()}" for name in amz]
    head, subresources = "\n".join(lines), canonical_subresources(request)
    for path in canonical_paths(request.path):
        yield f"{head}\n{path}{subresources}"


def canonical_paths(path: str) -> Iterator[str]:
    """The decoded path as it is signed. A bucket ends with a slash, whether or not it does in the request."""
    bucket = _BUCKET(path)
    path = f"{bucket[1]}/" if bucket else path
    yield quote_from_bytes(to_bytes(path), "/~")
    if bucket:
        yield quote_from_bytes(to_bytes(bucket[1]), "/~")
    elif any(character in _UNESCAPED for character in path):
        yield quote_from_bytes(to_bytes(path), f"/~{_UNESCAPED}")


def canonical_subresources(request: HttpRequest) -> str:
    """The sub-resources and overridden headers among the arguments, sorted by name, decoded, with their question mark."""
    args = request.args
    pairs = [(name, value) for name in sorted(SUBRESOURCES & args.keys()) for value in args[name]]
    return "?" + "&".join([f"{name}={value}" if value else name for name, value in pairs]) if pairs else ""
