"""Server access logging: what it is set to, what lines say, and how they arrive."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore import UNSIGNED

from fogbank.core.principal import root_of
from fogbank.core.stored import read_content
from fogbank.services.s3.access_log import operation
from fogbank.services.s3.records import objects
from services.helpers import code, dev, signed, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion

FIELD = re.compile(r'\[[^\]]*\]|"[^"]*"|\S+')
NAMES = (
    "owner",
    "bucket",
    "time",
    "ip",
    "requester",
    "request",
    "operation",
    "key",
    "uri",
    "status",
    "error",
    "sent",
    "size",
    "total",
    "turnaround",
    "referer",
    "agent",
    "version",
    "host",
    "signature",
    "cipher",
    "authentication",
    "header",
    "tls",
    "point",
    "acl",
)


@pytest.fixture
def logs(s3: Any) -> str:
    """A bucket that the log service may write to."""
    s3.create_bucket(Bucket="logs")
    let_in(s3)
    return "logs"


def let_in(s3: Any, **condition: Any) -> None:
    """Let the log service write to the bucket of logs."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::logs/*",
    } | ({"Condition": condition} if condition else {})
    s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def log(s3: Any, bucket: str, **more: Any) -> None:
    """Have a bucket's requests logged."""
    enabled = {"TargetBucket": "logs", "TargetPrefix": "p/", **more}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})


def arrived(region: LocalRegion, s3: Any) -> dict[str, list[dict[str, str]]]:
    """The lines that were delivered, by key, each by the names of its fields."""
    region.events()
    region.settle()
    found = {}
    for one in s3.list_objects_v2(Bucket="logs").get("Contents", []):
        text = s3.get_object(Bucket="logs", Key=one["Key"])["Body"].read().decode()
        found[one["Key"]] = [dict(zip(NAMES, FIELD.findall(each), strict=True)) for each in text.splitlines()]
    return found


def lines(region: LocalRegion, s3: Any) -> list[dict[str, str]]:
    """The lines that were delivered."""
    return [one for found in arrived(region, s3).values() for one in found]


def test_the_setting_comes_back(s3: Any, bucket: str, logs: str) -> None:
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    parts = {"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}}
    log(s3, bucket, TargetObjectKeyFormat=parts)
    found = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    assert found == {"TargetBucket": "logs", "TargetPrefix": "p/", "TargetObjectKeyFormat": parts}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_targets_that_do_not_fit(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    def refused(**more: Any) -> str:
        enabled = {"TargetBucket": "logs", "TargetPrefix": "", **more}
        return code(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})

    dev(region, "111122223333").create_bucket(Bucket="theirs")
    west = {"LocationConstraint": "us-west-2"}
    s3.create_bucket(Bucket="west", CreateBucketConfiguration=west)
    assert refused(TargetBucket="nowhere") == "InvalidTargetBucketForLogging"
    assert refused(TargetBucket="theirs") == "InvalidTargetBucketForLogging"
    assert refused(TargetBucket="west") == "CrossLocationLoggingProhibitted"
    both = {"SimplePrefix": {}, "PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    assert refused(TargetObjectKeyFormat=both) == "MalformedXML"
    assert refused(TargetObjectKeyFormat={}) == "MalformedXML"
    grant = {
        "Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"},
        "Permission": "READ",
    }
    assert refused(TargetGrants=[grant]) == "AccessControlListNotSupported"


def test_what_a_line_says(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    answer = s3.put_object(Bucket=bucket, Key="a b", Body=b"12345")
    (found,) = [one for one in lines(region, s3) if one["operation"] == "REST.PUT.OBJECT"]
    assert re.fullmatch("[0-9a-f]{64}", found["owner"])
    assert found["owner"] == found["requester"]
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]", found["time"])
    assert found["bucket"] == bucket
    assert found["ip"] == "127.0.0.1"
    assert found["request"] == answer["ResponseMetadata"]["RequestId"]
    assert found["host"] == answer["ResponseMetadata"]["HostId"]
    assert found["key"] == "a%20b"
    assert found["uri"] == '"PUT /bucket/a%20b HTTP/1.1"'
    assert (found["status"], found["error"], found["sent"], found["size"]) == ("200", "-", "-", "5")
    assert int(found["total"]) >= int(found["turnaround"]) >= 0
    assert found["referer"] == '"-"'
    assert "Boto3" in found["agent"]
    assert (found["version"], found["signature"], found["authentication"]) == ("-", "SigV4", "AuthHeader")
    assert (found["cipher"], found["tls"], found["point"], found["acl"]) == ("-", "-", "-", "-")
    assert found["header"] == "localhost:4566"


def test_requests_of_all_sorts(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    s3.get_object(Bucket=bucket, Key="k", Range="bytes=1-2")
    s3.list_objects_v2(Bucket=bucket)
    s3.head_object(Bucket=bucket, Key="k")
    assert code(s3.get_object, Bucket=bucket, Key="none") == "NoSuchKey"
    s3.get_bucket_versioning(Bucket=bucket)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}, {"Key": "j"}]})
    found = [(one["operation"], one["status"], one["sent"], one["size"], one["error"]) for one in lines(region, s3)]
    assert ("REST.GET.OBJECT", "206", "2", "5", "-") in found
    assert ("REST.HEAD.OBJECT", "200", "-", "5", "-") in found
    assert ("REST.GET.VERSIONING", "200") in [one[:2] for one in found]
    assert ("REST.GET.BUCKET", "200") in [one[:2] for one in found]
    assert ("REST.GET.OBJECT", "404", "NoSuchKey") in [(one[0], one[1], one[4]) for one in found]
    assert [one[0] for one in found].count("BATCH.DELETE.OBJECT") == 2
    assert [one[0] for one in found].count("REST.POST.MULTI_OBJECT_DELETE") == 1


def test_who_asked(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    anonymous = region.client("s3", signature_version=UNSIGNED)
    assert code(anonymous.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert code(user_client(region, "s3").get_object, Bucket=bucket, Key="k") == "AccessDenied"
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "p"})
    region.raw("GET", url.partition("4566")[2])
    found = {one["requester"]: one for one in lines(region, s3) if one["operation"] == "REST.GET.OBJECT"}
    assert found["-"]["status"] == "403"
    assert (found["-"]["signature"], found["-"]["authentication"]) == ("-", "-")
    assert found["arn:aws:iam::123456789012:user/ann"]["error"] == "AccessDenied"
    (presigned,) = [one for one in found.values() if one["authentication"] == "QueryString"]
    assert "AWSAccessKeyId" in presigned["uri"]
    assert "Signature=" not in presigned["uri"]
    assert presigned["signature"] == "SigV2"


def test_nothing_is_logged_of_other_buckets(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert arrived(region, s3) == {}


def test_a_log_is_delivered_once(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert len(lines(region, s3)) == 1
    assert len(lines(region, s3)) == 1
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert len(arrived(region, s3)) == 2


def test_keys(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    s3.head_bucket(Bucket=bucket)
    (key,) = arrived(region, s3)
    assert re.fullmatch(r"p/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", key)
    parts = "p/123456789012/us-east-1/bucket/" + r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3-"
    log(s3, bucket, TargetObjectKeyFormat={"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}})
    assert any(re.fullmatch(parts + r"\d\d-\d\d-\d\d-[0-9A-F]{16}", key) for key in arrived(region, s3))


def test_logs_by_the_day_of_the_requests(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket, TargetObjectKeyFormat={"PartitionedPrefix": {"PartitionDateSource": "EventTime"}})
    s3.head_bucket(Bucket=bucket)
    found = arrived(region, s3)
    days = {key.rpartition("/")[0] for key in found}
    assert all("-00-00-00-" in key for key in found)
    assert len(days) == 1


def test_the_target_has_to_let_the_log_service(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    let_in(s3, ArnLike={"aws:SourceArn": "arn:aws:s3:::other"})
    log(s3, bucket)
    s3.head_bucket(Bucket=bucket)
    assert arrived(region, s3) == {}
    let_in(
        s3,
        ArnLike={"aws:SourceArn": "arn:aws:s3:::bucket"},
        StringEquals={"aws:SourceAccount": "123456789012"},
    )
    s3.head_bucket(Bucket=bucket)
    assert len(lines(region, s3)) == 1


def test_a_target_with_acls_lets_the_log_delivery_group(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket="logs", ObjectOwnership="ObjectWriter", ACL="log-delivery-write")
    grant = {"Grantee": {"Type": "CanonicalUser", "ID": "a" * 64}, "Permission": "READ"}
    log(s3, bucket, TargetGrants=[grant])
    s3.head_bucket(Bucket=bucket)
    (key,) = arrived(region, s3)
    assert grant in s3.get_object_acl(Bucket="logs", Key=key)["Grants"]


def test_a_target_that_is_gone_takes_nothing(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    s3.delete_bucket(Bucket="logs")
    s3.head_bucket(Bucket=bucket)
    region.events()
    region.settle()
    s3.create_bucket(Bucket="logs")
    let_in(s3)
    assert arrived(region, s3) == {}


def test_callers_cannot_forge_lines(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    forged = {"referer": 'x" 200 "', "user-agent": 'a" "b'}
    for key in ("a%22b", "%0aforged", "%20x%20y", "%ed%a0%80"):
        signed(region, "GET", f"/{bucket}/{key}?versionId=a%20b%22", forged)
    found = lines(region, s3)
    assert len(found) >= 2
    assert {one["referer"] for one in found} == {'"x%22 200 %22"'}


def test_names_of_operations() -> None:
    assert operation("GetObjectTagging", "GET") == "REST.GET.OBJECT_TAGGING"
    assert operation("PutBucketTagging", "PUT") == "REST.PUT.TAGGING"
    assert operation("GetBucketLogging", "GET") == "REST.GET.LOGGING_STATUS"
    assert operation("CopyObject", "PUT") == "REST.COPY.OBJECT"
    assert operation("ListMultipartUploads", "GET") == "REST.GET.UPLOADS"
    assert operation("HeadBucket", "HEAD") == "REST.HEAD.BUCKET"


def test_callers_whose_signature_is_wrong(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    liar = region.client("s3", secret="wrong")
    assert code(liar.get_object, Bucket=bucket, Key="a b") == "SignatureDoesNotMatch"
    (found,) = [one for one in lines(region, s3) if one["operation"] == "REST.GET.OBJECT"]
    assert (found["requester"], found["status"], found["error"]) == ("-", "403", "SignatureDoesNotMatch")
    assert (found["bucket"], found["key"]) == (bucket, "a%20b")


def test_what_the_lifecycle_does_is_logged(region: LocalRegion, s3: Any, bucket: str, logs: str) -> None:
    log(s3, bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"123")
    s3.put_object(Bucket=bucket, Key="b", Body=b"x" * 200_000)
    rules = [
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "a"}, "Expiration": {"Days": 1}},
        {
            "ID": "b",
            "Status": "Enabled",
            "Filter": {"Prefix": "b"},
            "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
        },
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    region.advance(days=3)
    region.settle()
    region.settle()
    found = {one["operation"]: one for one in written(region)}
    expired = found["S3.EXPIRE.OBJECT"]
    assert (expired["key"], expired["requester"], expired["size"]) == ("a", "AmazonS3", "3")
    assert (expired["uri"], expired["status"], expired["total"]) == ('"-"', "-", "-")
    assert found["S3.TRANSITION.OBJECT"]["key"] == "b"


def written(region: LocalRegion) -> list[dict[str, str]]:
    """The lines that were delivered, read as the log's owner who knows the region's clock."""
    with region.region.store.snapshot() as tx:
        keys = [str(parts[1]) for parts, _ in objects.scan(tx, "logs")]

    async def read(key: str) -> bytes:
        owner = root_of("123456789012")
        answer = await region.background.invoke(
            owner, "s3", "GetObject", {"Bucket": "logs", "Key": key}, region="us-east-1"
        )
        return b"".join([bytes(run) for run in read_content(region.region.blobs, answer["Body"])])

    text = b"".join(region.run(read(key)) for key in keys).decode()
    return [dict(zip(NAMES, FIELD.findall(each), strict=True)) for each in text.splitlines()]
