"""What responses hold beyond what the published cases say: S3's corrections, hostile values, and mistakes that must be loud."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.readback import in_protocol, read_response, renderer

from fogbank.wire.model import Traits, read_model
from fogbank.wire.render_base import header_value
from fogbank.wire.xml_write import Written, element_name, escape, escape_attribute, namespace_attribute

S3 = read_model("s3")
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
TIME = datetime(2009, 10, 12, 17, 50, 30, 123999, tzinfo=UTC)

# S3's response elements, from the API reference ("Response Syntax" of each operation).
ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CopyObject": "CopyObjectResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketAnalyticsConfiguration": "AnalyticsConfiguration",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketEncryption": "ServerSideEncryptionConfiguration",
    "GetBucketIntelligentTieringConfiguration": "IntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration": "InventoryConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketMetricsConfiguration": "MetricsConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketOwnershipControls": "OwnershipControls",
    "GetBucketPolicyStatus": "PolicyStatus",
    "GetBucketReplication": "ReplicationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectLegalHold": "LegalHold",
    "GetObjectLockConfiguration": "ObjectLockConfiguration",
    "GetObjectRetention": "Retention",
    "GetObjectTagging": "Tagging",
    "GetPublicAccessBlock": "PublicAccessBlockConfiguration",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
    "UploadPartCopy": "CopyPartResult",
}


@pytest.mark.parametrize(("name", "root"), ROOTS.items())
def test_s3_root_elements(name: str, root: str) -> None:
    output = S3["shapes"][S3["operations"][name]["output"]["shape"]]
    result: dict[str, Any] = {output["payload"]: {}} if "payload" in output else {}
    response = renderer(S3, name)(result)
    assert response.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<')
    assert ET.fromstring(response.body).tag == f"{{{NAMESPACE}}}{root}"
    assert response.headers == [("Content-Type", "application/xml")]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *((name, 204) for name in S3["operations"] if name.startswith("Delete") and name != "DeleteObjects"),
        *((name, 204) for name in ("AbortMultipartUpload", "PutBucketPolicy", "PutBucketTagging")),
        *((name, 200) for name in ("DeleteObjects", "PutObject", "CreateBucket", "PutBucketCors", "HeadBucket")),
        *((name, 202) for name in ("RestoreObject",)),
    ],
)
def test_s3_statuses(name: str, status: int) -> None:
    response = renderer(S3, name)({})
    assert response.status == status
    assert response.body == b"" or name == "DeleteObjects"


def test_s3_status_members_prevail() -> None:
    response = renderer(S3, "GetObject")({"StatusCode": 206, "ContentRange": "bytes 0-1/2", "Body": b"ab"})
    assert (response.status, response.headers) == (206, [("Content-Range", "bytes 0-1/2")])
    assert renderer(S3, "RestoreObject")({"StatusCode": 200}).status == 200


def test_s3_bucket_location() -> None:
    render = renderer(S3, "GetBucketLocation")
    assert render({"LocationConstraint": "eu-west-1"}).body.endswith(b'/">eu-west-1</LocationConstraint>')
    assert render({"LocationConstraint": None}).body.endswith(
        b'<LocationConstraint xmlns="' + NAMESPACE.encode() + b'"/>'
    )


def test_s3_policy_is_json_and_streams_pass_through() -> None:
    response = renderer(S3, "GetBucketPolicy")({"Policy": "{}"})
    assert (response.headers, response.body) == ([("Content-Type", "application/json")], b"{}")
    stream = object()
    assert renderer(S3, "GetObject")({"Body": stream}).body is stream


def test_s3_listing_as_s3_writes_it() -> None:
    owner = {"DisplayName": "d", "ID": "i"}
    contents = [
        {"Key": "a&b", "LastModified": TIME, "ETag": '"e"', "Size": 0, "StorageClass": "STANDARD", "Owner": owner}
    ]
    result = {
        "Name": "b",
        "Prefix": "",
        "IsTruncated": False,
        "Contents": contents,
        "CommonPrefixes": [{"Prefix": "p/"}],
    }
    assert renderer(S3, "ListObjectsV2")(result, "rid", "hid").body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ListBucketResult xmlns="{NAMESPACE}"><Name>b</Name><Prefix></Prefix><IsTruncated>false</IsTruncated>'
        "<Contents><Key>a&amp;b</Key><LastModified>2009-10-12T17:50:30.123Z</LastModified><ETag>&quot;e&quot;</ETag>"
        "<Size>0</Size><StorageClass>STANDARD</StorageClass><Owner><DisplayName>d</DisplayName><ID>i</ID></Owner></Contents>"
        "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>"
    )


def test_a_list_may_be_written_already() -> None:
    render = renderer(S3, "ListObjectsV2")
    entries = [{"Key": "a<b", "Size": 1, "ETag": '"x"'}, {"Key": "\x01", "Size": 2, "ETag": '"y"'}]
    whole = render({"Name": "bucket", "Contents": entries}, "1", "1")
    text = Written(
        "<Contents><Key>a&lt;b</Key><Size>1</Size><ETag>&quot;x&quot;</ETag></Contents>"
        "<Contents><Key>&#x1;</Key><Size>2</Size><ETag>&quot;y&quot;</ETag></Contents>"
    )
    assert render({"Name": "bucket", "Contents": text}, "1", "1").body == whole.body


def test_s3_grantee_has_its_type_in_an_attribute() -> None:
    grant = {"Grantee": {"ID": "i", "Type": 'Canon"ical\n'}, "Permission": "READ"}
    response = renderer(S3, "GetBucketAcl")({"Grants": [grant]})
    assert b'xsi:type="Canon&quot;ical&#10;"><ID>i</ID>' in response.body
    assert read_response(S3, "GetBucketAcl", response)["Grants"] == [grant]


def test_request_ids() -> None:
    assert renderer(S3, "PutObject")({}, "rid", "hid").headers == [("x-amz-request-id", "rid"), ("x-amz-id-2", "hid")]
    for service, name in (
        ("iam", "ListUsers"),
        ("ec2", "DescribeRegions"),
        ("sqs", "ListQueues"),
        ("lambda", "ListFunctions"),
    ):
        model = read_model(service)
        response = renderer(model, name)({}, "r<i>d", "hid")
        assert ("x-amzn-RequestId", "r<i>d") in response.headers
        assert read_response(model, name, response)["ResponseMetadata"]["RequestId"] == "r<i>d"


@pytest.mark.parametrize(
    ("service", "protocol", "name", "content_type"),
    [
        ("iam", "query", "ListUsers", "text/xml"),
        ("ec2", "ec2", "DescribeRegions", "text/xml;charset=UTF-8"),
        ("sqs", "json", "ListQueues", "application/x-amz-json-1.0"),
        ("logs", "json", "DescribeLogGroups", "application/x-amz-json-1.1"),
        ("lambda", "rest-json", "ListFunctions", "application/json"),
        ("cloudwatch", "smithy-rpc-v2-cbor", "ListMetrics", "application/cbor"),
        ("cloudwatch", "query", "ListMetrics", "text/xml"),
    ],
)
def test_content_types(service: str, protocol: str, name: str, content_type: str) -> None:
    headers = dict(renderer(in_protocol(read_model(service), protocol), name)({}).headers)
    assert headers["Content-Type"] == content_type
    assert headers.get("smithy-protocol") == ("rpc-v2-cbor" if "cbor" in protocol else None)


def test_query_and_ec2_wrappers() -> None:
    assert renderer(read_model("iam"), "DeleteUser")({}, "rid").body == (
        b'<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        b"<ResponseMetadata><RequestId>rid</RequestId></ResponseMetadata></DeleteUserResponse>"
    )
    user = {"User": {"UserName": "u", "CreateDate": TIME.replace(microsecond=0)}}
    assert renderer(read_model("iam"), "CreateUser")(user, "rid").body == (
        b'<CreateUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateUserResult><User><UserName>u</UserName>'
        b"<CreateDate>2009-10-12T17:50:30Z</CreateDate></User></CreateUserResult>"
        b"<ResponseMetadata><RequestId>rid</RequestId></ResponseMetadata></CreateUserResponse>"
    )
    assert renderer(read_model("ec2"), "DescribeRegions")({"Regions": [{"RegionName": "r"}]}, "rid").body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        b"<requestId>rid</requestId><regionInfo><item><regionName>r</regionName></item></regionInfo></DescribeRegionsResponse>"
    )


def one_member(kind: str, protocol: str, **traits: Any) -> Traits:
    """A service with one operation whose output has one member, `m`."""
    shapes = {
        "Out": {"type": "structure", "members": {"m": {"shape": "M", **traits}}},
        "M": {"type": kind, "member": {"shape": "S"}, "key": {"shape": "S"}, "value": {"shape": "S"}},
        "S": {"type": "string"},
    }
    metadata = {"protocol": protocol, "endpointPrefix": "x", "apiVersion": "1", "jsonVersion": "1.1"}
    operation = {"name": "Op", "http": {"method": "GET", "requestUri": "/"}, "output": {"shape": "Out"}}
    return {"metadata": metadata, "operations": {"Op": operation}, "shapes": shapes}


PROTOCOLS = ("query", "ec2", "rest-xml", "json", "rest-json", "smithy-rpc-v2-cbor")
WRONG = {
    "string": (1, b"x", ["x"], True),
    "integer": ("1", 1.0, True, [1]),
    "long": ("1", 1.5, False),
    "boolean": ("true", 1, 0),
    "double": ("1.0", b"1", [1.0]),
    "timestamp": (1, "2009-10-12T17:50:30Z", datetime(2009, 10, 12)),
    "blob": ("text", 5, [1]),
    "list": ({"a": "b"}.items(), 5, [1]),
    "map": (["a"], "a", {"a": 1}, {1: "a"}),
    "structure": (["a"], "a", {"nothing": 1}),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in WRONG.items() for value in values])
def test_values_of_the_wrong_type_are_loud(protocol: str, kind: str, value: Any) -> None:
    render = renderer(one_member(kind, protocol), "Op")
    with pytest.raises((TypeError, ValueError, KeyError, AttributeError)):
        render({"m": value})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unknown_members_are_loud_and_none_is_left_out(protocol: str) -> None:
    model = one_member("string", protocol)
    with pytest.raises(KeyError, match="nothing"):
        renderer(model, "Op")({"nothing": "x"})
    parsed = read_response(model, "Op", renderer(model, "Op")({"m": None}))
    assert "m" not in parsed
    del model["operations"]["Op"]["output"]
    assert renderer(model, "Op")({"x": None}).status == 200
    with pytest.raises(KeyError, match="no output"):
        renderer(model, "Op")({"m": "x"})


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", [{}, {"a": "1", "b": "2"}, {"a": None}])
def test_unions_have_exactly_one_member(protocol: str, value: Any) -> None:
    model = one_member("structure", protocol)
    model["shapes"]["M"].update(union=True, members={"a": {"shape": "S"}, "b": {"shape": "S"}})
    assert read_response(model, "Op", renderer(model, "Op")({"m": {"a": "1", "b": None}}))["m"] == {"a": "1"}
    with pytest.raises(ValueError, match="exactly one"):
        renderer(model, "Op")({"m": value})


def test_only_the_payload_is_in_the_body() -> None:
    for name, result in (
        ("GetBucketPolicy", {"Policy": "x", "Else": 1}),
        ("CopyObject", {"Else": 1}),
        ("PutObject", {"Else": 1}),
    ):
        with pytest.raises(KeyError):
            renderer(S3, name)(result)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC)),
        (
            datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            datetime(2023, 12, 31, 19, 30, tzinfo=UTC),
        ),
        (datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC),) * 2,
        (datetime(1001, 1, 1, tzinfo=UTC),) * 2,
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),) * 2,
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_times_are_cut_to_milliseconds_in_utc(protocol: str, value: datetime, expected: datetime) -> None:
    model = one_member("timestamp", protocol)
    body = renderer(model, "Op")({"m": value}).body
    if protocol == "smithy-rpc-v2-cbor":
        assert cbor2.loads(body) == {"m": expected}
    elif protocol.endswith("json"):
        number = float(body.decode().partition(":")[2].rstrip("}"))
        assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=round(number * 1000)) == expected
    else:
        text = re.findall(r"<m>(.*)</m>", body.decode())[0]
        assert datetime.fromisoformat(text) == expected


def test_times_in_headers() -> None:
    headers = renderer(S3, "HeadObject")({"LastModified": TIME}).headers
    assert headers == [("Last-Modified", "Mon, 12 Oct 2009 17:50:30 GMT")]


# Hostile values


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;'"),
        ("]]>", "]]&gt;"),
        ("a\r\nb\tc", "a&#13;\nb\tc"),
        ("\0\x01\x0b\x1f\ufffe\uffff", "&#x0;&#x1;&#xB;&#x1F;&#xFFFE;&#xFFFF;"),
        ("\x7f\x85\u2028ü😀", "\x7f\x85\u2028ü😀"),
        ("&amp;", "&amp;amp;"),
    ],
)
def test_escaping(text: str, written: str) -> None:
    assert escape(text) == written


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_xml_carries_every_text_that_it_can(text: str) -> None:
    carried = re.sub("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", text)
    element = ET.fromstring(f'<a b="{escape_attribute(carried)}">{escape(carried)}</a>'.encode())
    assert (element.text or "", element.get("b")) == (carried, carried)
    assert not re.search("[\0-\x08\x0b\x0c\x0e-\x1f\r<>]", escape(text))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=60), max_size=4))
@pytest.mark.parametrize("protocol", ["json", "rest-json", "smithy-rpc-v2-cbor"])
def test_json_and_cbor_carry_every_text(protocol: str, value: dict[str, str]) -> None:
    model = one_member("map", protocol)
    if any("\ud800" <= character <= "\udfff" for text in (*value, *value.values()) for character in text):
        with pytest.raises(UnicodeEncodeError):
            renderer(model, "Op")({"m": value})
    else:
        assert read_response(model, "Op", renderer(model, "Op")({"m": value}))["m"] == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_lone_surrogates_are_refused_and_long_texts_are_not(protocol: str) -> None:
    model = one_member("string", protocol)
    with pytest.raises(UnicodeEncodeError):
        renderer(model, "Op")({"m": "\ud800"})
    long = "<&>" * 1_000_000
    assert read_response(model, "Op", renderer(model, "Op")({"m": long}))["m"] == long


@pytest.mark.parametrize("text", ["a\r\nEvil: 1", "a\nb", "\r", "a\0b", "ü\n"])
def test_nothing_adds_headers(text: str) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        renderer(S3, "GetObject")({"ContentType": text, "Body": b""})
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        renderer(S3, "GetObject")({"Metadata": {"a": text}, "Body": b""})
    with pytest.raises(ValueError, match="not a header name"):
        renderer(S3, "GetObject")({"Metadata": {text: "a"}, "Body": b""})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a\n", "(a)"])
def test_names_of_prefixed_headers_are_tokens(name: str) -> None:
    expected = [("x-amz-meta-", "v")] if name == "" else None
    if expected is None:
        with pytest.raises(ValueError, match="not a header name"):
            renderer(S3, "GetObject")({"Metadata": {name: "v"}, "Body": b""})
    else:
        assert renderer(S3, "GetObject")({"Metadata": {name: "v"}, "Body": b""}).headers == expected


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain text", "plain text"),
        ("tab\there", "tab\there"),
        ("ÄMÄZÕÑ S3", "=?UTF-8?B?w4RNw4Raw5XDkSBTMw==?="),
        ("\x01", "=?UTF-8?B?AQ==?="),
        ("\x7f", "=?UTF-8?B?fw==?="),
        ("", ""),
    ],
)
def test_header_values_that_are_not_ascii_are_encoded_words(text: str, written: str) -> None:
    assert header_value(text) == written


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=40))
def test_header_values_are_printable_or_refused(text: str) -> None:
    try:
        value = header_value(text)
    except ValueError:
        assert re.search("[\r\n\0\ud800-\udfff]", text)
    else:
        assert re.fullmatch(r"[\x20-\x7e\t]*", value)


@pytest.mark.parametrize("name", ["", "a b", "1a", "a>", "ä", "a\n", "a/"])
def test_element_names_from_outside_the_model(name: str) -> None:
    with pytest.raises(ValueError, match="not an element name"):
        element_name(name)


def test_namespaces() -> None:
    assert namespace_attribute(None) == ""
    assert namespace_attribute('a"&') == ' xmlns="a&quot;&amp;"'
    assert namespace_attribute({"uri": "u", "prefix": "p"}) == ' xmlns:p="u"'
