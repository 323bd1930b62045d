"""What browsers ask of S3 and no model describes: forms, preflight requests, websites; how it is identified and answered."""

from __future__ import annotations

import pytest

from fogbank.wire import AwsError, HttpRequest, load
from fogbank.wire.identify import Identified, Unidentified, identify
from fogbank.wire.model import extend

WEBSITE = "bucket.s3-website-us-east-1.amazonaws.com"


def meant(method: str, path: str, host: str = "localhost", query: str = "") -> Identified:
    return identify(HttpRequest(method, path, query, {"host": host}), None)


def page(error: AwsError) -> tuple[int, dict[str, str], str]:
    """An error as a website endpoint answers it."""
    answer = load("s3").render_unknown(error, "id", "/path", "host id", "website")
    return answer.status, dict(answer.headers), answer.body.decode()


@pytest.mark.parametrize(
    ("method", "path", "host", "query", "operation", "labels"),
    [
        ("POST", "/bucket", "localhost", "", "PostObject", {"Bucket": "bucket"}),
        ("POST", "/bucket/", "localhost", "", "PostObject", {"Bucket": "bucket"}),
        ("POST", "/", "bucket.s3.localhost", "", "PostObject", {"Bucket": "bucket"}),
        ("POST", "/bucket", "localhost", "delete", "DeleteObjects", {"Bucket": "bucket"}),
        ("OPTIONS", "/bucket/a/b", "localhost", "", "OptionsObject", {"Bucket": "bucket", "Key": "a/b"}),
        ("OPTIONS", "/bucket/a", "localhost", "uploads", "OptionsObject", {"Bucket": "bucket", "Key": "a"}),
        ("OPTIONS", "/bucket", "localhost", "", "OptionsObject", {"Bucket": "bucket", "Key": ""}),
        ("OPTIONS", "/", "localhost", "", "OptionsObject", {"Bucket": "", "Key": ""}),
        ("OPTIONS", "/a", "bucket.s3.localhost", "", "OptionsObject", {"Bucket": "bucket", "Key": "a"}),
        ("GET", "/a/b", WEBSITE, "acl&x=1", "GetWebsite", {"Bucket": "bucket", "Key": "a/b"}),
        ("GET", "/", "bucket.s3-website.eu-west-1.localhost:4566", "", "GetWebsite", {"Bucket": "bucket", "Key": ""}),
        ("GET", "/", "with.dots.s3-website.localhost", "", "GetWebsite", {"Bucket": "with.dots", "Key": ""}),
        ("HEAD", "/a/", WEBSITE, "", "HeadWebsite", {"Bucket": "bucket", "Key": "a/"}),
        ("OPTIONS", "/a", WEBSITE, "", "OptionsObject", {"Bucket": "bucket", "Key": "a"}),
    ],
)
def test_operations(method: str, path: str, host: str, query: str, operation: str, labels: dict[str, str]) -> None:
    found = meant(method, path, host, query)
    assert (found.operation, found.labels) == (operation, labels)
    assert found.protocol == ("website" if "website" in host else "rest-xml")


@pytest.mark.parametrize(
    ("method", "path", "host", "code", "protocol"),
    [
        ("POST", "/bucket/key", "localhost", "MethodNotAllowed", "rest-xml"),
        ("POST", "/", "localhost", "MethodNotAllowed", "rest-xml"),
        ("PUT", "/key", WEBSITE, "MethodNotAllowed", "website"),
        ("POST", "/", WEBSITE, "MethodNotAllowed", "website"),
        ("DELETE", "/key", WEBSITE, "MethodNotAllowed", "website"),
        ("GET", "/", "s3-website.localhost", "NoSuchBucket", "website"),
    ],
)
def test_refusals(method: str, path: str, host: str, code: str, protocol: str) -> None:
    with pytest.raises(Unidentified) as caught:
        meant(method, path, host)
    assert (caught.value.code, caught.value.protocol) == (code, protocol)


def test_errors_of_websites_are_pages() -> None:
    status, headers, text = page(AwsError("NoSuchKey", "The key does not exist.", fields={"Key": "a<b"}))
    assert status == 404
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["x-amz-error-code"] == "NoSuchKey"
    assert headers["x-amz-error-message"] == "The key does not exist."
    assert headers["x-amz-error-detail-Key"] == "a<b"
    assert "<title>404 Not Found</title>" in text
    assert "<li>Code: NoSuchKey</li>\n<li>Message: The key does not exist.</li>\n<li>Key: a&lt;b</li>" in text
    assert "<li>RequestId: id</li>\n<li>HostId: host id</li>" in text


def test_a_page_tells_why_the_bucket_s_own_was_not_shown() -> None:
    error = AwsError("AccessDenied", "Access Denied")
    error.__cause__ = AwsError("NoSuchKey", "No such key.", fields={"Key": "error.html"})
    text = page(error)[2]
    assert "Attempting to Retrieve a Custom Error Document" in text
    assert text.endswith("<li>Key: error.html</li>\n</ul>\n<hr/>\n</body>\n</html>\n")


@pytest.mark.parametrize("key", ["a\r\nx-evil: 1", "<script>", "\0", "\ud800", "ä", "a" * 5000])
def test_hostile_keys_stay_in_their_place(key: str) -> None:
    _, headers, text = page(AwsError("NoSuchKey", "no", fields={"Key": key}))
    assert all("\r" not in value and "\n" not in value and value.isascii() for value in headers.values())
    assert "<script>" not in text


def test_derived_shapes_have_the_members_of_others() -> None:
    shapes = {
        "Base": {"type": "structure", "members": {"A": {"shape": "S", "location": "uri"}, "B": {"shape": "S"}}},
        "Derived": {"extends": "Base", "members": {"A": {"location": "header"}, "B": None, "C": {"shape": "S"}}},
    }
    extend(shapes)
    assert shapes["Derived"]["members"] == {"A": {"shape": "S", "location": "header"}, "C": {"shape": "S"}}
    assert shapes["Base"]["members"]["A"] == {"shape": "S", "location": "uri"}
    made = load("s3").operations["PostObject"]
    assert made.input is not None
    assert made.input.members["Key"].traits["location"] == "header"
    assert "IfMatch" not in made.input.members
