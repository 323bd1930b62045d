"""REST routing: S3's sub-resources and bindings, slashes, and paths that mean nothing."""

from __future__ import annotations

import json
import time

import pytest

from fogbank.wire.errors import AwsError
from fogbank.wire.http import HttpRequest
from fogbank.wire.identify import router_of
from fogbank.wire.route import compile_router
from fogbank.wire.service import load

COPY = {"x-amz-copy-source": "/other/key"}
S3_EXPRESS = {
    "authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3express/aws4_request, Signature=0"
}


def route(service: str, method: str, path: str, query: str = "", headers: dict[str, str] | None = None) -> str | None:
    found = router_of(service)(HttpRequest(method, path, query, headers or {}))
    return found[0] if found else None


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("GET", "/", "x-id=ListBuckets&max-buckets=5", {}, "ListBuckets"),
        ("GET", "/", "", S3_EXPRESS, "ListDirectoryBuckets"),
        ("GET", "/", "X-Amz-Credential=A%2F1%2Fr%2Fs3express%2Faws4_request", {}, "ListDirectoryBuckets"),
        ("GET", "/b", "", {}, "ListObjects"),
        ("GET", "/b/", "prefix=a", {}, "ListObjects"),
        ("GET", "/b", "list-type=2", {}, "ListObjectsV2"),
        ("GET", "/b", "list-type=1", {}, "ListObjects"),
        ("GET", "/b", "versions=&list-type=2", {}, "ListObjectVersions"),
        ("GET", "/b", "inventory", {}, "ListBucketInventoryConfigurations"),
        ("GET", "/b", "inventory&id=1", {}, "GetBucketInventoryConfiguration"),
        ("PUT", "/b", "", {}, "CreateBucket"),
        ("PUT", "/b", "analytics", {}, "PutBucketAnalyticsConfiguration"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("HEAD", "/b", "", {}, "HeadBucket"),
        ("GET", "/b/k", "", {}, "GetObject"),
        ("GET", "/b/k", "partNumber=2&versionId=x&unknown=1", {}, "GetObject"),
        ("GET", "/b/k", "tagging=&x-id=GetObjectTagging", {}, "GetObjectTagging"),
        ("GET", "/b/k", "torrent", {}, "GetObjectTorrent"),
        ("GET", "/b/k", "uploadId=1", {}, "ListParts"),
        ("GET", "/b/k", "attributes", {}, "GetObjectAttributes"),
        ("GET", "/b/k", "annotation", {}, "ListObjectAnnotations"),
        ("GET", "/b/k", "annotation&annotationName=n", {}, "GetObjectAnnotation"),
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "x-id=PutObject", {}, "PutObject"),
        ("PUT", "/b/k", "", COPY, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", COPY, "UploadPartCopy"),
        ("PUT", "/b/k", "renameObject", {}, "RenameObject"),
        ("PUT", "/b/k", "acl", COPY, "PutObjectAcl"),
        # Faulty, and refused as what they are rather than stored as objects.
        ("PUT", "/b/k", "uploadId=u", {}, "UploadPart"),
        ("PUT", "/b/k", "partNumber=1", {}, "UploadPart"),
        ("PUT", "/b/k", "uploadId=u", COPY, "UploadPartCopy"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
        ("POST", "/b/k", "select&select-type=2", {}, "SelectObjectContent"),
        ("POST", "/WriteGetObjectResponse", "", {}, "WriteGetObjectResponse"),
        ("DELETE", "/b/k", "", {}, "DeleteObject"),
        ("DELETE", "/b/k", "uploadId=u", {}, "AbortMultipartUpload"),
        ("DELETE", "/b", "lifecycle", {}, "DeleteBucketLifecycle"),
        # Sub-resources that the method or the kind of resource does not have, and methods that nothing has.
        ("GET", "/b/k", "policy", {}, None),
        ("GET", "/b/k", "uploads", {}, None),
        ("DELETE", "/b", "acl", {}, None),
        ("PUT", "/b/k", "torrent", {}, None),
        ("POST", "/b/k", "select", {}, None),
        ("POST", "/b/k", "", {}, None),
        ("POST", "/b", "", {}, "PostObject"),
        ("PATCH", "/b/k", "", {}, None),
        ("get", "/b/k", "", {}, None),
        ("GET", "//k", "", {}, None),
        ("GET", "b/k", "", {}, None),
        ("GET", "", "", {}, None),
        ("OPTIONS", "*", "", {}, None),
    ],
)
def test_s3_operations_by_method_path_arguments_and_headers(
    method: str, path: str, query: str, headers: dict[str, str], operation: str | None
) -> None:
    assert route("s3", method, path, query, headers) == operation


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        ("/b/k/", "b", "k/"),
        ("/b//k", "b", "/k"),
        ("/b//", "b", "/"),
        ("/b/a//b///", "b", "a//b///"),
        ("/b/.", "b", "."),
        ("/b/../c", "b", "../c"),
        ("/b/ ?#&+%", "b", " ?#&+%"),
        ("/b/\0", "b", "\0"),
        ("/{}/{+}", "{}", "{+}"),
        ("/WriteGetObjectResponse/k", "WriteGetObjectResponse", "k"),
    ],
)
def test_s3_keys_are_kept_as_they_are(path: str, bucket: str, key: str) -> None:
    found = router_of("s3")(HttpRequest("GET", path, "", {}))
    assert found == ("GetObject", {"Bucket": bucket, "Key": key})


def test_several_sub_resources_are_refused_as_s3_does() -> None:
    with pytest.raises(AwsError) as refused:
        route("s3", "GET", "/b/k", "tagging&acl=1")
    assert refused.value.code == "InvalidArgument"
    assert refused.value.message == "Conflicting query string parameters: acl, tagging"


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "operation"),
    [
        ("lambda", "GET", "/2015-03-31/functions", "", "ListFunctions"),
        ("lambda", "GET", "/2015-03-31/functions/", "", "ListFunctions"),
        ("lambda", "GET", "/2018-10-31/layers", "find=LayerVersion&Arn=a", "GetLayerVersionByArn"),
        ("lambda", "GET", "/2018-10-31/layers", "find=Other", "ListLayers"),
        ("mpa", "POST", "/policies/", "List", "ListPolicies"),
        ("chime", "POST", "/phone-numbers", "operation=batch-delete", "BatchDeletePhoneNumber"),
        ("chime", "POST", "/phone-numbers", "operation=unknown", None),
        ("workspaces-web", "GET", "/portals/arn:a:b/c/identityProviders", "", "ListIdentityProviders"),
        ("workspaces-web", "GET", "/portals/arn:a:b/c", "", "GetPortal"),
        ("apigateway", "POST", "/restapis", "mode=import", "ImportRestApi"),
        ("apigateway", "POST", "/restapis", "", "CreateRestApi"),
        ("lambda", "GET", "/nothing/of/it", "", None),
    ],
)
def test_other_services(service: str, method: str, path: str, query: str, operation: str | None) -> None:
    assert route(service, method, path, query) == operation


def test_a_model_without_residual_rules_ignores_unknown_bare_arguments() -> None:
    model = {
        "metadata": {"endpointPrefix": "x"},
        "shapes": {},
        "operations": {
            "Get": {"http": {"method": "GET", "requestUri": "/things/{id}"}},
            "GetTags": {"http": {"method": "GET", "requestUri": "/things/{id}?tags"}},
        },
    }
    router = compile_router(model)
    assert router(HttpRequest("GET", "/things/1", "other", {})) == ("Get", {"id": "1"})
    assert router(HttpRequest("GET", "/things/1", "tags", {})) == ("GetTags", {"id": "1"})


def test_operations_that_an_overlay_adds_are_routed() -> None:
    """S3's model lacks the form upload, for one."""
    model = json.loads(json.dumps(load("s3").raw))
    model["operations"]["Preflight"] = {"http": {"method": "OPTIONS", "requestUri": "/{Bucket}/{Key+}"}}
    router = compile_router(model)
    assert router(HttpRequest("POST", "/b", "", {})) == ("PostObject", {"Bucket": "b"})
    assert router(HttpRequest("POST", "/b/", "delete", {})) == ("DeleteObjects", {"Bucket": "b"})
    assert router(HttpRequest("OPTIONS", "/b/k", "", {})) == ("Preflight", {"Bucket": "b", "Key": "k"})


HOSTILE_PATHS = [
    "/" * 65_536,
    "/a" * 32_768,
    "/" + "a" * 65_536,
    "/tags/" + "arn:/" * 12_000,
    "/tags/" + "arn:aws:s3:::a/" * 25,
    "/2015-03-31/functions/" + "a/" * 28 + "x",
    "/portals/" + "a/" * 120 + "x",
    "\0" * 1000,
    "/\ud800/\U0010ffff",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=range(len(HOSTILE_PATHS)))
@pytest.mark.parametrize(
    "service", ["s3", "lambda", "workspaces-web", "s3control", "apigateway", "bedrock-agentcore-control"]
)
def test_hostile_paths_are_answered_promptly(service: str, path: str) -> None:
    router = router_of(service)
    started = time.perf_counter()
    for method in ("GET", "PUT", "POST", "DELETE"):
        router(HttpRequest(method, path, "", {}))
    assert time.perf_counter() - started < 20  # no measure: what backtracks takes minutes


def test_ten_thousand_arguments() -> None:
    query = "&".join(f"a{n}={n}" for n in range(10_000))
    assert route("s3", "GET", "/b/k", query) == "GetObject"
    with pytest.raises(AwsError):
        route("s3", "GET", "/b/k", "acl&policy&tagging&" * 2_500)
