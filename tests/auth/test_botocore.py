"""Whatever botocore signs is verified, and is not once anything signed has changed."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigv4_client import KEY, NOW, SECRET, Sent, changed

from fogbank.auth import PayloadMode, claim, hoisted_headers, verify
from fogbank.auth.canonical import canonical_path, reserved_path
from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from fogbank.wire.http import HttpRequest

JSON_MISMATCH = "InvalidSignatureException"
quick = settings(max_examples=120, deadline=None, derandomize=True)
# Keys with all that paths trip over, but no surrogates, which are not UTF-8.
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
odd_keys = st.sampled_from(
    [
        "a b",
        "a+b",
        "a%20b",
        "a//b",
        "../x",
        "./x",
        "a/../b",
        "/lead",
        "trail/",
        "~.-_",
        "été",
        "日本/語",
        "a?b#c",
        "*'()!$&,:;=@",
        "\x00\x7f",
    ]
)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
queries = st.lists(st.tuples(keys, keys), max_size=6)


def accepted(request: HttpRequest, **options: object) -> None:
    found = claim(request)
    assert found is not None
    assert found.access_key_id == KEY
    verify(found, request, SECRET, NOW, **options)  # type: ignore[arg-type]


def refused(request: HttpRequest) -> str:
    with pytest.raises(AwsError) as caught:
        accepted(request)
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.fields}"
    return caught.value.code


def encoded(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


@quick
@given(
    keys | odd_keys,
    queries,
    st.dictionaries(st.from_regex(r"x-amz-meta-[a-z]{1,8}", fullmatch=True), values, max_size=4),
)
def test_s3_header(key: str, pairs: list[tuple[str, str]], metadata: dict[str, str]) -> None:
    url = f"https://s3.us-east-1.amazonaws.com/bucket/{quote(key, safe='/~')}?{encoded(pairs)}"
    request = Sent(url=url, headers=metadata).sign()
    accepted(request)
    assert refused(changed(request, path=request.path + "x")) == "SignatureDoesNotMatch"
    assert refused(changed(request, query=request.query + "&acl")) == "SignatureDoesNotMatch"


@quick
@given(keys | odd_keys, st.integers(1, 604_800), st.none() | st.just("FwoGZXIvYXdzE+/=="))
def test_s3_presigned(key: str, expires: int, token: str | None) -> None:
    url = f"https://bucket.s3.us-east-1.amazonaws.com/{quote(key, safe='/~')}?response-content-type=a%2Fb%20c"
    request = Sent(url=url, token=token).presign(expires)
    found = claim(request)
    assert found is not None
    assert (found.kind, found.expires, found.session_token) == ("query", expires, token)
    assert verify(found, request, SECRET, NOW + timedelta(seconds=expires)).payload is PayloadMode.UNSIGNED
    with pytest.raises(AwsError, match="Request has expired"):
        verify(found, request, SECRET, NOW + timedelta(seconds=expires + 1))
    assert refused(changed(request, path=request.path + "/")) == "SignatureDoesNotMatch"


@quick
@given(st.binary(max_size=200), st.lists(keys, max_size=3), st.sampled_from(["iam", "sts", "logs", "lambda", "ec2"]))
def test_other_services_sign_the_body(body: bytes, segments: list[str], service: str) -> None:
    path = "/".join(quote(segment.replace("/", "_"), safe="~") for segment in segments)
    sent = Sent(service, "POST", f"https://{service}.us-east-1.amazonaws.com/{path}", body=body)
    request = sent.sign()
    accepted(request)
    accepted(request, body_hash=sha256(body).hexdigest())
    expected = {"iam": "SignatureDoesNotMatch", "sts": "SignatureDoesNotMatch", "ec2": "AuthFailure"}
    assert refused(changed(request, body=body + b"x")) == expected.get(service, "InvalidSignatureException")


@quick
@given(keys.filter(lambda key: "/" in key or "." in key) | odd_keys)
def test_paths_of_other_services_are_normalised(key: str) -> None:
    url = f"https://lambda.us-east-1.amazonaws.com/2015-03-31/{quote(key, safe='/~')}"
    accepted(Sent("lambda", url=url).sign())


@quick
@given(st.lists(values, min_size=1, max_size=4))
def test_repeated_headers(several: list[str]) -> None:
    # A server joins repeated headers with a comma; a client signs them the same way.
    accepted(Sent(headers={"x-amz-meta-tags": ",".join(value.strip() for value in several)}).sign())


def test_a_slash_inside_a_label_needs_the_raw_path() -> None:
    request = Sent("lambda", url="https://lambda.us-east-1.amazonaws.com/functions/a%2Fb/code").sign()
    assert request.path == "/functions/a/b/code"
    assert refused(request) == "InvalidSignatureException"
    accepted(request, raw_path="/functions/a%2Fb/code")


@pytest.mark.parametrize(
    "path", ["/@connections/abc", "/things/a/jobs/$next", "/a:b/c(1)/./x//d%20e", "/cases:batchUpdate"]
)
def test_reserved_characters_may_come_unescaped(path: str) -> None:
    # Some models have them in their URIs, and clients that know no models send what they are given.
    request = Sent("lambda", url=f"https://lambda.us-east-1.amazonaws.com{path}").sign()
    accepted(request)
    accepted(request, raw_path=path)
    accepted(request, raw_path="/" + quote(path[1:]))
    assert refused(changed(request, path=request.path.replace(":", "%3A").replace("@", "%40") + "x")) == JSON_MISMATCH


@quick
@given(st.lists(st.sampled_from([":", "%3A", "%253A", "@", "%", "25", "a", "%2F"]), min_size=1, max_size=6), st.data())
def test_no_path_stands_for_another(pieces: list[str], data: st.DataObject) -> None:
    one = "/" + "".join(pieces)
    other = "/" + "".join(data.draw(st.permutations(pieces))).replace("%3A", ":", data.draw(st.integers(0, 1)))
    forms = [{canonical_path(path, s3=False), reserved_path(path)} - {None} for path in (one, other)]
    assert (one == other) or not forms[0] & forms[1]


def test_a_plus_in_a_query_is_a_space() -> None:
    request = Sent(url="https://s3.us-east-1.amazonaws.com/b?prefix=a%20b").sign()
    accepted(changed(request, query="prefix=a+b"))
    assert refused(changed(request, query="prefix=a%2Bb")) == "SignatureDoesNotMatch"


def test_a_session_token_is_claimed_and_signed() -> None:
    request = Sent(token="FwoGZXIvYXdzE+/==").sign()
    found = claim(request)
    assert found is not None
    assert found.session_token == "FwoGZXIvYXdzE+/=="
    accepted(request)


def test_a_presigned_url_may_sign_its_token_as_a_header() -> None:
    request = Sent(headers={"x-amz-security-token": "FwoG"}).presign()
    found = claim(request)
    assert found is not None
    assert found.session_token == "FwoG"
    accepted(request)


def test_s3express_has_a_session_token_of_its_own() -> None:
    header = Sent("s3express", headers={"x-amz-s3session-token": "FwoG"}).sign()
    query = Sent("s3express", url="https://b.s3express.amazonaws.com/a?X-Amz-S3session-Token=FwoG").presign()
    for request in (header, query):
        found = claim(request)
        assert found is not None
        assert found.session_token == "FwoG"


def test_headers_that_a_presigned_url_carries() -> None:
    # As the SDKs for JavaScript and Go presign an upload.
    arguments = "x-amz-acl=private&X-Amz-Meta-Owner=a%20b&x-amz-sdk-checksum-algorithm=CRC32&x-id=PutObject"
    url = f"https://bucket.s3.us-east-1.amazonaws.com/a?{arguments}&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"
    request = Sent(method="PUT", url=url, token="FwoG").presign()
    accepted(request)
    carried = {"x-amz-acl": "private", "x-amz-meta-owner": "a b", "x-amz-sdk-checksum-algorithm": "CRC32"}
    assert hoisted_headers(request) == carried
    del carried["x-amz-acl"]
    assert hoisted_headers(changed(request, headers={"x-amz-acl": "public-read"})) == carried


def test_a_presigned_url_of_another_service() -> None:
    url = "https://polly.us-east-1.amazonaws.com/v1/speech?Text=a%20b"
    accepted(Sent("polly", url=url).presign(60))


def test_sts_keeps_a_presigned_identity_for_fifteen_minutes() -> None:
    # What `aws eks get-token` makes: signed for 60 seconds, cached for 14 minutes.
    url = "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    request = Sent("sts", url=url, headers={"x-k8s-aws-id": "cluster"}).presign(60)
    found = claim(request)
    assert found is not None
    verify(found, request, SECRET, NOW + timedelta(minutes=14))
    with pytest.raises(AwsError, match="Signature expired"):
        verify(found, request, SECRET, NOW + timedelta(minutes=16))


def test_a_date_header_is_enough() -> None:
    request = Sent("iam", headers={"Date": "placeholder"}, url="https://iam.amazonaws.com/").sign()
    assert "x-amz-date" not in request.headers
    found = claim(request)
    assert found is not None
    assert found.timestamp == "20260314T150926Z"
    accepted(request)


def test_nothing_prints_what_could_be_used() -> None:
    request = Sent(token="FwoGsecret").presign()
    found = claim(request)
    assert found is not None
    done = verify(found, request, SECRET, NOW)
    for shown in (repr(found), str(found), f"{done}", repr(done)):
        assert found.signature not in shown
        assert "FwoGsecret" not in shown
        assert done.signing_key.hex() not in shown
        assert repr(done.signing_key) not in shown
