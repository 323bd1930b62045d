"""Browser uploads: AWS's published example, what a policy allows, and every way to break one."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigv4_client import KEY, NOW, SECRET, post_form

from fogbank.auth import parse_post_policy, post_claim, verify_post
from fogbank.auth.signing import sign, signing_key
from fogbank.wire.errors import AwsError

quick = settings(max_examples=80, deadline=None, derandomize=True)
EXPIRES = "2026-03-14T16:00:00Z"


def attempt(fields: dict[str, str], now: datetime = NOW, secret: str = SECRET, **options: Any) -> Any:
    found = post_claim(fields)
    assert found is not None
    return verify_post(found, fields, secret, now, **options)[1]


def form(*conditions: Any, token: str | None = None, **fields: str) -> dict[str, str]:
    """A signed form for `bucket` with the given conditions and fields."""
    given = {name.replace("_", "-"): value for name, value in {"key": "user/a.jpg", **fields}.items()}
    listed = [{"bucket": "bucket"}, ["starts-with", "$key", "user/"], *conditions]
    return {**post_form(listed, given, EXPIRES, token), "bucket": "bucket"}


def resigned(fields: dict[str, str], document: Any) -> dict[str, str]:
    """With another policy document, signed by the owner of the key."""
    text = document if isinstance(document, str) else json.dumps(document)
    policy = base64.b64encode(text.encode()).decode()
    signature = sign(signing_key(SECRET, "20260314", "us-east-1", "s3"), policy)
    return {**fields, "policy": policy, "x-amz-signature": signature}


def test_the_published_example() -> None:
    """API reference, "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)"."""
    redirect = "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"
    lines = [
        '{ "expiration": "2015-12-30T12:00:00.000Z",',
        '  "conditions": [',
        '    {"bucket": "sigv4examplebucket"},',
        '    ["starts-with", "$key", "user/user1/"],',
        '    {"acl": "public-read"},',
        f'    {{"success_action_redirect": "{redirect}"}},',
        '    ["starts-with", "$Content-Type", "image/"],',
        '    {"x-amz-meta-uuid": "14365123651274"},',
        '    {"x-amz-server-side-encryption": "AES256"},',
        '    ["starts-with", "$x-amz-meta-tag", ""],',
        "",
        '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},',
        '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},',
        '    {"x-amz-date": "20151229T000000Z" }',
        "  ]",
        "}",
    ]
    fields = {
        "bucket": "sigv4examplebucket",
        "key": "user/user1/photo.jpg",
        "acl": "public-read",
        "success_action_redirect": redirect,
        "content-type": "image/jpeg",
        "x-amz-meta-uuid": "14365123651274",
        "x-amz-server-side-encryption": "AES256",
        "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-date": "20151229T000000Z",
        "x-amz-meta-tag": "",
        "policy": base64.b64encode("\r\n".join(lines).encode()).decode(),
        "x-amz-signature": "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
    }
    policy = attempt(fields, now=datetime(2015, 12, 30, 11, 59, tzinfo=UTC))
    assert policy.expiration == datetime(2015, 12, 30, 12, tzinfo=UTC)
    assert policy.max_length is None
    policy.check_length(1 << 40)


@quick
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.none() | st.just("token/=="))
def test_what_botocore_signs_is_accepted(name: str, token: str | None) -> None:
    fields = form(["content-length-range", 1, 10], token=token, key=f"user/{name}")
    assert attempt(fields).max_length == 10
    found = post_claim(fields)
    assert found is not None
    assert (found.kind, found.access_key_id, found.session_token) == ("post", KEY, token)


def test_a_form_without_a_policy_is_anonymous() -> None:
    assert post_claim({"key": "a", "acl": "public-read"}) is None


def test_the_size_of_the_file() -> None:
    policy = attempt(form(["content-length-range", 5, "10"], ["Content-Length-Range", 2, 20]))
    for size in (5, 10):
        policy.check_length(size)
    with pytest.raises(AwsError) as small:
        policy.check_length(4)
    assert (small.value.code, dict(small.value.fields)) == (
        "EntityTooSmall",
        {"ProposedSize": 4, "MinSizeAllowed": 5},
    )
    with pytest.raises(AwsError) as large:
        policy.check_length(11)
    assert (large.value.code, dict(large.value.fields)) == (
        "EntityTooLarge",
        {"ProposedSize": 11, "MaxSizeAllowed": 10},
    )


ACL = ["eq", "$acl", "private"]
TYPE = ["starts-with", "$Content-Type", "image/"]
ACCEPTED = {
    "exact": form(ACL, acl="private"),
    "prefix of everything": form(["starts-with", "$acl", ""], acl="anything"),
    "prefix of everything, field absent": form(["starts-with", "$acl", ""]),
    "types, all of them allowed": form(TYPE, content_type="image/png, image/jpeg"),
    "field names in capitals": form({"ACL": "private"}, acl="private"),
    "ignored field": form(x_ignore_button="Send"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    attempt(ACCEPTED[name])


DENIED: dict[str, tuple[dict[str, str], str]] = {
    "other bucket": ({**form(), "bucket": "other"}, 'Condition failed: ["eq","$bucket","bucket"]'),
    "other key": ({**form(), "key": "admin/a"}, 'Condition failed: ["starts-with","$key","user/"]'),
    "field absent": (form(ACL), 'Condition failed: ["eq","$acl","private"]'),
    "field changed": ({**form(ACL, acl="private"), "acl": "public-read"}, "Condition failed"),
    "field that no condition names": (form(acl="public-read"), "Extra input fields: acl"),
    "several of them": (form(acl="x", tagging="y"), "Extra input fields: acl, tagging"),
    "token that no condition names": ({**form(), "x-amz-security-token": "t"}, "Extra input fields"),
    "one type of a list": (form(TYPE, content_type="image/png,text/html"), "Condition failed"),
    "exact type as a list": (form({"content-type": "a/b"}, content_type="a/b,a/b"), "Condition failed"),
}


@pytest.mark.parametrize("name", DENIED)
def test_denied(name: str) -> None:
    fields, message = DENIED[name]
    with pytest.raises(AwsError) as caught:
        attempt(fields)
    assert (caught.value.code, caught.value.status) == ("AccessDenied", 403)
    assert caught.value.message.startswith("Invalid according to Policy: ")
    assert message in caught.value.message


def test_expired() -> None:
    end = datetime(2026, 3, 14, 16, tzinfo=UTC)
    attempt(form(), now=end - timedelta(seconds=1))
    with pytest.raises(AwsError, match=r"Invalid according to Policy: Policy expired\."):
        attempt(form(), now=end)


FORGED: dict[str, tuple[dict[str, str], str, dict[str, Any]]] = {
    "wrong secret": (form(), "SignatureDoesNotMatch", {"secret": "x"}),
    "policy changed": ({**form(), "policy": form(ACL)["policy"]}, "SignatureDoesNotMatch", {}),
    "policy padded": ({**form(), "policy": form()["policy"] + "\n"}, "SignatureDoesNotMatch", {}),
    "signature changed": ({**form(), "x-amz-signature": "0" * 64}, "SignatureDoesNotMatch", {}),
    "other region": (form(), "AccessDenied", {"region": "eu-west-1"}),
    "other service": (
        {**form(), "x-amz-credential": f"{KEY}/20260314/us-east-1/iam/aws4_request"}, "AccessDenied", {}),
    "other day": ({**form(), "x-amz-date": "20260315T000000Z"}, "AccessDenied", {}),
    "terminator": (
        {**form(), "x-amz-credential": f"{KEY}/20260314/us-east-1/s3/aws5_request"}, "AccessDenied", {}),
    "date malformed": ({**form(), "x-amz-date": "today"}, "InvalidArgument", {}),
    "credential malformed": ({**form(), "x-amz-credential": KEY}, "InvalidArgument", {}),
    "credential empty": ({**form(), "x-amz-credential": ""}, "InvalidArgument", {}),
    "signature empty": ({**form(), "x-amz-signature": ""}, "InvalidArgument", {}),
    "algorithm": ({**form(), "x-amz-algorithm": "AWS4-HMAC-SHA1"}, "InvalidArgument", {}),
    "SigV2": ({"policy": "e30=", "awsaccesskeyid": KEY, "signature": "x"}, "SignatureDoesNotMatch", {}),
    "SigV2 without a key": ({"policy": "e30=", "signature": "x"}, "InvalidAccessKeyId", {}),
    "SigV2 with a broken key": ({"policy": "e30=", "awsaccesskeyid": "a b", "signature": "x"}, "InvalidAccessKeyId", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_forged(name: str) -> None:
    fields, code, options = FORGED[name]
    with pytest.raises(AwsError) as caught:
        attempt(fields, **options)
    assert caught.value.code == code
    assert SECRET not in f"{caught.value} {dict(caught.value.fields)}"


def with_conditions(*conditions: Any) -> dict[str, Any]:
    return {"expiration": EXPIRES, "conditions": list(conditions)}


INVALID: dict[str, Any] = {
    "not JSON": "{",
    "not an object": "[]",
    "a thousand levels": "[" * 10_000,
    "too long": " " * 30_000,
    "no expiration": {"conditions": []},
    "no conditions": {"expiration": EXPIRES},
    "conditions as an object": {"expiration": EXPIRES, "conditions": {}},
    "expiration as a number": {"expiration": 5, "conditions": []},
    "expiration malformed": {"expiration": "soon", "conditions": []},
    "expiration without a zone": {"expiration": "2026-03-14T16:00:00", "conditions": []},
    "expiration before all time": {"expiration": "0001-01-01T00:00:00+14:00", "conditions": []},
    "condition as a string": with_conditions("acl"),
    "condition empty": with_conditions([]),
    "condition an empty object": with_conditions({}),
    "condition of an unknown kind": with_conditions(["ends-with", "$key", "x"]),
    "condition of two parts": with_conditions(["eq", "$key"]),
    "condition on no field": with_conditions(["eq", "key", "x"]),
    "condition with a number": with_conditions({"success_action_status": 201}),
    "range backwards": with_conditions(["content-length-range", 5, 4]),
    "range negative": with_conditions(["content-length-range", -1, 4]),
    "range with one end": with_conditions(["content-length-range", 1]),
    "range of booleans": with_conditions(["content-length-range", False, True]),
    "range of words": with_conditions(["content-length-range", "one", "two"]),
    "range beyond all sizes": with_conditions(["content-length-range", 0, 1 << 70]),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_documents(name: str) -> None:
    with pytest.raises(AwsError) as caught:
        attempt(resigned(form(), INVALID[name]))
    assert (caught.value.code, caught.value.status) == ("InvalidPolicyDocument", 400)


def test_not_base64() -> None:
    for text in ("é", "%%%", "e30", ""):
        with pytest.raises(AwsError, match="InvalidPolicyDocument"):
            parse_post_policy(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@quick
@given(st.dictionaries(st.sampled_from(["expiration", "conditions", "x"]), json_values))
def test_any_document_raises_only_aws_errors(document: dict[str, Any]) -> None:
    with suppress(AwsError):
        parse_post_policy(base64.b64encode(json.dumps(document).encode()).decode())


@quick
@given(st.dictionaries(st.sampled_from(list(form())), st.text(max_size=30)))
def test_any_form_raises_only_aws_errors(changes: dict[str, str]) -> None:
    fields = {**form(), **changes}
    if fields != form():
        try:
            attempt(fields)
        except AwsError:
            return
        assert changes.get("key", "user/").startswith("user/")
