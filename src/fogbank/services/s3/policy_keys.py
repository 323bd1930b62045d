"""S3's own condition keys.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide, "Bucket policy
examples using condition keys", "Tagging and access control policies", "Amazon S3 Signature Version 4 authentication specific policy
keys". Keys of what is not here (access points, access grants, batch jobs) are absent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote_plus

from fogbank.auth.policy.principals import CANONICAL_KEY
from fogbank.services.s3 import configuration
from fogbank.services.s3.granted import find_object
from fogbank.services.s3.names import canonical_user
from fogbank.services.s3.records import buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Bucket

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
_LISTING: Final = frozenset(("s3:ListBucket", "s3:ListBucketVersions"))
_CREATING: Final = frozenset(("PutObject", "CopyObject", "CompleteMultipartUpload", "PostObject"))
_WRITING: Final = _CREATING | {"CreateMultipartUpload", "UploadPart", "UploadPartCopy"}
_EXISTING_TAG: Final = "s3:existingobjecttag/"
_REQUEST_TAG: Final = "s3:requestobjecttag/"
_BUCKET_TAG: Final = "s3:buckettag/"
_DAY: Final = 86400


class PolicyKeys:
    """The keys that a request to S3 has, found when a policy asks for them."""

    __slots__ = ("call", "names")

    def __init__(self, call: Call, names: Input) -> None:
        self.call, self.names = call, names

    def get(self, key: str, /) -> Value | None:
        """A key's value, in lower case; None if the request does not have it."""
        member = _MEMBERS.get(key)
        if member is not None:
            return self.member(key, member)
        found = _FOUND.get(key)
        if found is not None:
            return found(self)
        for head, tags in (
            (_EXISTING_TAG, self.existing_tags),
            (_REQUEST_TAG, self.request_tags),
            (_BUCKET_TAG, self.bucket_tags),
        ):
            if key.startswith(head):
                return self.tag(key[len(head) :], tags())
        return None

    def tag(self, key: str, tags: Mapping[str, str]) -> str | None:
        """A tag's value. Keys of policies have no case, those of tags do: where two differ in that alone, neither counts."""
        found = [value for name, value in tags.items() if name.lower() == key]
        return found[0] if len(found) == 1 else None

    def member(self, key: str, member: str) -> str | None:
        """The value of an input member. A listing without a prefix has the empty one, as policies expect."""
        value = self.names.get(member)
        if value is not None:
            return str(value)
        return "" if key == "s3:prefix" and self.call.bound.action in _LISTING else None

    def canonical_user(self) -> str | None:
        """The caller's canonical user id, for CanonicalUser principals and the grants of ACLs."""
        return None if self.call.principal.kind in ("anonymous", "service") else canonical_user(self.call.account)

    def account(self) -> str | None:
        """The account of the bucket."""
        bucket = _bucket(self.call, self.names)
        return bucket.account if bucket else None

    def existing_tags(self) -> Mapping[str, str]:
        """The tags of the object that is there; AWS does not look at them for writing and deleting."""
        if self.names is self.call.input and self.call.bound.action in ("s3:PutObject", "s3:DeleteObject"):
            return {}
        bucket = _bucket(self.call, self.names)
        found = find_object(self.call, bucket, self.names) if bucket and "Key" in self.names else None
        return found.tags if found else {}

    def request_tags(self) -> Mapping[str, str]:
        """The tags that the request gives an object: in a header, or in a document. A copy with its source's has none."""
        if self.call.bound.name == "CopyObject" and self.names.get("TaggingDirective") != "REPLACE":
            return {}
        given = self.names.get("Tagging")
        if isinstance(given, str):
            return dict(parse_qsl(given, keep_blank_values=True))
        found = given.get("TagSet", []) if given else []
        return {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in found}

    def bucket_tags(self) -> Mapping[str, str]:
        """The tags of the bucket, if access may depend on them."""
        return tags(self.call, self.names, "")

    def tag_keys(self) -> Value | None:
        """The keys of the tags in the request."""
        return tuple(self.request_tags()) or None

    def copy_source(self) -> str | None:
        """The source of a copy, without the leading slash that some write."""
        source = self.names.get("CopySource")
        return unquote_plus(source).removeprefix("/") if source is not None else None

    def location(self) -> str | None:
        """Where a bucket is to be made."""
        found: str | None = self.names.get("CreateBucketConfiguration", {}).get("LocationConstraint")
        return found

    def creation(self) -> str | None:
        """Whether a request that writes makes an object, and not only a part of one."""
        name = self.call.bound.name
        return ("true" if name in _CREATING else "false") if name in _WRITING else None

    def lock_mode(self) -> str | None:
        """The retention mode that the request sets."""
        found: str | None = self.names.get("ObjectLockMode") or self._retention().get("Mode")
        return found

    def legal_hold(self) -> str | None:
        """The legal hold that the request sets."""
        hold = self.names.get("LegalHold") or {}
        found: str | None = self.names.get("ObjectLockLegalHoldStatus") or hold.get("Status")
        return found

    def retained_until(self) -> str | None:
        """Until when the request wants the object retained, ISO 8601."""
        until = self._until()
        return f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else None

    def retention_days(self) -> str | None:
        """How many days that is from now."""
        until = self._until()
        return str(ceil((until - self.call.now).total_seconds() / _DAY)) if until else None

    def inventory_fields(self) -> Value | None:
        """The optional fields of an inventory that is set up."""
        return tuple(self.names.get("InventoryConfiguration", {}).get("OptionalFields", ())) or None

    def payload(self) -> str | None:
        """What the request says of its body's digest."""
        return self.call.request.headers.get("x-amz-content-sha256")

    def auth_type(self) -> str | None:
        """Where the signature is; None for an anonymous request."""
        if self.call.bound.name == "PostObject":
            return "POST" if self.call.principal.kind != "anonymous" else None
        if self.call.request.headers.get("authorization"):
            return "REST-HEADER"
        query = self._query()
        return "REST-QUERY-STRING" if "x-amz-signature" in query or "signature" in query else None

    def signature_version(self) -> str | None:
        """The version of the signature."""
        header = self.call.request.headers.get("authorization", "")
        if header:
            return _VERSIONS[4 if header.startswith("AWS4") else 2]
        if self.call.bound.name == "PostObject":
            return _VERSIONS[4 if self.call.scope_region else 2] if self.auth_type() else None
        query = self._query()
        return _VERSIONS[4] if "x-amz-signature" in query else _VERSIONS[2] if "signature" in query else None

    def signature_age(self) -> str | None:
        """Milliseconds since the request was signed, if by Version 4."""
        headers, query = self.call.request.headers, self._query()
        signed = query.get("x-amz-date") if "x-amz-signature" in query else headers.get("x-amz-date")
        if signed is None or not (headers.get("authorization") or "x-amz-signature" in query):
            return None
        at = datetime.strptime(signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return str(int((self.call.now - at).total_seconds() * 1000))

    def tls(self) -> str | None:
        """The least version of TLS that the server speaks, since it does not tell which one it was; None without TLS."""
        return "1.2" if self.call.request.scheme == "https" else None

    def _query(self) -> dict[str, str]:
        return {name.lower(): value for name, value in parse_qsl(self.call.request.query)}

    def _retention(self) -> Input:
        found: Input = self.names.get("Retention") or {}
        return found

    def _until(self) -> datetime | None:
        found: Any = self.names.get("ObjectLockRetainUntilDate") or self._retention().get("RetainUntilDate")
        return found if isinstance(found, datetime) else None


_FOUND: Final[dict[str, Callable[[PolicyKeys], Value | None]]] = {
    CANONICAL_KEY: PolicyKeys.canonical_user,
    "s3:resourceaccount": PolicyKeys.account,
    "s3:requestobjecttagkeys": PolicyKeys.tag_keys,
    "s3:x-amz-copy-source": PolicyKeys.copy_source,
    "s3:locationconstraint": PolicyKeys.location,
    "s3:objectcreationoperation": PolicyKeys.creation,
    "s3:object-lock-mode": PolicyKeys.lock_mode,
    "s3:object-lock-legal-hold": PolicyKeys.legal_hold,
    "s3:object-lock-retain-until-date": PolicyKeys.retained_until,
    "s3:object-lock-remaining-retention-days": PolicyKeys.retention_days,
    "s3:inventoryaccessibleoptionalfields": PolicyKeys.inventory_fields,
    "s3:x-amz-content-sha256": PolicyKeys.payload,
    "s3:authtype": PolicyKeys.auth_type,
    "s3:signatureversion": PolicyKeys.signature_version,
    "s3:signatureage": PolicyKeys.signature_age,
    "s3:tlsversion": PolicyKeys.tls,
}


def policy_keys(call: Call, names: Input, _resource: str) -> PolicyKeys:
    """The keys of one question of a request. The names of a bucket that is to be made find nobody's; what it says of it counts."""
    return PolicyKeys(call, call.input if call.bound.makes else names)


def tags(call: Call, names: Input, _resource: str) -> Mapping[str, str]:
    """The tags of the addressed bucket, which access depends on once that is enabled (PutBucketAbac)."""
    bucket = _bucket(call, names)
    if bucket is None or "abac" not in bucket.configured:
        return {}
    found = configuration.find(call.tx, bucket, "tagging") or {}
    return {tag["Key"]: tag["Value"] for tag in found.get("TagSet", [])}


def _bucket(call: Call, names: Input) -> Bucket | None:
    name = names.get("Bucket")
    return buckets.get(call.tx, name) if name else None
