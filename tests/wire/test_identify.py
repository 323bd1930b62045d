"""Services and operations of requests: by header, target, Action, route and host, signed and unsigned."""

from __future__ import annotations

import pytest

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest
from fogbank.wire.identify import Unidentified, identify, needs_body

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
UNKNOWN = "UnknownOperationException"
CBOR = {"smithy-protocol": "rpc-v2-cbor"}


def meaning(
    scope: str | None, method: str, path: str, query: str = "", headers: dict[str, str] | None = None, body: bytes = b""
) -> tuple[str, str, str]:
    found = identify(HttpRequest(method, path, query, headers or {}, body), scope)
    return found.service, found.operation, found.protocol


def form(scope: str | None, body: str) -> tuple[str, str, str]:
    return meaning(scope, "POST", "/", headers=FORM, body=body.encode())


def target(scope: str | None, name: str) -> tuple[str, str, str]:
    return meaning(scope, "POST", "/", headers={"x-amz-target": name, "content-type": "application/x-amz-json-1.0"})


def targeted(name: str, method: str = "POST") -> HttpRequest:
    return HttpRequest(method, "/", "", {"x-amz-target": name})


def test_smithy_rpc() -> None:
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    assert meaning("monitoring", "POST", path, headers=CBOR) == ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor")
    assert meaning(None, "POST", path, headers=CBOR) == ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor")


def test_targets() -> None:
    assert target("dynamodb", "DynamoDB_20120810.GetItem") == ("dynamodb", "GetItem", "json")
    assert target("dynamodb", "DynamoDBStreams_20120810.GetRecords") == ("dynamodbstreams", "GetRecords", "json")
    assert target("timestream", "Timestream_20181101.WriteRecords") == ("timestream-write", "WriteRecords", "json")
    assert target("timestream", "Timestream_20181101.Query") == ("timestream-query", "Query", "json")
    trail = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
    assert target("cloudtrail", trail) == ("cloudtrail", "LookupEvents", "json")
    assert target(None, "AWSCognitoIdentityService.GetId") == ("cognito-identity", "GetId", "json")
    assert target("monitoring", "GraniteServiceVersion20100801.ListMetrics") == ("cloudwatch", "ListMetrics", "json")


def test_actions() -> None:
    assert form("iam", "Action=ListUsers&Version=2010-05-08") == ("iam", "ListUsers", "query")
    assert form("ec2", "Action=DescribeInstances&Version=2016-11-15") == ("ec2", "DescribeInstances", "ec2")
    assert form("sqs", "Action=ListQueues&Version=2012-11-05") == ("sqs", "ListQueues", "query")
    assert form("monitoring", "Version=2010-08-01&Action=ListMetrics") == ("cloudwatch", "ListMetrics", "query")
    assert form("elasticloadbalancing", "Action=DescribeLoadBalancers&Version=2012-06-01")[0] == "elb"
    assert form("elasticloadbalancing", "Action=DescribeLoadBalancers&Version=2015-12-01")[0] == "elbv2"
    assert form("elasticloadbalancing", "Action=DescribeRules")[0] == "elbv2"
    assert form("rds", "Action=CreateDBCluster&Version=2014-10-31")[0] == "rds"
    assert form("ses", "Action=SendEmail&Version=2010-12-01") == ("ses", "SendEmail", "query")
    assert form(None, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15")[:2] == ("sts", "AssumeRoleWithWebIdentity")
    assert form(None, "Action=AssumeRoleWithSAML")[:2] == ("sts", "AssumeRoleWithSAML")
    assert meaning("sts", "GET", "/", "Action=GetCallerIdentity&Version=2011-06-15")[1] == "GetCallerIdentity"
    assert meaning("sts", "POST", "/", "Action=GetCallerIdentity")[1] == "GetCallerIdentity"


def test_routes_of_services_that_share_a_signing_name() -> None:
    assert meaning("ses", "POST", "/v2/email/outbound-emails")[:2] == ("sesv2", "SendEmail")
    assert meaning("apigateway", "GET", "/restapis")[:2] == ("apigateway", "GetRestApis")
    assert meaning("apigateway", "GET", "/v2/apis")[:2] == ("apigatewayv2", "GetApis")
    assert meaning("es", "GET", "/2021-01-01/opensearch/domain/d")[0] == "opensearch"
    assert meaning("lambda", "POST", "/2015-03-31/functions/f/invocations")[:2] == ("lambda", "Invoke")
    assert (
        meaning("aoss", "POST", "/", headers={"x-amz-target": "OpenSearchServerless.ListCollections"})[1]
        == "ListCollections"
    )
    tags = {"host": "bedrock-data-automation.us-east-1.amazonaws.com"}
    assert meaning("bedrock", "POST", "/tagResource", headers=tags)[0] == "bedrock-data-automation"


def test_s3_and_its_control_plane() -> None:
    account = {"x-amz-account-id": "123456789012"}
    assert meaning("s3", "GET", "/v20180820/tags/arn", headers=account)[:2] == ("s3control", "ListTagsForResource")
    assert meaning("s3", "GET", "/v20180820/tags/arn")[:2] == ("s3", "GetObject")
    assert meaning("s3", "GET", "/b/k", headers=account)[:2] == ("s3", "GetObject")
    assert meaning("s3express", "PUT", "/b/k")[:2] == ("s3", "PutObject")
    assert meaning("s3-object-lambda", "POST", "/WriteGetObjectResponse")[1] == "WriteGetObjectResponse"
    assert meaning("s3-outposts", "GET", "/S3Outposts/ListEndpoints")[0] == "s3outposts"
    assert meaning("s3-outposts", "GET", "/b/k")[:2] == ("s3", "GetObject")
    assert meaning("s3", "POST", "/b", "delete", {"x-amz-target": "DynamoDB_20120810.GetItem"})[1] == "DeleteObjects"


def test_unsigned_requests() -> None:
    assert meaning(None, "GET", "/b/k")[:2] == ("s3", "GetObject")
    assert meaning(None, "POST", "/token", headers={"host": "oidc.us-east-1.amazonaws.com"})[1] == "CreateToken"
    assert meaning(None, "GET", "/", headers={"host": "my.bucket.s3.localhost"})[1] == "ListObjects"
    assert meaning(None, "GET", "/", headers={"host": "bucket.localhost:4566"})[1] == "ListObjects"
    sqs = {"host": "sqs.us-east-1.localhost", "x-amz-target": "AmazonSQS.ListQueues"}
    assert meaning(None, "POST", "/", headers=sqs)[0] == "sqs"


@pytest.mark.parametrize(
    ("host", "path", "routed", "labels"),
    [
        ("b.s3.localhost:4566", "/", "/b/", {"Bucket": "b"}),
        ("my.b.s3.us-east-1.amazonaws.com", "/k/x", "/my.b/k/x", {"Bucket": "my.b", "Key": "k/x"}),
        ("b.localhost", "//k", "/b//k", {"Bucket": "b", "Key": "/k"}),
        ("lambda.localhost", "/k", "/lambda/k", {"Bucket": "lambda", "Key": "k"}),
    ],
)
def test_virtual_hosts(host: str, path: str, routed: str, labels: dict[str, str]) -> None:
    request = HttpRequest("GET", path, "x=1", {"host": host}, b"body", "192.0.2.1", "https")
    found = identify(request, "s3")
    assert found.labels == labels
    assert found.virtual_host == labels["Bucket"]
    assert (request.path, found.request.path) == (path, routed)
    assert (found.request.query, found.request.body, found.request.client) == ("x=1", b"body", "192.0.2.1")


def test_the_host_gives_region_and_kind_of_endpoint() -> None:
    found = identify(HttpRequest("GET", "/", "", {"host": "b.s3-website-eu-west-1.amazonaws.com"}), None)
    assert (found.host_region, found.host_kind, found.virtual_host) == ("eu-west-1", "website", "b")


def test_the_raw_path_is_given_where_the_decoded_one_is_ambiguous() -> None:
    path = "/tags/arn:aws:apigateway:us-east-1::/restapis/abc"
    found = identify(HttpRequest("GET", path, "", {}), "apigateway")
    assert found.labels == {"resource_arn": "arn:aws:apigateway:us-east-1::/restapis/abc"}
    assert found.raw_path == "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc"
    assert identify(HttpRequest("GET", "/restapis/abc", "", {}), "apigateway").raw_path is None


@pytest.mark.parametrize(
    ("scope", "request_", "code", "status", "protocol", "service"),
    [
        ("s3", HttpRequest("PATCH", "/b/k", "", {}), "MethodNotAllowed", 405, "rest-xml", "s3"),
        ("s3", HttpRequest("GET", "//k", "", {}), "InvalidBucketName", 400, "rest-xml", "s3"),
        (None, HttpRequest("POST", "/", "", {}), "MethodNotAllowed", 405, "rest-xml", "s3"),
        ("nosuch", HttpRequest("GET", "/", "", {}), UNKNOWN, 404, "rest-json", ""),
        ("lambda", HttpRequest("GET", "/nothing", "", {}), UNKNOWN, 404, "rest-json", "lambda"),
        ("iam", HttpRequest("POST", "/", "", {}), "MissingAction", 400, "query", "iam"),
        ("ec2", HttpRequest("GET", "/", "", {}), "MissingAction", 400, "ec2", "ec2"),
        ("iam", HttpRequest("GET", "/", "Action=Fly", {}), "InvalidAction", 400, "query", "iam"),
        ("ec2", HttpRequest("GET", "/", "Action=Fly", {}), "InvalidAction", 400, "ec2", "ec2"),
        ("iam", HttpRequest("GET", "/", "Action=ListUsers&Action=ListRoles", {}), "InvalidQueryParameter", 400, "query", "iam"),
        ("iam", HttpRequest("POST", "/", "Action=ListUsers", FORM, b"Action=ListRoles"), "InvalidQueryParameter", 400, "query", "iam"),
        ("dynamodb", targeted("DynamoDB_20120810.Fly"), UNKNOWN, 400, "json", "dynamodb"),
        ("dynamodb", targeted("GetItem"), UNKNOWN, 400, "json", ""),
        ("dynamodb", targeted("DynamoDB_20120810.GetItem", "GET"), UNKNOWN, 400, "json", "dynamodb"),
        ("sqs", targeted("DynamoDB_20120810.GetItem"), UNKNOWN, 400, "json", ""),
        ("dynamodb", HttpRequest("POST", "/", "", {}), UNKNOWN, 404, "json", "dynamodb"),
        ("monitoring", HttpRequest("POST", "/service/X/operation/Y", "", CBOR), UNKNOWN, 404, "smithy-rpc-v2-cbor", ""),
        ("monitoring", HttpRequest("GET", "/", "", CBOR), UNKNOWN, 404, "smithy-rpc-v2-cbor", ""),
    ],
)  # fmt: skip
def test_requests_that_mean_nothing(
    scope: str | None, request_: HttpRequest, code: str, status: int, protocol: str, service: str
) -> None:
    with pytest.raises(Unidentified) as refused:
        identify(request_, scope)
    error = refused.value
    assert (error.code, error.status, error.protocol, error.service) == (code, status, protocol, service)


def test_s3_says_what_a_method_is_not_allowed_on() -> None:
    for query, kind in [("", "OBJECT"), ("policy=1&signature=2", "BUCKETPOLICY"), ("torrent", "TORRENT")]:
        with pytest.raises(AwsError) as refused:
            identify(HttpRequest("POST", "/b/k", query, {}), "s3")
        assert refused.value.fields == {"Method": "POST", "ResourceType": kind}


def test_words_of_the_query_protocol() -> None:
    with pytest.raises(AwsError, match="Could not find operation Fly for version 2010-05-08"):
        form("iam", "Action=Fly")
    with pytest.raises(AwsError, match="Could not find operation Fly for version 2001-01-01"):
        form("iam", "Action=Fly&Version=2001-01-01")
    with pytest.raises(AwsError, match="The action Fly is not valid for this web service"):
        form("ec2", "Action=Fly")


def test_only_forms_need_their_body_to_be_identified() -> None:
    assert needs_body(HttpRequest("POST", "/", "", FORM), "iam")
    assert needs_body(HttpRequest("POST", "/", "", FORM), None)
    assert not needs_body(HttpRequest("POST", "/b/k", "", FORM), "s3")
    assert not needs_body(HttpRequest("PUT", "/", "", FORM), None)
    assert not needs_body(HttpRequest("POST", "/", "", {"x-amz-target": "x"}), "iam")


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PATCH"])
def test_whatever_is_asked_at_a_functions_url_is_for_the_function(method: str) -> None:
    host = "abc123.lambda-url.eu-west-1.localhost:4566"
    form = {
        "host": host,
        "content-type": "application/x-www-form-urlencoded",
        "x-amz-target": "DynamoDB_20120810.GetItem",
    }
    request = HttpRequest(method, "/2015-03-31/functions", "Action=x", form, b"", "", "http")
    found = identify(request, None)
    assert (found.service, found.operation, found.labels) == ("lambda", "InvokeFunctionUrl", {"UrlId": "abc123"})
    assert (found.host_region, found.host_kind) == ("eu-west-1", "lambda-url")
    assert identify(request, "lambda").operation == "InvokeFunctionUrl"
    assert not needs_body(request, None)
