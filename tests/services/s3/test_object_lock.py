"""Object Lock of buckets: enabling it, default retentions, and what locked versions refuse."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import (
    FILE,
    allow,
    checksum,
    code,
    dev,
    error_of,
    kept,
    pattern,
    permit,
    refusal,
    signed,
    user_client,
)
from services.s3.locks import GOVERNED, LOCKED, after, bypassing, default, locked_bucket, put, retain
from services.s3.uploads import complete, start, upload

if TYPE_CHECKING:
    from support.region import LocalRegion

pytestmark = pytest.mark.usefixtures("signed_on_time")


@pytest.fixture
def locked(s3: Any) -> str:
    return locked_bucket(s3)


def test_a_bucket_made_with_object_lock(s3: Any, locked: str) -> None:
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    answer = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert answer == {"ObjectLockEnabled": "Enabled"}


def test_a_bucket_made_without(s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket="without", ObjectLockEnabledForBucket=False)
    assert "Status" not in s3.get_bucket_versioning(Bucket="without")
    refused = refusal(s3.get_object_lock_configuration, Bucket=bucket)
    assert (refused["Code"], refused["Status"]) == ("ObjectLockConfigurationNotFoundError", 404)


def test_making_a_bucket_with_object_lock_takes_more_permissions(region: LocalRegion, s3: Any) -> None:
    ann = user_client(region, "s3")
    needed = ["s3:CreateBucket", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"]
    for missing in needed:
        permit(region, allow([one for one in needed if one != missing]))
        assert code(ann.create_bucket, Bucket="locked", ObjectLockEnabledForBucket=True) == "AccessDenied"
    permit(region, allow(needed))
    ann.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)


def test_object_lock_can_be_enabled_later_and_never_again_disabled(s3: Any, bucket: str) -> None:
    enabled = {"ObjectLockEnabled": "Enabled"}
    refused = refusal(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=enabled)
    assert (refused["Code"], refused["Status"]) == ("InvalidBucketState", 409)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert (
        code(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=enabled) == "InvalidBucketState"
    )
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=enabled)
    assert s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"] == enabled
    suspended = {"Status": "Suspended"}
    refused = refusal(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=suspended)
    assert (refused["Code"], refused["Status"]) == ("InvalidBucketState", 409)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def test_the_default_retention_is_kept_and_removed(s3: Any, locked: str) -> None:
    for rule in ({"Mode": "GOVERNANCE", "Days": 1}, {"Mode": "COMPLIANCE", "Years": 100}):
        default(s3, locked, **rule)
        told = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
        assert told == {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": rule}}
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    told = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert told == {"ObjectLockEnabled": "Enabled"}
    put(s3, locked)
    assert "ObjectLockMode" not in s3.head_object(Bucket=locked, Key="k")


@pytest.mark.parametrize(
    ("configuration", "error"),
    [
        ({}, "MalformedXML"),
        ({"ObjectLockEnabled": "Disabled"}, "MalformedXML"),
        ({"ObjectLockEnabled": ""}, "MalformedXML"),
        ({"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}, "MalformedXML"),
        ({"ObjectLockEnabled": "Enabled", "Rule": {}}, "MalformedXML"),
        ({"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {}}}, "MalformedXML"),
        ({"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE"}}}, "MalformedXML"),
        ({"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Days": 1}}}, "MalformedXML"),
        (
            {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "governance", "Days": 1}}},
            "MalformedXML",
        ),
        (
            {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}}},
            "MalformedXML",
        ),
        *(
            ({"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", unit: count}}}, "InvalidArgument")
            for unit, count in (("Days", 0), ("Days", -1), ("Days", 36501), ("Years", 0), ("Years", 101), ("Years", 2**31 - 1))
        ),
    ],
)  # fmt: skip
def test_object_lock_configurations_that_are_refused(
    s3: Any, locked: str, configuration: dict[str, Any], error: str
) -> None:
    refused = refusal(s3.put_object_lock_configuration, Bucket=locked, ObjectLockConfiguration=configuration)
    assert (refused["Code"], refused["Status"]) == (error, 400)
    assert "Rule" not in s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"<ObjectLockConfiguration>", b"<Other/>", b"\xff", b"<ObjectLockConfiguration/>"]
)
def test_malformed_object_lock_configurations(region: LocalRegion, s3: Any, locked: str, body: bytes) -> None:
    sent = {"content-md5": checksum("MD5", body)}
    answer = signed(region, "PUT", f"/{locked}?object-lock", sent, body)
    assert answer.status == 400


def test_a_token_of_aws_support_is_not_taken(s3: Any, locked: str) -> None:
    wanted = {"ObjectLockEnabled": "Enabled"}
    error = code(s3.put_object_lock_configuration, Bucket=locked, ObjectLockConfiguration=wanted, Token="x")
    assert error == "NotImplemented"


@pytest.mark.parametrize(("unit", "days"), [("Days", 3), ("Years", 2 * 365)])
@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_new_versions_have_the_default_retention(
    region: LocalRegion, s3: Any, locked: str, mode: str, unit: str, days: int
) -> None:
    put(s3, locked, "before")
    default(s3, locked, Mode=mode, **{unit: 3 if unit == "Days" else 2})
    version = put(s3, locked)
    told = s3.head_object(Bucket=locked, Key="k", VersionId=version)
    assert told["ObjectLockMode"] == mode
    ends = region.clock.now() + timedelta(days=days)
    assert abs(told["ObjectLockRetainUntilDate"] - ends) < timedelta(minutes=1)
    assert "ObjectLockMode" not in s3.head_object(Bucket=locked, Key="before")
    assert code(s3.delete_object, Bucket=locked, Key="k", VersionId=version) == "AccessDenied"
    region.advance(days=days, minutes=1)
    s3.delete_object(Bucket=locked, Key="k", VersionId=version)


def test_a_retention_of_its_own_outweighs_the_default(region: LocalRegion, s3: Any, locked: str) -> None:
    default(s3, locked, Mode="COMPLIANCE", Days=30)
    version = put(s3, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=after(region, days=1))
    assert s3.head_object(Bucket=locked, Key="k")["ObjectLockMode"] == "GOVERNANCE"
    s3.delete_object(Bucket=locked, Key="k", VersionId=version, **bypassing())


def test_a_legal_hold_comes_with_the_default_retention(s3: Any, locked: str) -> None:
    default(s3, locked, Mode="GOVERNANCE", Days=1)
    put(s3, locked, ObjectLockLegalHoldStatus="ON")
    told = s3.head_object(Bucket=locked, Key="k")
    assert (told["ObjectLockMode"], told["ObjectLockLegalHoldStatus"]) == ("GOVERNANCE", "ON")


def test_copies_and_uploads_in_parts_have_the_default_retention(region: LocalRegion, s3: Any, locked: str) -> None:
    put(s3, locked)
    where = start(s3, locked, "parts")
    parts = upload(s3, where, {1: pattern(FILE)})
    default(s3, locked, Mode="COMPLIANCE", Days=1)
    region.advance(days=1)
    complete(s3, where, parts)
    s3.copy_object(Bucket=locked, Key="copy", CopySource={"Bucket": locked, "Key": "k"})
    for key in ("parts", "copy"):
        told = s3.head_object(Bucket=locked, Key=key)
        assert told["ObjectLockMode"] == "COMPLIANCE"
        assert told["ObjectLockRetainUntilDate"] > after(region, hours=23)


def test_copies_and_uploads_in_parts_have_locks_of_their_own(region: LocalRegion, s3: Any, locked: str) -> None:
    until = after(region, days=2).replace(microsecond=0)
    given = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until, "ObjectLockLegalHoldStatus": "ON"}
    put(s3, locked, **given)
    s3.copy_object(Bucket=locked, Key="plain", CopySource={"Bucket": locked, "Key": "k"})
    assert "ObjectLockMode" not in s3.head_object(Bucket=locked, Key="plain")
    s3.copy_object(Bucket=locked, Key="copy", CopySource={"Bucket": locked, "Key": "k"}, **given)
    where = start(s3, locked, "parts", **given)
    complete(s3, where, upload(s3, where, {1: b"x"}))
    for key in ("k", "copy", "parts"):
        told = s3.get_object(Bucket=locked, Key=key)
        assert {name: told[name] for name in given} == given


@pytest.mark.parametrize("operation", ["put_object", "copy_object", "create_multipart_upload"])
def test_locks_take_a_bucket_with_object_lock(region: LocalRegion, s3: Any, bucket: str, operation: str) -> None:
    s3.put_object(Bucket=bucket, Key="from")
    source = {"CopySource": {"Bucket": bucket, "Key": "from"}} if operation == "copy_object" else {}
    retained = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": after(region, days=1)}
    for lock in (retained, {"ObjectLockLegalHoldStatus": "ON"}, {"ObjectLockLegalHoldStatus": "OFF"}):
        refused = refusal(getattr(s3, operation), Bucket=bucket, Key="k", **source, **lock)
        assert (refused["Code"], refused["Message"]) == (
            "InvalidRequest",
            "Bucket is missing Object Lock Configuration",
        )


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"x-amz-object-lock-mode": "GOVERNANCE"}, "InvalidArgument"),
        ({"x-amz-object-lock-retain-until-date": "2100-01-01T00:00:00Z"}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "Nothing", "x-amz-object-lock-retain-until-date": "2100-01-01T00:00:00Z"}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2000-01-01T00:00:00Z"}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "tomorrow"}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": ""}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "9" * 500}, "InvalidArgument"),
        ({"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2100-13-01T00:00:00Z"}, "InvalidArgument"),
        ({"x-amz-object-lock-legal-hold": "on"}, "InvalidArgument"),
        ({"x-amz-object-lock-legal-hold": "ON,OFF"}, "InvalidArgument"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"x", pattern(FILE)], ids=["small", "large"])
def test_locks_that_are_refused(
    region: LocalRegion, s3: Any, locked: str, headers: dict[str, str], error: str, body: bytes
) -> None:
    answer = signed(region, "PUT", f"/{locked}/k", headers | {"content-md5": checksum("MD5", body)}, body)
    assert error_of(answer) == (400, error)
    assert "Versions" not in s3.list_object_versions(Bucket=locked)
    assert kept(region) == (0, [])


def test_a_retention_ends_no_earlier_than_was_said(region: LocalRegion, s3: Any, locked: str) -> None:
    until = f"{after(region, hours=1):%Y-%m-%dT%H:%M:%S}.001Z"
    sent = {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": until}
    assert signed(region, "PUT", f"/{locked}/k", sent | {"content-md5": checksum("MD5", b"")}).status == 200
    told = s3.head_object(Bucket=locked, Key="k")["ObjectLockRetainUntilDate"]
    assert timedelta() <= told - datetime.fromisoformat(until) < timedelta(seconds=1)


def test_uploads_that_will_be_locked_come_with_a_digest(region: LocalRegion, s3: Any, locked: str) -> None:
    hold = {"x-amz-object-lock-legal-hold": "ON"}
    answer = signed(region, "PUT", f"/{locked}/k", hold, b"x")
    assert error_of(answer) == (400, "InvalidRequest")
    assert b"Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests" in answer.body
    assert signed(region, "PUT", f"/{locked}/k", hold | {"content-md5": checksum("MD5", b"x")}, b"x").status == 200
    sha = {"x-amz-checksum-sha256": checksum("SHA256", b"x")}
    assert signed(region, "PUT", f"/{locked}/k", hold | sha, b"x").status == 200
    assert signed(region, "PUT", f"/{locked}/k", {}, b"x").status == 200  # it will not be locked
    default(s3, locked, Mode="GOVERNANCE", Days=1)
    assert error_of(signed(region, "PUT", f"/{locked}/k", {}, b"x")) == (400, "InvalidRequest")
    assert signed(region, "PUT", f"/{locked}/k", sha, b"x").status == 200


def test_so_do_their_parts(region: LocalRegion, s3: Any, locked: str) -> None:
    where = start(s3, locked, "k", ObjectLockLegalHoldStatus="ON")
    target = f"/{locked}/k?partNumber=1&uploadId={where['UploadId']}"
    assert error_of(signed(region, "PUT", target, {}, b"x")) == (400, "InvalidRequest")
    assert signed(region, "PUT", target, {"content-md5": checksum("MD5", b"x")}, b"x").status == 200


LOCKS = [
    ({"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": datetime(2500, 1, 1)}, "s3:PutObjectRetention"),
    ({"ObjectLockLegalHoldStatus": "ON"}, "s3:PutObjectLegalHold"),
]


@pytest.mark.parametrize(("lock", "action"), LOCKS, ids=["retention", "hold"])
@pytest.mark.parametrize("operation", ["put_object", "copy_object", "create_multipart_upload"])
def test_locks_take_permissions(
    region: LocalRegion, s3: Any, locked: str, operation: str, lock: dict[str, Any], action: str
) -> None:
    put(s3, locked, "from")
    source = {"CopySource": {"Bucket": locked, "Key": "from"}} if operation == "copy_object" else {}
    ann = user_client(region, "s3")
    permit(region, allow(["s3:PutObject", "s3:GetObject"]))
    getattr(ann, operation)(Bucket=locked, Key="k", **source)
    assert code(getattr(ann, operation), Bucket=locked, Key="k", **source, **lock) == "AccessDenied"
    permit(region, allow(["s3:PutObject", "s3:GetObject", action]))
    getattr(ann, operation)(Bucket=locked, Key="k", **source, **lock)


def test_the_lock_is_told_to_who_may_know_it(region: LocalRegion, s3: Any, locked: str) -> None:
    until = after(region, days=1)
    put(s3, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until, ObjectLockLegalHoldStatus="OFF")
    ann = user_client(region, "s3")
    for more, told in (
        ([], set()),
        (["s3:GetObjectRetention"], {"ObjectLockMode", "ObjectLockRetainUntilDate"}),
        (["s3:GetObjectLegalHold"], {"ObjectLockLegalHoldStatus"}),
    ):
        permit(region, allow(["s3:GetObject", *more]))
        for operation in (ann.get_object, ann.head_object):
            answer = operation(Bucket=locked, Key="k")
            assert {name for name in answer if name.startswith("ObjectLock")} == told


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_locked_version_is_not_deleted(region: LocalRegion, s3: Any, locked: str, mode: str) -> None:
    version = put(s3, locked)
    retain(s3, locked, mode, after(region, days=1), version)
    refused = refusal(s3.delete_object, Bucket=locked, Key="k", VersionId=version)
    assert (refused["Code"], refused["Message"], refused["Status"]) == ("AccessDenied", LOCKED, 403)
    put(s3, locked)
    assert s3.delete_object(Bucket=locked, Key="k")["DeleteMarker"] is True
    assert code(s3.delete_object, Bucket=locked, Key="k", VersionId=version) == "AccessDenied"
    assert s3.get_object(Bucket=locked, Key="k", VersionId=version)["Body"].read() == b"x"
    region.advance(days=1, seconds=1)
    s3.delete_object(Bucket=locked, Key="k", VersionId=version)
    assert code(s3.get_object, Bucket=locked, Key="k", VersionId=version) == "NoSuchVersion"


def test_delete_objects_refuses_what_is_locked(region: LocalRegion, s3: Any, locked: str) -> None:
    versions = [put(s3, locked, key) for key in "abcd"]
    retain(s3, locked, "GOVERNANCE", after(region, days=1), versions[0], "a")
    retain(s3, locked, "COMPLIANCE", after(region, days=1), versions[1], "b")
    s3.put_object_legal_hold(Bucket=locked, Key="c", LegalHold={"Status": "ON"})
    listed = [{"Key": key, "VersionId": version} for key, version in zip("abcd", versions, strict=True)]
    answer = s3.delete_objects(Bucket=locked, Delete={"Objects": [*listed, {"Key": "a"}]})
    assert [(error["Key"], error["Code"], error["Message"]) for error in answer["Errors"]] == [
        (key, "AccessDenied", LOCKED) for key in "abc"
    ]
    assert [one["Key"] for one in answer["Deleted"]] == ["d", "a"]
    answer = s3.delete_objects(Bucket=locked, Delete={"Objects": listed}, **bypassing())
    assert [error["Key"] for error in answer["Errors"]] == ["b", "c"]


def test_a_marker_of_a_locked_bucket_can_be_deleted(region: LocalRegion, s3: Any, locked: str) -> None:
    default(s3, locked, Mode="COMPLIANCE", Days=1)
    put(s3, locked)
    mark = s3.delete_object(Bucket=locked, Key="k")["VersionId"]
    s3.delete_object(Bucket=locked, Key="k", VersionId=mark)
    assert s3.get_object(Bucket=locked, Key="k")["Body"].read() == b"x"


def test_governance_is_passed_by_with_the_header_and_the_permission(region: LocalRegion, s3: Any, locked: str) -> None:
    version = put(s3, locked, **GOVERNED)
    ann = user_client(region, "s3")
    where = {"Bucket": locked, "Key": "k", "VersionId": version}
    permit(region, allow("s3:DeleteObjectVersion"))
    assert code(ann.delete_object, **where, **bypassing()) == "AccessDenied"
    permit(region, allow(["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]))
    assert code(ann.delete_object, **where) == "AccessDenied"
    assert code(s3.delete_object, **where) == "AccessDenied"
    ann.delete_object(**where, **bypassing())
    assert code(s3.head_object, **where) == "404"


@pytest.mark.parametrize("value", ["false", "1", "yes", ""])
def test_only_true_passes_by(region: LocalRegion, s3: Any, locked: str, value: str) -> None:
    version = put(s3, locked, **GOVERNED)
    sent = {"x-amz-bypass-governance-retention": value}
    assert signed(region, "DELETE", f"/{locked}/k?versionId={version}", sent).status in (400, 403)
    s3.head_object(Bucket=locked, Key="k", VersionId=version)


def test_nobody_passes_by_compliance_or_a_legal_hold(region: LocalRegion, s3: Any, locked: str) -> None:
    version = put(s3, locked, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=after(region, days=1))
    assert code(s3.delete_object, Bucket=locked, Key="k", VersionId=version, **bypassing()) == "AccessDenied"
    held = put(s3, locked, "held", ObjectLockLegalHoldStatus="ON", **GOVERNED)
    assert code(s3.delete_object, Bucket=locked, Key="held", VersionId=held, **bypassing()) == "AccessDenied"
    region.advance(days=365 * 900)
    assert code(s3.delete_object, Bucket=locked, Key="held", VersionId=held) == "AccessDenied"


def test_bypassing_takes_a_bucket_with_object_lock(s3: Any, bucket: str) -> None:
    put(s3, bucket)
    for arguments in ({}, {"VersionId": "null"}):
        refused = refusal(s3.delete_object, Bucket=bucket, Key="k", **arguments, **bypassing())
        assert refused["Code"] == "InvalidArgument"
        assert refused["Message"].endswith("is only applicable to Object Lock enabled buckets.")
    assert s3.head_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_bypassing_what_is_not_locked_takes_no_permission(region: LocalRegion, s3: Any, locked: str) -> None:
    version = put(s3, locked)
    ann = user_client(region, "s3")
    permit(region, allow(["s3:DeleteObject", "s3:DeleteObjectVersion"]))
    ann.delete_object(Bucket=locked, Key="k", **bypassing())
    ann.delete_object(Bucket=locked, Key="k", VersionId=version, **bypassing())


def test_a_bucket_with_locked_versions_stays(region: LocalRegion, s3: Any, locked: str) -> None:
    put(s3, locked, **GOVERNED)
    assert code(s3.delete_bucket, Bucket=locked) == "BucketNotEmpty"


def test_locks_are_condition_keys(region: LocalRegion, s3: Any, locked: str) -> None:
    ann = user_client(region, "s3")
    actions = ["s3:PutObject", "s3:PutObjectRetention"]
    permit(region, allow(actions, NumericLessThanEquals={"s3:object-lock-remaining-retention-days": "10"}))
    for days, allowed in ((9, True), (10, True), (11, False)):
        given = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": after(region, days=days)}
        if allowed:
            put(ann, locked, **given)
        else:
            assert code(ann.put_object, Bucket=locked, Key="k", **given) == "AccessDenied"
    permit(region, allow(actions, StringEquals={"s3:object-lock-mode": "COMPLIANCE"}))
    assert code(ann.put_object, Bucket=locked, Key="k", **GOVERNED) == "AccessDenied"


def test_another_account_may_not(region: LocalRegion, s3: Any, locked: str) -> None:
    other = dev(region, "111122223333")
    assert code(other.get_object_lock_configuration, Bucket=locked) == "AccessDenied"
    enabled = {"ObjectLockEnabled": "Enabled"}
    assert code(other.put_object_lock_configuration, Bucket=locked, ObjectLockConfiguration=enabled) == "AccessDenied"
