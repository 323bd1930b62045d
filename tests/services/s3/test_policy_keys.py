"""S3's condition keys: each, with a value that the request has and one that it has not.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide, "Bucket policy examples
using condition keys", "Tagging and access control policies".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core import reference
from services.helpers import allow, anonymous, code, dev, make_public, permit, put_policy, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"
OBJECTS = "arn:aws:s3:::bucket/*"
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

NOTHING_BLOCKED = {"EncryptionType": ["NONE"]}

GET = ("get_object", {"Key": "k"})
PUT = ("put_object", {"Key": "new"})
LIST = ("list_objects_v2", {})


def said(operation: tuple[str, dict[str, Any]], **more: Any) -> tuple[str, dict[str, Any]]:
    """A request that says more."""
    return operation[0], operation[1] | more


@pytest.fixture
def ann(region: LocalRegion, s3: Any) -> Any:
    """A user's client; there is a bucket with ACLs, versions and Object Lock, and a tagged object."""
    s3.create_bucket(Bucket="bucket", ObjectOwnership="ObjectWriter", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="bucket", Key="k", Body=b"kept", Tagging="colour=blue&Size=1")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": NOTHING_BLOCKED}
    s3.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration={"Rules": [rule]})
    return user_client(region, "s3")


def passes(client: Any, request: tuple[str, dict[str, Any]]) -> bool:
    """Whether the request is allowed; what else is wrong with it does not matter."""
    try:
        getattr(client, request[0])(Bucket="bucket", **request[1])
    except client.exceptions.ClientError as error:
        return error.response["Error"]["Code"] not in ("AccessDenied", "403")
    return True


TAGGED = {"TagSet": [{"Key": "colour", "Value": "red"}, {"Key": "size", "Value": "2"}]}
UNTIL = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2100-01-01T00:00:00Z"}

CASES: list[tuple[tuple[str, dict[str, Any]], str, str, str, str]] = [
    # request, operator, key, a value that holds, one that does not
    (LIST, "StringEquals", "s3:prefix", "", "a/"),
    (said(LIST, Prefix="a/b"), "StringLike", "s3:prefix", "a/*", "b/*"),
    (said(LIST, Delimiter="/"), "StringEquals", "s3:delimiter", "/", "|"),
    (said(LIST, MaxKeys=10), "NumericLessThanEquals", "s3:max-keys", "10", "9"),
    (("delete_object", {"Key": "k", "VersionId": "null"}), "StringEquals", "s3:VersionId", "null", "other"),
    (GET, "Null", "s3:VersionId", "true", "false"),
    (GET, "StringEquals", "s3:ExistingObjectTag/colour", "blue", "red"),
    (GET, "StringEquals", "s3:ExistingObjectTag/size", "1", "2"),
    (GET, "Null", "s3:ExistingObjectTag/shape", "true", "false"),
    (PUT, "Null", "s3:ExistingObjectTag/colour", "true", "false"),
    (said(PUT, Tagging="colour=red&size=1"), "StringEquals", "s3:RequestObjectTag/colour", "red", "blue"),
    (("put_object_tagging", {"Key": "k", "Tagging": TAGGED}), "StringEquals", "s3:RequestObjectTag/size", "2", "1"),
    (said(PUT, Tagging="a=1&b=2"), "ForAllValues:StringEquals", "s3:RequestObjectTagKeys", "a,b", "a"),
    (said(PUT, ACL="private"), "StringEquals", "s3:x-amz-acl", "private", "public-read"),
    (said(PUT, GrantRead=f"id={'a' * 64}"), "StringLike", "s3:x-amz-grant-read", "id=*", "uri=*"),
    (said(PUT, GrantReadACP=f"id={'a' * 64}"), "Null", "s3:x-amz-grant-read-acp", "false", "true"),
    (said(PUT, GrantWriteACP=f"id={'a' * 64}"), "Null", "s3:x-amz-grant-write-acp", "false", "true"),
    (said(PUT, GrantFullControl=f"id={'a' * 64}"), "Null", "s3:x-amz-grant-full-control", "false", "true"),
    (("put_bucket_acl", {"GrantWrite": f"id={'a' * 64}"}), "Null", "s3:x-amz-grant-write", "false", "true"),
    (said(PUT, ServerSideEncryption="AES256"), "StringEquals", "s3:x-amz-server-side-encryption", "AES256", "aws:kms"),
    (PUT, "Null", "s3:x-amz-server-side-encryption", "true", "false"),
    (said(PUT, ServerSideEncryption="aws:kms", SSEKMSKeyId=KMS_KEY), "ArnLike",
     "s3:x-amz-server-side-encryption-aws-kms-key-id", KMS_KEY, KMS_KEY.replace("1234abcd", "00000000")),
    (said(PUT, SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32), "StringEquals",
     "s3:x-amz-server-side-encryption-customer-algorithm", "AES256", "AES128"),
    (said(PUT, StorageClass="STANDARD_IA"), "StringEquals", "s3:x-amz-storage-class", "STANDARD_IA", "GLACIER"),
    (said(PUT, WebsiteRedirectLocation="/a"), "StringEquals", "s3:x-amz-website-redirect-location", "/a", "/b"),
    (("copy_object", {"Key": "c", "CopySource": "bucket/k", "MetadataDirective": "REPLACE"}), "StringEquals",
     "s3:x-amz-metadata-directive", "REPLACE", "COPY"),
    (("copy_object", {"Key": "c", "CopySource": "bucket/k"}), "StringLike", "s3:x-amz-copy-source", "bucket/*", "other/*"),
    (said(PUT, IfNoneMatch="*"), "StringEquals", "s3:if-none-match", "*", "a"),
    (said(PUT, IfMatch="abc"), "Null", "s3:if-match", "false", "true"),
    (PUT, "Bool", "s3:ObjectCreationOperation", "true", "false"),
    (("create_multipart_upload", {"Key": "m"}), "Bool", "s3:ObjectCreationOperation", "false", "true"),
    (said(PUT, **UNTIL), "StringEquals", "s3:object-lock-mode", "GOVERNANCE", "COMPLIANCE"),
    (said(PUT, **UNTIL), "DateEquals", "s3:object-lock-retain-until-date", "2100-01-01T00:00:00Z", "2101-01-01T00:00:00Z"),
    (said(PUT, **UNTIL), "NumericGreaterThan", "s3:object-lock-remaining-retention-days", "1000", "100000"),
    (said(PUT, ObjectLockLegalHoldStatus="ON"), "StringEquals", "s3:object-lock-legal-hold", "ON", "OFF"),
    (("put_object_legal_hold", {"Key": "k", "LegalHold": {"Status": "ON"}}), "StringEquals",
     "s3:object-lock-legal-hold", "ON", "OFF"),
    (("put_object_retention", {"Key": "k", "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2100-01-01T00:00:00Z"}}),
     "StringEquals", "s3:object-lock-mode", "GOVERNANCE", "COMPLIANCE"),
    (GET, "StringEquals", "s3:ResourceAccount", "123456789012", OTHER),
    (GET, "StringEquals", "aws:ResourceAccount", "123456789012", OTHER),
    (GET, "StringEquals", "s3:authType", "REST-HEADER", "REST-QUERY-STRING"),
    (GET, "StringEquals", "s3:signatureversion", "AWS4-HMAC-SHA256", "AWS"),
    (GET, "NumericLessThan", "s3:signatureAge", "600000", "-600000"),
    (GET, "Null", "s3:x-amz-content-sha256", "false", "true"),
    (GET, "Null", "s3:TlsVersion", "true", "false"),
    (GET, "Null", "s3:AccessPointNetworkOrigin", "true", "false"),
    (GET, "Null", "s3:AccessGrantsInstanceArn", "true", "false"),
    (GET, "Null", "s3:DataAccessPointArn", "true", "false"),
    (GET, "Null", "s3:BucketTag/team", "true", "false"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "operator", "key", "holds", "fails"), CASES, ids=[case[2] for case in CASES])
def test_a_condition(
    region: LocalRegion, ann: Any, request_: tuple[str, dict[str, Any]], operator: str, key: str, holds: str, fails: str
) -> None:
    for value, expected in ((holds, True), (fails, False)):
        # The source of a copy is asked about by its own request, which has none of the copy's keys.
        source = allow(["s3:GetObject*", "s3:PutObjectTagging"] if request_[0] == "copy_object" else "s3:HeadNothing")
        permit(region, allow("s3:*", "*", **{operator: {key: value.split(",")}}), source)
        assert passes(ann, request_) is expected, value


def test_every_key_of_the_reference_is_tested_or_not_here() -> None:
    service = reference.service("s3")
    assert service is not None
    tested = {case[2].lower().partition("/")[0] for case in CASES}
    elsewhere = {"s3:locationconstraint", "s3:x-amz-object-ownership", "s3:inventoryaccessibleoptionalfields"}
    # Access points, access grants, batch jobs and fault injection, which are not here; a bucket's namespace is refused.
    absent = (
        "s3:accesspoint",
        "s3:accessgrant",
        "s3:dataaccesspoint",
        "s3:existingjob",
        "s3:requestjob",
        "s3:jobsuspended",
    )
    others = {"s3:destinationregion", "s3:isreplicationpauserequest", "s3:x-amz-bucket-namespace"}
    keys = {key.lower().partition("/")[0] for key in service.condition_keys if key.startswith("s3:")}
    assert {key for key in keys - tested - elsewhere - others if not key.startswith(absent)} == set()


@pytest.mark.parametrize(
    ("said_", "key", "value", "works"),
    [
        (
            {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}},
            "s3:LocationConstraint",
            "eu-west-1",
            True,
        ),
        (
            {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}},
            "s3:LocationConstraint",
            "eu-west-2",
            False,
        ),
        ({"ObjectOwnership": "BucketOwnerEnforced"}, "s3:x-amz-object-ownership", "BucketOwnerEnforced", True),
        ({"ObjectOwnership": "ObjectWriter"}, "s3:x-amz-object-ownership", "BucketOwnerEnforced", False),
    ],
)
def test_conditions_on_making_a_bucket(
    region: LocalRegion, said_: dict[str, Any], key: str, value: str, works: bool
) -> None:
    ann = user_client(region, "s3")
    permit(region, allow("s3:CreateBucket", "*", StringEquals={key: value}), allow("s3:PutBucketOwnershipControls"))
    if works:
        ann.create_bucket(Bucket="made", **said_)
    else:
        assert code(ann.create_bucket, Bucket="made", **said_) == "AccessDenied"


def test_a_referer(region: LocalRegion, s3: Any, bucket: str) -> None:
    make_public(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    condition = {"StringLike": {"aws:Referer": ["http://www.example.com/*"]}}
    put_policy(s3, bucket, allow("s3:GetObject", OBJECTS, **condition) | {"Principal": "*"})
    assert region.raw("GET", "/bucket/k", {"referer": "http://www.example.com/page"}).status == 200
    assert region.raw("GET", "/bucket/k", {"referer": "http://other.example.com/page"}).status == 403
    assert region.raw("GET", "/bucket/k").status == 403


def test_uploads_that_give_the_bucket_owner_full_control(region: LocalRegion, s3: Any) -> None:
    """S3 User Guide, "Bucket policy examples": s3:x-amz-acl with bucket-owner-full-control, for another account."""
    s3.create_bucket(Bucket="bucket", ObjectOwnership="BucketOwnerPreferred")
    condition = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    grant = allow("s3:PutObject", OBJECTS, **condition) | {"Principal": {"AWS": OTHER}}
    put_policy(s3, "bucket", grant)
    other = dev(region, OTHER)
    assert code(other.put_object, Bucket="bucket", Key="k") == "AccessDenied"
    other.put_object(Bucket="bucket", Key="k", Body=b"kept", ACL="bucket-owner-full-control")
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"kept"
    deny = allow("s3:PutObjectAcl", OBJECTS) | {"Effect": "Deny", "Principal": {"AWS": OTHER}}
    put_policy(s3, "bucket", grant, deny)
    assert code(other.put_object, Bucket="bucket", Key="k", ACL="bucket-owner-full-control") == "AccessDenied"


def test_tags_decide_who_reads(region: LocalRegion, s3: Any, bucket: str) -> None:
    """S3 User Guide, "Tagging and access control policies": only objects with the tag are public."""
    make_public(s3, bucket)
    s3.put_object(Bucket=bucket, Key="open", Tagging="environment=production")
    s3.put_object(Bucket=bucket, Key="closed", Tagging="environment=test")
    condition = {"StringEquals": {"s3:ExistingObjectTag/environment": "production"}}
    put_policy(s3, bucket, allow("s3:GetObject", OBJECTS, **condition) | {"Principal": "*"})
    anonymous(region).get_object(Bucket=bucket, Key="open")
    assert code(anonymous(region).get_object, Bucket=bucket, Key="closed") == "AccessDenied"
    assert code(anonymous(region).get_object, Bucket=bucket, Key="none") == "AccessDenied"
