"""A version on its way to another S3 endpoint: what is sent, planned in one view of the state, and the sending.

Bytes are decrypted as they are sent; the memory that it takes does not depend on how many they are.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec

from fogbank.core.digests import base64, digest
from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.core.stored import read_content
from fogbank.services.s3 import content, encryption
from fogbank.services.s3.encryption_request import SSE_C
from fogbank.services.s3.remote_client import BROKEN, Refused, arguments
from fogbank.services.s3.replication_local import Failed, as_role, check_source

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from fogbank.core.background import Background
    from fogbank.core.call import Call, Content
    from fogbank.services.s3.records import Object
    from fogbank.services.s3.remote_client import Chunks, Client
    from fogbank.services.s3.replication_local import Source
    from fogbank.services.s3.replication_rules import Rule
    from fogbank.store.blobs import Blobs

NOTHING_TO_DO: Final = "-"  # in place of a version's id
ONE_PUT: Final = 256 << 20  # bytes: what is larger goes in parts
PART: Final = 64 << 20  # bytes
HEADERS: Final = {
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentType": "content-type",
    "Expires": "expires",
}
TRIES: Final = 3  # of a part


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: the parts of an object with their sizes (one: in one request), a delete marker, or new tags for `version`."""

    key: str
    headers: dict[str, str]
    about: dict[str, str]
    parts: list[tuple[int, Content]] = []
    marker: bool = False
    tags: dict[str, str] | None = None
    version: str = ""


def prepare(ctx: Background, source: Source, rule: Rule, role: str, headers: dict[str, str], known: str | None) -> Plan:
    """The plan for a version, as the role; `known` is its id there, if it was sent before. Raises Failed."""
    call = as_role(ctx, source, role)
    check_source(call, source)
    which, plan = source.which, Plan(key=source.key, headers=headers, about={}, marker=source.which.marker)
    if which.marker:
        need(call, source, rule, "ReplicateDelete", "DstDelObjNotPermitted")
        return plan
    need(call, source, rule, "ReplicateObject", "DstPutObjectNotPermitted")
    if which.tags or known is not None:
        need(call, source, rule, "ReplicateTags", "DstPutTagsNotPermitted")
    if known is not None:
        return msgspec.structs.replace(plan, tags=which.tags, version=known)
    if which.encryption is not None and which.encryption.algorithm == SSE_C:
        raise Failed("SrcObjectNotEligible")  # nobody here can open it
    try:
        data_key = encryption.open_key(call, which.encryption, source.bucket, source.key)
    except AwsError:
        raise Failed("SrcKmsKeyNotPermitted") from None
    parts = [(end - start, content.read(call, which.segments, start, end, data_key)) for start, end in cuts(which)]
    return msgspec.structs.replace(plan, about=described(which, rule), parts=parts)


def need(call: Call, source: Source, rule: Rule, action: str, reason: str) -> None:
    """Raise Failed unless the role has a permission on the destination, as far as it is decided here."""
    arn = f"arn:aws:s3:::{rule.bucket}/{source.key}"
    if not call.may(Permission(f"s3:{action}", arn, {}), source.bucket.account):
        raise Failed(reason)


def cuts(which: Object) -> Iterator[tuple[int, int]]:
    """The parts that an object is sent in: those that it was made of, so that its ETag stays; or a few of a large one."""
    sizes = [part.size for part in which.parts]
    if "-" not in which.etag or not sizes:
        sizes = [which.size] if which.size <= ONE_PUT else [PART] * (which.size // PART) + [which.size % PART]
    start = 0
    for size in sizes:
        if size or which.size == 0:
            yield start, start + size
            start += size


def described(which: Object, rule: Rule) -> dict[str, str]:
    """The headers that say what an object is besides its bytes."""
    found = {HEADERS[name]: value for name, value in which.headers.items() if name in HEADERS}
    found |= {f"x-amz-meta-{name}": value for name, value in which.metadata.items()}
    if which.tags:
        found["x-amz-tagging"] = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in which.tags.items())
    storage = rule.storage_class or which.storage_class
    if storage != "STANDARD":
        found["x-amz-storage-class"] = storage
    if which.redirect:
        found["x-amz-website-redirect-location"] = which.redirect
    if which.encryption is not None and rule.kms_key and which.encryption.algorithm.startswith("aws:kms"):
        found |= {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": rule.kms_key,
        }
    return found | locked(which)


def locked(which: Object) -> dict[str, str]:
    """The headers that lock it as it is locked here."""
    found: dict[str, str] = {}
    lock = which.lock
    if lock is not None and lock.mode:
        until = datetime.fromtimestamp(lock.until, UTC)
        found |= {
            "x-amz-object-lock-mode": lock.mode,
            "x-amz-object-lock-retain-until-date": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        }
    if lock is not None and lock.hold:
        found["x-amz-object-lock-legal-hold"] = "ON"
    return found


def transfer(blobs: Blobs, client: Client, plan: Plan, stop: threading.Event) -> str:
    """Carry a plan out; the version's id there. Raises Refused, or one of BROKEN."""
    if plan.marker:
        answer = client.request("DELETE", plan.key, headers=plan.headers)
    elif plan.tags is not None:
        return tag(client, plan, plan.tags)
    elif len(plan.parts) == 1 and plan.parts[0][0] <= ONE_PUT:
        size, pieces = plan.parts[0]
        answer = client.request("PUT", plan.key, "", plan.headers | plan.about, reader(blobs, pieces, stop), size)
    else:
        return upload(blobs, client, plan, stop)
    return answer.headers.get("x-amz-version-id", "")


def reader(blobs: Blobs, pieces: Content, stop: threading.Event) -> Chunks:
    """The bytes of some pieces, as often as they are asked for."""

    def read() -> Iterator[bytes | memoryview]:
        for chunk in read_content(blobs, pieces):
            if stop.is_set():
                raise OSError("the region is stopping")
            yield chunk

    return read


def tag(client: Client, plan: Plan, tags: dict[str, str]) -> str:
    """Give a version that was sent before its tags of now."""
    listed = "".join(f"<Tag><Key>{escape(k)}</Key><Value>{escape(v)}</Value></Tag>" for k, v in tags.items())
    body = f"<Tagging><TagSet>{listed}</TagSet></Tagging>".encode()
    query = arguments(tagging="", **({"versionId": plan.version} if plan.version else {}))
    headers = {**plan.headers, "content-md5": base64(digest("MD5", body))}
    client.request("PUT", plan.key, query, headers, lambda: iter([body]), len(body))
    return plan.version


def upload(blobs: Blobs, client: Client, plan: Plan, stop: threading.Event) -> str:
    """Send an object in parts; what was begun and cannot be ended is aborted."""
    begun = client.request("POST", plan.key, "uploads=", plan.headers | plan.about).text("UploadId")
    try:
        etags = [
            send_part(client, plan, arguments(partNumber=number, uploadId=begun), size, reader(blobs, pieces, stop))
            for number, (size, pieces) in enumerate(plan.parts, 1)
        ]
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        whole = client.request(
            "POST", plan.key, arguments(uploadId=begun), plan.headers, lambda: iter([body]), len(body)
        )
    except (Refused, *BROKEN):
        abort(client, plan, begun)
        raise
    return whole.headers.get("x-amz-version-id", "")


def send_part(client: Client, plan: Plan, query: str, size: int, read: Chunks) -> str:
    """Send a part, again if the connection breaks; its ETag."""
    for left in range(TRIES - 1, -1, -1):
        try:
            return client.request("PUT", plan.key, query, plan.headers, read, size).headers.get("etag", "")
        except BROKEN:
            if not left:
                raise
    raise AssertionError


def abort(client: Client, plan: Plan, begun: str) -> None:
    """Give an upload up, as far as the other side is there."""
    try:
        client.request("DELETE", plan.key, arguments(uploadId=begun), plan.headers)
    except (Refused, *BROKEN):
        return
