"""The configuration of a bucket that is a website."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, dev, error_of, refusal, signed

if TYPE_CHECKING:
    from support.region import LocalRegion

INDEX = {"IndexDocument": {"Suffix": "index.html"}}
WHOLE = {
    **INDEX,
    "ErrorDocument": {"Key": "errors/404.html"},
    "RoutingRules": [
        {
            "Condition": {"KeyPrefixEquals": "docs/", "HttpErrorCodeReturnedEquals": "404"},
            "Redirect": {
                "HostName": "example.com",
                "Protocol": "https",
                "HttpRedirectCode": "302",
                "ReplaceKeyPrefixWith": "documents/",
            },
        },
        {"Redirect": {"ReplaceKeyWith": "other"}},
    ],
}
ALL = {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}}


@pytest.mark.parametrize("site", [INDEX, WHOLE, ALL], ids=range(3))
def test_put_bucket_website_and_get_bucket_website(s3: Any, bucket: str, site: dict[str, Any]) -> None:
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "before"}})
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=site)
    found = s3.get_bucket_website(Bucket=bucket)
    del found["ResponseMetadata"]
    assert found == site


def test_delete_bucket_website(s3: Any, bucket: str) -> None:
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=INDEX)
    s3.delete_bucket_website(Bucket=bucket)
    s3.delete_bucket_website(Bucket=bucket)
    found = refusal(s3.get_bucket_website, Bucket=bucket)
    assert (found["Code"], found["Status"]) == ("NoSuchWebsiteConfiguration", 404)
    assert found["Message"] == "The specified bucket does not have a website configuration"
    assert found["BucketName"] == bucket


def test_the_website_of_somebody_else_s_bucket(region: LocalRegion, s3: Any, bucket: str) -> None:
    other = dev(region, "111122223333")
    assert code(other.put_bucket_website, Bucket=bucket, WebsiteConfiguration=INDEX) == "AccessDenied"
    assert code(other.get_bucket_website, Bucket=bucket) == "AccessDenied"
    assert code(other.delete_bucket_website, Bucket=bucket) == "AccessDenied"
    wrong = {"Bucket": bucket, "ExpectedBucketOwner": "111122223333"}
    assert code(s3.get_bucket_website, **wrong) == "AccessDenied"


def with_rule(condition: Any, **redirect: str) -> dict[str, Any]:
    """A website with one routing rule."""
    return {**INDEX, "RoutingRules": [{"Condition": condition, "Redirect": redirect}]}


PREFIX = {"KeyPrefixEquals": "a"}


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ({}, "InvalidArgument"),
        ({"ErrorDocument": {"Key": "e"}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": ""}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": "a/index.html"}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": "a\nb"}}, "InvalidArgument"),
        ({**INDEX, "ErrorDocument": {"Key": "k" * 1025}}, "KeyTooLongError"),
        ({**INDEX, **ALL}, "InvalidRequest"),
        ({"RedirectAllRequestsTo": {"HostName": "a\nb: c"}}, "InvalidArgument"),
        ({"RedirectAllRequestsTo": {"HostName": ""}}, "InvalidArgument"),
        (with_rule({}, HostName="h"), "InvalidRequest"),
        (with_rule({"HttpErrorCodeReturnedEquals": "200"}, HostName="h"), "InvalidRequest"),
        (with_rule({"HttpErrorCodeReturnedEquals": "4x4"}, HostName="h"), "InvalidRequest"),
        (with_rule(PREFIX, HttpRedirectCode="200"), "InvalidRequest"),
        (with_rule(PREFIX, HttpRedirectCode="300"), "InvalidRequest"),
        (with_rule(PREFIX, HttpRedirectCode="٣٠١"), "InvalidRequest"),
        (with_rule(PREFIX, ReplaceKeyWith="a", ReplaceKeyPrefixWith="b"), "InvalidRequest"),
        (with_rule(PREFIX, ReplaceKeyWith="a\nb: c"), "InvalidArgument"),
        (with_rule(PREFIX, HostName="h o s t"), "InvalidArgument"),
        ({**INDEX, "RoutingRules": [{"Redirect": {"HostName": "h"}}] * 51}, "InvalidRequest"),
    ],
    ids=range(19),
)
def test_what_is_no_website(s3: Any, bucket: str, site: dict[str, Any], expected: str) -> None:
    found = refusal(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=site)
    assert (found["Code"], found["Status"]) == (expected, 400)
    assert code(s3.get_bucket_website, Bucket=bucket) == "NoSuchWebsiteConfiguration"


SITE = "<WebsiteConfiguration>{}</WebsiteConfiguration>"
DOCUMENT = "<IndexDocument><Suffix>i</Suffix></IndexDocument>"
FTP = "<RedirectAllRequestsTo><HostName>h</HostName><Protocol>ftp</Protocol></RedirectAllRequestsTo>"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("", ("MalformedXML", "MissingRequestBodyError")),
        ("<WebsiteConfiguration>", ("MalformedXML",)),
        (SITE.format("<IndexDocument/>"), ("MalformedXML", "InvalidArgument")),
        (SITE.format(f"{DOCUMENT}<ErrorDocument/>"), ("MalformedXML", "InvalidArgument")),
        (SITE.format(f"{DOCUMENT}<RoutingRules><RoutingRule/></RoutingRules>"), ("MalformedXML",)),
        (SITE.format(FTP), ("MalformedXML", "InvalidRequest")),
        (SITE.format("<RedirectAllRequestsTo/>"), ("MalformedXML",)),
        (f"<!DOCTYPE x>{SITE.format(DOCUMENT)}", ("MalformedXML",)),
        (SITE.format(DOCUMENT + " " * 131_072), ("MaxMessageLengthExceeded",)),
        (f"<Site>{DOCUMENT}</Site>", ("MalformedXML",)),
    ],
    ids=range(10),
)
def test_hostile_documents(region: LocalRegion, bucket: str, document: str, expected: tuple[str, ...]) -> None:
    status, found = error_of(signed(region, "PUT", "/bucket?website", {}, document.encode()))
    assert found in expected
    assert status == 400


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("elsewhere", "InvalidRedirectLocation"),
        ("ftp://example.com", "InvalidRedirectLocation"),
        ("/" + "a" * 2048, "InvalidArgument"),
    ],
)
def test_redirects_that_are_none(s3: Any, bucket: str, place: str, expected: str) -> None:
    made = {"Bucket": bucket, "Key": "k", "WebsiteRedirectLocation": place}
    assert code(s3.put_object, **made) == expected
    assert code(s3.create_multipart_upload, **made) == expected


def test_redirects_of_copies_and_uploads(s3: Any, bucket: str) -> None:
    """A copy has the one that is asked for, not its source's."""
    s3.put_object(Bucket=bucket, Key="k", WebsiteRedirectLocation="/there")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert "WebsiteRedirectLocation" not in s3.head_object(Bucket=bucket, Key="copy")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", WebsiteRedirectLocation="/here")
    assert s3.head_object(Bucket=bucket, Key="copy")["WebsiteRedirectLocation"] == "/here"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", WebsiteRedirectLocation="/parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    whole = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=whole)
    assert s3.head_object(Bucket=bucket, Key="parts")["WebsiteRedirectLocation"] == "/parts"
