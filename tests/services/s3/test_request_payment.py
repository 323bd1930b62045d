"""Requester pays.

Source: S3 User Guide, "Using Requester Pays general purpose buckets for storage transfers and usage".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, anonymous, code, dev, headers, make_public, put_policy, signed, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"
PAY = {"RequestPayer": "requester"}


@pytest.fixture
def theirs(region: LocalRegion, s3: Any, bucket: str) -> str:
    """A public bucket for whose use others pay, with an object."""
    make_public(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    resources = ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]
    put_policy(
        s3, bucket, allow(["s3:Get*", "s3:List*", "s3:PutObject", "s3:DeleteObject"], resources) | {"Principal": "*"}
    )
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    return bucket


OPERATIONS = [
    ("get_object", {"Key": "k"}),
    ("head_object", {"Key": "k"}),
    ("put_object", {"Key": "new"}),
    ("delete_object", {"Key": "k"}),
    ("delete_objects", {"Delete": {"Objects": [{"Key": "k"}]}}),
    ("list_objects_v2", {}),
    ("list_objects", {}),
    ("list_object_versions", {}),
    ("create_multipart_upload", {"Key": "new"}),
    ("copy_object", {"Key": "new", "CopySource": "bucket/k"}),
    ("get_object_tagging", {"Key": "k"}),
    ("get_object_acl", {"Key": "k"}),
]


@pytest.mark.parametrize(("operation", "arguments"), OPERATIONS)
def test_who_asks_says_that_it_pays_and_is_told_that_it_did(
    region: LocalRegion, theirs: str, operation: str, arguments: dict[str, Any]
) -> None:
    call = getattr(dev(region, OTHER), operation)
    assert code(call, Bucket=theirs, **arguments) in ("AccessDenied", "403")
    answer = call(Bucket=theirs, **arguments, **PAY)
    if operation != "get_object_tagging":  # whose output, in AWS's model, cannot tell it
        assert answer["RequestCharged"] == headers(answer)["x-amz-request-charged"] == "requester"


def test_the_owner_is_not_charged(region: LocalRegion, s3: Any, theirs: str) -> None:
    assert "RequestCharged" not in s3.get_object(Bucket=theirs, Key="k")
    assert "RequestCharged" not in s3.get_object(Bucket=theirs, Key="k", **PAY)
    assert "RequestCharged" not in user_client(region, "s3").get_object(Bucket=theirs, Key="k")


def test_anonymous_callers_cannot_pay(region: LocalRegion, theirs: str) -> None:
    assert code(anonymous(region).get_object, Bucket=theirs, Key="k") == "AccessDenied"
    assert code(anonymous(region).get_object, Bucket=theirs, Key="k", **PAY) == "AccessDenied"


def test_a_presigned_url_says_it_too(region: LocalRegion, theirs: str) -> None:
    client = dev(region, OTHER)
    for said, expected in (({}, 403), (PAY, 200)):
        url = client.generate_presigned_url("get_object", {"Bucket": theirs, "Key": "k", **said})
        assert region.raw("GET", url.partition(":4566")[2]).status == expected


def test_who_reads_a_source_that_others_pay_for_pays(region: LocalRegion, theirs: str) -> None:
    other = dev(region, OTHER)
    other.create_bucket(Bucket="mine")
    assert code(other.copy_object, Bucket="mine", Key="k", CopySource=f"{theirs}/k") == "AccessDenied"
    other.copy_object(Bucket="mine", Key="k", CopySource=f"{theirs}/k", **PAY)


def test_the_setting_is_told_and_ends(region: LocalRegion, s3: Any, theirs: str) -> None:
    assert s3.get_bucket_request_payment(Bucket=theirs)["Payer"] == "Requester"
    s3.put_bucket_request_payment(Bucket=theirs, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert s3.get_bucket_request_payment(Bucket=theirs)["Payer"] == "BucketOwner"
    answer = dev(region, OTHER).get_object(Bucket=theirs, Key="k", **PAY)
    assert "RequestCharged" not in answer


@pytest.mark.parametrize("payer", ["Nobody", "requester", "", "<a/>"])
def test_what_is_no_payer(region: LocalRegion, s3: Any, bucket: str, payer: str) -> None:
    body = f"<RequestPaymentConfiguration><Payer>{payer}</Payer></RequestPaymentConfiguration>".encode()
    assert signed(region, "PUT", f"/{bucket}?requestPayment", {}, body).status == 400
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
