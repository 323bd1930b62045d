"""GetWebsite and HeadWebsite: static websites, as website endpoints serve them to anybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import FILE, make_public, pattern
from support.region import HOST

if TYPE_CHECKING:
    from support.region import Answer, LocalRegion

SITE = "bucket.s3-website.localhost:4566"
INDEX = {"IndexDocument": {"Suffix": "index.html"}}
ERRORS = {**INDEX, "ErrorDocument": {"Key": "error.html"}}


@pytest.fixture
def public(s3: Any, bucket: str) -> str:
    """A bucket whose objects anybody may read."""
    s3.delete_public_access_block(Bucket=bucket)
    allow(s3)
    return bucket


@pytest.fixture
def site(s3: Any, public: str) -> str:
    """A small website."""
    configure(s3, ERRORS)
    put(s3, "index.html", "home")
    put(s3, "error.html", "sorry")
    put(s3, "docs/index.html", "documents")
    put(s3, "docs/a b.html", "page", CacheControl="max-age=5", Metadata={"colour": "blue"})
    return public


def allow(s3: Any, *more: str, resource: str = "*") -> None:
    """Let anybody read objects; `more` are actions on the bucket."""
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::bucket/{resource}"},
        *(
            {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "arn:aws:s3:::bucket"}
            for action in more
        ),
    ]
    s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def configure(s3: Any, configured: Any, *rules: Any) -> None:
    """Make the bucket a website, with routing rules."""
    whole = {**configured, "RoutingRules": list(rules)} if rules else configured
    s3.put_bucket_website(Bucket="bucket", WebsiteConfiguration=whole)


def put(s3: Any, key: str, text: str | bytes, **more: Any) -> None:
    """An object of the website."""
    s3.put_object(Bucket="bucket", Key=key, Body=text, ContentType="text/html", **more)


def get(region: LocalRegion, target: str, method: str = "GET", host: str = SITE, **headers: str) -> Answer:
    """Ask a website endpoint."""
    return region.raw(
        method, target, {"host": host, **{name.replace("_", "-"): text for name, text in headers.items()}}
    )


def rule(condition: Any, **redirect: str) -> dict[str, Any]:
    """A routing rule."""
    return {"Redirect": redirect} | ({"Condition": condition} if condition else {})


# --- pages


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", b"home"),
        ("/index.html", b"home"),
        ("/docs/", b"documents"),
        ("/docs/a%20b.html", b"page"),
        ("/docs/a%20b.html?acl&versionId=1&x=%", b"page"),
    ],
)
def test_get_website(region: LocalRegion, site: str, target: str, expected: bytes) -> None:
    answer = get(region, target)
    assert (answer.status, answer.body) == (200, expected)
    assert answer.headers["content-type"] == "text/html"


@pytest.mark.parametrize(
    "host",
    [
        "bucket.s3-website-us-east-1.amazonaws.com",
        "bucket.s3-website.us-east-1.amazonaws.com",
        "bucket.s3-website-us-east-1.localhost:4566",
        "BUCKET.S3-Website.localhost",
    ],
)
def test_hosts_of_websites(region: LocalRegion, site: str, host: str) -> None:
    assert get(region, "/", host=host).body == b"home"


def test_what_is_known_of_a_page(region: LocalRegion, s3: Any, site: str) -> None:
    answer = get(region, "/docs/a%20b.html")
    assert answer.headers["cache-control"] == "max-age=5"
    assert answer.headers["x-amz-meta-colour"] == "blue"
    assert answer.headers["etag"] == s3.head_object(Bucket=site, Key="docs/a b.html")["ETag"]


def test_head_website(region: LocalRegion, site: str) -> None:
    whole, head = get(region, "/docs/"), get(region, "/docs/", "HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("content-type", "content-length", "etag", "last-modified"):
        assert head.headers[name] == whole.headers[name]
    absent = get(region, "/absent", "HEAD")
    assert (absent.status, absent.body) == (403, b"")


def test_large_pages_and_parts_of_them(region: LocalRegion, s3: Any, site: str) -> None:
    put(s3, "large", data := pattern(FILE * 2))
    assert get(region, "/large").body == data
    part = get(region, "/large", range="bytes=65530-65545")
    assert (part.status, part.body) == (206, data[65530:65546])
    assert part.headers["content-range"] == f"bytes 65530-65545/{len(data)}"


def test_conditions(region: LocalRegion, site: str) -> None:
    etag = get(region, "/").headers["etag"]
    fresh = get(region, "/", if_none_match=etag)
    assert (fresh.status, fresh.body) == (304, b"")
    changed = get(region, "/", if_match='"other"')
    assert (changed.status, changed.body) == (412, b"sorry")
    assert get(region, "/", range="bytes=100-").status == 416


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_websites_are_only_read(region: LocalRegion, site: str, method: str) -> None:
    answer = get(region, "/index.html", method)
    assert answer.status == 405
    assert b"<li>Code: MethodNotAllowed</li>" in answer.body
    assert answer.headers["content-type"].startswith("text/html")


def test_a_signature_is_not_looked_at(region: LocalRegion, s3: Any, site: str) -> None:
    s3.put_object(Bucket=site, Key="private", Body=b"x")
    allow(s3, resource="index.html")
    url = s3.generate_presigned_url("get_object", {"Bucket": site, "Key": "private"})
    assert get(region, f"/private?{url.partition('?')[2]}").status == 403
    assert get(region, f"/?{url.partition('?')[2]}").body == b"home"


def test_pages_for_other_origins(region: LocalRegion, s3: Any, site: str) -> None:
    rules = {"CORSRules": [{"AllowedOrigins": ["http://a"], "AllowedMethods": ["GET"]}]}
    s3.put_bucket_cors(Bucket=site, CORSConfiguration=rules)
    assert get(region, "/", origin="http://a").headers["access-control-allow-origin"] == "http://a"
    asked = get(region, "/", "OPTIONS", origin="http://a", access_control_request_method="GET")
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (200, "http://a")
    assert (
        b"<li>Code: AccessForbidden</li>"
        in get(region, "/", "OPTIONS", origin="http://b", access_control_request_method="GET").body
    )


# --- errors


def test_a_page_that_is_not_there(region: LocalRegion, s3: Any, site: str) -> None:
    """Whether it is, is only told to who may list the bucket."""
    hidden = get(region, "/absent")
    assert (hidden.status, hidden.body) == (403, b"sorry")
    allow(s3, "s3:ListBucket")
    told = get(region, "/absent")
    assert (told.status, told.body) == (404, b"sorry")
    assert told.headers["x-amz-error-code"] == "NoSuchKey"
    assert told.headers["x-amz-error-message"] == "The specified key does not exist."
    assert told.headers["x-amz-error-detail-key"] == "absent"
    assert get(region, "/nothing/").headers["x-amz-error-detail-key"] == "nothing/index.html"


def test_without_an_error_document(region: LocalRegion, s3: Any, site: str) -> None:
    configure(s3, INDEX)
    allow(s3, "s3:ListBucket")
    answer = get(region, "/<absent>")
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"<h1>404 Not Found</h1>" in answer.body
    assert b"<li>Code: NoSuchKey</li>" in answer.body
    assert b"<li>Key: &lt;absent&gt;</li>" in answer.body


def test_an_error_document_that_is_not_there(region: LocalRegion, s3: Any, site: str) -> None:
    s3.delete_object(Bucket=site, Key="error.html")
    allow(s3, "s3:ListBucket")
    answer = get(region, "/absent")
    assert answer.status == 404
    assert b"An Error Occurred While Attempting to Retrieve a Custom Error Document" in answer.body
    assert b"<li>Key: error.html</li>" in answer.body


def test_what_nobody_may_read(region: LocalRegion, s3: Any, site: str) -> None:
    s3.delete_bucket_policy(Bucket=site)
    answer = get(region, "/")
    assert answer.status == 403
    assert b"<li>Code: AccessDenied</li>" in answer.body
    allow(s3, resource="error.html")
    assert (get(region, "/").status, get(region, "/").body) == (403, b"sorry")


def test_public_access_is_blocked(region: LocalRegion, s3: Any, site: str) -> None:
    blocked = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    s3.put_public_access_block(Bucket=site, PublicAccessBlockConfiguration=blocked)
    assert get(region, "/").status == 403


def test_no_website(region: LocalRegion, s3: Any, public: str) -> None:
    answer = get(region, "/")
    assert answer.status == 404
    assert b"<li>Code: NoSuchWebsiteConfiguration</li>" in answer.body
    assert b"<li>BucketName: bucket</li>" in answer.body
    missing = get(region, "/", host="absent.s3-website.localhost")
    assert (missing.status, b"<li>Code: NoSuchBucket</li>" in missing.body) == (404, True)
    assert get(region, "/", host="s3-website.localhost").status == 404


def test_the_endpoint_of_another_region(region: LocalRegion, site: str) -> None:
    answer = get(region, "/", host="bucket.s3-website-eu-west-1.amazonaws.com")
    assert answer.status == 400
    assert b"<li>Code: IncorrectEndpoint</li>" in answer.body


@pytest.mark.parametrize(
    "target",
    [
        "/%00",
        "/%0d%0ax-evil:%201",
        "/%ff",
        "/../../etc/passwd",
        "//",
        "/a//",
        "/" + "a" * 2000,
        "/%F0%9F%98%80",
        "/?%0d%0a",
        "*",
    ],
    ids=range(10),
)
def test_hostile_targets(region: LocalRegion, s3: Any, site: str, target: str) -> None:
    for rules in ((), (rule({"HttpErrorCodeReturnedEquals": "403"}, ReplaceKeyPrefixWith="#!/"),)):
        configure(s3, INDEX, *rules)
        answer = get(region, target)
        assert 200 <= answer.status < 500
        assert "x-evil" not in answer.headers
        assert all(text.isascii() and text.isprintable() for text in answer.headers.values())


# --- redirects


def test_a_folder_without_its_slash(region: LocalRegion, s3: Any, site: str) -> None:
    answer = get(region, "/docs")
    assert (answer.status, answer.headers["location"], answer.body) == (302, "/docs/", b"")
    assert get(region, "/docs?x=1").headers["location"] == "/docs/?x=1"
    put(s3, "a b/index.html", "x")
    assert get(region, "/a%20b").headers["location"] == "/a%20b/"
    put(s3, "docs", "a page of that name")
    assert get(region, "/docs").body == b"a page of that name"


def test_website_redirect_location(region: LocalRegion, s3: Any, site: str) -> None:
    put(s3, "old", "kept", WebsiteRedirectLocation="/docs/?a=b#c")
    put(s3, "away", "", WebsiteRedirectLocation="https://example.com/ä b")
    answer = get(region, "/old")
    assert (answer.status, answer.headers["location"], answer.body) == (301, "/docs/?a=b#c", b"")
    assert get(region, "/away").headers["location"] == "https://example.com/%C3%A4%20b"
    assert get(region, "/away", "HEAD").status == 301
    found = s3.get_object(Bucket=site, Key="old")  # the other endpoint gives the object
    assert (found["Body"].read(), found["WebsiteRedirectLocation"]) == (b"kept", "/docs/?a=b#c")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"HostName": "example.com"}, "http://example.com/a%20b?x=1&y"),
        ({"HostName": "example.com", "Protocol": "https"}, "https://example.com/a%20b?x=1&y"),
    ],
)
def test_redirect_all_requests_to(region: LocalRegion, s3: Any, public: str, target: Any, expected: str) -> None:
    configure(s3, {"RedirectAllRequestsTo": target})
    answer = get(region, "/a%20b?x=1&y")
    assert (answer.status, answer.headers["location"], answer.body) == (301, expected, b"")


PREFIX = {"KeyPrefixEquals": "docs/"}
ERROR = {"HttpErrorCodeReturnedEquals": "404"}


@pytest.mark.parametrize(
    ("given", "target", "status", "location"),
    [
        (rule(PREFIX, ReplaceKeyPrefixWith="documents/"), "/docs/a%20b", 301, f"http://{SITE}/documents/a%20b"),
        (rule(PREFIX, ReplaceKeyPrefixWith=""), "/docs/a", 301, f"http://{SITE}/a"),
        (rule(PREFIX, ReplaceKeyWith="gone.html"), "/docs/a", 301, f"http://{SITE}/gone.html"),
        (rule(PREFIX, ReplaceKeyWith="gone", HttpRedirectCode="307"), "/docs/a", 307, f"http://{SITE}/gone"),
        (rule(PREFIX, HostName="example.com", Protocol="https"), "/docs/a", 301, "https://example.com/docs/a"),
        (rule(PREFIX, HostName="example.com"), "/docs/a?q=1", 301, "http://example.com/docs/a?q=1"),
        (rule(ERROR, ReplaceKeyPrefixWith="#!/"), "/app/x", 301, f"http://{SITE}/#!/app/x"),
        (rule(ERROR, HostName="h", ReplaceKeyPrefixWith="report-404/"), "/x", 301, "http://h/report-404/x"),
        (rule({**PREFIX, **ERROR}, ReplaceKeyWith="x"), "/docs/absent", 301, f"http://{SITE}/x"),
        (rule({**PREFIX, **ERROR}, ReplaceKeyWith="x"), "/absent", 404, ""),
        (rule({**PREFIX, **ERROR}, ReplaceKeyWith="x"), "/docs/", 200, ""),
        (rule({"HttpErrorCodeReturnedEquals": "403"}, ReplaceKeyWith="x"), "/absent", 404, ""),
        (rule(None, HostName="example.com", ReplaceKeyWith="all"), "/anything", 301, "http://example.com/all"),
        (rule(ERROR, ReplaceKeyWith="x?a=1"), "/absent?b=2", 301, f"http://{SITE}/x?a=1"),
    ],
    ids=range(14),
)
def test_routing_rules(
    region: LocalRegion, s3: Any, site: str, given: Any, target: str, status: int, location: str
) -> None:
    configure(s3, ERRORS, given)
    allow(s3, "s3:ListBucket")
    answer = get(region, target)
    assert (answer.status, answer.headers.get("location", "")) == (status, location)


def test_the_first_rule_that_fits(region: LocalRegion, s3: Any, site: str) -> None:
    configure(
        s3,
        ERRORS,
        rule({"KeyPrefixEquals": "docs/a"}, ReplaceKeyWith="first"),
        rule(PREFIX, ReplaceKeyWith="second"),
        rule(ERROR, ReplaceKeyWith="third"),
    )
    allow(s3, "s3:ListBucket")
    assert get(region, "/docs/a").headers["location"].endswith("/first")
    assert get(region, "/docs/").headers["location"].endswith("/second")
    assert get(region, "/absent").headers["location"].endswith("/third")
    assert get(region, "/").body == b"home"


def test_over_tls(region: LocalRegion, s3: Any, public: str) -> None:
    """A redirect has the protocol that the request had."""
    configure(s3, INDEX, rule(PREFIX, ReplaceKeyWith="x"))
    assert get(region, "/docs/a", host=SITE.replace(HOST, HOST)).headers["location"].startswith("http://")


def test_websites_of_requester_pays_buckets(region: LocalRegion, s3: Any, site: str) -> None:
    """Anybody is nobody who could pay."""
    s3.put_bucket_request_payment(Bucket=site, RequestPaymentConfiguration={"Payer": "Requester"})
    assert get(region, "/").status == 403


def test_pages_that_are_encrypted(region: LocalRegion, s3: Any, site: str) -> None:
    """With S3's own key they are anybody's; nobody asks KMS for a key."""
    put(s3, "sealed", "x", ServerSideEncryption="AES256")
    put(s3, "locked", "x", ServerSideEncryption="aws:kms")
    assert get(region, "/sealed").body == b"x"
    assert get(region, "/locked").status in (400, 403)


def test_pages_that_an_acl_opens(region: LocalRegion, s3: Any) -> None:
    s3.create_bucket(Bucket="acls", ObjectOwnership="ObjectWriter")
    make_public(s3, "acls")
    s3.put_bucket_website(Bucket="acls", WebsiteConfiguration=INDEX)
    s3.put_object(Bucket="acls", Key="index.html", Body=b"open", ACL="public-read")
    s3.put_object(Bucket="acls", Key="closed", Body=b"closed")
    host = "acls.s3-website.localhost"
    assert get(region, "/", host=host).body == b"open"
    assert get(region, "/closed", host=host).status == 403


def test_pages_of_versioned_buckets(region: LocalRegion, s3: Any, site: str) -> None:
    s3.put_bucket_versioning(Bucket=site, VersioningConfiguration={"Status": "Enabled"})
    put(s3, "index.html", "new")
    assert get(region, "/").body == b"new"
    s3.delete_object(Bucket=site, Key="index.html")
    allow(s3, "s3:ListBucket")
    gone = get(region, "/")
    assert (gone.status, gone.body) == (404, b"sorry")


def test_archived_pages(region: LocalRegion, s3: Any, site: str) -> None:
    put(s3, "cold", "x", StorageClass="GLACIER")
    assert (get(region, "/cold").status, get(region, "/cold").body) == (403, b"sorry")
