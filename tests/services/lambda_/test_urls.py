"""Function URLs, their configurations and their answers, with a pool in place of the engine's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fogbank.engine.functions.spec import RESERVED, Throttled
from fogbank.services.lambda_ import gone, url_records
from fogbank.services.lambda_.names import Name
from fogbank.services.lambda_.url_answer import END, STREAMED
from services.helpers import refusal
from services.lambda_.planted import ACCOUNT, ARN, plant
from services.lambda_.standing import standing
from support.region import KEY_ID, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.lambda_.standing import Pool
    from support.region import Answer, LocalRegion

CORS = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 60}


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    with standing(monkeypatch) as made:
        yield made


@pytest.fixture
def functions(region: LocalRegion, pool: Pool) -> Any:
    plant(region, published=1, alias="live")
    pool.does["f"] = lambda event: {"path": event["rawPath"], "method": event["requestContext"]["http"]["method"]}
    return region.client("lambda")


def create(functions: Any, auth: str = "NONE", **given: Any) -> str:
    return str(functions.create_function_url_config(FunctionName="f", AuthType=auth, **given)["FunctionUrl"])


def open_to_all(functions: Any, auth: str = "NONE", principal: str = "*", **given: Any) -> None:
    """The two permissions that a URL needs."""
    shared = {"FunctionName": "f", "Principal": principal} | given
    functions.add_permission(StatementId="url", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType=auth, **shared)
    functions.add_permission(StatementId="invoke", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True, **shared)


def ask(
    region: LocalRegion, url: str, method: str = "GET", path: str = "", body: bytes = b"", **headers: str
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return region.raw(method, "/" + path, {"host": urlsplit(url).netloc, **named}, body)


def signed(region: LocalRegion, url: str, key: str = KEY_ID, secret: str = SECRET) -> Answer:
    request = AWSRequest("GET", url, headers={"host": urlsplit(url).netloc})
    SigV4Auth(Credentials(key, secret), "lambda", "us-east-1").add_auth(request)
    return region.raw("GET", "/", dict(request.headers.items()))


@pytest.fixture
def url(functions: Any) -> str:
    """The URL of f, open to everybody."""
    made = create(functions)
    open_to_all(functions)
    return made


def test_create_get_update_and_delete_function_url_config(functions: Any) -> None:
    made = functions.create_function_url_config(FunctionName="f", AuthType="NONE", Cors=CORS)
    parts = urlsplit(made["FunctionUrl"])
    assert (parts.scheme, parts.path) == ("http", "/")
    label, _, rest = parts.netloc.partition(".")
    assert len(label) == 32
    assert rest == "lambda-url.us-east-1.localhost:4566"
    assert (made["FunctionArn"], made["AuthType"], made["Cors"]) == (ARN + "f", "NONE", CORS)
    assert made["InvokeMode"] == "BUFFERED"
    told = refusal(functions.create_function_url_config, FunctionName="f", AuthType="NONE")
    assert told["Code"] == "ResourceConflictException"
    updated = functions.update_function_url_config(FunctionName="f", AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM")
    assert (updated["AuthType"], updated["InvokeMode"], updated["Cors"]) == ("AWS_IAM", "RESPONSE_STREAM", CORS)
    assert "Cors" not in functions.update_function_url_config(FunctionName="f", Cors={})
    found = functions.get_function_url_config(FunctionName="f")
    assert found["FunctionUrl"] == made["FunctionUrl"]
    functions.delete_function_url_config(FunctionName="f")
    for act in (
        functions.get_function_url_config,
        functions.delete_function_url_config,
        functions.update_function_url_config,
    ):
        assert refusal(act, FunctionName="f")["Code"] == "ResourceNotFoundException"
    again = functions.create_function_url_config(FunctionName="f", AuthType="NONE")
    assert again["FunctionUrl"] != made["FunctionUrl"]


def test_list_function_url_configs(functions: Any) -> None:
    create(functions)
    create(functions, Qualifier="live")
    page = functions.list_function_url_configs(FunctionName="f", MaxItems=1)
    assert [one["FunctionArn"] for one in page["FunctionUrlConfigs"]] == [ARN + "f"]
    rest = functions.list_function_url_configs(FunctionName="f", Marker=page["NextMarker"])
    assert [one["FunctionArn"] for one in rest["FunctionUrlConfigs"]] == [ARN + "f:live"]
    assert "NextMarker" not in rest


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"FunctionName": "g"}, "ResourceNotFoundException"),
        ({"Qualifier": "dead"}, "ResourceNotFoundException"),
        ({"Qualifier": "1"}, "ValidationException"),
        ({"AuthType": "OPEN"}, "ValidationException"),
        ({"InvokeMode": "FAST"}, "ValidationException"),
        ({"Cors": {"AllowMethods": ["BREW"]}}, "InvalidParameterValueException"),
        ({"Cors": {"MaxAge": 86401}}, "ValidationException"),
        ({"Cors": {"AllowOrigins": ["x" * 254]}}, "ValidationException"),
        ({"Cors": {"AllowHeaders": ["x"] * 101}}, "ValidationException"),
    ],
)
def test_what_cannot_be_a_url(region: LocalRegion, functions: Any, given: dict[str, Any], code: str) -> None:
    client = region.client("lambda", parameter_validation=False)
    fields = {"FunctionName": "f", "AuthType": "NONE"} | given
    assert refusal(client.create_function_url_config, **fields)["Code"] == code


def test_a_url_that_everybody_may_use(region: LocalRegion, url: str) -> None:
    answer = ask(region, url, "PUT", "a/b?c=d", b"{}", content_type="application/json")
    assert answer.status == 200
    assert json.loads(answer.body) == {"path": "/a/b", "method": "PUT"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-requestid"]


def test_a_url_without_permissions_is_closed(region: LocalRegion, functions: Any, pool: Pool) -> None:
    url = create(functions)
    for answer in (ask(region, url), signed(region, url)):
        assert (answer.status, json.loads(answer.body)) == (403, {"Message": "Forbidden"})
    shared = {"FunctionName": "f", "Principal": "*", "StatementId": "url"}
    functions.add_permission(Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE", **shared)
    assert ask(region, url).status == 403  # lambda:InvokeFunction is missing
    assert not pool.ran


def test_a_permission_for_another_kind_of_url_does_not_open_it(region: LocalRegion, functions: Any) -> None:
    url = create(functions)
    open_to_all(functions, "AWS_IAM")
    assert ask(region, url).status == 403


def test_a_permission_to_invoke_by_url_is_for_urls_only(region: LocalRegion, functions: Any, url: str) -> None:
    iam = region.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    client = region.client("lambda", key["AccessKeyId"], key["SecretAccessKey"])
    assert refusal(client.invoke, FunctionName="f")["Code"] == "AccessDeniedException"
    assert ask(region, url).status == 200


def test_urls_that_are_not_there(region: LocalRegion, url: str) -> None:
    label, _, rest = urlsplit(url).netloc.partition(".")
    for host in ("a" * 32 + "." + rest, label + ".lambda-url.eu-west-1.localhost:4566"):
        answer = region.raw("GET", "/", {"host": host})
        assert (answer.status, json.loads(answer.body)) == (403, {"Message": "Forbidden"})


def test_a_url_with_iam_asks_who_calls(region: LocalRegion, functions: Any, pool: Pool) -> None:
    seen: list[Any] = []
    pool.does["f"] = seen.append
    url = create(functions, "AWS_IAM")
    assert ask(region, url).status == 403
    assert signed(region, url).status == 200
    assert seen[0]["requestContext"]["authorizer"]["iam"]["accountId"] == ACCOUNT
    assert signed(region, url, secret="x" * 40).status == 403
    iam = region.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    assert signed(region, url, key["AccessKeyId"], key["SecretAccessKey"]).status == 403
    statement = {"Effect": "Allow", "Action": ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"], "Resource": "*"}
    iam.put_user_policy(
        UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    assert signed(region, url, key["AccessKeyId"], key["SecretAccessKey"]).status == 200
    assert len(seen) == 2


def test_a_structured_answer(region: LocalRegion, url: str, pool: Pool) -> None:
    pool.does["f"] = lambda _event: {
        "statusCode": 418,
        "headers": {"Content-Type": "text/html", "X-A": "1"},
        "cookies": ["a=1; HttpOnly", "b=2"],
        "body": "PHA+",
        "isBase64Encoded": True,
    }
    answer = ask(region, url)
    assert (answer.status, answer.body) == (418, b"<p>")
    assert (answer.headers["content-type"], answer.headers["x-a"]) == ("text/html", "1")


@pytest.mark.parametrize(
    "said",
    [b"<html>", {"statusCode": 1}, {"statusCode": 200, "headers": {"a": "b\r\nc: d"}}, {"statusCode": 200, "body": []}],
)
def test_what_is_no_answer_is_a_bad_gateway(region: LocalRegion, url: str, pool: Pool, said: Any) -> None:
    pool.does["f"] = lambda _event: said
    answer = ask(region, url)
    assert (answer.status, answer.body) == (502, b"Internal Server Error")


def test_errors_of_the_function_are_not_told(region: LocalRegion, url: str, pool: Pool) -> None:
    pool.does["f"] = lambda _event: 1 / 0
    answer = ask(region, url)
    assert answer.status == 502
    assert b"division" not in answer.body


def test_throttling(region: LocalRegion, url: str, pool: Pool) -> None:
    def throttled(_event: Any) -> None:
        raise Throttled(RESERVED)

    pool.does["f"] = throttled
    answer = ask(region, url)
    assert answer.status == 429
    assert json.loads(answer.body) == {"Reason": RESERVED, "Type": "User", "message": "Rate Exceeded."}


def test_bodies_that_are_too_large(region: LocalRegion, url: str, pool: Pool) -> None:
    assert ask(region, url, "POST", body=b"x" * (5 << 20), content_type="text/plain").status == 200
    assert ask(region, url, "POST", body=b"\xff" * (5 << 20)).status == 413  # in base 64
    assert ask(region, url, "POST", body=b"x" * ((6 << 20) + 1), content_type="text/plain").status == 413
    assert len(pool.ran) == 1


def test_large_bodies_are_read_only_where_everybody_may_call(region: LocalRegion, functions: Any, pool: Pool) -> None:
    url = create(functions, "AWS_IAM")
    for somewhere in (url, url.replace("://", "://other")):
        assert ask(region, somewhere, "POST", body=b"x" * (60 << 10)).status == 403
        assert ask(region, somewhere, "POST", body=b"x" * (1 << 20)).status == 413
    assert not pool.ran


def test_other_origins(region: LocalRegion, functions: Any, url: str, pool: Pool) -> None:
    said = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "x": "1"}, "body": ""}
    pool.does["f"] = lambda _event: said
    assert ask(region, url, origin="https://b.example").headers["access-control-allow-origin"] == "*"
    functions.update_function_url_config(FunctionName="f", Cors=CORS)
    answer = ask(region, url, origin="https://a.example")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in ask(region, url, origin="https://b.example").headers
    runs = len(pool.ran)
    preflight = ask(region, url, "OPTIONS", origin="https://a.example", access_control_request_method="GET")
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-methods"] == "GET"
    assert preflight.headers["access-control-max-age"] == "60"
    assert len(pool.ran) == runs


def test_a_preflight_without_cors_is_the_functions(region: LocalRegion, url: str, pool: Pool) -> None:
    answer = ask(region, url, "OPTIONS", origin="https://a.example", access_control_request_method="GET")
    assert json.loads(answer.body)["method"] == "OPTIONS"
    assert "access-control-allow-origin" not in answer.headers


def test_streamed_answers(region: LocalRegion, functions: Any, url: str, pool: Pool) -> None:
    functions.update_function_url_config(FunctionName="f", InvokeMode="RESPONSE_STREAM")
    pool.does["f"] = lambda _event: [b"one ", b"two"]
    answer = ask(region, url)
    assert (answer.status, answer.body) == (200, b"one two")
    assert answer.headers["content-type"] == "application/octet-stream"


def test_streamed_answers_with_a_head(
    region: LocalRegion, functions: Any, url: str, pool: Pool, monkeypatch: Any
) -> None:
    from services.lambda_ import standing as made

    monkeypatch.setattr(made.Answer, "content_type", STREAMED)
    functions.update_function_url_config(FunctionName="f", InvokeMode="RESPONSE_STREAM")
    start = json.dumps({"statusCode": 201, "headers": {"content-type": "text/plain"}, "cookies": ["a=1"]}).encode()
    pool.does["f"] = lambda _event: [start[:5], start[5:] + END[:3], END[3:] + b"body", b" more"]
    answer = ask(region, url)
    assert (answer.status, answer.body) == (201, b"body more")
    assert (answer.headers["content-type"], answer.headers["set-cookie"]) == ("text/plain", "a=1")
    pool.does["f"] = lambda _event: [b"no head at all"]
    assert ask(region, url).status == 502


def test_a_streamed_answer_that_fails_at_once_is_a_bad_gateway(
    region: LocalRegion, functions: Any, url: str, pool: Pool
) -> None:
    functions.update_function_url_config(FunctionName="f", InvokeMode="RESPONSE_STREAM")
    pool.does["f"] = lambda _event: 1 / 0
    assert ask(region, url).status == 502


def test_an_alias_has_a_url_of_its_own(region: LocalRegion, functions: Any, pool: Pool) -> None:
    url = create(functions, Qualifier="live")
    open_to_all(functions, Qualifier="live")
    assert ask(region, url).status == 200
    assert pool.ran[0][0].version == "1"
    assert pool.ran[0][1].invoked_arn == ARN + "f:live"


def test_bearer_tokens_are_the_functions(region: LocalRegion, url: str, pool: Pool) -> None:
    pool.does["f"] = lambda event: event["headers"]["authorization"]
    assert json.loads(ask(region, url, authorization="Bearer abc").body) == "Bearer abc"


@pytest.mark.parametrize(
    "query", ["X-Amz-Signature=bogus&a=1", "X-Amz-Algorithm=x&X-Amz-Credential=y&X-Amz-Signature=z"]
)
def test_what_looks_like_a_signature_is_the_functions_where_nobody_is_asked_who_calls(
    region: LocalRegion, functions: Any, url: str, pool: Pool, query: str
) -> None:
    pool.does["f"] = lambda event: {"query": event["rawQueryString"], "said": event["headers"].get("authorization")}
    answer = ask(region, url, path="?" + query)
    assert (answer.status, json.loads(answer.body)["query"]) == (200, query)
    bogus = "AWS4-HMAC-SHA256 Credential=nobody/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
    answer = ask(region, url, authorization=bogus)
    assert (answer.status, json.loads(answer.body)["said"]) == (200, bogus)
    functions.update_function_url_config(FunctionName="f", AuthType="AWS_IAM")
    assert ask(region, url, path="?" + query).status in (400, 403)
    assert ask(region, url, authorization=bogus).status == 403


def test_urls_go_with_their_functions(region: LocalRegion, functions: Any, url: str) -> None:
    create(functions, Qualifier="live")

    async def delete() -> None:
        await region.region.store.write(lambda tx: gone.tell(tx, Name(ACCOUNT, "us-east-1", "f")))

    region.run(delete())
    assert ask(region, url).status == 403
    with region.region.store.snapshot() as tx:
        assert not list(url_records.owners.scan(tx))
