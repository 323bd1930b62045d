"""PostObject: uploads from a browser's form."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64encode
from hashlib import md5
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.core.errors import AwsError
from fogbank.gateway.forms import read_form
from fogbank.wire import HttpRequest
from services.helpers import FILE, allow, checksum, code, error_of, make_public, pattern, permit, signed, user_client
from services.s3.forms import BOUNDARY, FORM, body, document, part, refused, send, upload
from support.region import HOST, KEY_ID, SECRET, Source

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def presign(region: LocalRegion, bucket: str) -> Any:
    """What presigns a form for the bucket."""

    def presigned(key: str = "key", *conditions: Any, client: Any = None, seconds: int = 3600, **fields: str) -> Any:
        named = [{name: value} for name, value in fields.items()]
        maker = client or region.client("s3", signature_version="s3v4")
        return maker.generate_presigned_post(bucket, key, fields, [*named, *conditions], seconds)

    return presigned


def kept(s3: Any, key: str = "key") -> bytes:
    """The bytes of an object."""
    data: bytes = s3.get_object(Bucket="bucket", Key=key)["Body"].read()
    return data


# --- what it does


@pytest.mark.parametrize("size", [0, 1, 1000, 65_535, FILE, 1 << 20])
def test_post_object(region: LocalRegion, s3: Any, presign: Any, size: int) -> None:
    data = pattern(size)
    answer = upload(region, presign(), data)
    assert answer.status == 204
    assert answer.headers["etag"] == f'"{md5(data, usedforsecurity=False).hexdigest()}"'
    assert answer.headers["location"] == f"http://{HOST}/bucket/key"
    assert answer.body == b""
    assert kept(s3) == data


def test_the_form_in_pieces(region: LocalRegion, s3: Any, presign: Any) -> None:
    """However the connection cuts it, boundaries above all."""
    form = body(presign()["fields"], data := b"\r\n--" * 50 + BOUNDARY[:-1].encode())
    for size in (1, 2, 7, 64, len(form)):
        source = Source(form, size)
        headers = {"content-type": FORM, "content-length": str(len(form))}
        assert region.raw("POST", "/bucket", headers, form, source).status == 204
        assert kept(s3) == data


def test_the_bucket_in_the_host(region: LocalRegion, s3: Any, presign: Any) -> None:
    answer = send(region, "bucket", body(presign()["fields"], b"x"), host="bucket.s3.localhost:4566")
    assert (answer.status, answer.headers["location"]) == (204, "http://bucket.s3.localhost:4566/key")
    assert kept(s3) == b"x"


def test_what_the_fields_say_of_the_object(region: LocalRegion, s3: Any, presign: Any) -> None:
    fields = {
        "Content-Type": "text/html",
        "Cache-Control": "max-age=5",
        "Content-Disposition": "inline",
        "Content-Encoding": "identity",
        "Expires": "Thu, 01 Dec 2033 16:00:00 GMT",
        "x-amz-meta-Colour": "blue",
        "x-amz-storage-class": "STANDARD_IA",
    }
    assert upload(region, presign("key", **fields), b"x").status == 204
    found = s3.head_object(Bucket="bucket", Key="key")
    assert found["ContentType"] == "text/html"
    assert found["CacheControl"] == "max-age=5"
    assert found["ContentDisposition"] == "inline"
    assert found["ContentEncoding"] == "identity"
    assert found["ExpiresString"] == "Thu, 01 Dec 2033 16:00:00 GMT"
    assert found["Metadata"] == {"colour": "blue"}
    assert found["StorageClass"] == "STANDARD_IA"


def test_the_type_is_the_field_s_not_the_file_s(region: LocalRegion, s3: Any, presign: Any) -> None:
    upload(region, presign(), b"x")
    assert s3.head_object(Bucket="bucket", Key="key")["ContentType"] == "binary/octet-stream"


@pytest.mark.parametrize(
    ("filename", "key"),
    [
        ("a.txt", "up/a.txt"),
        ("C:\\Program Files\\dir\\lolcatz.gif", "up/lolcatz.gif"),
        ("/home/ann/x", "up/x"),
        ("ä b.png", "up/ä b.png"),
        ("", "up/"),
    ],
)
def test_filename(region: LocalRegion, s3: Any, presign: Any, filename: str, key: str) -> None:
    presigned = presign("up/${filename}", ["starts-with", "$x-amz-meta-name", ""])
    fields = {**presigned["fields"], "x-amz-meta-name": "${filename}"}
    assert send(region, "bucket", body(fields, b"x", filename)).status == 204
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]] == [key]


def test_checksums(region: LocalRegion, s3: Any, presign: Any) -> None:
    sha = checksum("SHA256", b"data")
    form = presign("key", **{"x-amz-checksum-sha256": sha})
    assert upload(region, form, b"data").headers["x-amz-checksum-sha256"] == sha
    assert error_of(upload(region, form, b"date")) == (400, "BadDigest")
    digest = b64encode(md5(b"data", usedforsecurity=False).digest()).decode()
    form = presign("key", **{"Content-MD5": digest})
    assert upload(region, form, b"data").status == 204
    assert error_of(upload(region, form, b"date")) == (400, "BadDigest")


# --- the answer


@pytest.mark.parametrize(("wanted", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("x", 204)])
def test_success_action_status(region: LocalRegion, presign: Any, wanted: str, status: int) -> None:
    answer = upload(region, presign("a b&c", success_action_status=wanted), b"x")
    assert answer.status == status
    if status != 201:
        assert answer.body == b""
        return
    root = ET.fromstring(answer.body)
    assert root.tag == "PostResponse"
    assert {each.tag: each.text for each in root} == {
        "Location": f"http://{HOST}/bucket/a%20b%26c",
        "Bucket": "bucket",
        "Key": "a b&c",
        "ETag": answer.headers["etag"],
    }


@pytest.mark.parametrize("field", ["success_action_redirect", "redirect"])
def test_success_action_redirect(region: LocalRegion, presign: Any, field: str) -> None:
    answer = upload(region, presign("a b", **{field: "http://example.com/done?x=1"}), b"x")
    assert answer.status == 303
    etag = answer.headers["etag"].strip('"')
    assert answer.headers["location"] == f"http://example.com/done?x=1&bucket=bucket&key=a%20b&etag=%22{etag}%22"


@pytest.mark.parametrize("wanted", ["javascript:alert(1)", "//x", "http://", "http://[", "nonsense", "ftp://x/y"])
def test_a_redirect_that_is_no_address_is_ignored(region: LocalRegion, presign: Any, wanted: str) -> None:
    answer = upload(region, presign("key", success_action_redirect=wanted), b"x")
    assert (answer.status, answer.headers["location"]) == (204, f"http://{HOST}/bucket/key")


# --- the policy


def test_every_field_needs_a_condition(region: LocalRegion, presign: Any) -> None:
    answer = upload(region, presign(), b"x", **{"x-amz-meta-more": "1"})
    message = "Invalid according to Policy: Extra input fields: x-amz-meta-more"
    assert refused(answer) == (403, "AccessDenied", message)
    assert upload(region, presign(), b"x", **{"x-ignore-more": "1"}).status == 204


def test_conditions(region: LocalRegion, presign: Any) -> None:
    form = presign("up/${filename}", ["starts-with", "$key", "up/"], ["eq", "$acl", "bucket-owner-full-control"])
    wrong = {**form, "fields": {**form["fields"], "key": "down/x"}}
    assert refused(upload(region, wrong, b"x"))[:2] == (403, "AccessDenied")
    assert "Policy Condition failed" in refused(upload(region, form, b"x"))[2]  # acl is not there
    assert upload(region, form, b"x", acl="bucket-owner-full-control").status == 204


def test_the_policy_of_another_bucket(region: LocalRegion, s3: Any, presign: Any) -> None:
    s3.create_bucket(Bucket="other")
    answer = send(region, "other", body(presign()["fields"], b"x"))
    assert refused(answer)[:2] == (403, "AccessDenied")
    assert "Contents" not in s3.list_objects_v2(Bucket="other")


@pytest.mark.parametrize(
    ("size", "expected"),
    [(9, "EntityTooSmall"), (10, ""), (20, ""), (21, "EntityTooLarge"), (1 << 20, "EntityTooLarge")],
)
def test_content_length_range(region: LocalRegion, s3: Any, presign: Any, size: int, expected: str) -> None:
    answer = upload(region, presign("key", ["content-length-range", 10, 20]), b"x" * size)
    if expected:
        assert error_of(answer) == (400, expected)
        assert code(s3.get_object, Bucket="bucket", Key="key") == "NoSuchKey"
    else:
        assert answer.status == 204


def test_a_policy_ends(region: LocalRegion, presign: Any) -> None:
    form = presign(seconds=60)
    region.advance(seconds=61)
    assert refused(upload(region, form, b"x")) == (403, "AccessDenied", "Invalid according to Policy: Policy expired.")


def test_a_changed_policy(region: LocalRegion, presign: Any) -> None:
    form = presign()
    form["fields"]["policy"] = document([{"bucket": "bucket"}])
    assert error_of(upload(region, form, b"x")) == (403, "SignatureDoesNotMatch")
    form["fields"]["policy"] = "e30"
    assert error_of(upload(region, form, b"x")) in ((403, "SignatureDoesNotMatch"), (400, "InvalidPolicyDocument"))


def test_an_unknown_key(region: LocalRegion, presign: Any) -> None:
    form = presign()
    form["fields"]["x-amz-credential"] = form["fields"]["x-amz-credential"].replace(KEY_ID, "AKIAIOSFODNN7UNKNOWN")
    assert error_of(upload(region, form, b"x")) == (403, "InvalidAccessKeyId")


# --- who may


def test_the_signer_needs_put_object(region: LocalRegion, s3: Any, presign: Any) -> None:
    user = user_client(region, "s3")._request_signer._credentials
    form = presign(client=region.client("s3", user.access_key, user.secret_key, signature_version="s3v4"))
    assert error_of(upload(region, form, b"x")) == (403, "AccessDenied")
    permit(region, allow("s3:PutObject", "arn:aws:s3:::bucket/key"))
    assert upload(region, form, b"x").status == 204
    assert kept(s3) == b"x"


def test_a_session(region: LocalRegion, s3: Any, presign: Any) -> None:
    made = region.client("sts").get_federation_token(
        Name="bob", Policy='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'
    )["Credentials"]
    client = region.client("s3", made["AccessKeyId"], made["SecretAccessKey"], signature_version="s3v4")
    client._request_signer._credentials.token = made["SessionToken"]
    form = presign(client=client)
    assert form["fields"]["x-amz-security-token"] == made["SessionToken"]
    assert upload(region, form, b"x").status == 204
    assert kept(s3) == b"x"
    del form["fields"]["x-amz-security-token"]
    assert error_of(upload(region, form, b"x"))[1] in ("InvalidAccessKeyId", "InvalidToken")


def test_signature_version_2(region: LocalRegion, s3: Any, presign: Any) -> None:
    client = region.client("s3", signature_version="s3")
    form = presign(client=client)
    assert "AWSAccessKeyId" in form["fields"]
    assert upload(region, form, b"two").status == 204
    assert kept(s3) == b"two"
    form["fields"]["signature"] = "AAAA" + form["fields"]["signature"][4:]
    assert error_of(upload(region, form, b"x")) == (403, "SignatureDoesNotMatch")
    form["fields"]["AWSAccessKeyId"] = ""
    assert error_of(upload(region, form, b"x"))[0] == 403


def test_a_form_that_is_written_by_hand(region: LocalRegion, s3: Any, bucket: str) -> None:
    policy = document([{"bucket": "bucket"}, ["starts-with", "$key", ""]])
    signature = b64encode(hmac.digest(SECRET.encode(), policy.encode(), "sha1")).decode()
    fields = {"KEY": "by/hand", "AWSAccessKeyId": KEY_ID, "Policy": policy, "Signature": signature}
    assert send(region, bucket, body(fields, b"x")).status == 204
    assert kept(s3, "by/hand") == b"x"


def test_anonymous(region: LocalRegion, s3: Any, bucket: str) -> None:
    """A bucket whose policy lets anybody upload takes forms without a policy document."""
    assert error_of(send(region, bucket, body({"key": "k"}, b"x"))) == (403, "AccessDenied")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    make_public(s3, bucket)
    permitted = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/up/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": permitted}))
    assert error_of(send(region, bucket, body({"key": "k"}, b"x"))) == (403, "AccessDenied")
    assert send(region, bucket, body({"key": "up/k", "x-amz-meta-a": "b"}, b"x")).status == 204
    assert s3.get_object(Bucket=bucket, Key="up/k")["Metadata"] == {"a": "b"}


def test_condition_keys(region: LocalRegion, s3: Any, presign: Any) -> None:
    """A policy can ask how an upload is signed, and what its fields say."""
    form = presign(**{"x-amz-storage-class": "STANDARD_IA"})
    for key, value, status in (
        ("s3:authType", "POST", 403),
        ("s3:authType", "REST-HEADER", 204),
        ("s3:signatureversion", "AWS4-HMAC-SHA256", 403),
        ("s3:x-amz-storage-class", "STANDARD_IA", 403),
        ("aws:Referer", "http://page/", 403),
    ):
        denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*"}
        statement = denied | {"Condition": {"StringEquals": {key: value}}}
        s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
        answer = send(region, "bucket", body(form["fields"], b"x"), referer="http://page/")
        assert answer.status == status, key


def test_tags(region: LocalRegion, s3: Any, presign: Any) -> None:
    document = "<Tagging><TagSet><Tag><Key>a + b</Key><Value>c=d</Value></Tag></TagSet></Tagging>"
    assert upload(region, presign(tagging=document), b"x").status == 204
    assert s3.get_object_tagging(Bucket="bucket", Key="key")["TagSet"] == [{"Key": "a + b", "Value": "c=d"}]
    for hostile in ("<Tagging>", "a=b", "<!DOCTYPE x><Tagging/>", "<Other/>"):
        assert error_of(upload(region, presign(tagging=hostile), b"x")) == (400, "MalformedXML")


def test_encryption(region: LocalRegion, s3: Any, presign: Any) -> None:
    sealed = "x-amz-server-side-encryption"
    assert upload(region, presign(**{sealed: "aws:kms"}), b"secret").headers[sealed] == "aws:kms"
    assert kept(s3) == b"secret"
    allowed = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]},
    }
    s3.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration={"Rules": [allowed]})
    key = b64encode(bytes(32)).decode()
    digest = b64encode(md5(bytes(32), usedforsecurity=False).digest()).decode()
    customer = {
        f"{sealed}-customer-algorithm": "AES256",
        f"{sealed}-customer-key": key,
        f"{sealed}-customer-key-MD5": digest,
    }
    assert upload(region, presign(**customer), b"mine").status == 204
    assert code(s3.get_object, Bucket="bucket", Key="key") == "InvalidRequest"
    assert (
        s3.get_object(Bucket="bucket", Key="key", SSECustomerAlgorithm="AES256", SSECustomerKey=bytes(32))[
            "Body"
        ].read()
        == b"mine"
    )


def test_acl(region: LocalRegion, s3: Any) -> None:
    """It takes the permission that an ACL on PutObject takes."""
    s3.create_bucket(Bucket="acls", ObjectOwnership="ObjectWriter")
    make_public(s3, "acls")
    user = user_client(region, "s3")._request_signer._credentials
    client = region.client("s3", user.access_key, user.secret_key, signature_version="s3v4")
    form = client.generate_presigned_post("acls", "key", {"acl": "public-read"}, [{"acl": "public-read"}])
    permit(region, allow("s3:PutObject"))
    assert error_of(upload(region, form, b"x")) == (403, "AccessDenied")
    permit(region, allow(["s3:PutObject", "s3:PutObjectAcl"]))
    assert upload(region, form, b"x").status == 204
    assert region.raw("GET", "/acls/key").body == b"x"


def test_object_lock(region: LocalRegion, s3: Any) -> None:
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    client = region.client("s3", signature_version="s3v4")
    fields = {"x-amz-object-lock-legal-hold": "ON", "x-amz-checksum-sha256": checksum("SHA256", b"x")}
    form = client.generate_presigned_post("locked", "key", fields, [{name: text} for name, text in fields.items()])
    version = upload(region, form, b"x").headers["x-amz-version-id"]
    assert code(s3.delete_object, Bucket="locked", Key="key", VersionId=version) == "AccessDenied"


def test_a_form_replaces_or_supersedes(region: LocalRegion, s3: Any, presign: Any) -> None:
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    first = upload(region, presign(), b"1").headers["x-amz-version-id"]
    assert upload(region, presign(), b"2").headers["x-amz-version-id"] != first
    assert s3.get_object(Bucket="bucket", Key="key", VersionId=first)["Body"].read() == b"1"


# --- forms that are none


def test_another_content_type(region: LocalRegion, bucket: str) -> None:
    for kind in ("text/plain", "application/octet-stream", ""):
        answer = region.raw("POST", "/bucket", {"content-type": kind}, b"x=1")
        assert error_of(answer) == (412, "PreconditionFailed")


def test_no_length(region: LocalRegion, bucket: str) -> None:
    form = body({"key": "k"}, b"x")
    answer = region.raw("POST", "/bucket", {"content-type": FORM, "transfer-encoding": "chunked"}, form)
    assert error_of(answer) == (411, "MissingContentLength")


def test_a_form_that_is_signed_in_its_head(region: LocalRegion, s3: Any, bucket: str) -> None:
    answer = signed(region, "POST", "/bucket", {"content-type": FORM}, body({"key": "k"}, b"x"))
    assert error_of(answer) == (501, "NotImplemented")


BAD = "MalformedPOSTRequest"
TWO = "IncorrectNumberOfFilesInPostRequest"
LONG = "MaxPostPreDataLengthExceeded"
POLICY = document(
    [{"bucket": "bucket"}, *(["starts-with", f"${name}", ""] for name in ("key", "content-type", "x-amz-meta-a"))]
)
SIGNED = {
    "policy": POLICY,
    "AWSAccessKeyId": KEY_ID,
    "signature": b64encode(hmac.digest(SECRET.encode(), POLICY.encode(), "sha1")).decode(),
}
K = {**SIGNED, "key": "k"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (b"", BAD),
        (b"nonsense", BAD),
        (f"--{BOUNDARY}--\r\n".encode(), TWO),
        (body(K, None), TWO),
        (body(K, b"x", behind=part("file", b"y", "b")), TWO),
        (body(K, b"x")[:-8], BAD),
        (body(K, b"x" * 100_000)[:-60_000], BAD),
        (body(SIGNED, b"x"), "InvalidArgument"),
        (body({**SIGNED, "key": ""}, b"x"), "InvalidArgument"),
        (body(SIGNED, b"x", behind=part("key", "k")), "InvalidArgument"),
        (body({**K, "x-amz-meta-a": "a\r\nb: c"}, b"x"), "InvalidArgument"),
        (body({**K, "Content-Type": "a\0"}, b"x"), "InvalidArgument"),
        (body(K, b"x").replace(b'"key"', b'"key\xff"'), BAD),
        (part("key", b"\xff") + body(SIGNED, b"x"), BAD),
        (body({**K, "x": "y" * 20_480}, b"x"), LONG),
        (body({**K, **{f"x{n}": "y" for n in range(400)}}, b"x"), LONG),
        (body(K, b"x", filename="n" * 30_000), LONG),
        (body(K, b"x", behind=part("more", b"y" * 30_000)), BAD),
        (body(K, b"x").replace(b"form-data", b"attachment"), BAD),
        (body({"key": "k", "policy": "x"}, b"x"), "InvalidArgument"),
        (body({"key": "k", "AWSAccessKeyId": KEY_ID, "signature": "x"}, b"x"), "InvalidArgument"),
        (body({**SIGNED, "key": "k" * 1025}, b"x"), "KeyTooLongError"),
        (body({**SIGNED, "key": "k\0"}, b"x"), "InvalidURI"),
        (body({**K, "x-amz-meta-a": "v" * 3000}, b"x"), "MetadataTooLarge"),
        (body({**K, "policy": "x"}, b"x"), "SignatureDoesNotMatch"),
    ],
    ids=range(25),
)
def test_hostile_forms(region: LocalRegion, s3: Any, bucket: str, form: bytes, expected: str) -> None:
    status, found = error_of(send(region, bucket, form, **{"content-length": str(len(form))}))
    assert found == expected
    assert 400 <= status < 500
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_what_comes_behind_the_file_is_ignored(region: LocalRegion, s3: Any, bucket: str) -> None:
    form = body(K, b"x", behind=part("key", "other") + part("submit", "Upload"))
    assert send(region, bucket, form).status == 204
    assert kept(s3, "k") == b"x"


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "b" * 300,
        "multipart/form-data; boundary=\xe4",
        'multipart/form-data; boundary="a\nb"',
        "multipart/mixed; boundary=x",
    ],
)
def test_boundaries_that_are_none(region: LocalRegion, bucket: str, kind: str) -> None:
    answer = region.raw("POST", "/bucket", {"content-type": kind}, body({"key": "k"}, b"x"))
    assert error_of(answer) in ((400, BAD), (412, "PreconditionFailed"))


def test_no_such_bucket(region: LocalRegion, presign: Any) -> None:
    form = body(presign()["fields"], b"x")
    assert error_of(send(region, "nowhere", form))[0] in (403, 404)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cuts=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255), st.integers(0, 3)), min_size=1, max_size=6))
def test_damaged_forms_are_refused_or_have_one_file(cuts: list[tuple[int, int, int]]) -> None:
    form = bytearray(body({"key": "k", "acl": "private"}, b"data" * 20))
    for at, value, gone in cuts:
        at %= len(form)
        form[at : at + gone] = bytes([value])
    found = parsed(bytes(form))
    assert isinstance(found, bytes) or found in (BAD, TWO, LONG, "InvalidArgument")


def parsed(form: bytes) -> bytes | str:
    """The file in a form, or the code of the error that it is refused with."""

    async def read() -> bytes:
        headers = {"content-type": FORM, "content-length": str(len(form))}
        found = await read_form(Source(form, 100), HttpRequest("POST", "/b", "", headers), "b", signed=False)
        return await found()

    try:
        return asyncio.run(read())
    except AwsError as error:
        return error.code
