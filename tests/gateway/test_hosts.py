"""Hosts end to end: buckets and services addressed by name, as localhost's or as AWS's, over TCP and over TLS."""

from __future__ import annotations

import socket
import ssl
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from auth.sigv4_client import unsigned_body
from gateway.client import Sent, Wire

if TYPE_CHECKING:
    from gateway.live import Live

DATA = b"data" * 30_000


@pytest.fixture(scope="module")
def buckets(live: Live) -> None:
    for name in ("hosted", "with.dots.in", "lambda"):
        live.bucket(name)
        assert live.ask(live.signer.sign("PUT", f"/{name}/where/a%20key", body=name.encode())).status == 200


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("hosted.s3.localhost:4566", "hosted"),
        ("hosted.localhost", "hosted"),
        ("HOSTED.S3.LOCALHOST", "hosted"),
        ("hosted.s3.localhost.localstack.cloud:4566", "hosted"),
        ("hosted.s3.amazonaws.com", "hosted"),
        ("hosted.s3.us-east-1.amazonaws.com", "hosted"),
        ("hosted.s3-us-west-2.amazonaws.com", "hosted"),
        ("hosted.s3.dualstack.eu-west-1.amazonaws.com", "hosted"),
        ("with.dots.in.s3.us-east-1.amazonaws.com", "with.dots.in"),
        ("with.dots.in.s3.localhost", "with.dots.in"),
        ("lambda.localhost", "lambda"),
    ],
)
def test_buckets_in_the_host(live: Live, buckets: None, host: str, bucket: str) -> None:
    signer = live.signer.but(host=host)
    answer = live.ask(signer.sign("GET", "/where/a%20key"))
    assert (answer.status, answer.body) == (200, bucket.encode())
    assert live.ask(signer.presign("GET", "/where/a%20key")).body == bucket.encode()
    assert f"<Name>{bucket}</Name>".encode() in live.ask(signer.sign("GET", "/?list-type=2")).body
    assert live.ask(signer.sign("PUT", "/new", body=b"new")).status == 200
    assert live.get(f"/{bucket}/new").body == b"new"
    assert live.ask(signer.sign("DELETE", "/new")).status == 204


def test_what_is_signed_is_the_host_and_path_as_sent(live: Live, buckets: None) -> None:
    signer = live.signer.but(host="hosted.s3.localhost")
    elsewhere = signer.sign("GET", "/where/a%20key").having(host="lambda.s3.localhost")
    assert live.ask(elsewhere).code == "SignatureDoesNotMatch"
    path_style = live.signer.but(host="s3.localhost").sign("GET", "/hosted/where/a%20key")
    assert live.ask(path_style).body == b"hosted"
    mixed = path_style.having(host="hosted.s3.localhost").at("/hosted/", "/")
    assert live.ask(mixed).code == "SignatureDoesNotMatch"
    assert live.ask(signer.sign("GET", "/hosted/where/a%20key")).code == "NoSuchKey"


@pytest.mark.parametrize(
    ("service", "host", "region", "form", "expected"),
    [
        ("iam", "iam.amazonaws.com", "us-east-1", "Action=ListUsers&Version=2010-05-08", b"<ListUsersResponse"),
        ("iam", "iam.localhost:4566", "us-east-1", "Action=ListUsers&Version=2010-05-08", b"<ListUsersResponse"),
        ("sts", "sts.amazonaws.com", "us-east-1", "Action=GetCallerIdentity&Version=2011-06-15", b"<Account>"),
        (
            "sts",
            "sts.eu-west-1.amazonaws.com",
            "eu-west-1",
            "Action=GetCallerIdentity&Version=2011-06-15",
            b"<Account>",
        ),
        ("sts", "sts.localhost", "us-east-1", "Action=GetCallerIdentity&Version=2011-06-15", b"<Account>"),
    ],
)
def test_services_in_the_host(live: Live, service: str, host: str, region: str, form: str, expected: bytes) -> None:
    signer = live.signer.but(service=service, host=host, region=region)
    sent = signer.sign("POST", "/", {"content-type": "application/x-www-form-urlencoded"}, form.encode())
    answer = live.ask(sent)
    assert answer.status == 200
    assert expected in answer.body
    assert live.ask(sent.having(host="other.localhost")).status in (400, 403)


def test_s3_of_a_region(live: Live, buckets: None) -> None:
    signer = live.signer.but(host="s3.us-west-2.amazonaws.com", region="us-west-2")
    make = b"<CreateBucketConfiguration><LocationConstraint>us-west-2</LocationConstraint></CreateBucketConfiguration>"
    assert live.ask(signer.sign("PUT", "/in-the-west", body=make)).status == 200
    assert b"us-west-2" in live.ask(signer.sign("GET", "/in-the-west?location")).body
    assert live.ask(signer.sign("PUT", "/in-the-west/key", body=b"west")).status == 200
    virtual = signer.but(host="in-the-west.s3.us-west-2.amazonaws.com")
    assert live.ask(virtual.sign("GET", "/key")).body == b"west"
    wrong = live.ask(live.signer.sign("GET", "/in-the-west/key"))
    assert wrong.status in (301, 400)
    assert wrong.headers["x-amz-bucket-region"] == "us-west-2"


# --- TLS


@pytest.fixture(scope="module")
def bucket(tls_live: Live) -> str:
    return tls_live.bucket("secured")


def test_boto3_over_https(tls_live: Live, bucket: str) -> None:
    s3 = tls_live.client("s3", s3={"addressing_style": "path"})
    s3.put_object(Bucket=bucket, Key="key", Body=DATA)
    assert s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")["Body"].read() == DATA
    assert tls_live.client("sts").get_caller_identity()["Account"] == tls_live.account


def test_botocore_leaves_the_body_unsigned_over_https(tls_live: Live, bucket: str) -> None:
    """A trailer covers it, and that is checked."""
    s3 = tls_live.client("s3", s3={"addressing_style": "path"})
    seen: list[str] = []
    s3.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: seen.append(request.headers["X-Amz-Content-SHA256"])
    )
    s3.put_object(Bucket=bucket, Key="trailed", Body=DATA)
    assert [value if isinstance(value, str) else value.decode() for value in seen] == [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    ]
    crc = b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
    for body, status in ((DATA, 200), (DATA[:-1] + b"x", 400)):
        framed = unsigned_body(body, trailers=[f"x-amz-checksum-crc32:{crc}"])
        answer = tls_live.ask(tls_live.signer.unsigned_chunks(f"/{bucket}/own", framed, len(DATA)))
        assert answer.status == status


def test_presigned_over_https(tls_live: Live, bucket: str) -> None:
    s3 = tls_live.client("s3", signature_version="s3v4", s3={"addressing_style": "path"})
    tls_live.ask(tls_live.signer.sign("PUT", f"/{bucket}/shared", body=DATA))
    url: str = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "shared"})
    target = url.removeprefix(tls_live.endpoint)
    assert url.startswith("https://")
    assert tls_live.ask(Sent("GET", target, (("host", tls_live.host),))).body == DATA


@pytest.mark.parametrize("name", ["secured.s3.localhost", "s3.localhost", "localhost", "127.0.0.1"])
def test_names_of_the_certificate(tls_live: Live, bucket: str, name: str) -> None:
    with Wire(tls_live.port, tls_live.context, name) as wire:
        host = f"{name}:{tls_live.port}"
        virtual = name.startswith("secured")
        sent = tls_live.signer.but(host=host).sign("GET", "/" if virtual else f"/{bucket}")
        assert b"<Name>secured</Name>" in wire.ask(sent).body


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """All names under localhost are this machine, as systemd-resolved has it and containers often do not."""
    ask = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **options: Any) -> Any:
        return ask("127.0.0.1" if str(host).endswith("localhost") else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_boto3_with_virtual_hosts_over_https(tls_live: Live, bucket: str, resolved: None) -> None:
    import boto3
    from botocore.config import Config

    s3 = boto3.client(
        "s3",
        endpoint_url=f"https://s3.localhost:{tls_live.port}",
        aws_access_key_id=tls_live.key,
        aws_secret_access_key=tls_live.secret,
        region_name="us-east-1",
        verify=tls_live.ca,
        config=Config(s3={"addressing_style": "virtual"}),
    )
    s3.put_object(Bucket=bucket, Key="virtual", Body=DATA)
    assert s3.get_object(Bucket=bucket, Key="virtual")["Body"].read() == DATA
    assert tls_live.get(f"/{bucket}/virtual").body == DATA


def test_plain_http_to_the_tls_port(tls_live: Live) -> None:
    with Wire(tls_live.port) as wire:
        wire.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b"200" not in wire.rest()[:20]


def test_old_tls_is_refused(tls_live: Live) -> None:
    context = ssl.create_default_context(cafile=tls_live.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Wire(tls_live.port, context) as wire:
        assert wire.ask(tls_live.signer.sign("GET", "/")).status == 200
    stranger = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        Wire(tls_live.port, stranger)
