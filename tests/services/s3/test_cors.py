"""CORS: the rules of a bucket, preflight requests (OptionsObject), and the headers of actual answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fogbank.services.s3.cors import fits
from services.helpers import code, dev, error_of, refusal, signed
from services.s3.forms import body, send
from support.region import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.region import Answer, LocalRegion

ORIGIN = "http://www.example.com"
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
RULE = {
    "AllowedOrigins": ["http://*.example.com", "https://only.one"],
    "AllowedMethods": ["GET", "PUT"],
    "AllowedHeaders": ["x-amz-*", "Content-Type"],
    "ExposeHeaders": ["ETag", "x-amz-meta-a"],
    "MaxAgeSeconds": 300,
    "ID": "one",
}


@pytest.fixture
def rules(s3: Any, bucket: str) -> str:
    """A bucket with rules: one of named origins, one of anybody's reads."""
    any_origin = {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD", "POST"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE, any_origin]})
    return bucket


def preflight(region: LocalRegion, target: str = "/bucket/key", **headers: str | None) -> Answer:
    """A preflight request, with `origin`, `method` and `headers`."""
    given = {"origin": ORIGIN, "method": "PUT", **headers}
    names = {"method": "access-control-request-method", "headers": "access-control-request-headers"}
    return region.raw("OPTIONS", target, {names.get(n, n): text for n, text in given.items() if text is not None})


def control(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer that are about its origin."""
    prefix = "access-control-"
    return {
        name.removeprefix(prefix): text for name, text in headers.items() if name.startswith(prefix) or name == "vary"
    }


# --- configurations


def test_put_bucket_cors_and_get_bucket_cors(s3: Any, bucket: str) -> None:
    assert code(s3.get_bucket_cors, Bucket=bucket) == "NoSuchCORSConfiguration"
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [RULE]
    least = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [least]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [least]


def test_delete_bucket_cors(s3: Any, rules: str) -> None:
    s3.delete_bucket_cors(Bucket=rules)
    s3.delete_bucket_cors(Bucket=rules)
    found = refusal(s3.get_bucket_cors, Bucket=rules)
    assert (found["Code"], found["Status"], found["BucketName"]) == ("NoSuchCORSConfiguration", 404, rules)


def test_rules_of_somebody_else_s_bucket(region: LocalRegion, rules: str) -> None:
    other = dev(region, "111122223333")
    configured = {"CORSRules": [RULE]}
    assert code(other.put_bucket_cors, Bucket=rules, CORSConfiguration=configured) == "AccessDenied"
    assert code(other.get_bucket_cors, Bucket=rules) == "AccessDenied"
    assert code(other.delete_bucket_cors, Bucket=rules) == "AccessDenied"
    assert code(other.get_bucket_cors, Bucket="nowhere") in ("AccessDenied", "NoSuchBucket")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AllowedMethods": ["PATCH"]}, "Found unsupported HTTP method in CORS config. Unsupported method is PATCH"),
        ({"AllowedMethods": ["get"]}, "Found unsupported HTTP method in CORS config. Unsupported method is get"),
        ({"AllowedOrigins": ["http://*.*.com"]}, 'AllowedOrigin "http://*.*.com" can not have more than one wildcard.'),
        ({"AllowedHeaders": ["*-*"]}, 'AllowedHeader "*-*" can not have more than one wildcard.'),
        (
            {"ExposeHeaders": ["x-*"]},
            'ExposeHeader "x-*" contains wildcard. We currently do not support wildcard for ExposeHeader.',
        ),
        ({"ExposeHeaders": ["a\nb: c"]}, 'ExposeHeader "a\nb: c" contains invalid character.'),
        ({"ID": "i" * 256}, "The ID of a CORS rule should not exceed allowed limit of 255 characters."),
    ],
    ids=range(7),
)
def test_rules_that_are_refused(s3: Any, bucket: str, change: dict[str, Any], message: str) -> None:
    configured = {"CORSRules": [RULE, RULE | change]}
    found = refusal(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=configured)
    assert (found["Code"], found["Status"], found["Message"]) == ("InvalidRequest", 400, message)
    assert code(s3.get_bucket_cors, Bucket=bucket) == "NoSuchCORSConfiguration"


def test_a_hundred_rules_and_no_more(s3: Any, bucket: str) -> None:
    configured = {"CORSRules": [RULE] * 100}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=configured)
    found = refusal(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [RULE] * 101})
    assert found["Code"] == "InvalidRequest"
    assert len(s3.get_bucket_cors(Bucket=bucket)["CORSRules"]) == 100


RULES = "<CORSConfiguration>{}</CORSConfiguration>"
ONE = "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>{}</CORSRule>"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("", "MalformedXML"),
        ("<CORSConfiguration>", "MalformedXML"),
        (RULES.format(""), "MalformedXML"),
        (RULES.format("<CORSRule></CORSRule>"), "MalformedXML"),
        (RULES.format("<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>"), "MalformedXML"),
        (RULES.format("<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>"), "MalformedXML"),
        (RULES.format(ONE.format("<MaxAgeSeconds>soon</MaxAgeSeconds>")), "MalformedXML"),
        (RULES.format(ONE.format("<MaxAgeSeconds>-1</MaxAgeSeconds>")), "MalformedXML"),
        (f"<Rules>{ONE.format('')}</Rules>", "MalformedXML"),
        ("<!DOCTYPE x [<!ENTITY e 'x'>]>" + RULES.format(ONE.format("")), "MalformedXML"),
        (RULES.format(ONE.format(f"<ID>{'i' * 65_536}</ID>")), "MaxMessageLengthExceeded"),
    ],
    ids=range(11),
)
def test_hostile_documents(region: LocalRegion, bucket: str, document: str, expected: str) -> None:
    answer = signed(region, "PUT", "/bucket?cors", {}, document.encode())
    assert error_of(answer)[1] in (expected, "MissingRequestBodyError")
    assert 400 <= answer.status < 500


# --- preflight requests


def test_options_object(region: LocalRegion, rules: str) -> None:
    answer = preflight(region, headers="X-Amz-Date, content-type")
    assert (answer.status, answer.body) == (200, b"")
    assert control(answer.headers) == {
        "allow-origin": ORIGIN,
        "allow-methods": "GET, PUT",
        "allow-headers": "x-amz-date, content-type",
        "expose-headers": "ETag, x-amz-meta-a",
        "max-age": "300",
        "allow-credentials": "true",
        "vary": VARY,
    }


def test_a_preflight_request_of_any_origin(region: LocalRegion, rules: str) -> None:
    answer = preflight(region, origin="http://elsewhere", method="POST")
    assert control(answer.headers) == {"allow-origin": "*", "allow-methods": "HEAD, POST", "vary": VARY}


@pytest.mark.parametrize(
    "target", ["/bucket", "/bucket/", "/bucket/a/b?uploads", "/bucket?acl&cors", "/bucket/key?X=%"]
)
def test_where_preflight_requests_go(region: LocalRegion, rules: str, target: str) -> None:
    assert preflight(region, target).status == 200


def test_a_preflight_request_of_a_presigned_url(region: LocalRegion, s3: Any, rules: str) -> None:
    """Its signature is for the request that will follow, and says nothing of this one."""
    for signature in ("s3", "s3v4"):
        client = region.client("s3", signature_version=signature)
        parts = urlsplit(client.generate_presigned_url("put_object", {"Bucket": rules, "Key": "key"}))
        assert preflight(region, f"{parts.path}?{parts.query}").status == 200


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "http://elsewhere"},
        {"origin": "http://example.com"},
        {"origin": "https://www.example.com"},
        {"origin": "http://www.example.com.evil"},
        {"origin": "null"},
        {"method": "DELETE"},
        {"method": "POST", "headers": "x-amz-date"},
        {"headers": "x-amz-date, cookie"},
    ],
    ids=range(8),
)
def test_refused_preflight_requests(region: LocalRegion, rules: str, asked: dict[str, str]) -> None:
    answer = preflight(region, **asked)
    assert error_of(answer) == (403, "AccessForbidden")
    root = ET.fromstring(answer.body)
    assert str(root.findtext("Message")).startswith("CORSResponse: This CORS request is not allowed.")
    assert root.findtext("ResourceType") == "OBJECT"
    assert control(answer.headers) == {}


def test_a_preflight_request_without_rules(region: LocalRegion, bucket: str) -> None:
    answer = preflight(region, "/bucket")
    assert error_of(answer) == (403, "AccessForbidden")
    root = ET.fromstring(answer.body)
    assert root.findtext("Message") == "CORSResponse: CORS is not enabled for this bucket."
    assert (root.findtext("Method"), root.findtext("ResourceType")) == ("PUT", "BUCKET")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"origin": None}, "Insufficient information. Origin request header needed."),
        ({"method": None}, "Invalid Access-Control-Request-Method: null"),
        ({"method": "PATCH"}, "Invalid Access-Control-Request-Method: PATCH"),
        ({"method": "put"}, "Invalid Access-Control-Request-Method: put"),
    ],
    ids=range(4),
)
def test_what_is_no_preflight_request(region: LocalRegion, rules: str, asked: dict[str, Any], message: str) -> None:
    answer = preflight(region, **asked)
    assert error_of(answer) == (400, "BadRequest")
    assert ET.fromstring(answer.body).findtext("Message") == message


def test_a_preflight_request_of_no_bucket(region: LocalRegion) -> None:
    assert error_of(preflight(region, "/nowhere/key")) == (404, "NoSuchBucket")
    assert error_of(preflight(region, "/")) == (404, "NoSuchBucket")


def test_preflight_requests_by_virtual_host(region: LocalRegion, rules: str) -> None:
    assert preflight(region, "/key", host="bucket.s3.localhost").status == 200


# --- other answers


def test_answers_to_a_page_of_an_origin(region: LocalRegion, s3: Any, rules: str) -> None:
    s3.put_object(Bucket=rules, Key="key", Body=b"data")
    answer = signed(region, "GET", "/bucket/key", {"origin": ORIGIN})
    assert (answer.status, answer.body) == (200, b"data")
    assert control(answer.headers) == {
        "allow-origin": ORIGIN,
        "allow-methods": "GET, PUT",
        "expose-headers": "ETag, x-amz-meta-a",
        "max-age": "300",
        "allow-credentials": "true",
        "vary": VARY,
    }
    assert control(signed(region, "HEAD", "/bucket/key", {"origin": ORIGIN}).headers)["allow-origin"] == "*"
    assert control(signed(region, "PUT", "/bucket/key", {"origin": ORIGIN}, b"x").headers)["allow-origin"] == ORIGIN
    assert control(signed(region, "GET", "/bucket?cors", {"origin": ORIGIN}).headers)["allow-origin"] == ORIGIN


def test_errors_are_readable_too(region: LocalRegion, s3: Any, rules: str) -> None:
    """Those from before the request is understood among them."""
    answers = [
        signed(region, "GET", "/bucket/absent", {"origin": ORIGIN}),
        region.raw("GET", "/bucket/absent", {"origin": ORIGIN}),
        region.raw("GET", "/bucket/key?X-Amz-Signature=x", {"origin": ORIGIN}),
        region.raw("GET", "/bucket/key?AWSAccessKeyId=AKIAUNKNOWN&Signature=x&Expires=9999999999", {"origin": ORIGIN}),
    ]
    for answer in answers:
        assert answer.status >= 400
        assert control(answer.headers)["allow-origin"] == ORIGIN


def test_answers_to_a_form(region: LocalRegion, rules: str) -> None:
    answer = send(region, rules, body({"key": "k"}, b"x"), origin="http://elsewhere")
    assert answer.status == 403
    assert control(answer.headers)["allow-origin"] == "*"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/bucket/key", {}),
        ("GET", "/bucket/key", {"origin": "http://elsewhere"}),
        ("DELETE", "/bucket/key", {"origin": ORIGIN}),
        ("GET", "/bucket/key", {"origin": ""}),
        ("GET", "/", {"origin": ORIGIN}),
        ("GET", "/nowhere/key", {"origin": ORIGIN}),
        ("PATCH", "/bucket/key", {"origin": ORIGIN}),
    ],
    ids=range(7),
)
def test_answers_that_say_nothing_of_origins(
    region: LocalRegion, rules: str, method: str, target: str, headers: dict[str, str]
) -> None:
    assert control(region.raw(method, target, headers).headers) == {}


def test_an_origin_that_no_header_can_hold(region: LocalRegion, s3: Any, bucket: str) -> None:
    anything = {"AllowedOrigins": ["http*"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [anything]})
    for origin in ("http://ä", "http://\x7f", "http://a\tb"):
        assert control(region.raw("GET", "/bucket/key", {"origin": origin}).headers) == {}
        told = preflight(region, origin=origin, method="GET").headers.get("access-control-allow-origin", "")
        assert told.isascii()


def test_other_services_say_nothing_of_origins(region: LocalRegion) -> None:
    form = {"content-type": "application/x-www-form-urlencoded", "origin": ORIGIN, "host": HOST}
    answer = region.raw("POST", "/", form, b"Action=GetCallerIdentity&Version=2011-06-15")
    assert control(answer.headers) == {}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("ab*", max_size=6), st.text("ab", max_size=8))
def test_patterns(pattern: str, text: str) -> None:
    """One wildcard stands for any run of characters, an empty one too."""
    assume(pattern.count("*") <= 1)
    meant = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None
    assert fits(pattern, text) == meant
