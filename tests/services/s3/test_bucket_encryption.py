"""The default encryption of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, error_of, permit, signed, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion

AES = {"SSEAlgorithm": "AES256"}
FIRST = {
    "ApplyServerSideEncryptionByDefault": AES,
    "BucketKeyEnabled": False,
    "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
}
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(32)}


def put(s3: Any, bucket: str, **rule: Any) -> None:
    """Set a bucket's rule."""
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def rule_of(s3: Any, bucket: str) -> Any:
    """A bucket's rule."""
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert len(rules) == 1
    return rules[0]


@pytest.fixture
def key(region: LocalRegion) -> str:
    """The ARN of a KMS key."""
    return str(region.client("kms").create_key()["KeyMetadata"]["Arn"])


def test_every_bucket_has_a_default(s3: Any, bucket: str) -> None:
    assert rule_of(s3, bucket) == FIRST


@pytest.mark.parametrize(
    "rule",
    [
        {"ApplyServerSideEncryptionByDefault": AES, "BucketKeyEnabled": False},
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True},
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"},
            "BucketKeyEnabled": False,
        },
        FIRST | {"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}},
    ],
)
def test_put_get_and_delete(s3: Any, bucket: str, rule: dict[str, Any]) -> None:
    put(s3, bucket, **rule)
    assert rule_of(s3, bucket) == rule
    s3.delete_bucket_encryption(Bucket=bucket)
    assert rule_of(s3, bucket) == FIRST


def test_objects_are_encrypted_by_the_default_unless_they_say_otherwise(s3: Any, bucket: str, key: str) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    put(s3, bucket, ApplyServerSideEncryptionByDefault=default, BucketKeyEnabled=True)
    made = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert (made["ServerSideEncryption"], made["SSEKMSKeyId"], made["BucketKeyEnabled"]) == ("aws:kms", key, True)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert s3.create_multipart_upload(Bucket=bucket, Key="parts")["SSEKMSKeyId"] == key
    assert s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")["SSEKMSKeyId"] == key
    assert (
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")["ServerSideEncryption"]
        == "AES256"
    )
    without = s3.put_object(Bucket=bucket, Key="k", Body=b"x", BucketKeyEnabled=False)
    assert (without["SSEKMSKeyId"], "BucketKeyEnabled" in without) == (key, False)


def test_a_default_that_is_no_key_shows_with_the_first_object(s3: Any, bucket: str) -> None:
    put(s3, bucket, ApplyServerSideEncryptionByDefault={"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/none"})
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") == "KMS.NotFoundException"


def test_customers_keys_are_blocked_until_they_are_allowed(s3: Any, bucket: str) -> None:
    write = {"Bucket": bucket, "Key": "k", **CUSTOMER}
    s3.put_object(Bucket=bucket, Key="from", Body=b"x")
    assert code(s3.put_object, **write, Body=b"x") == "AccessDenied"
    assert code(s3.copy_object, **write, CopySource=f"{bucket}/from") == "AccessDenied"
    assert code(s3.create_multipart_upload, **write) == "AccessDenied"
    put(s3, bucket, ApplyServerSideEncryptionByDefault=AES, BlockedEncryptionTypes={"EncryptionType": ["NONE"]})
    s3.put_object(**write, Body=b"x")
    put(s3, bucket, ApplyServerSideEncryptionByDefault=AES, BlockedEncryptionTypes={"EncryptionType": ["SSE-C"]})
    assert code(s3.put_object, **write, Body=b"x") == "AccessDenied"
    assert s3.get_object(**write)["Body"].read() == b"x"


DEFAULT = "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>%s</SSEAlgorithm>%s</ApplyServerSideEncryptionByDefault>"


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        ("", (400, "MalformedXML")),
        ("<Rule/>", (400, "MalformedXML")),
        (f"<Rule>{DEFAULT % ('AES256', '')}</Rule>" * 2, (400, "MalformedXML")),
        (f"<Rule>{DEFAULT % ('DES', '')}</Rule>", (400, "InvalidEncryptionAlgorithmError")),
        (f"<Rule>{DEFAULT % ('', '')}</Rule>", (400, "InvalidEncryptionAlgorithmError")),
        (f"<Rule>{DEFAULT % ('aws:fsx', '')}</Rule>", (400, "MalformedXML")),
        (f"<Rule>{DEFAULT % ('aws:kms:dsse', '')}</Rule>", (501, "NotImplemented")),
        (f"<Rule>{DEFAULT % ('AES256', '<KMSMasterKeyID>k</KMSMasterKeyID>')}</Rule>", (400, "InvalidArgument")),
        (f"<Rule>{DEFAULT % ('aws:kms', '<KMSMasterKeyID></KMSMasterKeyID>')}</Rule>", (400, "MalformedXML")),
        (
            f"<Rule>{DEFAULT % ('aws:kms', '<KMSMasterKeyID>' + 'k' * 3000 + '</KMSMasterKeyID>')}</Rule>",
            (400, "MalformedXML"),
        ),
        (
            "<Rule><BlockedEncryptionTypes><EncryptionType>ALL</EncryptionType></BlockedEncryptionTypes></Rule>",
            (400, "MalformedXML"),
        ),
        ("<Rule><BlockedEncryptionTypes/></Rule>", (400, "MalformedXML")),
    ],
)
def test_rules_that_cannot_be(region: LocalRegion, s3: Any, bucket: str, rules: str, error: tuple[int, str]) -> None:
    name = "ServerSideEncryptionConfiguration"
    document = f'<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{rules}</{name}>'
    assert error_of(signed(region, "PUT", f"/{bucket}?encryption", {}, document.encode())) == error
    assert rule_of(s3, bucket) == FIRST


def test_permissions(region: LocalRegion, bucket: str) -> None:
    ann = user_client(region, "s3")
    assert code(ann.get_bucket_encryption, Bucket=bucket) == "AccessDenied"
    permit(region, allow("s3:GetEncryptionConfiguration"))
    assert rule_of(ann, bucket) == FIRST
    assert code(ann.delete_bucket_encryption, Bucket=bucket) == "AccessDenied"
    permit(region, allow("s3:PutEncryptionConfiguration"))
    put(ann, bucket, ApplyServerSideEncryptionByDefault=AES)
    ann.delete_bucket_encryption(Bucket=bucket)


def test_buckets_that_are_not_there(s3: Any) -> None:
    assert code(s3.get_bucket_encryption, Bucket="nowhere") == "NoSuchBucket"
    assert code(s3.delete_bucket_encryption, Bucket="nowhere") == "NoSuchBucket"
