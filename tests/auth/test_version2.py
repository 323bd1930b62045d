"""Signature Version 2 of S3: AWS's own examples, botocore as the oracle, and forgeries."""

from __future__ import annotations

import hmac
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import quote, unquote, urlsplit

import pytest
from botocore.auth import HmacV1Auth, HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from sigv4_client import KEY, NOW, SECRET, Sent, changed

from fogbank.auth import PayloadMode, claim, hoisted_headers, verify
from fogbank.auth.version2 import SUBRESOURCES
from fogbank.wire import load
from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.auth import Verified

quick = settings(max_examples=150, deadline=None, derandomize=True)
ENDS = int(NOW.timestamp()) + 3600
DATE = format_datetime(NOW, usegmt=True)
MANY = {
    "x-amz-meta-b": "2",
    "Content-Type": "text/plain",
    "x-amz-acl": "private",
    "Content-MD5": "MTIzNDU2Nzg5MDEyMzQ1Ng==",
}


def request_of(made: AWSRequest) -> HttpRequest:
    parts = urlsplit(str(made.url))
    lower = {name.lower(): str(value) for name, value in made.headers.items()}
    return HttpRequest(made.method, unquote(parts.path), parts.query, {"host": "localhost", **lower})


def sign(
    method: str = "GET", target: str = "/bucket/key", headers: dict[str, str] | None = None, token: str | None = None
) -> HttpRequest:
    """Signed by botocore in the Authorization header; `target` is escaped."""
    made = AWSRequest(method, f"http://localhost{target}", headers=headers or {})
    with mock.patch("botocore.auth.formatdate", return_value=DATE):
        HmacV1Auth(Credentials(KEY, SECRET, token)).add_auth(made)
    return request_of(made)


def presign(
    method: str = "GET",
    target: str = "/bucket/key",
    headers: dict[str, str] | None = None,
    token: str | None = None,
    expires: int = 3600,
) -> HttpRequest:
    """Presigned by botocore, without the headers that are in the query now."""
    made = AWSRequest(method, f"http://localhost{target}", headers=headers or {})
    with mock.patch("botocore.auth.time.time", return_value=NOW.timestamp()):
        HmacV1QueryAuth(Credentials(KEY, SECRET, token), expires).add_auth(made)
    request = request_of(made)
    return HttpRequest(method, request.path, request.query, {"host": "localhost"})


def attempt(request: HttpRequest, secret: str = SECRET, now: datetime = NOW, **options: Any) -> Verified:
    found = claim(request)
    assert found is not None, "anonymous"
    assert (found.version, found.service, found.region, found.access_key_id) == (2, "s3", "", KEY)
    return verify(found, request, secret, now, services={"s3"}, **options)


def refusal(request: HttpRequest, **options: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        attempt(request, **options)
    return caught.value


# --- AWS's examples: "Signing and authenticating REST requests"; the buckets are the hosts'

PHOTO = "/awsexamplebucket1/photos/puppy.jpg"
EXAMPLES: dict[str, tuple[str, str, str, dict[str, str], str]] = {
    "object GET": ("GET", PHOTO, "", {"date": "Tue, 27 Mar 2007 19:36:42 +0000"}, "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="),
    "object PUT": (
        "PUT", PHOTO, "", {"content-type": "image/jpeg", "date": "Tue, 27 Mar 2007 21:15:45 +0000"},
        "iqRzw+ileNPu1fhspnRs8nOjjIA="),
    "list": (
        "GET", "/awsexamplebucket1/", "prefix=photos&max-keys=50&marker=puppy",
        {"date": "Tue, 27 Mar 2007 19:42:41 +0000"}, "m0WP8eCtspQl5Ahe6L1SozdX9YA="),
    "fetch": (
        "GET", "/awsexamplebucket1/", "acl", {"date": "Tue, 27 Mar 2007 19:44:46 +0000"}, "82ZHiFIjc+WbcwFKGUVEQspPn+0="),
    "list all my buckets": ("GET", "/", "", {"date": "Wed, 28 Mar 2007 01:29:59 +0000"}, "qGdzdERIC03wnaRNKh6OqZehG9s="),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    method, path, query, given, signature = EXAMPLES[name]
    request = HttpRequest(method, path, query, {**given, "authorization": f"AWS {KEY}:{signature}"})
    found = claim(request)
    assert found is not None
    attempt(request, now=found.at)


def test_example_of_a_query() -> None:
    query = f"AWSAccessKeyId={KEY}&Expires=1175139620&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D"
    attempt(HttpRequest("GET", "/johnsmith/photos/puppy.jpg", query, {}), now=datetime(2007, 3, 28, tzinfo=UTC))


# --- what botocore signs

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
amz = st.dictionaries(
    st.sampled_from(["x-amz-acl", "X-Amz-Meta-A", "x-amz-meta-b", "x-amz-tagging"]), values, max_size=3
)
standard = st.dictionaries(st.sampled_from(["Content-Type", "Content-MD5"]), values, max_size=2)
signable = sorted(SUBRESOURCES & set(HmacV1Auth.QSAOfInterest))
argument = st.tuples(st.sampled_from([*signable, "prefix", "max-keys", "x-id"]), st.none() | keys)


@st.composite
def targets(draw: st.DrawFn) -> str:
    path = quote(f"/bucket/{draw(keys)}", safe="/~")
    pairs = draw(st.lists(argument, max_size=4, unique_by=lambda pair: pair[0]))
    query = "&".join(name if value is None else f"{name}={quote(value, safe='~')}" for name, value in pairs)
    return f"{path}?{query}" if query else path


@quick
@given(
    st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "POST"]), targets(), amz, standard, st.none() | st.just("to/k+en=")
)
def test_whatever_botocore_signs_is_accepted(
    method: str, target: str, amz: dict[str, str], standard: dict[str, str], token: str | None
) -> None:
    for request in (sign(method, target, amz | standard, token), presign(method, target, amz | standard, token)):
        found = claim(request)
        assert found is not None
        assert found.session_token == token
        assert attempt(request).payload is PayloadMode.UNSIGNED
        assert refusal(request, secret="other").code == "SignatureDoesNotMatch"


@quick
@given(targets(), targets())
def test_a_signature_is_of_one_path_and_its_subresources(mine: str, other: str) -> None:
    request, wanted = presign(target=mine), presign(target=other)
    moved = changed(request, path=wanted.path)
    if wanted.path != request.path:
        assert refusal(moved).code == "SignatureDoesNotMatch"
    else:
        attempt(moved)


@quick
@given(st.sampled_from(sorted(SUBRESOURCES)), keys | st.just(""))
def test_no_subresource_can_be_added(name: str, value: str) -> None:
    request = presign()
    assert refusal(changed(request, query=f"{request.query}&{name}={quote(value)}")).code == "SignatureDoesNotMatch"


def test_whatever_makes_another_operation_is_a_subresource() -> None:
    """All arguments in the URIs of S3's model, but for the two that change nothing without more."""
    uris = [operation["http"]["requestUri"] for operation in load("s3").raw["operations"].values()]
    names = {pair.partition("=")[0] for uri in uris for pair in uri.partition("?")[2].split("&")}
    assert names - SUBRESOURCES == {"", "list-type", "attributes"}


FINE: dict[str, Callable[[], HttpRequest]] = {
    "bucket without its slash": lambda: changed(presign(target="/bucket/"), path="/bucket"),
    "bucket with a slash": lambda: changed(presign(target="/bucket"), path="/bucket/"),
    "path whose reserved characters are signed as they are": lambda: presign(target="/bucket/a+b@c=(d)"),
    "empty value of a sub-resource": lambda: changed(
        presign(target="/bucket/?acl"), query=presign(target="/bucket/?acl").query.replace("acl&", "acl=&")),
    "escaped name of a sub-resource": lambda: changed(
        presign(target="/bucket/?acl"), query=presign(target="/bucket/?acl").query.replace("acl&", "%61cl&")),
    "another order of arguments": lambda: changed(
        presign(), query="&".join(reversed(presign().query.split("&")))),
    "another host": lambda: changed(presign(), headers={"host": "bucket.s3.eu-west-1.amazonaws.com"}),
    "headers sent again": lambda: changed(
        presign("PUT", headers=MANY), headers={name.lower(): value for name, value in MANY.items()}),
    "white space around a value": lambda: changed(sign("PUT", headers=MANY), headers={"x-amz-acl": "  private "}),
    "x-amz-date instead of Date": lambda: changed(
        sign(headers={"x-amz-meta-a": "1"}), headers={"date": None, "x-amz-date": DATE, "authorization": signed_with_date()}),
    "an argument of no concern": lambda: changed(presign(), query=presign().query + "&prefix=a&list-type=2"),
    "a header of no concern": lambda: changed(presign(), headers={"range": "bytes=0-1", "user-agent": "curl"}),
    "two spaces after the scheme": lambda: changed(
        sign(), headers={"authorization": sign().headers["authorization"].replace(" ", "  ")}),
    "a form's content type on PUT": lambda: sign(
        "PUT", headers={"Content-Type": "application/x-www-form-urlencoded"}),
}  # fmt: skip


def signed_with_date() -> str:
    text = f"GET\n\n\n\nx-amz-date:{DATE}\nx-amz-meta-a:1\n/bucket/key"
    signer = HmacV1Auth(Credentials(KEY, SECRET))
    return f"AWS {KEY}:{signer.sign_string(text)}"


@pytest.mark.parametrize("name", FINE)
def test_harmless_differences_are_accepted(name: str) -> None:
    attempt(FINE[name]())


def test_the_end_is_included() -> None:
    attempt(presign(), now=NOW + timedelta(hours=1))
    attempt(presign(expires=10**9), now=NOW + timedelta(days=3650))


def test_a_presigned_url_carries_its_headers() -> None:
    request = presign("PUT", headers=MANY, token="t")
    carried = {name.lower(): value for name, value in MANY.items()}
    assert hoisted_headers(request, version=2) == carried
    own = {"content-type": "text/html", "x-amz-acl": "public-read"}
    assert hoisted_headers(changed(request, headers=own), version=2) == {
        name: value for name, value in carried.items() if name not in own
    }


def test_the_hash_of_a_body_counts_if_it_is_declared() -> None:
    request = sign("PUT", headers={"x-amz-content-sha256": "0" * 64})
    assert attempt(request, body_hash="0" * 64).payload is PayloadMode.EXACT
    assert refusal(request, body_hash="1" * 64).code == "XAmzContentSHA256Mismatch"
    trailer = sign("PUT", headers={"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"})
    assert attempt(trailer).payload is PayloadMode.UNSIGNED_TRAILER


# --- forgeries

MISMATCH, DENIED, TWO = "SignatureDoesNotMatch", "AccessDenied", "InvalidArgument"
late, early = NOW + timedelta(minutes=16), NOW - timedelta(minutes=16)
hour = NOW + timedelta(hours=1, seconds=1)


def queried(old: str, new: str, *arguments: Any, **options: Any) -> HttpRequest:
    request = presign(*arguments, **options)
    assert old in request.query
    return changed(request, query=request.query.replace(old, new, 1))


def added(query: str, *arguments: Any, **options: Any) -> HttpRequest:
    request = presign(*arguments, **options)
    return changed(request, query=f"{request.query}&{query}")


def headers(request: HttpRequest, **values: str | None) -> HttpRequest:
    return changed(request, headers={name.replace("_", "-"): value for name, value in values.items()})


def authorized(text: str) -> HttpRequest:
    return headers(sign(), authorization=text)


def with_signature(of: Callable[[str], str]) -> HttpRequest:
    signature = sign().headers["authorization"].rpartition(":")[2]
    return authorized(f"AWS {KEY}:{of(signature)}")


CASES: dict[str, tuple[Callable[[], HttpRequest], str, dict[str, Any]]] = {
    # header
    "wrong secret": (sign, MISMATCH, {"secret": SECRET[:-1]}),
    "secret empty": (sign, MISMATCH, {"secret": ""}),
    "method changed": (lambda: changed(sign(), method="DELETE"), MISMATCH, {}),
    "bucket changed": (lambda: changed(sign(), path="/other/key"), MISMATCH, {}),
    "key changed": (lambda: changed(sign(), path="/bucket/other"), MISMATCH, {}),
    "slash doubled": (lambda: changed(sign(), path="/bucket//key"), MISMATCH, {}),
    "slash appended": (lambda: changed(sign(), path="/bucket/key/"), MISMATCH, {}),
    "dot segment added": (lambda: changed(sign(), path="/bucket/./key"), MISMATCH, {}),
    "question mark in the path": (lambda: changed(sign(target="/bucket/key?acl"), path="/bucket/key?acl", query=""), MISMATCH, {}),
    "sub-resource added": (lambda: changed(sign(), query="acl"), MISMATCH, {}),
    "sub-resource added, escaped": (lambda: changed(sign(), query="%61cl"), MISMATCH, {}),
    "sub-resource removed": (lambda: changed(sign(target="/bucket/key?acl"), query=""), MISMATCH, {}),
    "sub-resource twice": (lambda: changed(sign(target="/bucket/key?partNumber=1"), query="partNumber=1&partNumber=2"), MISMATCH, {}),
    "sub-resource's value changed": (lambda: changed(sign(target="/bucket/key?partNumber=1"), query="partNumber=2"), MISMATCH, {}),
    "x-amz header added": (lambda: headers(sign(), x_amz_acl="public-read"), MISMATCH, {}),
    "x-amz header changed": (lambda: headers(sign(headers=MANY), x_amz_acl="public-read"), MISMATCH, {}),
    "x-amz header removed": (lambda: headers(sign(headers=MANY), x_amz_acl=None), MISMATCH, {}),
    "copy source added": (lambda: headers(sign("PUT"), x_amz_copy_source="/secret/key"), MISMATCH, {}),
    "content type changed": (lambda: headers(sign(headers=MANY), content_type="text/html"), MISMATCH, {}),
    "MD5 changed": (lambda: headers(sign(headers=MANY), content_md5="AAAAAAAAAAAAAAAAAAAAAA=="), MISMATCH, {}),
    "token added": (lambda: headers(sign(), x_amz_security_token="t"), MISMATCH, {}),
    "token removed": (lambda: headers(sign(token="t"), x_amz_security_token=None), MISMATCH, {}),
    "date moved up": (lambda: headers(sign(), date=format_datetime(late, usegmt=True)), MISMATCH, {"now": late}),
    "date overridden": (lambda: headers(sign(), x_amz_date=format_datetime(late, usegmt=True)), MISMATCH, {"now": late}),
    "sixteen minutes late": (sign, "RequestTimeTooSkewed", {"now": late}),
    "sixteen minutes early": (sign, "RequestTimeTooSkewed", {"now": early}),
    "date missing": (lambda: headers(sign(), date=None), DENIED, {}),
    "date malformed": (lambda: headers(sign(), date="yesterday"), DENIED, {}),
    "signature truncated": (lambda: with_signature(lambda text: text[:-1]), MISMATCH, {}),
    "signature extended": (lambda: with_signature(lambda text: text + "="), MISMATCH, {}),
    "signature with other bits at its end": (
        lambda: with_signature(lambda text: f"{text[:-2]}{chr(ord(text[-2]) + 1)}="), MISMATCH, {}),
    "signature not base64": (lambda: with_signature(lambda _: "é" * 28), MISMATCH, {}),
    "signature empty": (lambda: with_signature(lambda _: ""), "InvalidArgument", {}),
    "no colon": (lambda: authorized(f"AWS {KEY}"), "InvalidArgument", {}),
    "no key": (lambda: authorized("AWS :abc="), "InvalidArgument", {}),
    "bare scheme": (lambda: authorized("AWS"), "InvalidArgument", {}),
    "key with a space": (lambda: authorized("AWS A B:abc="), "InvalidAccessKeyId", {}),
    "key too long": (lambda: authorized(f"AWS {'A' * 129}:abc="), "InvalidAccessKeyId", {}),
    "version 3": (lambda: authorized(f"AWS3 {KEY}:abc="), "InvalidRequest", {}),
    "chunks that need a key of version 4": (
        lambda: sign("PUT", headers={"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}), "InvalidRequest", {}),
    # query
    "presigned: wrong secret": (presign, MISMATCH, {"secret": "x"}),
    "presigned: expired": (presign, DENIED, {"now": hour}),
    "presigned: lifetime extended": (lambda: queried(f"={ENDS}", f"={ENDS + 9}"), MISMATCH, {"now": hour}),
    "presigned: lifetime with a zero in front": (lambda: queried(f"={ENDS}", f"=0{ENDS}"), MISMATCH, {}),
    "presigned: lifetime of a word": (lambda: queried(f"={ENDS}", "=tomorrow"), DENIED, {}),
    "presigned: lifetime of foreign digits": (lambda: queried(f"={ENDS}", "=%D9%A3"), DENIED, {}),
    "presigned: lifetime negative": (lambda: queried(f"={ENDS}", f"=-{ENDS}"), DENIED, {}),
    "presigned: lifetime endless": (lambda: queried(f"={ENDS}", "=" + "9" * 5000), DENIED, {}),
    "presigned: lifetime past all years": (lambda: queried(f"={ENDS}", "=253402300800"), DENIED, {}),
    "presigned: lifetime missing": (lambda: queried("Expires", "Expired"), DENIED, {}),
    "presigned: lifetime empty": (lambda: queried(f"={ENDS}", "="), DENIED, {}),
    "presigned: lifetime twice": (lambda: added(f"Expires={ENDS + 9}"), DENIED, {"now": hour}),
    "presigned: signature missing": (lambda: queried("Signature", "Sig"), DENIED, {}),
    "presigned: signature twice": (lambda: added("Signature=x"), DENIED, {}),
    "presigned: key missing": (lambda: queried("AWSAccessKeyId", "Key"), DENIED, {}),
    "presigned: key twice": (lambda: added("AWSAccessKeyId=x"), DENIED, {}),
    "presigned: key of control characters": (lambda: queried(KEY, "%00"), "InvalidAccessKeyId", {}),
    "presigned: method changed": (lambda: changed(presign(), method="HEAD"), MISMATCH, {}),
    "presigned: key changed": (lambda: changed(presign(), path="/bucket/other"), MISMATCH, {}),
    "presigned: sub-resource added": (lambda: added("uploads", "POST"), MISMATCH, {}),
    "presigned: sub-resource of a newer operation": (lambda: added("publicAccessBlock", "PUT", "/bucket"), MISMATCH, {}),
    "presigned: name of the download changed": (
        lambda: queried("=a.txt", "=b.exe", target="/bucket/key?response-content-disposition=a.txt"), MISMATCH, {}),
    "presigned: x-amz header added": (lambda: headers(presign(), x_amz_acl="public-read"), MISMATCH, {}),
    "presigned: x-amz argument added": (lambda: added("x-amz-acl=public-read"), MISMATCH, {}),
    "presigned: x-amz argument in capitals": (lambda: added("X-AMZ-ACL=public-read", headers=MANY), MISMATCH, {}),
    "presigned: x-amz argument overridden": (lambda: headers(presign(headers=MANY), x_amz_acl="public-read"), MISMATCH, {}),
    "presigned: token added": (lambda: added("x-amz-security-token=t"), MISMATCH, {}),
    "presigned: token removed": (lambda: queried("x-amz-security-token", "y", token="t"), MISMATCH, {}),
    "presigned: content type added": (lambda: headers(presign("PUT"), content_type="text/html"), MISMATCH, {}),
    "presigned: content type overridden": (lambda: headers(presign("PUT", headers=MANY), content_type="text/html"), MISMATCH, {}),
    "presigned: lines moved by a line end in a value": (
        lambda: queried("-acl=a&x-amz-meta-b=c", "-acl=a%0Ax-amz-meta-b:c", headers={"x-amz-acl": "a", "x-amz-meta-b": "c"}),
        "InvalidArgument", {}),
    "presigned: a colon moved into a name": (
        lambda: queried("x-amz-meta-a=b%3Ac", "x-amz-meta-a%3Ab=c", headers={"x-amz-meta-a": "b:c"}), "InvalidArgument", {}),
    "presigned: line end in a content type": (lambda: added("content-type=a%0A1"), "InvalidArgument", {}),
    # both
    "header and query": (lambda: headers(presign(), authorization=sign().headers["authorization"]), TWO, {}),
    "header of version 4 and query": (
        lambda: headers(presign(), authorization=Sent().sign().headers["authorization"]), TWO, {}),
    "query of version 4 and of version 2": (lambda: added(Sent().presign().query), TWO, {}),
    "header and query of version 4": (lambda: changed(sign(), query=Sent().presign().query), TWO, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    make, code, options = CASES[name]
    error = refusal(make(), **options)
    assert error.code == code
    assert SECRET not in repr((error.message, error.fields))


OTHERS = {
    "iam": {"content-type": "application/x-www-form-urlencoded"},
    "dynamodb": {"x-amz-target": "DynamoDB_20120810.ListTables"},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_services_refuse_it(name: str) -> None:
    given = {**OTHERS[name], "date": DATE, "authorization": f"AWS {KEY}:abc="}
    with pytest.raises(AwsError, match="MissingAuthenticationToken"):
        claim(HttpRequest("POST", "/", "", given))
    with pytest.raises(AwsError, match="MissingAuthenticationToken"):
        claim(HttpRequest("GET", "/", f"AWSAccessKeyId={KEY}&Signature=x&Expires={ENDS}", OTHERS[name]), name)


# --- what the caller is told


def test_a_mismatch_is_told_what_should_have_been_signed() -> None:
    error = refusal(added("uploads", "PUT", headers=MANY))
    text = f"PUT\nMTIzNDU2Nzg5MDEyMzQ1Ng==\ntext/plain\n{ENDS}\nx-amz-acl:private\nx-amz-meta-b:2\n/bucket/key?uploads"
    found = claim(presign("PUT", headers=MANY))
    assert found is not None
    assert dict(error.fields) == {
        "AWSAccessKeyId": KEY,
        "StringToSign": text,
        "SignatureProvided": found.signature,
        "StringToSignBytes": text.encode().hex(" "),
    }


def test_times_are_told() -> None:
    error = refusal(presign(), now=hour)
    assert (error.message, error.status) == ("Request has expired", 403)
    assert dict(error.fields) == {"Expires": "2026-03-14T16:09:26Z", "ServerTime": "2026-03-14T16:09:27Z"}
    error = refusal(queried(f"={ENDS}", "=tomorrow"))
    assert (error.message, error.status) == ("Invalid date (should be seconds since epoch): tomorrow", 403)
    assert refusal(sign(), now=late).fields["RequestTime"] == DATE


def test_nothing_secret_is_shown() -> None:
    found = claim(presign(token="t0ken"))
    assert found is not None
    assert found.signature not in repr(found)
    assert "t0ken" not in repr(found)


def test_the_comparison_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    request = sign()
    assert refusal(request).code == MISMATCH
    signature = request.headers["authorization"].rpartition(":")[2].encode()
    assert compared == [(signature, signature)]


anything = st.text(max_size=30)
pieces = st.sampled_from(
    [
        "AWSAccessKeyId=",
        KEY,
        "&",
        "Signature=",
        "x",
        "Expires=",
        str(ENDS),
        "x-amz-",
        "acl",
        "=",
        "%0A",
        "%",
        "content-type=",
    ]
)


@quick
@given(
    st.lists(pieces | anything, max_size=14).map("".join),
    st.lists(pieces | anything, max_size=4).map("".join),
    anything,
)
def test_hostile_heads(query: str, credentials: str, path: str) -> None:
    for given_headers in ({}, {"authorization": f"AWS {credentials}", "date": DATE}):
        request = HttpRequest("GET", f"/{path}", query, given_headers)
        with suppress(AwsError):
            found = claim(request)
            if found is not None and found.version == 2:
                with pytest.raises(AwsError):
                    verify(found, request, SECRET, NOW)
