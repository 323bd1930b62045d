"""Bad requests to every parser: an AWS error, promptly and in bounded memory; never another exception, never a wrong value."""

from __future__ import annotations

import gzip
import json
import time
from contextlib import suppress
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest
from fogbank.wire.service import Operation, load
from fogbank.wire.xml import parse_xml

PROMPTLY = 20.0  # seconds: no measure of speed, but what grows with the square of its input takes minutes
FUZZ = settings(max_examples=150, deadline=None, derandomize=True)


def parse(
    operation: Operation, body: bytes = b"", *, query: str = "", labels: dict[str, str] | None = None, **headers: str
) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HttpRequest("POST", "/", query, named, body)
    return operation.parser(operation.model.protocol)(request, labels or {})


def error_of(operation: Operation, body: bytes = b"", **more: Any) -> AwsError:
    began = time.perf_counter()
    with pytest.raises(AwsError) as caught:
        parse(operation, body, **more)
    assert time.perf_counter() - began < PROMPTLY
    return caught.value


def refuses_or_parses(operation: Operation, body: bytes, **more: Any) -> None:
    began = time.perf_counter()
    with suppress(AwsError):
        assert isinstance(parse(operation, body, **more), dict)
    assert time.perf_counter() - began < PROMPTLY


# XML

DELETE = load("s3").operations["DeleteObjects"]
LIFECYCLE = load("s3").operations["PutBucketLifecycleConfiguration"]
BUCKET = {"Bucket": "b"}
BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><Delete><Object><Key>&c;</Key></Object></Delete>"""

MALFORMED_XML = {
    "not XML": b"Delete",
    "empty element name": b"<>",
    "truncated": b"<Delete><Object><Key>a</Key>",
    "mismatched": b"<Delete><Object></Delete></Object>",
    "two roots": b"<Delete><Object><Key>a</Key></Object></Delete><Delete/>",
    "wrong root": b"<Tagging><Object><Key>a</Key></Object></Tagging>",
    "billion laughs": BILLION_LAUGHS,
    "doctype": b'<!DOCTYPE Delete SYSTEM "file:///etc/passwd"><Delete><Object><Key>a</Key></Object></Delete>',
    "undefined entity": b"<Delete><Object><Key>&nbsp;</Key></Object></Delete>",
    "deep": b"<Delete>" * 100_000,
    "deep and closed": b"<Delete>" * 100 + b"</Delete>" * 100,
    "NUL": b"<Delete><Object><Key>\x00</Key></Object></Delete>",
    "NUL by reference": b"<Delete><Object><Key>&#0;</Key></Object></Delete>",
    "surrogate by reference": b"<Delete><Object><Key>&#xD800;</Key></Object></Delete>",
    "not UTF-8": b"<Delete><Object><Key>\xff\xfe</Key></Object></Delete>",
    "structure where a string is": b"<Delete><Object><Key><Key>a</Key></Key></Object></Delete>",
    "scalar twice": b"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
    "required missing": b"<Delete><Object></Object></Delete>",
    "not a boolean": b"<Delete><Object><Key>a</Key></Object><Quiet>maybe</Quiet></Delete>",
    "too many elements": b"<Delete>" + b"<Object/>" * 110_000 + b"</Delete>",
    "attribute twice": b'<Delete a="1" a="2"/>',
}


@pytest.mark.parametrize("body", MALFORMED_XML.values(), ids=MALFORMED_XML)
def test_malformed_xml(body: bytes) -> None:
    assert error_of(DELETE, body, labels=BUCKET).code == "MalformedXML"


@pytest.mark.parametrize("days", ["", "x", "9" * 5000, "1e3", "0x10", "٣", "99999999999", "1 2", "NaN"])
def test_xml_integers(days: str) -> None:
    body = f"<LifecycleConfiguration><Rule><Status>Enabled</Status><Expiration><Days>{days}</Days></Expiration></Rule>"
    error = error_of(LIFECYCLE, f"{body}</LifecycleConfiguration>".encode(), labels=BUCKET)
    assert error.code == "MalformedXML"


@pytest.mark.parametrize(
    "date", ["", "x", "2026-13-01", "0000-01-01T00:00:00Z", "9" * 400, "2026-01-01T25:00:00Z", "1e300"]
)
def test_xml_timestamps(date: str) -> None:
    body = f"<LifecycleConfiguration><Rule><Status>Enabled</Status><Expiration><Date>{date}</Date></Expiration></Rule>"
    error = error_of(LIFECYCLE, f"{body}</LifecycleConfiguration>".encode(), labels=BUCKET)
    assert error.code == "MalformedXML"


def test_xml_text_is_kept_and_unknown_elements_ignored() -> None:
    body = b"""<?xml version="1.0" encoding="ISO-8859-1"?><d:Delete xmlns:d="http://s3.amazonaws.com/doc/2006-03-01/">
      <d:Object> <Key> a&amp;b<![CDATA[<>]]> </Key><Colour><Key>c</Key></Colour></d:Object><Object><Key/></Object></d:Delete>"""
    got = DELETE.unvalidated("rest-xml")(HttpRequest("POST", "/b", "delete", {}, body), BUCKET)
    assert got["Delete"] == {"Objects": [{"Key": " a&b<> "}, {"Key": ""}]}


def test_xml_attributes() -> None:
    body = b"""<AccessControlPolicy><AccessControlList><Grant><Grantee xmlns:x="http://www.w3.org/2001/XMLSchema-instance"
      x:type="Group"><URI>u</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"""
    got = parse(load("s3").operations["PutBucketAcl"], body, labels=BUCKET)
    grants = got["AccessControlPolicy"]["Grants"]
    assert grants == [{"Grantee": {"Type": "Group", "URI": "u"}, "Permission": "READ"}]


def test_mixed_content_costs_linear_time() -> None:
    body = b"<Delete>" + b"xxxx<a/>" * 90_000 + b"</Delete>"
    began = time.perf_counter()
    parse_xml(body)
    assert time.perf_counter() - began < PROMPTLY


# JSON

GET_ITEM = load("dynamodb").operations["GetItem"]
PUT_EVENTS = load("logs").operations["PutLogEvents"]
SEND = load("sqs").operations["SendMessage"]
TARGET: dict[str, Any] = {"x_amz_target": "x"}

UNSERIALIZABLE = {
    "not JSON": b"hello",
    "truncated": b'{"TableName": "t"',
    "not UTF-8": b'{"TableName": "\xff"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "lone surrogate": b'{"TableName": "\\ud800"}',
    "trailing": b'{"TableName": "t", "Key": {}} x',
    "NaN": b'{"TableName": NaN}',
    "list at the top": b"[]",
    "string at the top": b'"x"',
    "null at the top": b"null",
    "number at the top": b"1",
    "deep lists": b"[" * 1_000_000,
    "deep objects": b'{"Key":' * 100_000,
    "deep attribute value": b'{"TableName":"t","Key":{"k":' + b'{"M":{"k":' * 10_000 + b"1" + b"}" * 20_002,
    "number for string": b'{"TableName": 1}',
    "object for string": b'{"TableName": {}}',
    "list for string": b'{"TableName": []}',
    "string for object": b'{"Key": "x"}',
    "list for object": b'{"Key": []}',
    "string for boolean": b'{"ConsistentRead": "true"}',
    "number for boolean": b'{"ConsistentRead": 1}',
    "object for list": b'{"AttributesToGet": {}}',
    "number in list of strings": b'{"AttributesToGet": [1]}',
    "blob that is not base64": b'{"TableName":"t","Key":{"k":{"B":"*"}}}',
    "blob with bad padding": b'{"TableName":"t","Key":{"k":{"B":"abc"}}}',
    "blob beyond ASCII": '{"TableName":"t","Key":{"k":{"B":"äöü="}}}'.encode(),
}


@pytest.mark.parametrize("body", UNSERIALIZABLE.values(), ids=UNSERIALIZABLE)
def test_unserializable_json(body: bytes) -> None:
    error = error_of(GET_ITEM, body, **TARGET)
    assert error.code == "SerializationException"
    assert error.message


NUMBERS = ["1.5", "9223372036854775808", "-9223372036854775809", "9" * 400, '"1"', "true", "{}", "[]", "1e400", "1e30"]


@pytest.mark.parametrize("number", NUMBERS)
def test_json_longs(number: str) -> None:
    body = f'{{"logGroupName":"g","logStreamName":"s","logEvents":[{{"timestamp":{number},"message":"m"}}]}}'
    assert error_of(PUT_EVENTS, body.encode(), **TARGET).code == "SerializationException"


def test_json_depth() -> None:
    def nested(depth: int) -> bytes:
        return b'{"TableName":"table","Key":{"k":' + b'{"M":{"k":' * depth + b'{"N":"1"}' + b"}}" * depth + b"}}"

    parse(GET_ITEM, nested(40), **TARGET)
    for depth in (80, 200, 300, 450, 490, 600):
        error = error_of(GET_ITEM, nested(depth), **TARGET)
        assert (error.code, error.message) == ("SerializationException", "The request is nested too deeply")
    wide = b'{"TableName":"table","Key":{' + b",".join(b'"%d":{"N":"1"}' % n for n in range(1000)) + b"}}"
    assert len(parse(GET_ITEM, wide, **TARGET)["Key"]) == 1000


def test_json_is_lenient_where_aws_is() -> None:
    assert parse(
        GET_ITEM, b'{"TableName":"a","TableName":"table","Key":{},"x":[1],"ConsistentRead":null}', **TARGET
    ) == {
        "TableName": "table",
        "Key": {},
    }
    assert parse(load("dynamodb").operations["ListTables"], b"", **TARGET) == {}
    assert parse(load("dynamodb").operations["ListTables"], b'{"Limit":5.0}', **TARGET) == {"Limit": 5}


# CBOR

PUT_METRIC = load("cloudwatch").operations["PutMetricData"]
CBOR: dict[str, Any] = {"smithy_protocol": "rpc-v2-cbor"}


def datum(value: bytes) -> bytes:
    return cbor2.dumps({"Namespace": "n", "MetricData": [{"MetricName": "m"}]})[:-1] + value


BAD_CBOR = {
    "empty map cut": b"\xa1",
    "break alone": b"\xff",
    "array at the top": b"\x80",
    "text at the top": b"\x61a",
    "huge array": b"\x9b" + b"\xff" * 8,
    "huge map": b"\xbb" + b"\x7f" * 8,
    "huge bytes": b"\x5b\x00\xff" + b"\xff" * 6,
    "huge text": b"\x7a\x7f\xff\xff\xff",
    "deep": b"\x81" * 1_000_000,
    "deep and indefinite": b"\x9f" * 1_000_000,
    "indefinite without end": b"\xbf\x61a\x01",
    "cyclic": b"\xa1\x69Namespace\xd8\x1c\x81\xd8\x1d\x00",
    "bignum": b"\xa1\x69Namespace\xc2\x58\x20" + b"\xff" * 32,
    "decimal of 2**31 digits": b"\xa1\x69Namespace\xc4\x82\x1a\x7f\xff\xff\xff\x01",
    "regular expression": b"\xa1\x69Namespace\xd8\x23\x66(a+)+$",
    "set": b"\xa1\x69Namespace\xd9\x01\x02\x81\x01",
    "unknown tag": b"\xa1\x69Namespace\xd9\xff\xff\x01",
    "map as key": b"\xa1\xa0\x01",
    "not UTF-8": b"\xa1\x69Namespace\x61\xff",
    "surrogate": b"\xa1\x69Namespace\x63\xed\xa0\x80",
    "number for text": b"\xa1\x69Namespace\x01",
    "bytes for text": b"\xa1\x69Namespace\x41a",
    "map for list": cbor2.dumps({"MetricData": {}}),
    "text for timestamp": cbor2.dumps({"MetricData": [{"MetricName": "m", "Timestamp": "now"}]}),
    "timestamp out of range": b"\xa1\x6aMetricData\x81\xa1\x69Timestamp\xc1\x1b\x7f" + b"\xff" * 7,
    "timestamp that is not a number": b"\xa1\x6aMetricData\x81\xa1\x69Timestamp\xc1\xf9\x7e\x00",
    "text for number": cbor2.dumps({"MetricData": [{"MetricName": "m", "Value": "1"}]}),
    "simple value": b"\xa1\x69Namespace\xf8\xff",
}


@pytest.mark.parametrize("body", BAD_CBOR.values(), ids=BAD_CBOR)
def test_bad_cbor(body: bytes) -> None:
    assert error_of(PUT_METRIC, body, **CBOR).code == "SerializationException"


def test_compressed_bodies() -> None:
    plain = cbor2.dumps({"Namespace": "n", "MetricData": []})
    assert parse(PUT_METRIC, gzip.compress(plain), content_encoding="gzip", **CBOR)["Namespace"] == "n"
    bomb = gzip.compress(b"\x00" * (20 << 20))
    assert error_of(PUT_METRIC, bomb, content_encoding="gzip", **CBOR).code == "RequestEntityTooLargeException"
    for body in (b"", b"not gzip", gzip.compress(plain)[:-9]):
        assert error_of(PUT_METRIC, body, content_encoding="gzip", **CBOR).code == "SerializationException"


# query and ec2

TAG_USER = load("iam").operations["TagUser"]
DESCRIBE = load("ec2").operations["DescribeInstances"]

BAD_FORMS = {
    "index that is not a number": b"UserName=u&Tags.member.x.Key=a&Tags.member.x.Value=b",
    "negative index": b"UserName=u&Tags.member.-1.Key=a&Tags.member.-1.Value=b",
    "index of 100 digits": b"UserName=u&Tags.member." + b"9" * 100 + b".Key=a",
    "index beyond ASCII": "UserName=u&Tags.member.٣.Key=a".encode(),
    "structure where a string is": b"UserName.x=u",
    "string where a structure is": b"UserName=u&Tags.member.1=a",
    "not UTF-8": b"UserName=%FF%FE",
    "raw bytes": b"UserName=\xff",
    "too many": b"&".join(b"a=b" for _ in range(200_000)),
    "required missing": b"UserName=u",
}


@pytest.mark.parametrize("body", BAD_FORMS.values(), ids=BAD_FORMS)
def test_bad_forms(body: bytes) -> None:
    assert error_of(TAG_USER, body).code in ("MalformedInput", "MalformedQueryString", "ValidationError")


def test_indexes_allocate_nothing() -> None:
    body = b"UserName=u&Tags.member.99999999999.Key=c&Tags.member.99999999999.Value=3&Tags.member.2.Key=b"
    body += b"&Tags.member.2.Value=2&Tags.member.0.Key=a&Tags.member.0.Value=1&Unknown.member.1=x"
    got = parse(TAG_USER, body)
    assert got["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}]


def test_long_names_and_numbers() -> None:
    refuses_or_parses(DESCRIBE, b"Filter.1" + b".Filter.1" * 200_000 + b"=x")
    refuses_or_parses(DESCRIBE, b"Filter." * 300_000 + b"=x")
    for number in ("9" * 5000, "1_0", " 1", "1.5", "٣", ""):
        error = error_of(DESCRIBE, b"MaxResults=" + number.encode())
        assert error.code == "MalformedInput"


def test_forms_by_get_and_repeated() -> None:
    request = HttpRequest("GET", "/", "Action=GetUser&Version=2010-05-08&UserName=a%20b+c&UserName=last", {})
    get_user = load("iam").operations["GetUser"].unvalidated("query")
    assert get_user(request, {}) == {"UserName": "last"}


# Headers, arguments and labels

LIST = load("s3").operations["ListObjectsV2"]
GET = load("s3").operations["GetObject"]
OBJECT = {"Bucket": "b", "Key": "k"}

BAD_QUERIES = {
    "not a number": "max-keys=x",
    "empty number": "max-keys=",
    "number beyond 32 bits": "max-keys=4294967296",
    "5000 digits": "max-keys=" + "9" * 5000,
    "digits beyond ASCII": "max-keys=%D9%A3",
    "repeated": "prefix=a&prefix=b",
    "not a boolean": "fetch-owner=maybe",
    "not UTF-8": "prefix=%FF",
    "overlong UTF-8": "prefix=%C0%AF",
    "surrogate": "prefix=%ED%A0%80",
}


@pytest.mark.parametrize("query", BAD_QUERIES.values(), ids=BAD_QUERIES)
def test_bad_arguments(query: str) -> None:
    error = error_of(LIST, query=query, labels=BUCKET)
    assert error.code in ("InvalidArgument", "InvalidURI")
    if "max-keys" in query:
        assert error.message == "Provided max-keys not an integer or within integer range"


def test_bad_arguments_of_rest_json() -> None:
    functions = load("lambda").operations["ListFunctions"]
    for query in ("MaxItems=x", "MaxItems=", "MaxItems=1&MaxItems=2", "Marker=a&Marker=b"):
        assert error_of(functions, query=query).code == "SerializationException"
    assert error_of(functions, query="Marker=%FF").code == "InvalidURI"


def test_labels_that_were_not_utf8() -> None:
    assert error_of(GET, labels={"Bucket": "b", "Key": "a\ufffd"}).code == "InvalidURI"


def test_conditional_dates() -> None:
    assert parse(GET, labels=OBJECT, if_modified_since="yesterday") == OBJECT
    assert error_of(GET, labels=OBJECT, query="response-expires=0x").code == "InvalidArgument"
    for date in ("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"):
        got = parse(GET, labels=OBJECT, if_modified_since=date)["IfModifiedSince"]
        assert got.isoformat() == "1994-11-06T08:49:37+00:00"


def test_headers_that_a_presigned_url_carries() -> None:
    put = load("s3").operations["PutObject"]
    query = "X-Amz-Signature=0&x-amz-acl=private&x-amz-meta-owner=me&X-Amz-Storage-Class=STANDARD_IA"
    got = parse(put, query=query, labels=OBJECT, x_amz_storage_class="STANDARD")
    assert got == {**OBJECT, "ACL": "private", "Metadata": {"owner": "me"}, "StorageClass": "STANDARD"}
    assert parse(put, query="x-amz-acl=private", labels=OBJECT) == OBJECT


# Fuzz

SAMPLES: tuple[tuple[Operation, bytes, dict[str, Any]], ...] = (
    (DELETE, b"<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet></Delete>", {"labels": BUCKET}),
    (
        LIFECYCLE,
        b"<LifecycleConfiguration><Rule><Status>Enabled</Status></Rule></LifecycleConfiguration>",
        {"labels": BUCKET},
    ),
    (GET_ITEM, b'{"TableName": "table", "Key": {"k": {"M": {"n": {"N": "1"}}}}}', TARGET),
    (
        SEND,
        json.dumps({"QueueUrl": "u", "MessageBody": "b", "MessageAttributes": {"a": {"DataType": "S"}}}).encode(),
        TARGET,
    ),
    (PUT_METRIC, cbor2.dumps({"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.5}]}), CBOR),
    (TAG_USER, b"UserName=u&Tags.member.1.Key=a&Tags.member.1.Value=b", {}),
    (DESCRIBE, b"Filter.1.Name=a&Filter.1.Value.1=b&MaxResults=5&InstanceId.1=i-1", {}),
)


@FUZZ
@given(st.sampled_from(SAMPLES), st.binary(max_size=200))
def test_random_bytes(sample: tuple[Operation, bytes, dict[str, Any]], body: bytes) -> None:
    operation, _, more = sample
    refuses_or_parses(operation, body, **more)


@FUZZ
@given(st.sampled_from(SAMPLES), st.data())
def test_mutated_bodies(sample: tuple[Operation, bytes, dict[str, Any]], data: st.DataObject) -> None:
    operation, body, more = sample
    at = data.draw(st.integers(0, len(body)))
    cut = data.draw(st.integers(0, 8))
    refuses_or_parses(operation, body[:at] + data.draw(st.binary(max_size=8)) + body[at + cut :], **more)


@FUZZ
@given(st.text(max_size=60), st.text(max_size=60))
def test_random_queries_and_headers(query: str, value: str) -> None:
    refuses_or_parses(LIST, b"", query=query, labels=BUCKET, if_modified_since=value, range=value)
    refuses_or_parses(GET, b"", query="partNumber=" + query, labels=OBJECT, x_amz_checksum_mode=value)
