"""Code on its way in, and back: in requests and from S3, bad zips, sizes, downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from fogbank.services.lambda_ import code as kept_code
from fogbank.services.lambda_.records import functions, packages, versions
from services.helpers import FILE, allow, code, pattern, permit, refusal, user_client
from services.lambda_.packages import HELLO, hello, with_links, zipped
from support.region import LocalRegion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
NOT_A_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
LARGE = zipped({"app.py": HELLO, "data": pattern(2 * FILE)}, method=0)


def creating(client: Any, role: str, given: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """How making a function of this code is refused."""
    asked = {
        "FunctionName": "f",
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": role,
        "Code": given,
    } | arguments
    return refusal(client.create_function, **asked)


def download(region: LocalRegion, url: str) -> tuple[int, bytes]:
    """What a URL gives."""
    parts = urlsplit(url)
    answer = region.raw("GET", f"{parts.path}?{parts.query}", {"host": parts.netloc})
    return answer.status, answer.body


@pytest.mark.parametrize("body", [b"no zip", hello()[:-1], b"PK\x03\x04" + b"\0" * 1000, with_links({}, {"a": "../b"})])
def test_what_is_no_zip(client: Any, role: str, body: bytes) -> None:
    refused = creating(client, role, {"ZipFile": body})
    assert (refused["Code"], refused["Status"], refused["Message"]) == (
        "InvalidParameterValueException",
        400,
        NOT_A_ZIP,
    )


@pytest.mark.parametrize("body", [b"", zipped({})])
def test_empty_zips(client: Any, role: str, body: bytes) -> None:
    assert creating(client, role, {"ZipFile": body})["Message"] == "Uploaded file must be a non-empty zip"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Please provide a source for function code."),
        ({"S3Bucket": "bucket"}, "S3 key and bucket are both needed to find the code."),
        ({"S3Key": "k"}, "S3 key and bucket are both needed to find the code."),
        (
            {"ZipFile": b"x", "S3Bucket": "bucket", "S3Key": "k"},
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
    ],
)
def test_code_from_nowhere_and_from_two_places(client: Any, role: str, given: dict[str, Any], message: str) -> None:
    refused = creating(client, role, given)
    assert (refused["Code"], refused["Message"]) == ("InvalidParameterValueException", message)


@pytest.mark.parametrize(
    "given", [{"SourceKMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}, {"S3ObjectStorageMode": "REFERENCE"}]
)
def test_ways_of_keeping_code_that_are_not_here(client: Any, role: str, given: dict[str, Any]) -> None:
    assert creating(client, role, {"ZipFile": hello(), **given})["Code"] == "NotImplemented"


def test_a_bomb(client: Any, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_code, "LARGEST_UNZIPPED", 1 << 20)
    refused = creating(client, role, {"ZipFile": zipped({"a": b"\0" * (2 << 20)})})
    assert refused["Message"] == f"Unzipped size must be smaller than {1 << 20} bytes"


def test_a_request_that_is_too_large(client: Any, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_code, "LARGEST_ZIPPED", 100)
    refused = creating(client, role, {"ZipFile": hello()})
    assert (refused["Code"], refused["Status"]) == ("RequestEntityTooLargeException", 413)
    assert refused["Message"] == "Request must be smaller than 69905067 bytes for the CreateFunction operation"


def test_fifty_megabytes(tmp_path: Path) -> None:
    """The largest zip that a request may have; one byte more is refused."""
    largest = zipped({"app.py": HELLO, "data": bytes(kept_code.LARGEST_ZIPPED - 500)}, method=0)
    largest = zipped(
        {"app.py": HELLO, "data": bytes(kept_code.LARGEST_ZIPPED - 500 + kept_code.LARGEST_ZIPPED - len(largest))},
        method=0,
    )
    assert len(largest) == kept_code.LARGEST_ZIPPED
    directory = tmp_path / "large"
    directory.mkdir()
    region = LocalRegion(directory, max_body=72 << 20)
    try:
        client = region.client("lambda")
        answer = client.publish_layer_version(LayerName="large", Content={"ZipFile": largest})
        assert answer["Content"]["CodeSize"] == len(largest)
        assert (
            code(client.publish_layer_version, LayerName="large", Content={"ZipFile": largest + b"\0"})
            == "RequestEntityTooLargeException"
        )
    finally:
        region.close()


def test_a_request_that_is_larger_than_any(region: LocalRegion, client: Any, role: str) -> None:
    """The gateway reads no more than its limit, here 8 MiB."""
    refused = creating(client, role, {"ZipFile": bytes(8 << 20)})
    assert (refused["Code"], refused["Status"]) == ("RequestEntityTooLargeException", 413)


def test_no_room_in_the_account(client: Any, role: str, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_code, "LARGEST_STORED", 2 * len(hello()))
    make("a")
    make("b")
    refused = creating(client, role, {"ZipFile": hello()})
    assert (refused["Code"], refused["Status"]) == ("CodeStorageExceededException", 400)
    assert code(client.publish_version, FunctionName="a") == "CodeStorageExceededException"
    client.delete_function(FunctionName="a")
    make("c")


@pytest.mark.parametrize("body", [hello(), LARGE], ids=["small", "large"])
def test_code_in_s3(region: LocalRegion, s3: Any, bucket: str, client: Any, make: Make, body: bytes) -> None:
    s3.put_object(Bucket=bucket, Key="f.zip", Body=body)
    told = make(Code={"S3Bucket": bucket, "S3Key": "f.zip"})
    s3.delete_object(Bucket=bucket, Key="f.zip")
    assert told["CodeSize"] == len(body)
    assert download(region, client.get_function(FunctionName="f")["Code"]["Location"]) == (200, body)


def test_code_in_a_version_of_an_object(region: LocalRegion, s3: Any, bucket: str, client: Any, make: Make) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="f.zip", Body=hello())["VersionId"]
    s3.put_object(Bucket=bucket, Key="f.zip", Body=b"no zip")
    make(Code={"S3Bucket": bucket, "S3Key": "f.zip", "S3ObjectVersion": first})
    assert download(region, client.get_function(FunctionName="f")["Code"]["Location"]) == (200, hello())


def test_code_in_parts(s3: Any, bucket: str, make: Make) -> None:
    data = zipped({"app.py": HELLO, "data": pattern(6 << 20)}, method=0)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="f.zip")["UploadId"]
    parts = []
    for number, piece in enumerate((data[: 5 << 20], data[5 << 20 :]), 1):
        etag = s3.upload_part(Bucket=bucket, Key="f.zip", UploadId=upload, PartNumber=number, Body=piece)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    s3.complete_multipart_upload(Bucket=bucket, Key="f.zip", UploadId=upload, MultipartUpload={"Parts": parts})
    assert make(Code={"S3Bucket": bucket, "S3Key": "f.zip"})["CodeSize"] == len(data)


def test_code_that_is_not_in_s3(s3: Any, bucket: str, client: Any, role: str) -> None:
    missing = [creating(client, role, {"S3Bucket": where, "S3Key": "f.zip"}) for where in (bucket, "elsewhere")]
    assert [one["Code"] for one in missing] == ["InvalidParameterValueException"] * 2
    assert [one["Message"] for one in missing] == [
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist",
    ]


def test_code_that_the_caller_may_not_read(region: LocalRegion, s3: Any, bucket: str, role: str) -> None:
    s3.put_object(Bucket=bucket, Key="f.zip", Body=hello())
    client = user_client(region, "lambda")
    permit(region, allow(["lambda:*", "iam:PassRole"]))
    refused = creating(client, role, {"S3Bucket": bucket, "S3Key": "f.zip"})
    assert (refused["Code"], refused["Status"]) == ("AccessDeniedException", 403)
    assert (
        "please make sure your request credentials have permission to GetObject for bucket/f.zip" in refused["Message"]
    )
    permit(region, allow(["lambda:*", "iam:PassRole"]), allow("s3:GetObject", f"arn:aws:s3:::{bucket}/f.zip"))
    client.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Handler="app.handler",
        Role=role,
        Code={"S3Bucket": bucket, "S3Key": "f.zip"},
    )


def test_bad_zips_in_s3(s3: Any, bucket: str, client: Any, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket=bucket, Key="f.zip", Body=b"no zip" * FILE)
    where = {"S3Bucket": bucket, "S3Key": "f.zip"}
    assert creating(client, role, where)["Message"] == NOT_A_ZIP
    monkeypatch.setattr(kept_code, "LARGEST_UNZIPPED", FILE)
    assert creating(client, role, where)["Message"] == f"Unzipped size must be smaller than {FILE} bytes"


def test_nothing_is_left_of_what_is_refused(region: LocalRegion, client: Any, role: str) -> None:
    creating(client, role, {"ZipFile": LARGE[:-1]})
    creating(client, role, {"ZipFile": LARGE}, DeadLetterConfig={"TargetArn": "arn:aws:s3:::b"})
    with region.region.store.snapshot() as tx:
        assert not list(packages.scan(tx))
    assert not [path for path in (region.directory / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("body", [hello(), LARGE], ids=["small", "large"])
def test_download_function_code(region: LocalRegion, client: Any, make: Make, body: bytes) -> None:
    """AWS's URLs lead to S3; here it is DownloadFunctionCode."""
    make(Code={"ZipFile": body})
    url = client.get_function(FunctionName="f")["Code"]["Location"]
    assert url.startswith("http://localhost:4566/")
    assert download(region, url) == (200, body)


def test_a_url_gives_the_code_that_it_was_made_for(region: LocalRegion, client: Any, make: Make) -> None:
    make(Publish=True)
    url = client.get_function(FunctionName="f", Qualifier="1")["Code"]["Location"]
    client.update_function_code(FunctionName="f", ZipFile=hello("other = 1\n"))
    assert download(region, url) == (200, hello())
    assert download(region, client.get_function(FunctionName="f")["Code"]["Location"]) == (200, hello("other = 1\n"))
    client.delete_function(FunctionName="f")
    assert download(region, url)[0] == 404


def test_a_url_ends_after_ten_minutes(region: LocalRegion, client: Any, make: Make) -> None:
    make()
    url = client.get_function(FunctionName="f")["Code"]["Location"]
    region.advance(minutes=9)
    assert download(region, url)[0] == 200
    region.advance(minutes=2)
    assert download(region, url)[0] == 403


def test_a_url_is_good_for_nothing_else(region: LocalRegion, client: Any, make: Make) -> None:
    make()
    make("g", Code={"ZipFile": hello("secret = 1\n")})
    url = client.get_function(FunctionName="f")["Code"]["Location"]
    other = client.get_function(FunctionName="g")["Configuration"]["CodeSha256"]
    assert download(region, url.replace("functions/f/", "functions/g/"))[0] == 403
    assert download(region, url.replace("/code/", "/code/0"))[0] in (400, 403)
    assert download(region, url.partition("?")[0])[0] in (403, 404)
    assert download(region, url[:-1] + ("0" if url[-1] != "0" else "1"))[0] == 403
    assert other


def test_a_function_does_not_give_another_ones_code(region: LocalRegion, client: Any, make: Make) -> None:
    """Even to who may read it: the code has to be its own."""
    make()
    make("g", Code={"ZipFile": hello("secret = 1\n")})
    of_g = urlsplit(client.get_function(FunctionName="g")["Code"]["Location"]).path.rpartition("/")[2]
    user = user_client(region, "lambda")
    permit(region, allow("lambda:GetFunction", "arn:aws:lambda:us-east-1:123456789012:function:f"))
    signer = user._request_signer
    url = f"http://localhost:4566/2015-03-31/functions/f/code/{of_g}"
    signed = signer.generate_presigned_url(
        {"method": "GET", "url": url, "headers": {}, "body": b"", "context": {}}, "GetFunction"
    )
    assert download(region, signed)[0] == 404


def test_code_that_others_deleted_meanwhile(region: LocalRegion, client: Any, role: str, make: Make) -> None:
    """Code that is there already is not written again; it may be gone when the function is made."""
    make("a")
    write = region.region.store.write

    async def late(handler: Any, **options: Any) -> Any:
        region.region.store.write = write  # type: ignore[method-assign]
        await write(delete_function)
        return await write(handler, **options)

    def delete_function(tx: Any) -> None:
        for parts, package in list(packages.scan(tx)):
            kept_code.release(tx, str(parts[0]), region.clock.now())
            tx.memo.clear()
            assert package.refs == 1
        for table in (functions, versions):
            for parts, _ in list(table.scan(tx)):
                table.delete(tx, *parts)

    region.region.store.write = late  # type: ignore[method-assign]
    refused = creating(client, role, {"ZipFile": hello()})
    assert (refused["Code"], refused["Status"]) == ("ResourceConflictException", 409)
    make("b")
