"""Every operation of every REST service is reached by the request that botocore makes of it."""

from __future__ import annotations

from tests.wire.samples import operations, request_of, sample_input

from fogbank.wire.identify import router_of
from fogbank.wire.indexing import load_index

ARN = "arn:aws:svc:us-east-1:123456789012:thing/abc"
TABLE_BUCKET = "arn:aws:s3tables:us-east-1:123456789012:bucket/abc"

# Operations that their requests do not tell apart, and which wins.
SAME_REQUEST = {
    # Deprecated: AWS gave the same request a new name and a new document.
    ("s3", "GetBucketLifecycle"): "GetBucketLifecycleConfiguration",
    ("s3", "GetBucketNotification"): "GetBucketNotificationConfiguration",
    ("s3", "PutBucketLifecycle"): "PutBucketLifecycleConfiguration",
    ("s3", "PutBucketNotification"): "PutBucketNotificationConfiguration",
    # Only the signature for s3express tells; test_route.py has it.
    ("s3", "ListDirectoryBuckets"): "ListBuckets",
}
# /tags/{ResourceType}/{ResourceId} and /tags/{ResourceType}: AWS's resource types are words, not ARNs.
WORD_LABELS = {("route53", "ListTagsForResources")}

REST = [(name, entry.protocols[0]) for name, entry in load_index().items() if entry.protocols[0].startswith("rest-")]


def test_every_operation_of_every_rest_service_routes_to_itself() -> None:
    count, wrong = 0, []
    for service, protocol in REST:
        router = router_of(service)
        for operation in operations(service):
            request, _ = request_of(operation, sample_input(operation), protocol)
            found = router(request)
            count += 1
            if found is None or found[0] != SAME_REQUEST.get((service, operation.name), operation.name):
                wrong.append((service, operation.name, found, request.method, request.path, request.query))
    assert not wrong
    assert count > 10_000


def test_labels_come_back_as_they_were_given() -> None:
    for service in ("s3", "lambda", "apigateway", "s3control", "workspaces-web", "mediastore-data"):
        router = router_of(service)
        for operation in operations(service):
            params = sample_input(operation, "a b%+é~")
            request, raw_path = request_of(operation, params, load_index()[service].protocols[0])
            found = router(request)
            assert found is not None
            if (service, operation.name) not in SAME_REQUEST:
                labels = {
                    member.serialization["name"]: str(params[name])
                    for name, member in (operation.input_shape.members if operation.input_shape else {}).items()
                    if member.serialization.get("location") == "uri"
                }
                assert found == (operation.name, labels)
            assert router.canonical_path(*found) == raw_path


def test_arns_with_slashes_in_labels_are_found_although_the_server_decoded_them() -> None:
    count, wrong = 0, []
    for service, protocol in REST:
        router = router_of(service)
        for operation in operations(service):
            params = sample_input(operation)
            arns = [
                name
                for name in params
                if operation.input_shape and "arn" in f"{name} {operation.input_shape.members[name].name}".lower()
                if operation.input_shape.members[name].serialization.get("location") == "uri"
            ]
            if arns and (service, operation.name) not in WORD_LABELS:
                params |= dict.fromkeys(arns, TABLE_BUCKET if service == "s3tables" else ARN)
                request, raw_path = request_of(operation, params, protocol)
                found = router(request)
                count += 1
                if found is None or found[0] != operation.name or router.canonical_path(*found) != raw_path:
                    wrong.append((service, operation.name, found))
    assert not wrong
    assert count > 1000
