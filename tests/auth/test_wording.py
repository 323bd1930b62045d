"""The words, fields and statuses of refusals, as AWS gives them to each family of services."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from sigv4_client import KEY, NOW, SECRET, Sent, changed

from fogbank.auth import (
    PayloadMode,
    check_payload,
    claim,
    dialect_of,
    expired_token,
    invalid_token,
    missing_credentials,
    payload_mode,
    unknown_key,
    verify,
)
from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest


def refusal(request: HttpRequest, now: Any = NOW, **options: Any) -> AwsError:
    try:
        found = claim(request)
        assert found is not None
        verify(found, request, SECRET, now, **options)
    except AwsError as error:
        return error
    pytest.fail("accepted")


def test_s3_shows_what_should_have_been_signed() -> None:
    request = changed(Sent().sign(), path="/other")
    error = refusal(request)
    assert error.status == 403
    assert error.fields["AWSAccessKeyId"] == KEY
    assert error.fields["SignatureProvided"] == request.headers["authorization"].rpartition("=")[2]
    assert error.fields["CanonicalRequest"].startswith("GET\n/other\n\nhost:bucket.s3.us-east-1.amazonaws.com\n")
    digest = sha256(error.fields["CanonicalRequest"].encode()).hexdigest()
    scope = "20260314/us-east-1/s3/aws4_request"
    assert error.fields["StringToSign"] == f"AWS4-HMAC-SHA256\n20260314T150926Z\n{scope}\n{digest}"
    assert error.fields["StringToSignBytes"].startswith("41 57 53 34")
    assert error.fields["CanonicalRequestBytes"].startswith("47 45 54 0a")


def test_others_say_it_in_the_message() -> None:
    error = refusal(changed(Sent("logs", "POST", "https://logs.amazonaws.com/").sign(), body=b"x"))
    assert (error.code, error.status, dict(error.fields)) == ("InvalidSignatureException", 400, {})
    assert "\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:logs" in error.message
    assert "\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20260314T150926Z\n" in error.message


def test_skew() -> None:
    error = refusal(Sent().sign(), now=NOW + timedelta(minutes=16))
    assert dict(error.fields) == {
        "RequestTime": "20260314T150926Z",
        "ServerTime": "2026-03-14T15:25:26Z",
        "MaxAllowedSkewMilliseconds": "900000",
    }
    late = refusal(Sent("iam").sign(), now=NOW + timedelta(minutes=16))
    assert late.message == (
        "Signature expired: 20260314T150926Z is now earlier than 20260314T151026Z (20260314T152526Z - 15 min.)"
    )
    early = refusal(Sent("iam").sign(), now=NOW - timedelta(minutes=6))
    assert early.message == (
        "Signature not yet current: 20260314T150926Z is still later than 20260314T150826Z (20260314T150326Z + 5 min.)"
    )


def test_presigned_expiry() -> None:
    error = refusal(Sent().presign(60), now=NOW + timedelta(minutes=2))
    assert (error.code, error.message) == ("AccessDenied", "Request has expired")
    assert dict(error.fields) == {
        "X-Amz-Expires": "60",
        "Expires": "2026-03-14T15:10:26Z",
        "ServerTime": "2026-03-14T15:11:26Z",
    }


def test_unsigned_headers() -> None:
    forged = {"x-amz-tagging": "b=1", "x-amz-acl": "public-read"}
    error = refusal(changed(Sent().sign(), headers=forged))
    assert dict(error.fields) == {"HeadersNotSigned": "x-amz-acl, x-amz-tagging"}
    error = refusal(changed(Sent("iam").sign(), headers=forged))
    assert error.message == (
        "'x-amz-acl' must be a 'SignedHeader' in the AWS Authorization. "
        "'x-amz-tagging' must be a 'SignedHeader' in the AWS Authorization."
    )


def test_scope() -> None:
    error = refusal(Sent().sign(), region="eu-west-1")
    assert error.message == (
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'"
    )
    assert dict(error.fields) == {"Region": "eu-west-1"}
    error = refusal(Sent().presign(), services={"iam"})
    assert error.message == (
        'Error parsing the X-Amz-Credential parameter; incorrect service "s3". This endpoint belongs to "iam".'
    )
    request = Sent("logs").sign()
    forged = request.headers["authorization"].replace("20260314/", "20260315/").replace("aws4_request", "aws4")
    error = refusal(changed(request, headers={"authorization": forged}), region="eu-west-1", services={"sqs"})
    assert error.message == (
        "Credential should be scoped to a valid region, not 'us-east-1'. "
        "Credential should be scoped to correct service: 'sqs'. "
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'. "
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        "'20260315' != '20260314', from '20260314T150926Z'."
    )


def test_an_incomplete_header_is_told_all_that_it_lacks() -> None:
    headers = {"authorization": "AWS4-HMAC-SHA256 Signature=x", "x-amz-target": "DynamoDB_20120810.ListTables"}
    error = refusal(HttpRequest("POST", "/", "", headers))
    assert error.code == "IncompleteSignatureException"
    assert error.message == (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'SignedHeaders' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
    )


def test_the_caller_may_say_whose_words_to_use() -> None:
    request = HttpRequest("GET", "/", "", {"authorization": "AWS4-HMAC-SHA256 x"})
    expected = {
        "s3": "AuthorizationHeaderMalformed",
        "iam": "IncompleteSignature",
        "kms": "IncompleteSignatureException",
    }
    for service, code in expected.items():
        with pytest.raises(AwsError) as caught:
            claim(request, service)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("service", "protocol", "missing", "unknown", "expired", "invalid"),
    [
        ("s3", "", "AccessDenied", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken"),
        ("s3express", "rest-xml", "AccessDenied", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken"),
        ("iam", "", "MissingAuthenticationToken", "InvalidClientTokenId", "ExpiredToken", "InvalidClientTokenId"),
        ("ec2", "ec2", "MissingAuthenticationToken", "AuthFailure", "RequestExpired", "AuthFailure"),
        ("newservice", "query", "MissingAuthenticationToken", "InvalidClientTokenId", "ExpiredToken", "InvalidClientTokenId"),
        ("dynamodb", "", "MissingAuthenticationTokenException", "UnrecognizedClientException", "ExpiredTokenException",
         "UnrecognizedClientException"),
        ("lambda", "rest-json", "MissingAuthenticationTokenException", "UnrecognizedClientException",
         "ExpiredTokenException", "UnrecognizedClientException"),
    ],
)  # fmt: skip
def test_codes_of_each_family(
    service: str, protocol: str, missing: str, unknown: str, expired: str, invalid: str
) -> None:
    dialect = dialect_of(service, protocol)
    assert missing_credentials(dialect).code == missing
    assert unknown_key(dialect, KEY).code == unknown
    assert expired_token(dialect).code == expired
    assert invalid_token(dialect).code == invalid


def test_statuses() -> None:
    assert unknown_key(dialect_of("s3"), KEY).status == 403
    assert expired_token(dialect_of("s3")).status == 400
    assert unknown_key(dialect_of("dynamodb"), KEY).status == 400
    assert unknown_key(dialect_of("lambda"), KEY).status == 403
    assert unknown_key(dialect_of("ec2"), KEY).status == 401
    assert unknown_key(dialect_of("iam"), KEY).status == 403


def test_payload_modes() -> None:
    assert payload_mode("0" * 64) is PayloadMode.EXACT
    for mode in PayloadMode:
        if mode is not PayloadMode.EXACT:
            assert payload_mode(mode.value) is mode
    chunked = {mode for mode in PayloadMode if mode.chunked}
    assert chunked == set(PayloadMode) - {PayloadMode.EXACT, PayloadMode.UNSIGNED}
    for bad in ("", "exact", "0" * 63, "0" * 65, "g" * 64, "unsigned-payload", "٣" * 64, "0" * 64 + "\n"):
        with pytest.raises(AwsError) as caught:
            payload_mode(bad)
        assert (caught.value.code, caught.value.status) == ("InvalidArgument", 400)
        assert caught.value.fields["ArgumentName"] == "x-amz-content-sha256"


def test_a_body_is_held_to_its_declared_hash() -> None:
    right, wrong = sha256(b"a").hexdigest(), sha256(b"b").hexdigest()
    check_payload(right, right)
    check_payload(right.upper(), right)
    with pytest.raises(AwsError) as caught:
        check_payload(right, wrong)
    assert caught.value.code == "XAmzContentSHA256Mismatch"
    assert dict(caught.value.fields) == {"ClientComputedContentSHA256": right, "S3ComputedContentSHA256": wrong}
