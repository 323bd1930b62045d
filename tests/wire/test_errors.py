"""Errors in every protocol, as botocore's clients read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.readback import error_renderer, in_protocol, read_error_members, read_response

from fogbank.wire.errors import AwsError
from fogbank.wire.model import OVERLAY, Traits, read_model
from fogbank.wire.render_errors import common_statuses

if TYPE_CHECKING:
    from fogbank.wire.http import HttpResponse

# Service, protocol, operation, error, expected status, and the code that the client sees.
CASES: list[tuple[str, str, str, AwsError, int, str]] = [
    ("s3", "rest-xml", "GetObject", AwsError("NoSuchKey", "No <key>"), 404, "NoSuchKey"),
    ("s3", "rest-xml", "GetObject", AwsError("InvalidRange", "r"), 416, "InvalidRange"),
    ("s3", "rest-xml", "CreateBucket", AwsError("BucketAlreadyOwnedByYou", "b"), 409, "BucketAlreadyOwnedByYou"),
    ("s3", "rest-xml", "PutObject", AwsError("SlowDown", "s"), 503, "SlowDown"),
    ("s3", "rest-xml", "PutObject", AwsError("SomethingNew", "n"), 400, "SomethingNew"),
    ("s3", "rest-xml", "PutObject", AwsError("SomethingNew", "n", status=418), 418, "SomethingNew"),
    ("route53", "rest-xml", "GetHostedZone", AwsError("NoSuchHostedZone", "z"), 404, "NoSuchHostedZone"),
    ("iam", "query", "CreateUser", AwsError("EntityAlreadyExists", "e"), 409, "EntityAlreadyExists"),
    ("iam", "query", "CreateUser", AwsError("EntityAlreadyExistsException", "e"), 409, "EntityAlreadyExists"),
    ("iam", "query", "CreateUser", AwsError("AccessDenied", "a"), 403, "AccessDenied"),
    ("sts", "query", "AssumeRole", AwsError("ExpiredToken", "t"), 403, "ExpiredToken"),
    ("sts", "query", "AssumeRole", AwsError("InternalFailure", "i"), 500, "InternalFailure"),
    ("sns", "query", "Publish", AwsError("NotFoundException", "t"), 404, "NotFound"),
    ("rds", "query", "DeleteDBInstance", AwsError("DBInstanceNotFound", "t"), 404, "DBInstanceNotFound"),
    ("ec2", "ec2", "RunInstances", AwsError("UnauthorizedOperation", "u"), 403, "UnauthorizedOperation"),
    ("ec2", "ec2", "RunInstances", AwsError("AuthFailure", "u"), 401, "AuthFailure"),
    ("ec2", "ec2", "RunInstances", AwsError("InsufficientInstanceCapacity", "i"), 500, "InsufficientInstanceCapacity"),
    ("ec2", "ec2", "RunInstances", AwsError("InvalidAMIID.NotFound", "i"), 400, "InvalidAMIID.NotFound"),
    ("dynamodb", "json", "GetItem", AwsError("ResourceNotFoundException", "t"), 400, "ResourceNotFoundException"),
    ("dynamodb", "json", "GetItem", AwsError("ValidationException", "v"), 400, "ValidationException"),
    ("dynamodb", "json", "GetItem", AwsError("InternalServerError", "v"), 500, "InternalServerError"),
    ("logs", "json", "PutLogEvents", AwsError("AccessDeniedException", "a"), 400, "AccessDeniedException"),
    ("logs", "json", "PutLogEvents", AwsError("ServiceUnavailableException", "a"), 503, "ServiceUnavailableException"),
    ("sqs", "json", "GetQueueUrl", AwsError("QueueDoesNotExist", "q"), 400, "AWS.SimpleQueueService.NonExistentQueue"),
    ("sqs", "json", "GetQueueUrl", AwsError("InvalidAddress", "q"), 400, "InvalidAddress"),
    (
        "lambda",
        "rest-json",
        "GetFunction",
        AwsError("ResourceNotFoundException", "f"),
        404,
        "ResourceNotFoundException",
    ),
    ("lambda", "rest-json", "GetFunction", AwsError("AccessDeniedException", "f"), 403, "AccessDeniedException"),
    ("lambda", "rest-json", "GetFunction", AwsError("NotImplemented", "f"), 501, "NotImplemented"),
    ("cloudwatch", "smithy-rpc-v2-cbor", "GetDashboard", AwsError("ResourceNotFound", "d"), 404, "ResourceNotFound"),
    ("cloudwatch", "json", "GetDashboard", AwsError("ResourceNotFound", "d"), 404, "ResourceNotFound"),
    ("cloudwatch", "query", "GetDashboard", AwsError("ResourceNotFound", "d"), 404, "ResourceNotFound"),
    ("cloudwatch", "query", "PutDashboard", AwsError("DashboardInvalidInputError", "d"), 400, "InvalidParameterInput"),
    ("workspaces", "smithy-rpc-v2-cbor", "DescribeTags", AwsError("Strange", "d"), 400, "Strange"),
]


@pytest.mark.parametrize(
    ("service", "protocol", "name", "error", "status", "code"), CASES, ids=[f"{c[0]}-{c[1]}-{c[3].code}" for c in CASES]
)
def test_errors_as_clients_read_them(
    service: str, protocol: str, name: str, error: AwsError, status: int, code: str
) -> None:
    model = in_protocol(read_model(service), protocol)
    response = error_renderer(model, name)(error, "rid", "/r", "hid")
    parsed = read_response(model, name, response)
    assert response.status == status
    assert parsed["Error"]["Code"] == code
    assert parsed["Error"]["Message"] == error.message
    assert parsed["ResponseMetadata"]["RequestId"] == "rid"
    if protocol == "query":
        assert parsed["Error"]["Type"] == ("Receiver" if status >= 500 else "Sender")


@pytest.mark.parametrize(("service", "protocol"), sorted({(case[0], case[1]) for case in CASES}))
def test_every_error_of_a_model_is_read_as_itself(service: str, protocol: str) -> None:
    model = in_protocol(read_model(service), protocol)
    name = next(iter(model["operations"]))
    render = error_renderer(model, None)
    for shape_name, shape in model["shapes"].items():
        if shape.get("exception"):
            trait = shape.get("error", {})
            response = render(AwsError(shape_name, "m"), "rid")
            if response.status == 304:
                continue
            parsed = read_response(model, name, response)["Error"]
            queryish = protocol in ("query", "ec2", "rest-xml") or "awsQueryCompatible" in model["metadata"]
            assert parsed["Code"] == (trait.get("code", shape_name) if queryish else shape_name)
            assert parsed["Message"] == "m"
            if "httpStatusCode" in trait:
                assert response.status == trait["httpStatusCode"]
            assert response.status >= 500 or not shape.get("fault") or "httpStatusCode" in trait


def test_s3_form() -> None:
    error = AwsError(
        "NoSuchKey", "The specified key does not exist.", fields={"Key": "a&b", "Size": 5, "Ok": True, "None": None}
    )
    response = error_renderer(read_model("s3"), "GetObject")(error, "rid", "/b/a&b", "hid")
    assert response.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.'
        "</Message><Key>a&amp;b</Key><Size>5</Size><Ok>true</Ok><Resource>/b/a&amp;b</Resource>"
        "<RequestId>rid</RequestId><HostId>hid</HostId></Error>"
    )
    expected = [("Content-Type", "application/xml"), ("x-amz-request-id", "rid"), ("x-amz-id-2", "hid")]
    assert response.headers == expected
    assert b"<Resource>" not in error_renderer(read_model("s3"), None)(error, "rid").body


def test_not_modified_has_no_body() -> None:
    response = error_renderer(read_model("s3"), "GetObject")(AwsError("NotModified", "n"), "rid", "/r", "hid")
    assert (response.status, response.body) == (304, b"")
    assert response.headers == [("x-amz-request-id", "rid"), ("x-amz-id-2", "hid")]


@pytest.mark.parametrize(
    ("code", "fields", "headers"),
    [
        (
            "NotModified",
            {"ETag": '"e"', "LastModified": datetime(2009, 10, 12, 17, 50, 30, tzinfo=UTC), "VersionId": "v"},
            {"ETag": '"e"', "Last-Modified": "Mon, 12 Oct 2009 17:50:30 GMT", "x-amz-version-id": "v"},
        ),
        ("NoSuchKey", {"Key": "k", "DeleteMarker": True}, {"x-amz-delete-marker": "true"}),
        ("MethodNotAllowed", {"Allow": "DELETE", "Method": "GET"}, {"Allow": "DELETE"}),
        ("PermanentRedirect", {"BucketRegion": "eu-west-1", "Endpoint": "e"}, {"x-amz-bucket-region": "eu-west-1"}),
        ("AuthorizationHeaderMalformed", {"Region": "r", "BucketRegion": "r"}, {"x-amz-bucket-region": "r"}),
    ],
)
def test_s3_headers_of_errors(code: str, fields: Traits, headers: dict[str, str]) -> None:
    response = error_renderer(read_model("s3"), "GetObject")(AwsError(code, "m", fields=fields))
    found = headers_of(response)
    found.pop("Content-Type", None)
    assert found == headers
    plain = [name for name in fields if name in ("Key", "Method", "Endpoint", "Region")]
    assert all(f"<{name}>".encode() in response.body for name in plain)
    assert b"DeleteMarker" not in response.body


def test_wrapped_xml_forms() -> None:
    error = AwsError("NoSuchEntity", "none")
    assert error_renderer(read_model("iam"), "GetUser")(error, "rid").body == (
        b'<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>'
        b"<Message>none</Message></Error><RequestId>rid</RequestId></ErrorResponse>"
    )
    assert error_renderer(read_model("ec2"), None)(error, "rid").body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>NoSuchEntity</Code><Message>none</Message>'
        b"</Error></Errors><RequestID>rid</RequestID></Response>"
    )


def body(service: str, name: str, error: AwsError, protocol: str = "json") -> Any:
    """The JSON body of an error."""
    response = error_renderer(in_protocol(read_model(service), protocol), name)(error, "rid")
    return json.loads(response.body)


def test_json_types() -> None:
    modelled = body("dynamodb", "GetItem", AwsError("ResourceNotFoundException", "m"))
    assert modelled == {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "m"}
    assert body("dynamodb", "GetItem", AwsError("Odd"))["__type"] == "com.amazon.coral.service#Odd"
    assert body("sqs", "GetQueueUrl", AwsError("QueueDoesNotExist"))["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert body("logs", "PutLogEvents", AwsError("ResourceNotFoundException")) == {
        "__type": "ResourceNotFoundException"
    }
    # The message's name is the model's.
    assert body("lambda", "GetFunction", AwsError("ServiceException", "m"), "rest-json") == {"Message": "m"}
    assert body("lambda", "GetFunction", AwsError("TooManyRequestsException", "m"), "rest-json") == {"message": "m"}


def headers_of(response: HttpResponse) -> dict[str, str]:
    return dict(response.headers)


def test_headers() -> None:
    render = error_renderer(read_model("lambda"), "Invoke")
    headers = headers_of(render(AwsError("TooManyRequestsException", "m", fields={"retryAfterSeconds": "5"}), "rid"))
    assert headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    assert headers["Retry-After"] == "5"
    assert headers["x-amzn-RequestId"] == "rid"
    sqs = headers_of(error_renderer(read_model("sqs"), "GetQueueUrl")(AwsError("QueueDoesNotExist"), "rid"))
    assert sqs["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert "x-amzn-query-error" not in headers_of(error_renderer(read_model("sqs"), None)(AwsError("Odd"), "rid"))


@pytest.mark.parametrize(
    ("service", "protocol", "shape", "fields"),
    [
        ("dynamodb", "json", "ConditionalCheckFailedException", {"Item": {"k": {"L": [{"S": "v"}, {"B": b"\0"}]}}}),
        (
            "dynamodb",
            "json",
            "TransactionCanceledException",
            {"CancellationReasons": [{"Code": "None"}, {"Message": "m"}]},
        ),
        ("logs", "json", "InvalidSequenceTokenException", {"expectedSequenceToken": "5"}),
        (
            "lambda",
            "rest-json",
            "TooManyRequestsException",
            {"Reason": "CallerRateLimitExceeded", "retryAfterSeconds": "3"},
        ),
        ("s3", "rest-xml", "InvalidObjectState", {"StorageClass": "GLACIER", "AccessTier": "ARCHIVE_ACCESS"}),
        ("cloudwatch", "query", "DashboardInvalidInputError", {"dashboardValidationMessages": [{"DataPath": "p"}]}),
        (
            "cloudwatch",
            "smithy-rpc-v2-cbor",
            "DashboardInvalidInputError",
            {"dashboardValidationMessages": [{"DataPath": "p"}]},
        ),
        ("cloudfront", "rest-xml", "AccessDenied", {}),
        ("route53", "rest-xml", "InvalidChangeBatch", {"messages": ["a", "<b>"]}),
    ],
)
def test_modelled_members(service: str, protocol: str, shape: str, fields: Traits) -> None:
    model = in_protocol(read_model(service), protocol)
    response = error_renderer(model, None)(AwsError(shape, "m", fields=fields), "rid")
    parsed = read_error_members(model, shape, response)
    assert {name: value for name, value in parsed.items() if name.lower() != "message"} == fields


ANY_TEXT = st.text(st.characters(), max_size=40)  # lone surrogates too
PROTOCOLS = [("s3", "rest-xml"), ("route53", "rest-xml"), ("iam", "query"), ("ec2", "ec2"), ("dynamodb", "json")]
PROTOCOLS += [("lambda", "rest-json"), ("cloudwatch", "smithy-rpc-v2-cbor")]


@pytest.mark.parametrize(("service", "protocol"), PROTOCOLS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(message=ANY_TEXT, field=ANY_TEXT, resource=ANY_TEXT)
def test_hostile_texts_never_break_an_error(
    service: str, protocol: str, message: str, field: str, resource: str
) -> None:
    model = in_protocol(read_model(service), protocol)
    error = AwsError("SomeError", message, fields={"Field": field})
    response = error_renderer(model, None)(error, "rid", resource, "hid")
    parsed = read_response(model, next(iter(model["operations"])), response)
    assert parsed["Error"]["Code"] == "SomeError"
    if message.isprintable():
        assert (parsed["Error"]["Message"] or "") == message


@pytest.mark.parametrize(("service", "protocol"), PROTOCOLS)
@pytest.mark.parametrize("fields", [{"Field": object()}, {"Field": ["x"]}, {"Field": b"x"}])
def test_fields_that_no_model_describes_are_plain(service: str, protocol: str, fields: Traits) -> None:
    with pytest.raises(TypeError):
        error_renderer(in_protocol(read_model(service), protocol), None)(AwsError("SomeError", fields=fields))


def test_names_that_cannot_be_elements_or_headers_are_loud() -> None:
    with pytest.raises(ValueError, match="not an element name"):
        error_renderer(read_model("s3"), None)(AwsError("SomeError", fields={"a b": "x"}))
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        error_renderer(read_model("lambda"), None)(AwsError("Some\r\nError"))


def test_status_tables_are_statuses() -> None:
    tables = [
        *common_statuses().values(),
        *(read_model(path.stem).get("errorStatus", {}) for path in OVERLAY.glob("[!_]*.json")),
    ]
    assert sum(map(len, tables)) > 150
    assert all(300 < status < 600 for table in tables for status in table.values())
