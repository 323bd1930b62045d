"""Forged, stale and malformed requests: each is refused, with the code that AWS gives."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from sigv4_client import KEY, NOW, SECRET, Sent, changed

from fogbank.auth import claim, signing, verify
from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.wire.http import HttpRequest

TOKEN = "FwoGZXIvYXdzEBYaDH"


def get(**options: Any) -> HttpRequest:
    return Sent(headers={"x-amz-meta-a": "1", "content-type": "text/plain"}, **options).sign()


def presigned(expires: int = 3600, **options: Any) -> HttpRequest:
    return Sent(**options).presign(expires)


def iam(**options: Any) -> HttpRequest:
    return Sent("iam", "POST", "https://iam.amazonaws.com/", body=b"Action=GetUser", **options).sign()


def logs(**options: Any) -> HttpRequest:
    headers = {"x-amz-target": "Logs_20140328.DescribeLogGroups", "content-type": "application/x-amz-json-1.1"}
    return Sent("logs", "POST", "https://logs.amazonaws.com/", headers, b"{}", **options).sign()


def ec2(**options: Any) -> HttpRequest:
    return Sent("ec2", "POST", "https://ec2.amazonaws.com/", body=b"Action=DescribeRegions", **options).sign()


def headers(request: HttpRequest, **values: str | None) -> HttpRequest:
    """With headers set, or taken away; an underscore stands for a dash."""
    return changed(request, headers={name.replace("_", "-"): value for name, value in values.items()})


def edited(request: HttpRequest, old: str, new: str) -> HttpRequest:
    """With a part of the Authorization header replaced."""
    text = request.headers["authorization"]
    assert old in text
    return headers(request, authorization=text.replace(old, new, 1))


def queried(request: HttpRequest, old: str, new: str) -> HttpRequest:
    """With a part of the query string replaced."""
    assert old in request.query
    return changed(request, query=request.query.replace(old, new, 1))


def with_signature(request: HttpRequest, of: Callable[[str], str]) -> HttpRequest:
    signature = request.headers["authorization"].rpartition("=")[2]
    return edited(request, signature, of(signature))


def attempt(request: HttpRequest, secret: str = SECRET, now: datetime = NOW, **options: Any) -> None:
    found = claim(request)
    assert found is not None, "anonymous"
    verify(found, request, secret, now, region="us-east-1", **options)


S3_BAD, JSON_BAD = "SignatureDoesNotMatch", "InvalidSignatureException"
HEADER, QUERY = "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError"
late, early = NOW + timedelta(minutes=16), NOW - timedelta(minutes=16)
hour = NOW + timedelta(hours=1, seconds=1)
long_ago = NOW - timedelta(days=1)
scope = "20260314/us-east-1/s3/aws4_request"

CASES: dict[str, tuple[Callable[[], HttpRequest], str, dict[str, Any]]] = {
    # S3, Authorization header
    "wrong secret": (get, S3_BAD, {"secret": SECRET[:-1]}),
    "secret empty": (get, S3_BAD, {"secret": ""}),
    "method changed": (lambda: changed(get(), method="DELETE"), S3_BAD, {}),
    "path changed": (lambda: changed(get(), path="/photos/b.jpg"), S3_BAD, {}),
    "slash doubled": (lambda: changed(get(), path="//photos/a.jpg"), S3_BAD, {}),
    "dot segment added": (lambda: changed(get(), path="/./photos/a.jpg"), S3_BAD, {}),
    "argument added": (lambda: changed(get(), query="acl"), S3_BAD, {}),
    "signature of a presigned URL added": (lambda: changed(get(), query="X-Amz-Signature=0"), "InvalidArgument", {}),
    "host changed": (lambda: headers(get(), host="other.s3.amazonaws.com"), S3_BAD, {}),
    "host missing": (lambda: headers(get(), host=None), S3_BAD, {}),
    "signed header changed": (lambda: headers(get(), x_amz_meta_a="2"), S3_BAD, {}),
    "signed header emptied": (lambda: headers(get(), x_amz_meta_a=""), S3_BAD, {}),
    "signed header removed": (lambda: headers(get(), x_amz_meta_a=None), S3_BAD, {}),
    "content type changed": (lambda: headers(get(), content_type="text/html"), S3_BAD, {}),
    "x-amz header added": (lambda: headers(get(), x_amz_acl="public-read"), "AccessDenied", {}),
    "token added": (lambda: headers(get(), x_amz_security_token=TOKEN), "AccessDenied", {}),
    "token removed": (lambda: headers(get(token=TOKEN), x_amz_security_token=None), S3_BAD, {}),
    "token changed": (lambda: headers(get(token=TOKEN), x_amz_security_token="x"), S3_BAD, {}),
    "host not signed": (lambda: edited(get(), "content-type;host;", "content-type;"), "AccessDenied", {}),
    "header left out of the signed ones": (lambda: edited(get(), ";x-amz-meta-a", ""), "AccessDenied", {}),
    "content hash header missing": (lambda: headers(get(), x_amz_content_sha256=None), "InvalidRequest", {}),
    "content hash header changed": (lambda: headers(get(), x_amz_content_sha256="0" * 64), S3_BAD, {}),
    "content hash header unsigned": (lambda: headers(get(), x_amz_content_sha256="UNSIGNED-PAYLOAD"), S3_BAD, {}),
    "content hash header nonsense": (lambda: headers(get(), x_amz_content_sha256="sha256"), "InvalidArgument", {}),
    "content hash header asymmetric": (
        lambda: headers(get(), x_amz_content_sha256="STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), "NotImplemented", {}),
    "content hash header events": (
        lambda: headers(get(), x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-EVENTS"), "NotImplemented", {}),
    "body changed": (get, "XAmzContentSHA256Mismatch", {"body_hash": "0" * 64}),
    "signature truncated": (lambda: with_signature(get(), lambda found: found[:-1]), S3_BAD, {}),
    "signature extended": (lambda: with_signature(get(), lambda found: found + "0"), S3_BAD, {}),
    "signature in capitals": (lambda: with_signature(get(), str.upper), S3_BAD, {}),
    "signature not hexadecimal": (lambda: with_signature(get(), lambda _: "é" * 64), S3_BAD, {}),
    "signature empty": (lambda: with_signature(get(), lambda _: ""), HEADER, {}),
    "scope terminator wrong": (lambda: edited(get(), "aws4_request", "aws5_request"), HEADER, {}),
    "scope date wrong": (lambda: edited(get(), "20260314", "20260315"), HEADER, {}),
    "scope date a prefix": (lambda: edited(get(), "20260314", "2026031"), HEADER, {}),
    "scope region wrong": (lambda: get(region="eu-west-1"), HEADER, {}),
    "scope region edited": (lambda: edited(get(region="eu-west-1"), "eu-west-1", "us-east-1"), S3_BAD, {}),
    "scope service wrong": (lambda: edited(get(), "/s3/", "/s3express/"), HEADER, {"services": {"s3"}}),
    "scope service edited": (lambda: edited(get(), "/s3/", "/s3express/"), S3_BAD, {}),
    "scope too short": (lambda: edited(get(), "/s3/", "/"), HEADER, {}),
    "scope too long": (lambda: edited(get(), "/s3/", "/s3/s3/"), HEADER, {}),
    "sixteen minutes late": (get, "RequestTimeTooSkewed", {"now": late}),
    "sixteen minutes early": (get, "RequestTimeTooSkewed", {"now": early}),
    "replayed a year later": (get, "RequestTimeTooSkewed", {"now": NOW + timedelta(days=365)}),
    "date moved up": (lambda: headers(get(), x_amz_date="20260314T153000Z"), S3_BAD, {"now": late}),
    "date malformed": (lambda: headers(get(), x_amz_date="2026-03-14"), "AccessDenied", {"now": late}),
    "date impossible": (lambda: headers(get(), x_amz_date="20260231T000000Z"), "AccessDenied", {}),
    "date missing": (lambda: headers(get(), x_amz_date=None), "AccessDenied", {}),
    "Credential missing": (lambda: edited(get(), f"Credential={KEY}/{scope}, ", ""), HEADER, {}),
    "Credential twice": (lambda: edited(get(), "Signature=", f"Credential={KEY}/{scope}, Signature="), HEADER, {}),
    "Signature twice": (lambda: edited(get(), "Signature=", "Signature=0, Signature="), HEADER, {}),
    "SignedHeaders empty": (lambda: headers(get(), authorization=f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, "
                                            "SignedHeaders=, Signature=0"), HEADER, {}),
    "SignedHeaders with one twice": (lambda: edited(get(), "host;", "host;host;"), HEADER, {}),
    "unknown component": (lambda: edited(get(), "Signature=", "Other=1, Signature="), HEADER, {}),
    "bare algorithm": (lambda: headers(get(), authorization="AWS4-HMAC-SHA256"), HEADER, {}),
    "other algorithm": (lambda: edited(get(), "SHA256", "SHA1"), "InvalidRequest", {}),
    "SigV4A": (lambda: edited(get(), "HMAC-SHA256", "ECDSA-P256-SHA256"), "InvalidRequest", {}),
    "SigV2": (lambda: headers(get(), authorization=f"AWS {KEY}:frJIUN8DYpKDtOLCwo//yllqDzg="), S3_BAD, {}),
    "SigV2 query": (lambda: changed(headers(get(), authorization=None),
                                    query=f"AWSAccessKeyId={KEY}&Expires=1&Signature=x"), "AccessDenied", {}),
    "bearer token": (lambda: headers(get(), authorization="Bearer abc"), "InvalidArgument", {}),
    "authorization empty": (lambda: headers(get(), authorization=""), "InvalidArgument", {}),
    "header and query": (
        lambda: changed(get(), query="X-Amz-Algorithm=AWS4-HMAC-SHA256"), "InvalidArgument", {}),
    "header and SigV2 query": (
        lambda: changed(get(), query="AWSAccessKeyId=A&Signature=x"), "InvalidArgument", {}),
    # S3, presigned
    "presigned: wrong secret": (presigned, S3_BAD, {"secret": "x"}),
    "presigned: expired": (presigned, "AccessDenied", {"now": hour}),
    "presigned: expiry moved up": (
        lambda: queried(presigned(), "Expires=3600", "Expires=7200"), S3_BAD, {"now": hour}),
    "presigned: not yet valid": (presigned, "AccessDenied", {"now": early}),
    "presigned: path changed": (lambda: changed(presigned(), path="/photos/b.jpg"), S3_BAD, {}),
    "presigned: method changed": (lambda: changed(presigned(), method="PUT"), S3_BAD, {}),
    "presigned: argument added": (lambda: changed(presigned(), query=presigned().query + "&acl"), S3_BAD, {}),
    "presigned: x-amz header added": (lambda: headers(presigned(), x_amz_acl="public-read"), "AccessDenied", {}),
    "presigned: content hash added": (lambda: headers(presigned(), x_amz_content_sha256="0" * 64), "AccessDenied", {}),
    "presigned: token removed": (
        lambda: queried(presigned(token=TOKEN), f"&X-Amz-Security-Token={TOKEN}", ""), S3_BAD, {}),
    "presigned: token added": (
        lambda: changed(presigned(), query=f"{presigned().query}&X-Amz-Security-Token={TOKEN}"), S3_BAD, {}),
    "presigned: host not signed": (lambda: queried(presigned(), "Headers=host", "Headers=range"), "AccessDenied", {}),
    "presigned: expires zero": (lambda: presigned(0), QUERY, {}),
    "presigned: expires negative": (lambda: presigned(-1), QUERY, {}),
    "presigned: expires over a week": (lambda: presigned(604_801), QUERY, {}),
    "presigned: expires enormous": (lambda: presigned(10**30), QUERY, {}),
    "presigned: expires not a number": (lambda: queried(presigned(), "Expires=3600", "Expires=1h"), QUERY, {}),
    "presigned: expires in other digits": (
        lambda: queried(presigned(), "Expires=3600", "Expires=" + quote("٣")), QUERY, {}),
    "presigned: expires missing": (lambda: queried(presigned(), "&X-Amz-Expires=3600", ""), QUERY, {}),
    "presigned: expires twice": (lambda: queried(presigned(), "&X-Amz-Exp", "&X-Amz-Expires=9&X-Amz-Exp"), QUERY, {}),
    "presigned: signature twice": (
        lambda: changed(presigned(), query=presigned().query + "&X-Amz-Signature=0"), QUERY, {}),
    "presigned: signature missing": (lambda: queried(presigned(), "X-Amz-Signature", "X-Amz-Sig"), QUERY, {}),
    "presigned: credential missing": (lambda: queried(presigned(), "X-Amz-Credential", "X-Amz-Cred"), QUERY, {}),
    "presigned: credential malformed": (lambda: queried(presigned(), "%2Fs3%2F", "%2F"), QUERY, {}),
    "presigned: algorithm missing": (lambda: queried(presigned(), "X-Amz-Algorithm", "X-Amz-Alg"), QUERY, {}),
    "presigned: algorithm twice": (
        lambda: changed(presigned(), query=presigned().query + "&X-Amz-Algorithm=AWS4-HMAC-SHA256"), QUERY, {}),
    "presigned: SigV4A": (
        lambda: queried(presigned(), "HMAC-SHA256", "ECDSA-P256-SHA256"), "InvalidRequest", {}),
    "presigned: date malformed": (lambda: queried(presigned(), "Date=2026", "Date=X026"), QUERY, {}),
    "presigned: date of another day": (lambda: queried(presigned(), "Date=20260314", "Date=20260313"), QUERY, {}),
    "presigned: signed headers with one twice": (
        lambda: queried(presigned(), "Headers=host", "Headers=host%3Bhost"), QUERY, {}),
    "presigned: region wrong": (lambda: presigned(region="eu-west-1"), QUERY, {}),
    # query services
    "iam: wrong secret": (iam, S3_BAD, {"secret": "x"}),
    "iam: body changed": (lambda: changed(iam(), body=b"Action=DeleteUser"), S3_BAD, {}),
    "iam: body emptied": (lambda: changed(iam(), body=b""), S3_BAD, {}),
    "iam: body hash given": (iam, S3_BAD, {"body_hash": "0" * 64}),
    "iam: declared hash is not believed": (
        lambda: changed(Sent("iam", "POST", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, body=b"a").sign(),
                        body=b"b"), S3_BAD, {}),
    "iam: late": (iam, S3_BAD, {"now": late}),
    "iam: early": (iam, S3_BAD, {"now": early}),
    "iam: terminator": (lambda: edited(iam(), "aws4_request", "aws4"), S3_BAD, {}),
    "iam: region": (lambda: iam(region="eu-west-1"), S3_BAD, {}),
    "iam: date": (lambda: edited(iam(), "/20260314/", "/20260313/"), S3_BAD, {}),
    "iam: service": (lambda: edited(iam(), "/iam/", "/sts/"), S3_BAD, {"services": {"iam"}}),
    "iam: signature missing": (lambda: edited(iam(), "Signature=", "Sig="), "IncompleteSignature", {}),
    "iam: credential malformed": (lambda: edited(iam(), "/iam/", "/iam/a/"), "IncompleteSignature", {}),
    "iam: date missing": (lambda: headers(iam(), x_amz_date=None), "IncompleteSignature", {}),
    "iam: date malformed": (lambda: headers(iam(), x_amz_date="yesterday"), "IncompleteSignature", {}),
    "iam: not AWS": (
        lambda: headers(iam(), authorization="Basic abc", content_type="application/x-www-form-urlencoded"),
        "MissingAuthenticationToken", {}),
    "iam: host not signed": (lambda: edited(iam(), "host;", ""), S3_BAD, {}),
    # JSON services
    "logs: wrong secret": (logs, JSON_BAD, {"secret": "x"}),
    "logs: target changed": (lambda: headers(logs(), x_amz_target="Logs_20140328.DeleteLogGroup"), JSON_BAD, {}),
    "logs: target not signed": (lambda: edited(logs(), ";x-amz-target", ""), JSON_BAD, {}),
    "logs: late": (logs, JSON_BAD, {"now": late}),
    "logs: early": (logs, JSON_BAD, {"now": early}),
    "logs: SigV4A": (
        lambda: edited(logs(), "HMAC-SHA256", "ECDSA-P256-SHA256"), "IncompleteSignatureException", {}),
    "logs: bearer": (lambda: headers(logs(), authorization="Bearer x"), "MissingAuthenticationTokenException", {}),
    "logs: header and query": (
        lambda: changed(logs(), query="X-Amz-Algorithm=AWS4-HMAC-SHA256"), JSON_BAD, {}),
    "logs: presigned without a date": (
        lambda: queried(Sent("logs").presign(), "X-Amz-Date", "X-Amz-D"), "IncompleteSignatureException", {}),
    "logs: presigned and expired": (lambda: Sent("logs").presign(60), JSON_BAD, {"now": NOW + timedelta(seconds=61)}),
    # EC2
    "ec2: wrong secret": (ec2, "AuthFailure", {"secret": "x"}),
    "ec2: late": (ec2, "RequestExpired", {"now": late}),
    "ec2: early": (ec2, "RequestExpired", {"now": early}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    make, code, options = CASES[name]
    request = make()
    with pytest.raises(AwsError) as caught:
        attempt(request, **options)
    error = caught.value
    assert error.code == code
    assert error.message
    assert error.status is not None
    key = signing.signing_key(options.get("secret", SECRET), "20260314", "us-east-1", "s3")
    fields = {name: value for name, value in error.fields.items() if name != "SignatureProvided"}
    shown = f"{error!r} {error} {fields}"
    # What would have been right is what a forger wants to know.
    for secret in (SECRET, key.hex(), repr(key), signing.sign(key, str(fields.get("StringToSign")))):
        assert secret not in shown


FINE: dict[str, tuple[Callable[[], HttpRequest], dict[str, Any]]] = {
    "fourteen minutes late": (get, {"now": NOW + timedelta(minutes=14)}),
    "fourteen minutes early": (get, {"now": NOW - timedelta(minutes=14)}),
    "four minutes early": (iam, {"now": NOW - timedelta(minutes=4)}),
    "unsigned header added": (lambda: headers(get(), x_forwarded_for="10.0.0.1", range="bytes=0-1"), {}),
    "query in another order": (
        lambda: changed(Sent(url="https://b.s3.amazonaws.com/?prefix=x&list-type=2").sign(), query="list-type=2&prefix=x"), {}),
    "argument without equals sign": (lambda: changed(Sent(url="https://b.s3.amazonaws.com/?acl=").sign(), query="acl"), {}),
    "escapes in small letters": (
        lambda: changed(Sent(url="https://b.s3.amazonaws.com/?prefix=a%2Fb").sign(), query="prefix=a%2fb"), {}),
    "escapes that need not be": (
        lambda: changed(Sent(url="https://b.s3.amazonaws.com/?prefix=a-b").sign(), query="pref%69x=a%2Db"), {}),
    "equals sign in a value": (
        lambda: changed(Sent(url="https://b.s3.amazonaws.com/?a=b%3Dc&d").sign(), query="a=b=c&d"), {}),
    "presigned in another order": (
        lambda: changed(presigned(), query="&".join(reversed(presigned().query.split("&")))), {}),
    "presigned on its last second": (presigned, {"now": NOW + timedelta(hours=1)}),
    "presigned for a week": (lambda: presigned(604_800), {"now": NOW + timedelta(days=7)}),
    "commas without spaces": (lambda: headers(get(), authorization=get().headers["authorization"].replace(", ", ",")), {}),
    "spaces without commas": (lambda: headers(get(), authorization=get().headers["authorization"].replace(",", " ")), {}),
    "spaces everywhere": (
        lambda: headers(get(), authorization=f"  {get().headers['authorization'].replace(' ', '   ')} "), {}),
    "header padded by a proxy": (lambda: headers(get(), x_amz_meta_a="  1\t "), {}),
    "unsigned payload where allowed": (
        lambda: Sent("lambda", "POST", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, body=b"a").sign(),
        {"allow_unsigned": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", FINE)
def test_harmless_changes_are_accepted(name: str) -> None:
    make, options = FINE[name]
    attempt(make(), **options)


@pytest.mark.parametrize(
    "query", ["", "acl", "prefix=%41", "Action=Verify&Signature=x", "x-amz-algorithm=AWS4-HMAC-SHA256"]
)
def test_no_credentials_are_anonymous(query: str) -> None:
    assert claim(changed(headers(get(), authorization=None), query=query)) is None


def test_an_escaped_parameter_name_still_counts() -> None:
    request = presigned()
    found = claim(changed(request, query=request.query.replace("X-Amz-", "X%2DAmz%2D")))
    assert found is not None
    assert found.kind == "query"


def test_the_comparison_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    request = get()
    with pytest.raises(AwsError, match=S3_BAD):
        attempt(request)
    signature = request.headers["authorization"].rpartition("=")[2].encode()
    assert compared == [(signature, signature)]
