"""What tests of operations share: refusals as values, raw signed requests, checksums, and a look into the store."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from fogbank.core.digests import NEW, digest
from fogbank.core.identity.records import Inline, inlines
from fogbank.services.s3.records import parts, uploads
from fogbank.store.blobs import blob_refs
from support.region import ACCOUNT, HOST, KEY_ID, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.region import Answer, LocalRegion

ALGORITHMS = tuple(NEW)
FILE = 65536 + 1  # bytes: the smallest body that is kept as a file


def refusal(call: Callable[..., Any], /, **arguments: Any) -> dict[str, Any]:
    """The error that a client's call ends in: what its body says, and `Status`."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return {**response["Error"], "Status": response["ResponseMetadata"]["HTTPStatusCode"]}


def code(call: Callable[..., Any], /, **arguments: Any) -> str:
    """The code of the error that a client's call ends in."""
    return str(refusal(call, **arguments)["Code"])


def status(answer: Mapping[str, Any]) -> int:
    """The HTTP status of a client's answer."""
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def headers(answer: Mapping[str, Any]) -> dict[str, str]:
    """The HTTP headers of a client's answer."""
    return dict(answer["ResponseMetadata"]["HTTPHeaders"])


def dev(region: LocalRegion, account: str, service: str = "s3", **options: Any) -> Any:
    """A client of the root of another account."""
    return region.client(service, key=account, secret="test", **options)


def user_client(region: LocalRegion, service: str, name: str = "ann") -> Any:
    """A client of a user without permissions, who is made."""
    iam = region.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return region.client(service, key=key["AccessKeyId"], secret=key["SecretAccessKey"])


def permit(region: LocalRegion, *statements: Any, name: str = "ann", account: str = ACCOUNT) -> None:
    """Make these statements a user's only inline policy, past IAM's API."""
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    record = Inline(name="only", document=document)
    region.run(region.region.store.write(lambda tx: inlines.put(tx, record, account, "user", name, "only")))


def allow(action: Any, resource: Any = "*", **conditions: Any) -> dict[str, Any]:
    """A statement that allows; `conditions` are operators with their keys and values."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": conditions} if conditions else {})


def make_public(s3: Any, bucket: str) -> None:
    """Let a bucket be public: new ones block that. Whom it is open to, a policy or an ACL says."""
    s3.delete_public_access_block(Bucket=bucket)


def put_policy(s3: Any, bucket: str, *statements: dict[str, Any]) -> None:
    """Set a bucket's policy."""
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def anonymous(region: LocalRegion, service: str = "s3") -> Any:
    """A client that signs nothing."""
    return region.client(service, signature_version=UNSIGNED)


def over_tls(region: LocalRegion) -> Any:
    """boto3's S3 client as it is with TLS, where it sends checksums in trailers."""
    made = boto3.client(
        "s3",
        endpoint_url=f"https://{HOST}",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    made.meta.events.register("before-send.*", region._send)
    return made


class Signer(S3SigV4Auth):
    """botocore's signer, with a payload hash that is given."""

    def __init__(self, credentials: Credentials, service: str, region: str, payload: str) -> None:
        super().__init__(credentials, service, region)
        self._payload = payload

    def payload(self, request: Any) -> str:
        return self._payload


def signed(
    region: LocalRegion,
    method: str,
    target: str,
    extra: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    payload: str = "UNSIGNED-PAYLOAD",
    name: str = "us-east-1",
) -> Answer:
    """One S3 request with exactly this target, these headers and this body, signed by the root."""
    request = AWSRequest(method, f"http://{HOST}{target}", headers={**(extra or {}), "x-amz-content-sha256": payload})
    request.context["client_config"] = Config(s3={"payload_signing_enabled": True})
    Signer(Credentials(KEY_ID, SECRET), "s3", name, payload).add_auth(request)
    return region.raw(method, target, dict(request.headers.items()), body)


def error_of(answer: Answer) -> tuple[int, str]:
    """The status and the code of a raw answer that is an error."""
    return answer.status, ET.fromstring(answer.body).findtext("Code", "")


def target(bucket: str, key: str) -> str:
    """The path of an object, as it is sent."""
    return f"/{bucket}/{quote(key)}"


def checksum(algorithm: str, data: bytes) -> str:
    """A checksum as headers have it."""
    return b64encode(digest(algorithm, data)).decode()


def member(algorithm: str) -> str:
    """The member of inputs and outputs that has a checksum."""
    return f"Checksum{algorithm}"


def kept(region: LocalRegion) -> tuple[int, list[int]]:
    """What the store keeps of objects' bytes: how many small blobs, and the reference counts of the files that are in use."""
    with region.region.store.snapshot() as tx:
        small = len(tx.list_bytes(0, 100_000))
        return small, [entry.refs for _, entry in blob_refs.scan(tx) if entry.refs > 0]


def parts_kept(region: LocalRegion) -> int:
    """How many records of uploads and of their parts the store keeps."""
    with region.region.store.snapshot() as tx:
        return sum(1 for _ in parts.scan(tx)) + sum(1 for _ in uploads.scan(tx))


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes that differ from place to place."""
    unit = bytes((index * 7 + seed) % 251 for index in range(251))
    return (unit * (size // 251 + 1))[:size]
