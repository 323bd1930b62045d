"""Malformed and hostile requests: AWS's 4xx in the shape of its protocol, promptly, in bounded memory, and keeps nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

import cbor2
import pytest

from fogbank.gateway.failures_slowed import FREE

if TYPE_CHECKING:
    from gateway.client import Answer, Sent, Signer
    from gateway.live import Live

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables"}
CBOR = {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "accept": "application/cbor"}
WATCH = "/service/GraniteServiceVersion20100801/operation/ListDashboards"
PROMPT = 2.0  # seconds; the machine may be busy

BOMB = (
    b'<!DOCTYPE lolz [<!ENTITY a "' + b"lol" * 100 + b'">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><Delete><Object><Key>&j;</Key></Object></Delete>"
)  # fmt: skip
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&b;</Key></Object></Delete>'
DEEP = b"<Delete>" + b"<Object>" * 50_000 + b"</Object>" * 50_000 + b"</Delete>"

XML = {
    "empty": b"",
    "no XML": b"hello",
    "cut off": b"<Delete><Object><Key>a</Ke",
    "two roots": b"<Delete/><Delete/>",
    "another root": b"<Erase><Object><Key>a</Key></Object></Erase>",
    "NUL": b"<Delete>\0</Delete>",
    "invalid UTF-8": b"<Delete><Object><Key>\xff\xfe</Key></Object></Delete>",
    "unknown encoding": b'<?xml version="1.0" encoding="x-none"?><Delete/>',
    "UTF-16": "<Delete><Object><Key>a".encode("utf-16"),
    "entity bomb": BOMB,
    "outside entity": OUTSIDE,
    "deep": DEEP,
    "many attributes": b"<Delete " + b" ".join(b'a%d="1"' % n for n in range(20_000)) + b"><Object/></Delete>",
    "missing member": b"<Delete><Object></Object></Delete>",
    "1001 keys": b"<Delete>" + b"<Object><Key>a</Key></Object>" * 1001 + b"</Delete>",
    "JSON": b'{"Objects": []}',
}
FINE = ("empty", "missing member", "unknown encoding", "many attributes")  # for a bucket's configuration
HARMLESS = ("empty", "missing member", "unknown encoding", "many attributes")  # as a bucket's configuration
FORMS = {
    "empty": b"",
    "no action": b"Version=2010-05-08",
    "unknown action": b"Action=Fly&Version=2010-05-08",
    "unknown version": b"Action=ListUsers&Version=1999-01-01",
    "action twice": b"Action=ListUsers&Action=DeleteUser&Version=2010-05-08",
    "invalid UTF-8": b"Action=CreateUser&Version=2010-05-08&UserName=%FF%FE",
    "NUL": b"Action=CreateUser&Version=2010-05-08&UserName=a%00b",
    "name too long": b"Action=CreateUser&Version=2010-05-08&UserName=" + b"a" * 100_000,
    "ten thousand arguments": b"Action=ListUsers&Version=2010-05-08" + b"".join(b"&a%d=1" % n for n in range(10_000)),
    "a list with holes": b"Action=CreateUser&Version=2010-05-08&UserName=hostile&Tags.member.99999999.Key=a",
    "a list of a million": b"Action=CreateUser&Version=2010-05-08&UserName=hostile&Tags.member.1000000.Key=a&Tags.member.1.Key=b",
    "deep names": b"Action=CreateUser&Version=2010-05-08&UserName=hostile&" + b"Tags." * 10_000 + b"=1",
    "not a number": b"Action=ListUsers&Version=2010-05-08&MaxItems=many",
    "a huge number": b"Action=ListUsers&Version=2010-05-08&MaxItems=" + b"9" * 5000,
    "bad escapes": b"Action=CreateUser&Version=2010-05-08&UserName=%zz%",
}
JSONS = {
    "empty": b"",
    "no JSON": b"hello",
    "cut off": b'{"Limit": 1',
    "an array": b"[]",
    "a number": b"1",
    "deep": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "NaN": b'{"Limit": NaN}',
    "a huge number": b'{"Limit": ' + b"9" * 5000 + b"}",
    "another type": b'{"Limit": "many"}',
    "invalid UTF-8": b'{"ExclusiveStartTableName": "\xff"}',
    "lone surrogate": b'{"ExclusiveStartTableName": "\\ud800"}',
    "member twice": b'{"Limit": 1, "Limit": 2}',
}
CBORS = {
    "no CBOR": b"\xff\xff",
    "cut off": b"\xa1\x61",
    "deep": b"\x81" * 100_000 + b"\x80",
    "a huge announced array": b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "a huge announced text": b"\xa1\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "a huge announced map": b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff",
    "tags": b"\xc2\x58\x20" + b"\xff" * 32,
    "a reference to itself": b"\xd8\x1c\x81\xd8\x1d\x00",
    "endless": b"\x9f" * 10_000,
}


class Asked(NamedTuple):
    """A request and the statuses that it may get."""

    sent: Sent
    allowed: tuple[int, ...] = (400,)


def bodies(signer: Signer) -> dict[str, Asked]:
    asked: dict[str, Asked] = {}
    for name, body in XML.items():
        asked[f"S3 XML: {name}"] = Asked(signer.sign("POST", "/hostile?delete", {"content-type": "text/xml"}, body))
        if name != "1001 keys":
            sent = signer.sign("PUT", "/hostile-new", {}, body.replace(b"Delete", b"CreateBucketConfiguration"))
            asked[f"S3 XML, bucket: {name}"] = Asked(sent, (200, 400) if name in HARMLESS else (400,))
    for name, body in FORMS.items():
        fine = ("ten thousand arguments", "deep names", "unknown version")
        for service in ("iam", "sts", "ec2", "sns"):
            sent = signer.but(service=service).sign("POST", "/", FORM, body)
            asked[f"{service}: {name}"] = Asked(
                sent, (200, 400, 403, 404, 501) if name in fine else (400, 403, 404, 501)
            )
    for name, body in JSONS.items():
        sent = signer.but(service="dynamodb").sign("POST", "/", JSON, body)
        asked[f"JSON: {name}"] = Asked(sent, (400, 501))
        rest = signer.but(service="lambda").sign(
            "POST", "/2015-03-31/functions", {"content-type": "application/json"}, body
        )
        asked[f"REST JSON: {name}"] = Asked(rest, (400, 501))
    for name, body in CBORS.items():
        asked[f"CBOR: {name}"] = Asked(signer.but(service="monitoring").sign("POST", WATCH, CBOR, body), (400, 501))
    return asked


def targets(signer: Signer) -> dict[str, Asked]:
    """Odd targets, signed by a client that means them."""
    odd = {
        "key of 1025 bytes": ("PUT", "/hostile/" + "a" * 1025, (400,)),
        "key of 64 kB": ("PUT", "/hostile/" + "a" * 65_000, (400, 414)),
        "bucket of 64 kB": ("PUT", "/" + "a" * 65_000, (400, 414)),
        "bucket of two letters": ("PUT", "/ab", (400,)),
        "bucket with a slash": ("PUT", "/host%2File", (400, 403, 404)),
        "bucket ..": ("PUT", "/..", (400, 403)),
        "key of dots": ("GET", "/hostile/../../etc/passwd", (400, 403, 404)),
        "escaped dots": ("GET", "/hostile/%2e%2e/%2e%2e/etc/passwd", (400, 403, 404)),
        "no bucket": ("GET", "//", (400, 403)),
        "no bucket, a key": ("PUT", "//key", (400, 403)),
        "key of a slash": ("GET", "/hostile//", (404,)),
        "NUL": ("PUT", "/hostile/a%00b", (400,)),
        "NUL in the bucket": ("PUT", "/host%00ile", (400,)),
        "invalid UTF-8": ("PUT", "/hostile/%FF%FE", (400, 403)),
        "overlong UTF-8": ("PUT", "/hostile/%C0%AE", (400, 403)),
        "surrogates": ("PUT", "/hostile/%ED%A0%80", (400, 403)),
        "bad escape": ("GET", "/hostile/%zz", (400, 403, 404)),
        "escaped twice": ("GET", "/hostile/%252F", (404,)),
        "line ends": ("GET", "/hostile/%0D%0Ax-amz-acl%3A%20public-read", (400, 404)),
        "method of S3's own": ("BREW", "/hostile/a", (405,)),
        "PATCH": ("PATCH", "/hostile/a", (405,)),
        "POST to a key": ("POST", "/hostile/a", (400, 405)),
        "DELETE of all": ("DELETE", "/", (405,)),
        "10,000 arguments": ("GET", "/hostile?" + "&".join(f"a{n}" for n in range(8_000)), (200, 400, 414)),
        "argument twice": ("GET", "/hostile?max-keys=1&max-keys=2", (200, 400)),
        "unknown sub-resource": ("PUT", "/hostile?fly", (200, 400, 405, 409)),
        "two sub-resources": ("GET", "/hostile?acl&tagging", (400, 501)),
        "max-keys negative": ("GET", "/hostile?max-keys=-1", (400,)),
        "max-keys huge": ("GET", "/hostile?max-keys=" + "9" * 400, (400,)),
        "max-keys of letters": ("GET", "/hostile?max-keys=ten", (400,)),
        "marker invalid UTF-8": ("GET", "/hostile?marker=%FF", (200, 400, 403)),
        "token forged": ("GET", "/hostile?list-type=2&continuation-token=abc", (400,)),
        "encoding type": ("GET", "/hostile?encoding-type=rot13", (400,)),
        "part 0": ("PUT", "/hostile/a?partNumber=0&uploadId=x", (400, 404)),
        "part 10001": ("PUT", "/hostile/a?partNumber=10001&uploadId=x", (400, 404)),
        "part of letters": ("PUT", "/hostile/a?partNumber=one&uploadId=x", (400, 404)),
        "upload forged": ("GET", "/hostile/a?uploadId=..%2F..%2Fx", (404,)),
        "version": ("GET", "/hostile/a?versionId=x", (400, 404)),
        "control plane": ("GET", "/_fogbank/nothing", (404,)),
    }  # fmt: skip
    return {name: Asked(signer.sign(method, target), allowed) for name, (method, target, allowed) in odd.items()}


def headers(signer: Signer) -> dict[str, Asked]:
    odd: dict[str, tuple[dict[str, str], tuple[int, ...]]] = {
        "range of nonsense": ({"range": "bytes=a-b"}, (404,)),
        "copy of nothing": ({"x-amz-copy-source": "%00"}, (400, 404)),
        "copy of dots": ({"x-amz-copy-source": "/../../etc/passwd"}, (400, 404)),
        "copy of 60 kB": ({"x-amz-copy-source": "a" * 60_000}, (400, 404)),
        "metadata of 60 kB": ({"x-amz-meta-a": "a" * 60_000}, (400,)),
        "90 metadata": ({f"x-amz-meta-{n}": "a" * 100 for n in range(80)}, (400,)),
        "storage class": ({"x-amz-storage-class": "CLOUD"}, (400,)),
        "ACL": ({"x-amz-acl": "everybody"}, (400,)),
        "MD5": ({"content-md5": "abc"}, (400,)),
        "date": ({"if-modified-since": "yesterday"}, (200, 400)),
        "expires": ({"expires": "a" * 10_000}, (200, 400)),
        "checksum": ({"x-amz-checksum-crc32": "abc"}, (400,)),
        "two checksums": ({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="}, (400,)),
        "encryption": ({"x-amz-server-side-encryption": "rot13"}, (400, 501)),
        "lock": ({"x-amz-object-lock-mode": "FOREVER"}, (400, 501)),
        "owner": ({"x-amz-expected-bucket-owner": "me"}, (400, 403)),
        "legal owner": ({"x-amz-expected-bucket-owner": "999999999999"}, (403,)),
        "tags": ({"x-amz-tagging": "a=b&a=b"}, (400, 501)),
    }
    return {
        name: Asked(signer.sign("GET" if name.startswith("range") else "PUT", "/hostile/headers", given), allowed)
        for name, (given, allowed) in odd.items()
    }


def check(answer: Answer, sent: Sent) -> None:
    """An error in the shape of its protocol, with an id."""
    if answer.status < 400 or answer.headers.get("connection") == "close":
        return  # the HTTP server's own, of what is no HTTP
    if sent.target.startswith("/_fogbank"):
        return
    named = answer.headers.get("x-amz-request-id") or answer.headers.get("x-amzn-requestid")
    assert named
    kind = answer.headers.get("content-type", "")
    if "xml" in kind:
        assert named in {node.text for node in ET.fromstring(answer.body).iter() if "equestI" in node.tag}
        assert answer.code
    elif "json" in kind:
        found = json.loads(answer.body)
        assert found.get("__type") or answer.headers.get("x-amzn-errortype")
    elif "cbor" in kind:
        assert cbor2.loads(answer.body)["__type"]
    else:
        assert answer.body == b""


@pytest.fixture(scope="module")
def signer(live: Live) -> Signer:
    live.bucket("hostile")
    return live.signer


def attack(live: Live, asked: dict[str, Asked]) -> list[str]:
    """Ask all on one connection after the other; what was not answered as it should be."""
    wrong = []
    for name, (sent, allowed) in asked.items():
        began = time.monotonic()
        answer = live.ask(sent)
        took = time.monotonic() - began
        check(answer, sent)
        if answer.status not in allowed or took > PROMPT:
            wrong.append(f"{name}: {answer.status} {answer.body[:150]!r} in {took:.2f} s")
    return wrong


@pytest.mark.parametrize("make", [bodies, targets, headers], ids=lambda made: made.__name__)
def test_signed(live: Live, signer: Signer, make: object) -> None:
    assert callable(make)
    logged = len(live.log())
    before = live.kept()
    wrong = attack(live, make(signer))
    assert not wrong, "\n".join(wrong)
    new = {kept for kept in live.kept() - before if not (isinstance(kept, tuple) and b"hostile" in b"".join(kept))}
    assert not new
    assert [line for line in live.log()[logged:] if "failed authentications" not in line["message"]] == []


@pytest.mark.parametrize("make", [bodies, targets, headers], ids=lambda made: made.__name__)
def test_anonymous(live: Live, signer: Signer, make: object) -> None:
    assert callable(make)
    before = live.kept()
    for sent, _ in make(signer).values():
        answer = live.ask(sent.having(authorization=None))
        check(answer, sent)
        assert 400 <= answer.status < 500 or answer.status == 501
    assert live.kept() <= before


RAW = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
    "a line": (b"hello\r\n\r\n", (400,)),
    "no version": (b"GET /\r\n\r\n", (400,)),
    "version 3": (b"GET / HTTP/3.0\r\nhost: a\r\n\r\n", (400,)),
    "absolute form": (b"GET http://hostile.s3.localhost/a HTTP/1.1\r\nhost: a\r\n\r\n", (404,)),
    "authority form": (b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n", (400, 405)),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", (400, 403, 405)),
    "no slash": (b"GET a HTTP/1.1\r\nhost: a\r\n\r\n", (400, 405)),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", (400, 403)),
    "two hosts": (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", (400, 403)),
    "host of 60 kB": (b"GET / HTTP/1.1\r\nhost: " + b"a" * 60_000 + b"\r\n\r\n", (400,)),
    "host of dots": (b"GET / HTTP/1.1\r\nhost: ....\r\n\r\n", (400, 403)),
    "host of bytes": (b"GET / HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n", (400, 403)),
    "bytes in the path": (b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n", (400, 403)),
    "bytes in the query": (b"GET /?\xff=\xfe HTTP/1.1\r\nhost: a\r\n\r\n", (400, 403)),
    "bytes in a header": (b"GET / HTTP/1.1\r\nhost: a\r\nx-amz-date: \xff\r\n\r\n", (400, 403)),
    "NUL in a header": (b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", (400,)),
    "folded header": (b"GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n", (400,)),
    "1,000 headers": (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n", (431,)),
    "a header of 1 MB": (b"GET / HTTP/1.1\r\na: " + b"b" * (1 << 20) + b"\r\n\r\n", (400, 431)),
    "a target of 100 kB": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", (414,)),
    "a websocket": ((b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
                    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"), (400, 403, 501)),
    "HTTP/2 by upgrade": ((b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
                          b"http2-settings: AAAA\r\n\r\n"), (400, 403)),
    "smuggled": (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", (400, 403, 405)),
    "chunk size of letters": (b"PUT /a/b HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", (400, 404, 411)),
}  # fmt: skip


@pytest.mark.parametrize("name", RAW)
def test_what_is_hardly_http(live: Live, name: str) -> None:
    raw, allowed = RAW[name]
    before, workers = live.kept(), live.workers()
    with live.wire() as wire:
        try:
            wire.send(raw)
            status = wire.answer("CONNECT" if raw.startswith(b"CONNECT") else "GET").status
        except ConnectionError:
            status = allowed[0]  # closed at once: it did not want to hear more
    assert status in allowed
    assert live.kept() <= before
    assert live.workers() == workers


def test_http_2_preface_and_rubbish(live: Live) -> None:
    with live.wire() as wire:
        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100)
        wire.rest()
    assert live.get("/").status == 200


def resident(live: Live) -> int:
    """Bytes that the workers hold of their own."""
    total = 0
    for pid in live.workers():
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
        total += int(lines["Private_Dirty"].split()[0]) * 1024
    return total


def test_memory_stays_bounded(live: Live, signer: Signer) -> None:
    """Two thousand hostile requests, after a first round that loads models; from many addresses, whose failures are not slowed."""
    sources = (f"127.1.{number >> 8}.{number & 255}" for number in range(1, 65_000))
    asked = [sent for make in (bodies, targets, headers) for sent, _ in make(signer).values()]
    small = [sent for sent in asked if len(bytes(sent)) < 70_000]

    def ask_all() -> None:
        wire = live.wire(next(sources))
        for number, sent in enumerate(small, 1):
            try:
                closed = wire.ask(sent).headers.get("connection") == "close"
            except ConnectionError:
                closed = True
            if closed or number % FREE == 0:
                wire.close()
                wire = live.wire(next(sources))
        wire.close()

    for _ in range(2):
        ask_all()
    before = resident(live)
    for _ in range(-(-2000 // len(small))):
        ask_all()
    assert resident(live) - before < 48 << 20
