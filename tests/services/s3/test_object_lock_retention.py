"""Retentions and legal holds of versions, set after they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, checksum, code, dev, error_of, permit, refusal, signed, user_client
from services.s3.locks import GOVERNED, LOCKED, after, bypassing, locked_bucket, put, retain

if TYPE_CHECKING:
    from support.region import LocalRegion

pytestmark = pytest.mark.usefixtures("signed_on_time")


@pytest.fixture
def locked(s3: Any) -> str:
    return locked_bucket(s3)


def retention(s3: Any, bucket: str, version: str, key: str = "k") -> tuple[str, datetime]:
    told = s3.get_object_retention(Bucket=bucket, Key=key, VersionId=version)["Retention"]
    return told["Mode"], told["RetainUntilDate"]


def hold(s3: Any, bucket: str, status: str, version: str | None = None) -> None:
    which = {"VersionId": version} if version else {}
    s3.put_object_legal_hold(Bucket=bucket, Key="k", LegalHold={"Status": status}, **which)


def test_a_retention_is_set_and_told(region: LocalRegion, s3: Any, locked: str) -> None:
    until = after(region, days=1).replace(microsecond=0)
    version = put(s3, locked)
    refused = refusal(s3.get_object_retention, Bucket=locked, Key="k", VersionId=version)
    assert (refused["Code"], refused["Status"]) == ("NoSuchObjectLockConfiguration", 404)
    retain(s3, locked, "GOVERNANCE", until, version)
    assert retention(s3, locked, version) == ("GOVERNANCE", until)
    told = s3.get_object(Bucket=locked, Key="k")
    assert (told["ObjectLockMode"], told["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", until)
    assert "ObjectLockLegalHoldStatus" not in told


def test_a_retention_is_of_one_version(region: LocalRegion, s3: Any, locked: str) -> None:
    one, two = put(s3, locked), put(s3, locked)
    s3.put_object_retention(
        Bucket=locked, Key="k", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": after(region, days=1)}
    )
    assert retention(s3, locked, two)[0] == "COMPLIANCE"
    assert code(s3.get_object_retention, Bucket=locked, Key="k", VersionId=one) == "NoSuchObjectLockConfiguration"
    s3.delete_object(Bucket=locked, Key="k", VersionId=one)


def test_a_noncurrent_version_is_retained(region: LocalRegion, s3: Any, locked: str) -> None:
    one, _ = put(s3, locked), put(s3, locked)
    s3.delete_object(Bucket=locked, Key="k")
    retain(s3, locked, "GOVERNANCE", after(region, days=1), one)
    assert code(s3.delete_object, Bucket=locked, Key="k", VersionId=one) == "AccessDenied"
    hold(s3, locked, "ON", one)
    assert s3.head_object(Bucket=locked, Key="k", VersionId=one)["ObjectLockLegalHoldStatus"] == "ON"


CHANGES = [
    ("GOVERNANCE", "GOVERNANCE", 20, True, True),
    ("GOVERNANCE", "GOVERNANCE", 10, True, True),
    ("GOVERNANCE", "GOVERNANCE", 5, False, True),
    ("GOVERNANCE", "COMPLIANCE", 20, False, True),
    ("GOVERNANCE", "COMPLIANCE", 5, False, True),
    ("GOVERNANCE", None, 0, False, True),
    ("COMPLIANCE", "COMPLIANCE", 20, True, True),
    ("COMPLIANCE", "COMPLIANCE", 10, True, True),
    ("COMPLIANCE", "COMPLIANCE", 5, False, False),
    ("COMPLIANCE", "GOVERNANCE", 20, False, False),
    ("COMPLIANCE", "GOVERNANCE", 5, False, False),
    ("COMPLIANCE", None, 0, False, False),
]


@pytest.mark.parametrize(("mode", "new", "days", "allowed", "by_bypass"), CHANGES)
@pytest.mark.parametrize("bypass", [False, True])
def test_a_retention_in_force_is_changed(
    region: LocalRegion, s3: Any, locked: str, mode: str, new: str | None, days: int, allowed: bool, by_bypass: bool,
    bypass: bool,
) -> None:  # fmt: skip
    until = after(region, days=10).replace(microsecond=0)
    version = put(s3, locked)
    retain(s3, locked, mode, until, version)
    wanted = {"Mode": new, "RetainUntilDate": until + timedelta(days=days - 10)} if new else {}
    arguments = {"Bucket": locked, "Key": "k", "VersionId": version, "Retention": wanted}
    if by_bypass if bypass else allowed:
        s3.put_object_retention(**arguments, **(bypassing() if bypass else {}))
        if new:
            assert retention(s3, locked, version) == (new, wanted["RetainUntilDate"])
        else:
            assert code(s3.get_object_retention, Bucket=locked, Key="k") == "NoSuchObjectLockConfiguration"
            s3.delete_object(Bucket=locked, Key="k", VersionId=version)
    else:
        refused = refusal(s3.put_object_retention, **arguments, **(bypassing() if bypass else {}))
        assert (refused["Code"], refused["Message"], refused["Status"]) == ("AccessDenied", LOCKED, 403)
        assert retention(s3, locked, version) == (mode, until)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_an_expired_retention_is_told_and_can_be_replaced(region: LocalRegion, s3: Any, locked: str, mode: str) -> None:
    until = after(region, days=1).replace(microsecond=0)
    version = put(s3, locked)
    retain(s3, locked, mode, until, version)
    region.advance(days=1, seconds=1)
    assert retention(s3, locked, version) == (mode, until)
    assert s3.head_object(Bucket=locked, Key="k")["ObjectLockMode"] == mode
    retain(s3, locked, "GOVERNANCE", after(region, minutes=30), version)
    assert retention(s3, locked, version)[0] == "GOVERNANCE"
    region.advance(hours=1)
    s3.put_object_retention(Bucket=locked, Key="k", Retention={})
    assert code(s3.get_object_retention, Bucket=locked, Key="k") == "NoSuchObjectLockConfiguration"


def test_bypassing_takes_its_permission(region: LocalRegion, s3: Any, locked: str) -> None:
    version = put(s3, locked, **GOVERNED)
    ann = user_client(region, "s3")
    arguments = {"Bucket": locked, "Key": "k", "VersionId": version, "Retention": {}}
    permit(region, allow("s3:PutObjectRetention"))
    assert code(ann.put_object_retention, **arguments, **bypassing()) == "AccessDenied"
    permit(region, allow(["s3:PutObjectRetention", "s3:BypassGovernanceRetention"]))
    assert code(ann.put_object_retention, **arguments) == "AccessDenied"
    ann.put_object_retention(**arguments, **bypassing())
    s3.delete_object(Bucket=locked, Key="k", VersionId=version)


BAD = [
    ({"Mode": "GOVERNANCE"}, "MalformedXML"),
    ({"RetainUntilDate": datetime(2500, 1, 1, tzinfo=UTC)}, "MalformedXML"),
    ({"Mode": "governance", "RetainUntilDate": datetime(2500, 1, 1, tzinfo=UTC)}, "MalformedXML"),
    ({"Mode": "", "RetainUntilDate": datetime(2500, 1, 1, tzinfo=UTC)}, "MalformedXML"),
    ({"Mode": "GOVERNANCE", "RetainUntilDate": datetime(2020, 1, 1, tzinfo=UTC)}, "InvalidArgument"),
]


@pytest.mark.parametrize(("wanted", "error"), BAD)
def test_retentions_that_are_refused(s3: Any, locked: str, wanted: dict[str, Any], error: str) -> None:
    put(s3, locked)
    refused = refusal(s3.put_object_retention, Bucket=locked, Key="k", Retention=wanted)
    assert (refused["Code"], refused["Status"]) == (error, 400)
    assert code(s3.get_object_retention, Bucket=locked, Key="k") == "NoSuchObjectLockConfiguration"


DOCUMENTS = [
    b"",
    b"nonsense",
    b"<Retention>",
    b"<Other/>",
    b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>tomorrow</RetainUntilDate></Retention>",
    b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate></RetainUntilDate></Retention>",
    b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2100-02-30T00:00:00Z</RetainUntilDate></Retention>",
    b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>99999-01-01T00:00:00Z</RetainUntilDate></Retention>",
    b"<Retention><Mode>\xff</Mode></Retention>",
    b'<!DOCTYPE d [<!ENTITY e "GOVERNANCE">]><Retention><Mode>&e;</Mode></Retention>',
]


@pytest.mark.parametrize("body", DOCUMENTS, ids=range(len(DOCUMENTS)))
@pytest.mark.parametrize("resource", ["retention", "legal-hold"])
def test_malformed_documents(region: LocalRegion, s3: Any, locked: str, resource: str, body: bytes) -> None:
    put(s3, locked)
    answer = signed(region, "PUT", f"/{locked}/k?{resource}", {"content-md5": checksum("MD5", body)}, body)
    assert answer.status == 400
    assert "ObjectLockMode" not in s3.head_object(Bucket=locked, Key="k")


@pytest.mark.parametrize("resource", ["retention", "legal-hold"])
def test_a_wrong_digest_is_refused(region: LocalRegion, s3: Any, locked: str, resource: str) -> None:
    put(s3, locked)
    sent = {"content-md5": checksum("MD5", b"other")}
    body = b"<LegalHold><Status>ON</Status></LegalHold>"
    assert error_of(signed(region, "PUT", f"/{locked}/k?{resource}", sent, body)) == (400, "BadDigest")


OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    (
        "put_object_retention",
        {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": datetime(2500, 1, 1, tzinfo=UTC)}},
    ),
    ("get_object_retention", {}),
    ("put_object_legal_hold", {"LegalHold": {"Status": "ON"}}),
    ("get_object_legal_hold", {}),
]
NAMES = [name for name, _ in OPERATIONS]


@pytest.mark.parametrize(("operation", "more"), OPERATIONS, ids=NAMES)
def test_what_is_not_there(s3: Any, locked: str, operation: str, more: dict[str, Any]) -> None:
    call = getattr(s3, operation)
    assert code(call, Bucket="nowhere", Key="k", **more) == "NoSuchBucket"
    assert code(call, Bucket=locked, Key="k", **more) == "NoSuchKey"
    put(s3, locked)
    assert code(call, Bucket=locked, Key="k", VersionId="0" * 32, **more) == "NoSuchVersion"
    assert code(call, Bucket=locked, Key="k", VersionId="x", **more) == "InvalidArgument"
    mark = s3.delete_object(Bucket=locked, Key="k")["VersionId"]
    assert code(call, Bucket=locked, Key="k", **more) == "NoSuchKey"
    assert code(call, Bucket=locked, Key="k", VersionId=mark, **more) == "MethodNotAllowed"


@pytest.mark.parametrize(("operation", "more"), OPERATIONS, ids=NAMES)
def test_a_bucket_without_object_lock(s3: Any, bucket: str, operation: str, more: dict[str, Any]) -> None:
    put(s3, bucket)
    refused = refusal(getattr(s3, operation), Bucket=bucket, Key="k", **more)
    assert (refused["Code"], refused["Message"], refused["Status"]) == (
        "InvalidRequest",
        "Bucket is missing Object Lock Configuration",
        400,
    )


ACTIONS = ["s3:PutObjectRetention", "s3:GetObjectRetention", "s3:PutObjectLegalHold", "s3:GetObjectLegalHold"]


@pytest.mark.parametrize(("operation", "more"), OPERATIONS, ids=NAMES)
def test_permissions(region: LocalRegion, s3: Any, locked: str, operation: str, more: dict[str, Any]) -> None:
    action = ACTIONS[NAMES.index(operation)]
    version = put(s3, locked, ObjectLockLegalHoldStatus="ON", **GOVERNED)
    ann = user_client(region, "s3")
    permit(region, allow([one for one in ACTIONS if one != action]))
    assert code(getattr(ann, operation), Bucket=locked, Key="k", **more) == "AccessDenied"
    permit(region, allow(action))
    getattr(ann, operation)(Bucket=locked, Key="k", **more)
    getattr(ann, operation)(Bucket=locked, Key="k", VersionId=version, **more)
    assert code(getattr(dev(region, "111122223333"), operation), Bucket=locked, Key="k", **more) == "AccessDenied"


def test_a_legal_hold_is_put_on_and_taken_off(s3: Any, locked: str) -> None:
    version = put(s3, locked)
    refused = refusal(s3.get_object_legal_hold, Bucket=locked, Key="k")
    assert (refused["Code"], refused["Status"]) == ("NoSuchObjectLockConfiguration", 404)
    for status in ("ON", "ON", "OFF"):
        hold(s3, locked, status)
        assert s3.get_object_legal_hold(Bucket=locked, Key="k")["LegalHold"] == {"Status": status}
        assert s3.head_object(Bucket=locked, Key="k")["ObjectLockLegalHoldStatus"] == status
        if status == "ON":
            assert code(s3.delete_object, Bucket=locked, Key="k", VersionId=version) == "AccessDenied"
    s3.delete_object(Bucket=locked, Key="k", VersionId=version)


@pytest.mark.parametrize("wanted", [{}, {"Status": "on"}, {"Status": ""}, {"Status": "MAYBE"}])
def test_legal_holds_that_are_refused(s3: Any, locked: str, wanted: dict[str, str]) -> None:
    put(s3, locked)
    assert code(s3.put_object_legal_hold, Bucket=locked, Key="k", LegalHold=wanted) == "MalformedXML"


def test_holds_and_retentions_are_independent(region: LocalRegion, s3: Any, locked: str) -> None:
    version = put(s3, locked)
    hold(s3, locked, "ON")
    retain(s3, locked, "COMPLIANCE", after(region, days=1), version)
    hold(s3, locked, "OFF")
    assert retention(s3, locked, version)[0] == "COMPLIANCE"
    assert code(s3.delete_object, Bucket=locked, Key="k", VersionId=version) == "AccessDenied"
    hold(s3, locked, "ON")
    region.advance(days=2)
    s3.put_object_retention(Bucket=locked, Key="k", Retention={})
    assert code(s3.delete_object, Bucket=locked, Key="k", VersionId=version) == "AccessDenied"
    assert s3.get_object_legal_hold(Bucket=locked, Key="k")["LegalHold"] == {"Status": "ON"}


def test_a_retention_of_the_null_version(region: LocalRegion, s3: Any, bucket: str) -> None:
    put(s3, bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    put(s3, bucket)
    retain(s3, bucket, "COMPLIANCE", after(region, days=1), "null")
    assert code(s3.delete_object, Bucket=bucket, Key="k", VersionId="null") == "AccessDenied"


def test_retention_days_are_a_condition_key(region: LocalRegion, s3: Any, locked: str) -> None:
    version = put(s3, locked)
    ann = user_client(region, "s3")
    days = {"NumericLessThan": {"s3:object-lock-remaining-retention-days": "10"}}
    permit(region, allow("s3:PutObjectRetention", **days))
    retain(ann, locked, "GOVERNANCE", after(region, days=5), version)
    with pytest.raises(ann.exceptions.ClientError, match="AccessDenied"):
        retain(ann, locked, "GOVERNANCE", after(region, days=12), version)
