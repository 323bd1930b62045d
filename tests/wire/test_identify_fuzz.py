"""Hostile requests: only AwsError is raised, promptly, whatever comes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest
from fogbank.wire.identify import identify, needs_body

FORM = {"content-type": "application/x-www-form-urlencoded"}
RPC = {"smithy-protocol": "rpc-v2-cbor"}
HOSTILE = {
    "host of 64 kB": HttpRequest("GET", "/b/k", "", {"host": "a" * 65_536}),
    "host of dots": HttpRequest("GET", "/b/k", "", {"host": "." * 250}),
    "host of many labels": HttpRequest("GET", "/", "", {"host": "s3." * 80 + "localhost"}),
    "host with NUL": HttpRequest("GET", "/", "", {"host": "b\0.s3.localhost"}),
    "host with a path": HttpRequest("GET", "/", "", {"host": "a/../../etc.s3.localhost"}),
    "10,000 arguments": HttpRequest("GET", "/b/k", "&".join(f"a{n}" for n in range(10_000)), {}),
    "10,000 sub-resources": HttpRequest("GET", "/b/k", "acl&tagging&" * 5_000, {}),
    "path of 64 kB": HttpRequest("GET", "/" + "a/" * 32_768, "", {}),
    "path of slashes": HttpRequest("GET", "/" * 65_536, "", {}),
    "path with NUL": HttpRequest("GET", "/b/\0", "", {}),
    "path of an absolute URL": HttpRequest("GET", "http://x/y", "", {"host": "b.s3.localhost"}),
    "path of a star": HttpRequest("OPTIONS", "*", "", {"host": "b.s3.localhost"}),
    "lone surrogates": HttpRequest("GET", "/\udcff/\ud800", "\udcff=1&Action=\udcff", {"host": "\udcff.localhost"}),
    "unknown protocol": HttpRequest("POST", "/", "", {"smithy-protocol": "rpc-v9-morse"}),
    "rpc path of slashes": HttpRequest("POST", "/service/" + "/" * 65_536, "", RPC),
    "rpc of an unknown operation": HttpRequest("POST", "/service/AmazonSQS/operation/Fly", "", RPC),
    "target without dot": HttpRequest("POST", "/", "", {"x-amz-target": "x" * 65_536}),
    "target of dots": HttpRequest("POST", "/", "", {"x-amz-target": "." * 65_536}),
    "empty target": HttpRequest("POST", "/", "", {"x-amz-target": ""}),
    "several Actions": HttpRequest("POST", "/", "Action=ListUsers", FORM, b"Action=ListRoles&" * 1_000),
    "an Action of 1 MB": HttpRequest("POST", "/", "", FORM, b"Action=" + b"A" * 1_000_000),
    "Actions without separator": HttpRequest("POST", "/", "Action=" * 9_000, FORM, b"Action=" * 1_000_000),
    "a form that is not UTF-8": HttpRequest("POST", "/", "", FORM, b"Action=\xff\xfe%ff&%%%=&&&"),
    "method of 64 kB": HttpRequest("A" * 65_536, "/b/k", "", {}),
}
SCOPES = [
    None,
    "s3",
    "iam",
    "ec2",
    "dynamodb",
    "lambda",
    "monitoring",
    "ses",
    "s3-outposts",
    "bedrock",
    "",
    "x" * 65_536,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests(name: str) -> None:
    request = HOSTILE[name]
    for scope in SCOPES:
        identify_safely(request, scope)  # loads the models
    started = time.perf_counter()
    for scope in SCOPES:
        identify_safely(request, scope)
    assert time.perf_counter() - started < 20  # no measure: what backtracks takes minutes


def identify_safely(request: HttpRequest, scope: str | None) -> None:
    refusal = ""
    try:
        needs_body(request, scope)
        assert identify(request, scope).operation
    except AwsError as error:
        refusal = str(error)
    assert len(refusal) < 1_000


WORDS = st.sampled_from(
    ["b", "k", "", "acl", "tags", "arn:aws:s3:::b", "v20180820", "2015-03-31", "functions", "service", "..", "\0", "é"]
)
SEGMENTS = st.lists(WORDS | st.text(max_size=5), max_size=12)
PATHS = SEGMENTS.map(lambda segments: "/" + "/".join(segments)) | st.text(max_size=20)
ARGS = st.sampled_from(
    [
        "acl",
        "uploadId=1",
        "partNumber=1",
        "list-type=2",
        "delete",
        "x-id=Y",
        "Action=ListUsers",
        "Action=",
        "Version=2010-05-08",
        "=",
        "%",
    ]
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["b.s3.localhost", "sqs.us-east-1.amazonaws.com", "[::1]", "a.b"])
        | st.text(max_size=300),
        "x-amz-target": st.sampled_from(["DynamoDB_20120810.GetItem", "Timestream_20181101.Query"])
        | st.text(max_size=20),
        "smithy-protocol": st.sampled_from(["rpc-v2-cbor", "rpc-v2-json"]),
        "content-type": st.sampled_from(["application/x-www-form-urlencoded", "application/json"]),
        "x-amz-account-id": st.just("1"),
        "x-amz-copy-source": st.text(max_size=3),
        "authorization": st.text(max_size=10),
    },
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"]) | st.text(max_size=3),
    PATHS,
    st.lists(ARGS | st.text(max_size=5), max_size=5).map("&".join),
    HEADERS,
    st.binary(max_size=30) | st.sampled_from([b"Action=ListUsers", b"Action=GetCallerIdentity&Version=2011-06-15"]),
    st.sampled_from(SCOPES) | st.text(max_size=5),
)
def test_only_aws_errors_are_raised(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, scope: str | None
) -> None:
    identify_safely(HttpRequest(method, path, query, headers, body), scope)
