"""S3's own condition keys.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input

# Condition keys that are the values of input members.
_MEMBERS: Final = {
    "s3:prefix": "Prefix",
    "s3:delimiter": "Delimiter",
    "s3:max-keys": "MaxKeys",
    "s3:versionid": "VersionId",
    "s3:x-amz-acl": "ACL",
    "s3:x-amz-grant-full-control": "GrantFullControl",
    "s3:x-amz-grant-read": "GrantRead",
    "s3:x-amz-grant-read-acp": "GrantReadACP",
    "s3:x-amz-grant-write": "GrantWrite",
    "s3:x-amz-grant-write-acp": "GrantWriteACP",
    "s3:x-amz-copy-source": "CopySource",
    "s3:x-amz-metadata-directive": "MetadataDirective",
    "s3:x-amz-storage-class": "StorageClass",
    "s3:x-amz-server-side-encryption": "ServerSideEncryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "s3:x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    "s3:x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "s3:x-amz-object-ownership": "ObjectOwnership",
    "s3:if-match": "IfMatch",
    "s3:if-none-match": "IfNoneMatch",
}
_VERSIONS: Final = {4: "AWS4-HMAC-SHA256", 2: "AWS"}


def policy_keys(call: Call, req: Input, _resource: str) -> Mapping[str, Value]:
    """The keys that a request to S3 has. A listing without a prefix has the empty one, as policies expect."""
    found: dict[str, Value] = {key: str(req[member]) for key, member in _MEMBERS.items() if member in req}
    if call.bound.action == "s3:ListBucket":
        found.setdefault("s3:prefix", "")
    if location := req.get("CreateBucketConfiguration", {}).get("LocationConstraint"):
        found["s3:locationconstraint"] = location
    if payload := call.request.headers.get("x-amz-content-sha256"):
        found["s3:x-amz-content-sha256"] = payload
    return found | _signature(call)


def _signature(call: Call) -> dict[str, Value]:
    """How the request is signed: nothing for an anonymous one."""
    header = call.request.headers.get("authorization", "")
    if header:
        return {"s3:authtype": "REST-HEADER", "s3:signatureversion": _VERSIONS[4 if header.startswith("AWS4") else 2]}
    query = {name.lower(): value for name, value in parse_qsl(call.request.query)}
    if "x-amz-signature" not in query:
        return {"s3:authtype": "REST-QUERY-STRING", "s3:signatureversion": "AWS"} if "signature" in query else {}
    signed = datetime.strptime(query["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    age = str(int((call.now - signed).total_seconds() * 1000))
    return {"s3:authtype": "REST-QUERY-STRING", "s3:signatureversion": _VERSIONS[4], "s3:signatureage": age}
