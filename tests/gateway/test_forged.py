"""Forged requests over the wire: each is refused with AWS's code, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from auth.sigv4_client import unsigned_body
from gateway.client import Sent, Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.live import Live
    from support.region import LocalRegion

BODY = b"x" * 100_000  # a blob file
SMALL = b"y" * 100  # a small blob, in the state
CRC = b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()
HALVES = (BODY[:65536], BODY[65536:])
OTHER = "AKIAI44QH8DHBEXAMPLE"

MISMATCH = (403, "SignatureDoesNotMatch")
DENIED = (403, "AccessDenied")
MALFORMED = (400, "AuthorizationHeaderMalformed")
QUERY = (400, "AuthorizationQueryParametersError")
HASH = (400, "XAmzContentSHA256Mismatch")
INCOMPLETE = (400, "IncompleteBody")


class Keys(NamedTuple):
    """Who signs: the root, and a user's key that was deleted and one that is switched off."""

    root: Signer
    deleted: Signer
    inactive: Signer


def put(k: Keys, body: bytes = BODY) -> Sent:
    return k.root.sign("PUT", "/forged/key", {"x-amz-meta-a": "1", "content-type": "text/plain"}, body)


def small(k: Keys) -> Sent:
    return put(k, SMALL)


def url(k: Keys, body: bytes = SMALL) -> Sent:
    return k.root.presign("PUT", "/forged/key", body=body)


def java(k: Keys) -> Sent:
    """As the SDK for Java 1 sends: signed chunks, no trailer."""
    return k.root.chunked("/forged/key", *HALVES)


def go(k: Keys) -> Sent:
    """Signed chunks and a signed trailer."""
    return k.root.chunked("/forged/key", *HALVES, trailers=[f"x-amz-checksum-crc32:{CRC}"])


def boto(k: Keys) -> Sent:
    """As botocore sends over https: a trailer, and nothing signed but the head."""
    framed = unsigned_body(*HALVES, trailers=[f"x-amz-checksum-crc32:{CRC}"])
    return k.root.unsigned_chunks("/forged/key", framed, len(BODY))


def body(sent: Sent, old: bytes, new: bytes) -> Sent:
    assert old in sent.body
    return replace(sent, body=sent.body.replace(old, new, 1))


def flipped(sent: Sent, at: int) -> Sent:
    return replace(sent, body=sent.body[:at] + bytes([sent.body[at] ^ 1]) + sent.body[at + 1 :])


def swapped(k: Keys) -> Sent:
    """Chunks of one size that change places, each with its own signature."""
    sent = k.root.chunked("/forged/key", b"a" * 65536, b"b" * 65536)
    line = sent.body.index(b"\r\n") + 2
    first, second = sent.body[: line + 65538], sent.body[line + 65538 : 2 * (line + 65538)]
    return replace(sent, body=second + first + sent.body[2 * (line + 65538) :])


def spliced(k: Keys) -> Sent:
    """The chunks of another upload, which were signed after another head."""
    other = k.root.but(ago=60).chunked("/forged/key", *HALVES)
    return replace(java(k), body=other.body)


def doubled(k: Keys) -> Sent:
    """The last chunk with data comes twice, and twice is announced."""
    sent = k.root.chunked("/forged/key", b"a" * 65536, headers={"x-amz-decoded-content-length": "131072"})
    cut = sent.body.rindex(b"0;chunk-signature")
    return replace(sent, body=sent.body[:cut] * 2 + sent.body[cut:])


def iam(k: Keys, body: bytes = b"Action=CreateUser&Version=2010-05-08&UserName=forged") -> Sent:
    signer = k.root.but(service="iam")
    return signer.sign("POST", "/", {"content-type": "application/x-www-form-urlencoded"}, body)


def sts(k: Keys) -> Sent:
    return k.root.but(service="sts").sign("GET", "/?Action=GetCallerIdentity&Version=2011-06-15")


def table(k: Keys, **changes: object) -> Sent:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables"}
    return k.root.but(service="dynamodb", **changes).sign("POST", "/", headers, b"{}")


def other_body(sent: Sent) -> Sent:
    return replace(sent, body=b"z" * len(sent.body))


def query(sent: Sent, more: str) -> Sent:
    return replace(sent, target=sent.target + ("&" if "?" in sent.target else "?") + more)


CASES: dict[str, tuple[Callable[[Keys], Sent], tuple[int, str]]] = {
    # who signs
    "wrong secret": (lambda k: put(k._replace(root=k.root.but(secret=k.root.secret[::-1]))), MISMATCH),
    "unknown key": (lambda k: put(k._replace(root=k.root.but(key=OTHER))), (403, "InvalidAccessKeyId")),
    "deleted key": (lambda k: put(k._replace(root=k.deleted)), (403, "InvalidAccessKeyId")),
    "inactive key": (lambda k: put(k._replace(root=k.inactive)), (403, "InvalidAccessKeyId")),
    "the stand-ins' key with another secret": (
        lambda k: put(k._replace(root=k.root.but(key="test", secret="TEST"))), MISMATCH),
    "another account's root": (lambda k: put(k._replace(root=k.root.but(key="111111111111", secret="test"))), DENIED),
    "no signature": (lambda k: Sent("PUT", "/forged/key", (("host", k.root.host),), BODY), DENIED),
    "no signature, small": (lambda k: Sent("PUT", "/forged/key", (("host", k.root.host),), SMALL), DENIED),
    "session token added": (lambda k: put(k).having(x_amz_security_token="t"), (400, "InvalidToken")),
    "session token signed": (lambda k: put(k._replace(root=k.root.but(token="t"))), (400, "InvalidToken")),
    "SigV2": (lambda k: put(k).having(authorization=f"AWS {k.root.key}:abc="), MISMATCH),
    # scope and time
    "scope of another service": (lambda k: put(k).edited("/s3/", "/iam/"), (404, "UnknownOperationException")),
    "scope of another region, edited": (lambda k: put(k).edited("us-east-1", "eu-west-1"), MISMATCH),
    "scope of another day": (lambda k: put(k).edited("/us-east-1", "0/us-east-1"), MALFORMED),
    "sixteen minutes old": (lambda k: put(k._replace(root=k.root.but(ago=960))), (403, "RequestTimeTooSkewed")),
    "sixteen minutes early": (lambda k: put(k._replace(root=k.root.but(ago=-960))), (403, "RequestTimeTooSkewed")),
    "date moved up": (lambda k: put(k._replace(root=k.root.but(ago=960))).edited("T", "T", "x-amz-date").having(
        x_amz_date=put(k).get("x-amz-date")), MISMATCH),
    # what is signed
    "method changed": (lambda k: replace(put(k), method="POST"), (405, "MethodNotAllowed")),
    "key changed": (lambda k: put(k).at("key", "kex"), MISMATCH),
    "bucket changed": (lambda k: put(k).at("forged", "forget"), MISMATCH),
    "host changed": (lambda k: put(k).having(host="s3.amazonaws.com"), MISMATCH),
    "host changed to another bucket's": (lambda k: put(k).having(host="b.s3.localhost"), MISMATCH),
    "header added": (lambda k: put(k).having(x_amz_storage_class="STANDARD_IA"), DENIED),
    "header changed": (lambda k: put(k).having(x_amz_meta_a="2"), MISMATCH),
    "header removed": (lambda k: put(k).having(x_amz_meta_a=None), MISMATCH),
    "header twice": (lambda k: replace(put(k), headers=(*put(k).headers, ("x-amz-meta-a", "2"))), MISMATCH),
    "header struck from the signed ones": (lambda k: put(k).edited(";x-amz-meta-a", ""), DENIED),
    "query added": (lambda k: query(put(k), "tagging"), MISMATCH),
    "query value changed": (lambda k: k.root.sign("GET", "/forged?max-keys=1").at("=1", "=2"), MISMATCH),
    "query twice": (lambda k: query(k.root.sign("GET", "/forged?max-keys=1"), "max-keys=1"), MISMATCH),
    # the body
    "body changed": (lambda k: other_body(put(k)), HASH),
    "small body changed": (lambda k: other_body(small(k)), HASH),
    "one bit of the body": (lambda k: flipped(put(k), 99_999), HASH),
    "body emptied": (lambda k: replace(put(k), body=b"").having(content_length="0"), HASH),
    "body longer": (lambda k: replace(put(k), body=BODY + b"x"), HASH),
    "hash replaced": (lambda k: other_body(put(k)).having(
        x_amz_content_sha256=hashlib.sha256(b"z" * len(BODY)).hexdigest()), MISMATCH),
    "hash waived": (lambda k: other_body(put(k)).having(x_amz_content_sha256="UNSIGNED-PAYLOAD"), MISMATCH),
    "hash missing": (lambda k: put(k).having(x_amz_content_sha256=None), (400, "InvalidRequest")),
    "Content-MD5 wrong": (lambda k: k.root.sign(
        "PUT", "/forged/key", {"content-md5": b64encode(bytes(16)).decode()}, BODY), (400, "BadDigest")),
    "checksum wrong": (lambda k: k.root.sign(
        "PUT", "/forged/key", {"x-amz-checksum-crc32": "AAAAAA=="}, BODY), (400, "BadDigest")),
    "checksum wrong, small": (lambda k: k.root.sign(
        "PUT", "/forged/key", {"x-amz-checksum-crc32": "AAAAAA=="}, SMALL), (400, "BadDigest")),
    # aws-chunked, signed
    "chunk altered": (lambda k: flipped(java(k), 1000), MISMATCH),
    "last chunk altered": (lambda k: flipped(java(k), 100_100), MISMATCH),
    "chunks swapped": (swapped, MISMATCH),
    "chunks of another upload": (spliced, MISMATCH),
    "chunk repeated": (doubled, MISMATCH),
    "chunk signature altered": (lambda k: flipped(java(k), 30), MISMATCH),
    "last chunk left out": (
        lambda k: replace(java(k), body=java(k).body[: java(k).body.rindex(b"0;chunk")]), INCOMPLETE),
    "chunks truncated": (lambda k: replace(java(k), body=java(k).body[:70_000]), INCOMPLETE),
    "bytes after the last chunk": (lambda k: replace(java(k), body=java(k).body + b"x\r\n"), INCOMPLETE),
    "a chunk appended": (lambda k: replace(java(k), body=java(k).body + b"1\r\nx\r\n0\r\n\r\n"), INCOMPLETE),
    "signatures stripped": (lambda k: replace(java(k), body=unsigned_body(*HALVES, trailers=[])), MISMATCH),
    "decoded length changed": (lambda k: java(k).having(x_amz_decoded_content_length="65536"), MISMATCH),
    "decoded length smaller": (lambda k: k.root.chunked(
        "/forged/key", *HALVES, headers={"x-amz-decoded-content-length": "65536"}), INCOMPLETE),
    "decoded length larger": (lambda k: k.root.chunked(
        "/forged/key", *HALVES, headers={"x-amz-decoded-content-length": "100001"}), INCOMPLETE),
    # trailers
    "trailer altered": (lambda k: body(go(k), CRC.encode(), b"AAAAAA=="), MISMATCH),
    "trailer signature altered": (lambda k: flipped(go(k), len(go(k).body) - 10), MISMATCH),
    "trailer signature left out": (lambda k: replace(
        go(k), body=go(k).body[: go(k).body.index(b"x-amz-trailer-sig")] + b"\r\n"), MISMATCH),
    "trailer wrong, signed": (lambda k: k.root.chunked(
        "/forged/key", *HALVES, trailers=["x-amz-checksum-crc32:AAAAAA=="]), (400, "BadDigest")),
    "unsigned chunks: trailer wrong": (lambda k: body(boto(k), CRC.encode(), b"AAAAAA=="), (400, "BadDigest")),
    "unsigned chunks: body changed": (lambda k: flipped(boto(k), 5000), (400, "BadDigest")),
    "unsigned chunks: trailer missing": (
        lambda k: body(boto(k), f"x-amz-checksum-crc32:{CRC}\r\n".encode(), b""), (400, "MalformedTrailerError")),
    "unsigned chunks: another trailer": (
        lambda k: body(boto(k), b"x-amz-checksum-crc32:", b"x-amz-meta-a:"), (400, "MalformedTrailerError")),
    "unsigned chunks: trailer header changed": (lambda k: boto(k).having(x_amz_trailer="x-amz-checksum-md5"), MISMATCH),
    # presigned
    "presigned: expired": (
        lambda k: k.root.but(ago=61).presign("PUT", "/forged/key", body=SMALL, expires=60), DENIED),
    "presigned: lifetime extended": (
        lambda k: k.root.but(ago=61).presign("PUT", "/forged/key", body=SMALL, expires=60).at("Expires=60", "Expires=99"),
        MISMATCH),
    "presigned: longer than a week": (lambda k: k.root.presign("PUT", "/forged/key", expires=604_801), QUERY),
    "presigned: key changed": (lambda k: url(k).at("/key", "/kex"), MISMATCH),
    "presigned: method changed": (lambda k: replace(url(k), method="DELETE"), MISMATCH),
    "presigned: argument added": (lambda k: query(url(k), "tagging"), MISMATCH),
    "presigned: argument twice": (lambda k: query(url(k), "X-Amz-Expires=3600"), QUERY),
    "presigned: metadata added": (lambda k: query(url(k), "x-amz-meta-a=1"), MISMATCH),
    "presigned: header added": (lambda k: url(k).having(x_amz_meta_a="1"), DENIED),
    "presigned: host changed": (lambda k: url(k).having(host="localhost"), MISMATCH),
    "presigned: signature missing": (lambda k: url(k).at("X-Amz-Signature", "X-Amz-Sig"), QUERY),
    "presigned and signed": (lambda k: url(k).having(authorization=put(k).get("authorization")),
                             (400, "InvalidArgument")),
    # other services
    "IAM: wrong secret": (lambda k: iam(k._replace(root=k.root.but(secret="x"))), MISMATCH),
    "IAM: no signature": (lambda k: iam(k).having(authorization=None), (403, "MissingAuthenticationToken")),
    "IAM: body changed": (lambda k: body(iam(k), b"forged", b"forger"), MISMATCH),
    "IAM: deleted key": (lambda k: iam(k._replace(root=k.deleted)), (403, "InvalidClientTokenId")),
    "IAM: sixteen minutes old": (lambda k: iam(k._replace(root=k.root.but(ago=960))), MISMATCH),
    "IAM: hash waived": (
        lambda k: body(k.root.but(service="iam").sign("POST", "/", {
            "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "content-type": "application/x-www-form-urlencoded"
        }, b"Action=CreateUser&Version=2010-05-08&UserName=forged"), b"forged", b"forger"), MISMATCH),
    "IAM: scope of STS": (lambda k: iam(k).edited("/iam/", "/sts/"), (400, "InvalidAction")),
    "IAM: scope of S3": (lambda k: iam(k).edited("/iam/", "/s3/"), (405, "MethodNotAllowed")),
    "STS: query changed": (lambda k: query(sts(k), "a=b"), MISMATCH),
    "STS: token signed": (lambda k: sts(k._replace(root=k.root.but(token="t"))), (403, "InvalidClientTokenId")),
}  # fmt: skip


@pytest.fixture(scope="module")
def keys(live: Live) -> Keys:
    iam = live.client("iam")
    iam.create_user(UserName="forger")
    made = [iam.create_access_key(UserName="forger")["AccessKey"] for _ in range(2)]
    iam.delete_access_key(UserName="forger", AccessKeyId=made[0]["AccessKeyId"])
    iam.update_access_key(UserName="forger", AccessKeyId=made[1]["AccessKeyId"], Status="Inactive")
    live.bucket("forged")
    deleted, inactive = [
        live.signer.but(key=key["AccessKeyId"], secret=key["SecretAccessKey"], service="s3") for key in made
    ]
    return Keys(live.signer, deleted, inactive)


@pytest.mark.parametrize("make", [put, small, url, java, go, boto], ids=lambda made: made.__name__)
def test_what_is_forged_below_would_be_accepted(live: Live, keys: Keys, make: Callable[[Keys], Sent]) -> None:
    sent = make(keys)
    assert live.ask(sent).status == 200
    assert live.get("/forged/key").body in (BODY, SMALL)
    assert live.ask(keys.root.sign("DELETE", "/forged/key")).status == 204


@pytest.mark.parametrize("name", CASES)
def test_forged(live: Live, keys: Keys, name: str) -> None:
    make, expected = CASES[name]
    before = live.kept()
    answer = live.ask(make(keys))
    assert (answer.status, answer.code) == expected
    assert answer.headers.get("x-amz-request-id") or answer.headers.get("x-amzn-requestid")
    assert live.kept() <= before


@pytest.mark.parametrize("changes", [{"secret": "x"}, {"ago": 960}, {"key": OTHER}])
def test_forged_json(live: Live, keys: Keys, changes: dict[str, object]) -> None:
    answer = live.ask(table(keys, **changes))
    assert answer.status == 400
    assert b"Exception" in answer.body
    assert answer.headers["x-amzn-requestid"]


def test_the_same_request_again_sixteen_minutes_later(region: LocalRegion) -> None:
    from support.region import HOST, KEY_ID, SECRET

    signer = Signer(KEY_ID, SECRET, HOST)
    region.client("s3").create_bucket(Bucket="bucket")
    sent = signer.sign("PUT", "/bucket/key", body=SMALL)
    link = signer.presign("GET", "/bucket/key", expires=900)
    assert region.raw(sent.method, sent.target, dict(sent.headers), sent.body).status == 200
    assert region.raw("GET", link.target, dict(link.headers)).body == SMALL
    region.advance(minutes=16)
    late = region.raw(sent.method, sent.target, dict(sent.headers), sent.body)
    assert (late.status, b"<Code>RequestTimeTooSkewed</Code>" in late.body) == (403, True)
    late = region.raw("GET", link.target, dict(link.headers))
    assert (late.status, b"Request has expired" in late.body) == (403, True)


def test_the_stand_ins_keys_without_dev(tls_live: Live) -> None:
    for key in ("test", "000000000000"):
        signer = tls_live.signer.but(key=key, secret="test")
        answer = tls_live.ask(signer.sign("GET", "/"))
        assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")
        answer = tls_live.ask(iam(Keys(signer, signer, signer)))
        assert (answer.status, answer.code) == (403, "InvalidClientTokenId")
