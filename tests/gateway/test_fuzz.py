"""Whatever comes, the gateway answers, and never with a 5xx that is not NotImplemented."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.client import Signer
from support.region import HOST, KEY_ID, SECRET, LocalRegion

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("TEST_FUZZ_EXAMPLES", "400"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 400,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SUBRESOURCES = [
    "acl", "tagging", "policy", "versioning", "versions", "uploads", "uploadId", "partNumber", "delete",
    "location", "list-type", "max-keys", "prefix", "marker", "delimiter", "encoding-type", "continuation-token",
    "start-after", "versionId", "cors", "lifecycle", "logging", "website", "notification", "replication",
    "restore", "select", "torrent", "response-content-type", "X-Amz-Algorithm", "X-Amz-Signature",
    "X-Amz-Credential", "Action", "Version", "x-id", "select-type", "attributes",
]  # fmt: skip
HEADERS = [
    "range", "if-match", "if-none-match", "if-modified-since", "x-amz-copy-source", "x-amz-copy-source-range",
    "x-amz-meta-a", "x-amz-acl", "content-md5", "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm",
    "x-amz-trailer", "x-amz-decoded-content-length", "x-amz-content-sha256", "expires", "x-amz-target",
    "content-type", "smithy-protocol", "content-encoding", "x-amz-security-token", "x-amz-date", "date",
    "authorization", "x-amz-storage-class", "x-amz-tagging", "x-amz-expected-bucket-owner", "x-amz-account-id",
    "x-amz-object-attributes", "x-amz-mp-object-size",
]  # fmt: skip
HOSTS = (
    HOST,
    "fuzzed.s3.localhost",
    "s3.amazonaws.com",
    "iam.amazonaws.com",
    "a..b",
    "",
    "x" * 300,
    "[::1]:4566",
    "lambda.localhost",
)

method = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"])
text = st.text(max_size=20)
names = st.sampled_from(SUBRESOURCES) | text
plain = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
value = plain | st.sampled_from(
    ["1", "0", "-1", "9" * 30, "bytes=0-1", "*", '"abc"', "url", "/fuzzed/key", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"]
)
path = st.sampled_from(
    ["/", "/fuzzed", "/fuzzed/key", "/fuzzed/", "//", "/fuzzed/../key", "/_fogbank", "*", ""]
) | text.map(lambda tail: "/fuzzed/" + tail)
query = st.lists(st.tuples(names, value), max_size=4)
headers = st.dictionaries(st.sampled_from(HEADERS), value, max_size=4)
body = st.binary(max_size=200) | st.sampled_from(
    [
        b"<Delete><Object><Key>a</Key></Object></Delete>",
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
        b"Action=CreateUser&Version=2010-05-08&UserName=u",
        b"{}",
        b"x" * 100_000,
    ]
)


def encoded(pairs: list[tuple[str, str]]) -> str:
    return "&".join(
        f"{quote(name, safe='-_.~', errors='replace')}={quote(given, safe='-_.~')}" for name, given in pairs
    )


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegion]:
    region = LocalRegion(tmp_path_factory.mktemp("fuzzed"))
    s3 = region.client("s3")
    s3.create_bucket(Bucket="fuzzed")
    s3.put_object(Bucket="fuzzed", Key="key", Body=b"x" * 70_000)
    yield region
    region.close()


def check(region: LocalRegion, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
    answer = region.raw(method, target, headers, body)
    assert answer.status < 500 or answer.status == 501, (answer.status, answer.body)
    assert answer.headers.get("x-amz-request-id") or answer.headers.get("x-amzn-requestid")
    assert all(text.isprintable() for text in answer.headers.values())


@FUZZ
@given(method=method, path=path, query=query, headers=headers, body=body, host=st.sampled_from(HOSTS))
def test_anonymous(
    fuzzed: LocalRegion,
    method: str,
    path: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    host: str,
) -> None:
    target = quote(path, errors="replace") + (f"?{encoded(query)}" if query else "")
    check(fuzzed, method, target, {**headers, "host": host}, body)


@FUZZ
@given(
    method=method,
    path=path.filter(lambda text: text.startswith("/")),
    query=st.lists(st.tuples(names.filter(lambda name: not name.startswith("X-Amz-")), value), max_size=3),
    headers=headers.map(
        lambda given: {name: of for name, of in given.items() if name not in ("authorization", "x-amz-date", "date")}
    ),
    body=body,
    service=st.sampled_from(
        ["s3"] * 4 + ["iam", "sts", "ec2", "dynamodb", "lambda", "monitoring", "sqs", "s3express", "x"]
    ),
)
def test_signed(
    fuzzed: LocalRegion,
    method: str,
    path: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    service: str,
) -> None:
    """By the root user, so that it comes to the parsers and the handlers."""
    target = quote(path, safe="/-_.~", errors="replace") + (f"?{encoded(query)}" if query else "")
    signer = Signer(KEY_ID, SECRET, HOST, service)
    sent = signer.sign(method, target, headers, body, payload=headers.get("x-amz-content-sha256", ""))
    check(fuzzed, method, target, dict(sent.headers), body)


@FUZZ
@given(
    action=st.sampled_from(
        ["CreateUser", "GetUser", "ListUsers", "CreateAccessKey", "UpdateUser", "GetCallerIdentity", "Fly"]
    ),
    pairs=st.lists(
        st.tuples(
            st.sampled_from(
                ["UserName", "Path", "MaxItems", "Marker", "Tags.member.1.Key", "NewUserName", "AccessKeyId"]
            )
            | text,
            text | value,
        ),
        max_size=4,
    ),
    service=st.sampled_from(["iam", "sts"]),
)
def test_forms(fuzzed: LocalRegion, action: str, pairs: list[tuple[str, str]], service: str) -> None:
    version = "2010-05-08" if service == "iam" else "2011-06-15"
    form = f"Action={action}&Version={version}&" + "&".join(
        f"{quote(name, errors='replace')}={quote(given, errors='replace')}" for name, given in pairs
    )
    content = {"content-type": "application/x-www-form-urlencoded"}
    sent = Signer(KEY_ID, SECRET, HOST, service).sign("POST", "/", content, form.encode())
    check(fuzzed, "POST", "/", dict(sent.headers), sent.body)
