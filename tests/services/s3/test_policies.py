"""Identity policies on S3: what they see of a request, and that they count at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from services.helpers import allow, code, permit, refusal, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion

BUCKET = "arn:aws:s3:::bucket"


@pytest.fixture
def ann(region: LocalRegion, s3: Any, bucket: str) -> Any:
    """A user's client; there is one object, home/ann/k."""
    s3.put_object(Bucket=bucket, Key="home/ann/k", Body=b"hers")
    s3.put_object(Bucket=bucket, Key="home/bob/k", Body=b"his")
    return user_client(region, "s3")


def test_a_policy_counts_at_once_and_so_does_its_end(region: LocalRegion, ann: Any) -> None:
    assert code(ann.get_object, Bucket="bucket", Key="home/ann/k") == "AccessDenied"
    permit(region, allow("s3:GetObject", f"{BUCKET}/*"))
    assert ann.get_object(Bucket="bucket", Key="home/ann/k")["Body"].read() == b"hers"
    permit(region, allow("s3:GetObject", f"{BUCKET}/other/*"))
    assert code(ann.get_object, Bucket="bucket", Key="home/ann/k") == "AccessDenied"


def test_home_folders(region: LocalRegion, ann: Any) -> None:
    """IAM User Guide, "Amazon S3: Allows IAM users access to their S3 home directory, programmatically and in the console"."""
    permit(
        region,
        allow("s3:ListBucket", BUCKET, StringLike={"s3:prefix": ["", "home/", "home/${aws:username}/*"]}),
        allow("s3:*", [f"{BUCKET}/home/${{aws:username}}", f"{BUCKET}/home/${{aws:username}}/*"]),
    )
    ann.put_object(Bucket="bucket", Key="home/ann/new", Body=b"")
    assert code(ann.put_object, Bucket="bucket", Key="home/bob/new", Body=b"") == "AccessDenied"
    assert ann.list_objects_v2(Bucket="bucket", Prefix="home/ann/")["KeyCount"] == 2
    assert code(ann.list_objects_v2, Bucket="bucket", Prefix="home/bob/") == "AccessDenied"
    assert ann.list_objects_v2(Bucket="bucket", Delimiter="/")["KeyCount"] == 1


def test_that_a_key_is_missing_is_told_to_who_may_list(region: LocalRegion, ann: Any) -> None:
    permit(region, allow("s3:GetObject", f"{BUCKET}/*"))
    assert code(ann.get_object, Bucket="bucket", Key="none") == "AccessDenied"
    assert code(ann.head_object, Bucket="bucket", Key="none") == "403"
    permit(region, allow("s3:GetObject", f"{BUCKET}/*"), allow("s3:ListBucket", BUCKET))
    assert code(ann.get_object, Bucket="bucket", Key="none") == "NoSuchKey"
    assert code(ann.head_object, Bucket="bucket", Key="none") == "404"


def test_an_explicit_deny_is_told(region: LocalRegion, ann: Any) -> None:
    permit(region, allow("s3:*"), {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"{BUCKET}/home/*"})
    told = refusal(ann.get_object, Bucket="bucket", Key="home/ann/k")
    assert told["Message"].endswith(
        "is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::bucket/home/ann/k "
        "with an explicit deny in an identity-based policy"
    )


@pytest.mark.parametrize(
    ("conditions", "works"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": "123456789012"}}, True),
        ({"StringEquals": {"aws:ResourceAccount": "123456789012"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/ann"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-04-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-06-30T23:59:59Z"}}, False),
        ({"NumericGreaterThan": {"aws:EpochTime": "1"}}, True),
        ({"StringLike": {"aws:UserAgent": "Boto3/*"}}, True),
        ({"StringEquals": {"s3:authType": "REST-HEADER"}}, True),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, False),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, True),
        ({"Null": {"aws:TokenIssueTime": "true"}}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "x"}}, False),
        ({"StringEquals": {"aws:Nonsense": "x"}}, False),
    ],
)
def test_conditions(region: LocalRegion, ann: Any, conditions: dict[str, Any], works: bool) -> None:
    permit(region, allow("s3:GetObject", f"{BUCKET}/*", **conditions))
    if works:
        ann.get_object(Bucket="bucket", Key="home/ann/k")
    else:
        assert code(ann.get_object, Bucket="bucket", Key="home/ann/k") == "AccessDenied"


def test_the_age_of_a_presigned_url(region: LocalRegion, ann: Any) -> None:
    permit(region, allow("s3:GetObject", f"{BUCKET}/*", NumericLessThan={"s3:signatureAge": "60000"}))
    from botocore.config import Config

    signer = region.client(
        "s3", key=ann._request_signer._credentials.access_key, secret=ann._request_signer._credentials.secret_key,
        signature_version="s3v4",
    )  # fmt: skip
    assert isinstance(signer.meta.config, Config)
    url = signer.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "home/ann/k"}, ExpiresIn=3600)
    target = url.partition(":4566")[2]
    assert region.raw("GET", target).status == 200
    region.advance(seconds=120)
    assert region.raw("GET", target).status == 403


def test_tags_of_the_caller(region: LocalRegion, s3: Any, bucket: str) -> None:
    iam = region.client("iam")
    iam.create_user(UserName="cid", Tags=[{"Key": "Team", "Value": "red"}])
    key = iam.create_access_key(UserName="cid")["AccessKey"]
    cid = region.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    permit(region, allow("s3:PutObject", f"{BUCKET}/${{aws:PrincipalTag/team}}/*"), name="cid")
    cid.put_object(Bucket=bucket, Key="red/k", Body=b"")
    with pytest.raises(ClientError, match="not authorized"):
        cid.put_object(Bucket=bucket, Key="blue/k", Body=b"")


def test_a_copy_needs_the_right_to_read_its_source(region: LocalRegion, ann: Any) -> None:
    permit(region, allow("s3:PutObject", f"{BUCKET}/*"))
    source = {"Bucket": "bucket", "Key": "home/bob/k"}
    assert code(ann.copy_object, Bucket="bucket", Key="mine", CopySource=source) == "AccessDenied"
    permit(region, allow("s3:PutObject", f"{BUCKET}/*"), allow("s3:GetObject", f"{BUCKET}/home/bob/*"))
    ann.copy_object(Bucket="bucket", Key="mine", CopySource=source)
