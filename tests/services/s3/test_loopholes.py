"""Ways around a permission or a lock that were open once: each acts on a second resource, or by somebody else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from services.helpers import allow, anonymous, code, dev, error_of, make_public, permit, put_policy, user_client
from services.s3.replicating import ROLE, SOURCE, make_role, permit_role, replicate, rule, status_of, versioned
from services.s3.test_encryption_customer import RULE, headers
from services.s3.test_logging import lines, log, logs
from services.s3.test_notifications import Inbox, inbox, queue
from support.region import HOST, KEY_ID, SECRET

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"
assert logs  # fixtures
assert inbox


@pytest.fixture
def other(region: LocalRegion) -> Any:
    """Another account, with a bucket of its own and an upload in it."""
    made = dev(region, OTHER)
    made.create_bucket(Bucket="others")
    return made


def keep_secret(s3: Any, **said: str) -> str:
    """A bucket whose object is open to others by what is `said` of it, but for its first version, which is the answer."""
    s3.create_bucket(Bucket="mixed", ObjectOwnership="ObjectWriter")
    make_public(s3, "mixed")
    s3.put_bucket_versioning(Bucket="mixed", VersioningConfiguration={"Status": "Enabled"})
    first: str = s3.put_object(Bucket="mixed", Key="k", Body=b"secret", Tagging="for=us")["VersionId"]
    s3.put_object(Bucket="mixed", Key="k", Body=b"open", **said)
    return first


def check_not_copied(other: Any, version: str) -> None:
    upload = other.create_multipart_upload(Bucket="others", Key="p")["UploadId"]
    there, part = (
        {"Bucket": "others", "Key": "c"},
        {"Bucket": "others", "Key": "p", "UploadId": upload, "PartNumber": 1},
    )
    source = f"mixed/k?versionId={version}"
    assert code(other.copy_object, **there, CopySource=source, TaggingDirective="REPLACE") == "AccessDenied"
    assert code(other.upload_part_copy, **part, CopySource=source) == "AccessDenied"
    other.copy_object(**there, CopySource="mixed/k", TaggingDirective="REPLACE")
    assert other.get_object(**there)["Body"].read() == b"open"


def test_a_copied_version_is_read_by_its_own_acl(s3: Any, other: Any) -> None:
    check_not_copied(other, keep_secret(s3, ACL="public-read"))


def test_a_copied_version_is_read_by_its_own_tags(s3: Any, other: Any) -> None:
    first = keep_secret(s3, Tagging="for=all")
    tagged = {"StringEquals": {"s3:ExistingObjectTag/for": "all"}}
    readers = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": "s3:GetObject*",
        "Resource": "arn:aws:s3:::mixed/*",
    }
    put_policy(s3, "mixed", readers | {"Condition": tagged})
    check_not_copied(other, first)


def test_replication_does_not_weaken_a_lock(region: LocalRegion, s3: Any) -> None:
    make_role(region)
    for name in ("original", "copy"):
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    default = {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 10}}
    s3.put_object_lock_configuration(
        Bucket="copy", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": default}
    )
    replicate(s3, "original", rule())
    version = s3.put_object(Bucket="original", Key="k", Body=b"")["VersionId"]
    region.settle()
    there = {"Bucket": "copy", "Key": "k", "VersionId": version}
    s3.put_object_legal_hold(**there, LegalHold={"Status": "ON"})
    before = s3.get_object_retention(**there)["Retention"]
    soon = region.clock.now() + timedelta(days=1)
    s3.put_object_retention(Bucket="original", Key="k", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon})
    region.settle()
    assert s3.get_object_retention(**there)["Retention"] == before
    assert s3.get_object_legal_hold(**there)["LegalHold"] == {"Status": "ON"}
    late = before["RetainUntilDate"] + timedelta(days=1)
    s3.put_object_retention(
        Bucket="original",
        Key="k",
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": late},
        BypassGovernanceRetention=True,
    )
    region.settle()
    assert s3.get_object_retention(**there)["Retention"]["RetainUntilDate"] == late


def test_an_object_of_another_account_is_replicated_only_if_its_owner_lets_it_be_read(
    region: LocalRegion, s3: Any
) -> None:
    make_role(region)
    versioned(s3, "copy")
    versioned(s3, "original", ObjectOwnership="ObjectWriter")
    writers = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Resource": "arn:aws:s3:::original/*"}
    put_policy(s3, "original", writers | {"Action": ["s3:PutObject", "s3:PutObjectAcl"]})
    replicate(s3, "original", rule())
    other = dev(region, OTHER)
    other.put_object(Bucket="original", Key="theirs", Body=b"")
    other.put_object(Bucket="original", Key="shared", Body=b"", ACL="bucket-owner-full-control")
    region.settle()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="copy").get("Contents", ())] == ["shared"]


@pytest.mark.usefixtures("logs")
def test_what_opens_something_in_a_presigned_url_is_not_logged(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [RULE]})
    log(s3, bucket)
    secret = quote(headers()["x-amz-server-side-encryption-customer-key"], safe="")
    url = f"http://{HOST}/{bucket}/k?{urlencode(headers())}&x-amz-copy-source-server-side-encryption-customer-ke%79={secret}"
    request = AWSRequest("PUT", url)
    S3SigV4QueryAuth(Credentials(KEY_ID, SECRET), "s3", "us-east-1").add_auth(request)
    assert region.raw("PUT", str(request.url).partition(HOST)[2], body=b"1").status == 200
    (line,) = [each for each in lines(region, s3) if each["operation"] == "REST.PUT.OBJECT"]
    assert "customer-algorithm=AES256" in line["uri"]
    assert secret not in line["uri"]
    assert not any(secret.encode() in file.read_bytes() for file in region.directory.rglob("*") if file.is_file())


def test_tags_that_a_copy_takes_over_are_those_that_conditions_see(region: LocalRegion, s3: Any, bucket: str) -> None:
    ann = user_client(region, "s3")
    good = {"StringEquals": {"s3:RequestObjectTag/project": "good"}}
    permit(region, allow(["s3:GetObject", "s3:GetObjectTagging", "s3:PutObject"]), allow("s3:PutObjectTagging", **good))
    s3.put_object(Bucket=bucket, Key="evil", Body=b"", Tagging="project=evil")
    s3.put_object(Bucket=bucket, Key="good", Body=b"", Tagging="project=good")
    to = {"Bucket": bucket, "Key": "k"}
    assert code(ann.copy_object, **to, CopySource=f"{bucket}/evil") == "AccessDenied"
    assert code(ann.copy_object, **to, CopySource=f"{bucket}/evil", Tagging="project=good") == "AccessDenied"
    ann.copy_object(**to, CopySource=f"{bucket}/good")
    ann.copy_object(**to, CopySource=f"{bucket}/evil", Tagging="project=good", TaggingDirective="REPLACE")
    assert s3.get_object_tagging(**to)["TagSet"] == [{"Key": "project", "Value": "good"}]


def test_events_that_are_named_often_cost_nothing(s3: Any, bucket: str) -> None:
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    queues = [
        {"QueueArn": f"arn:aws:sqs:us-east-1:123456789012:{number}", "Events": [event] * 20_000}
        for number, event in enumerate(events)
    ]
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": queues}, SkipDestinationValidation=True
    )
    found = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert [one["Events"] for one in found] == [[event] for event in events]


def test_a_bucket_does_not_get_the_key_of_an_earlier_one_of_its_name(region: LocalRegion, s3: Any) -> None:
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    for place in ("us-west-2", "eu-west-1"):
        there = region.client("s3", region=place)
        there.create_bucket(Bucket="again", CreateBucketConfiguration={"LocationConstraint": place})
        there.put_bucket_encryption(Bucket="again", ServerSideEncryptionConfiguration={"Rules": [default]})
        there.put_object(Bucket="again", Key="k", Body=b"1")
        assert there.get_object(Bucket="again", Key="k")["Body"].read() == b"1"
        there.delete_object(Bucket="again", Key="k")
        there.delete_bucket(Bucket="again")


def test_a_file_name_does_not_make_much_of_a_small_form(region: LocalRegion, bucket: str) -> None:
    def part(disposition: str, body: str) -> str:
        return f"--B\r\nContent-Disposition: form-data; name={disposition}\r\n\r\n{body}\r\n"

    form = (
        part('"key"', "k") + part('"x-amz-meta-a"', "${filename}" * 900) + part(f'"file"; filename="{"f" * 9500}"', "")
    )
    kind = {"content-type": "multipart/form-data; boundary=B"}
    answer = region.raw("POST", f"/{bucket}", kind, f"{form}--B--\r\n".encode())
    assert error_of(answer) == (400, "MaxPostPreDataLengthExceeded")


@pytest.mark.usefixtures("signed_on_time")
def test_a_bucket_does_not_get_the_log_of_an_earlier_one_of_its_name(region: LocalRegion, s3: Any, other: Any) -> None:
    for client, name in ((s3, "again"), (other, "others")):
        logging = {"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject"}
        client.create_bucket(Bucket="again")
        put_policy(client, name, logging | {"Resource": f"arn:aws:s3:::{name}/log/*"})
        enabled = {"TargetBucket": name, "TargetPrefix": "log/"}
        client.put_bucket_logging(Bucket="again", BucketLoggingStatus={"LoggingEnabled": enabled})
        client.head_bucket(Bucket="again")
        if client is s3:
            client.put_object(Bucket="again", Key="secret", Body=b"")
            client.delete_object(Bucket="again", Key="secret")
            client.delete_bucket(Bucket="again")
            region.advance(seconds=2)
    region.settle()
    (log,) = other.list_objects_v2(Bucket="others", Prefix="log/")["Contents"]
    text = other.get_object(Bucket="others", Key=log["Key"])["Body"].read().decode()
    assert "HEAD" in text
    assert "secret" not in text


def test_events_are_not_sent_to_who_does_not_let_them_in(
    region: LocalRegion, s3: Any, bucket: str, inbox: Inbox
) -> None:
    inbox.closed = True
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [queue("s3:ObjectCreated:*")]},
        SkipDestinationValidation=True,
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    region.settle()
    assert inbox.take() == []
    inbox.closed = False
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    region.settle()
    assert len(inbox.take()) == 1


def test_a_locked_version_is_not_given_another_key(region: LocalRegion, s3: Any) -> None:
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    place = {"Bucket": "locked", "Key": "k"}
    key = region.client("kms").create_key()["KeyMetadata"]["Arn"]
    wanted = {"SSEKMS": {"KMSKeyArn": key}}
    s3.put_object(**place, Body=b"1", ObjectLockLegalHoldStatus="ON")
    assert code(s3.update_object_encryption, **place, ObjectEncryption=wanted) == "AccessDenied"
    s3.put_object_legal_hold(**place, LegalHold={"Status": "OFF"})
    until = region.clock.now() + timedelta(days=1)
    s3.put_object_retention(**place, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until})
    assert code(s3.update_object_encryption, **place, ObjectEncryption=wanted) == "AccessDenied"
    s3.put_object(**place, Body=b"2")
    s3.update_object_encryption(**place, ObjectEncryption=wanted)
    assert s3.head_object(**place)["SSEKMSKeyId"] == key


def test_an_object_is_not_given_a_key_of_another_account(region: LocalRegion, s3: Any, bucket: str) -> None:
    theirs = dev(region, OTHER, "kms")
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    key = theirs.create_key(Policy=document)["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    wanted = {"SSEKMS": {"KMSKeyArn": key}}
    assert code(s3.update_object_encryption, Bucket=bucket, Key="k", ObjectEncryption=wanted) == "AccessDenied"


def test_a_presigned_upload_is_not_made_a_replica(region: LocalRegion, s3: Any) -> None:
    make_role(region)
    versioned(s3, "copy")
    versioned(s3, "original")
    replicate(s3, "original", rule())
    url = s3.generate_presigned_url("put_object", {"Bucket": "original", "Key": "k"})
    assert region.raw("PUT", url.partition(HOST)[2], {"x-fogbank-replica": "true"}, b"1").status == 200
    region.settle()
    assert s3.get_object(Bucket="copy", Key="k")["Body"].read() == b"1"


def test_strangers_who_may_delete_nothing_do_not_come_to_the_writer(region: LocalRegion, bucket: str) -> None:
    keys = {"Objects": [{"Key": str(number)} for number in range(3)]}
    assert code(anonymous(region).delete_objects, Bucket=bucket, Delete=keys) == "AccessDenied"


def test_another_account_does_not_pass_a_role_of_the_buckets(region: LocalRegion, s3: Any, other: Any) -> None:
    make_role(region)
    versioned(s3, "original")
    other.put_bucket_versioning(Bucket="others", VersioningConfiguration={"Status": "Enabled"})
    they = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "s3:PutReplicationConfiguration"}
    put_policy(s3, "original", they | {"Resource": "arn:aws:s3:::original"})
    configuration = {"Role": ROLE, "Rules": [rule("others")]}
    put = other.put_bucket_replication
    assert code(put, Bucket="original", ReplicationConfiguration=configuration) == "AccessDenied"


@pytest.mark.usefixtures("logs")
def test_logs_do_not_go_to_who_takes_the_name_of_their_bucket(
    region: LocalRegion, s3: Any, other: Any, bucket: str
) -> None:
    log(s3, bucket)
    s3.delete_bucket_policy(Bucket="logs")
    s3.delete_bucket(Bucket="logs")
    other.create_bucket(Bucket="logs")
    service = {"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject"}
    put_policy(other, "logs", service | {"Resource": "arn:aws:s3:::logs/*"})
    s3.head_bucket(Bucket=bucket)
    region.settle()
    assert other.list_objects_v2(Bucket="logs")["KeyCount"] == 0


def test_of_tags_that_differ_in_case_alone_conditions_see_none(region: LocalRegion, bucket: str) -> None:
    ann = user_client(region, "s3")
    good = {"StringEquals": {"s3:RequestObjectTag/project": "good"}}
    permit(region, allow(["s3:PutObject", "s3:PutObjectTagging"], **good))
    put = {"Bucket": bucket, "Key": "k", "Body": b""}
    ann.put_object(**put, Tagging="Project=good")
    for tags in ("project=bad&Project=good", "Project=good&project=bad"):
        assert code(ann.put_object, **put, Tagging=tags) == "AccessDenied"


def test_an_upload_that_is_completed_is_the_buckets_if_it_owns_everything_by_then(s3: Any, other: Any) -> None:
    s3.create_bucket(Bucket="mixed", ObjectOwnership="ObjectWriter")
    writers = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Resource": "arn:aws:s3:::mixed/*"}
    put_policy(s3, "mixed", writers | {"Action": "s3:PutObject"})
    place = {"Bucket": "mixed", "Key": "k"}
    upload = {**place, "UploadId": other.create_multipart_upload(**place)["UploadId"]}
    part = {"PartNumber": 1, "ETag": other.upload_part(**upload, PartNumber=1, Body=b"1")["ETag"]}
    for ownership in ("BucketOwnerEnforced", "ObjectWriter"):
        if ownership == "ObjectWriter":
            other.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
        rules = {"Rules": [{"ObjectOwnership": ownership}]}
        s3.put_bucket_ownership_controls(Bucket="mixed", OwnershipControls=rules)
    assert s3.get_object(**place)["Body"].read() == b"1"


def test_replication_makes_nothing_public_where_that_is_blocked(region: LocalRegion, s3: Any) -> None:
    make_role(region)
    for name in ("original", "copy"):
        versioned(s3, name, ObjectOwnership="ObjectWriter")
    make_public(s3, "original")
    replicate(s3, "original", rule())
    s3.put_object(Bucket="original", Key="open", Body=b"", ACL="public-read")
    s3.put_object(Bucket="original", Key="closed", Body=b"")
    region.settle()
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="copy")["Contents"]] == ["closed"]
    assert status_of(s3, "original", "open") == "FAILED"


def test_tags_of_a_replica_go_only_by_who_may_change_them(region: LocalRegion, s3: Any) -> None:
    make_role(region)
    for name in ("original", "copy"):
        versioned(s3, name)
    replicate(s3, "original", rule())
    s3.put_object(Bucket="original", Key="k", Body=b"", Tagging="a=1")
    region.settle()
    permit_role(region, *SOURCE, "s3:ReplicateObject")
    s3.delete_object_tagging(Bucket="original", Key="k")
    region.settle()
    assert s3.get_object_tagging(Bucket="copy", Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]
    assert status_of(s3, "original", "k") == "FAILED"
