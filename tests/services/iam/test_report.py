"""GenerateCredentialReport, GetCredentialReport."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.core.identity.used import Use, note
from fogbank.services.iam.account_records import credential_reports
from services.helpers import refusal
from services.iam.made import certificate, new_key, pem, write
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

# IAM User Guide, "Generate credential reports for your AWS account": the columns in their order.
COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,"
    "cert_2_active,cert_2_last_rotated"
)


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root."""
    return region.client("iam")


def lines(iam: Any) -> dict[str, dict[str, str]]:
    iam.generate_credential_report()
    found = iam.get_credential_report()
    assert found["ReportFormat"] == "text/csv"
    reader = csv.DictReader(found["Content"].decode().splitlines())
    assert ",".join(reader.fieldnames or []) == COLUMNS
    return {line["user"]: line for line in reader}


def test_a_report(region: LocalRegion, iam: Any) -> None:
    iam.create_user(UserName="ann")
    iam.create_user(UserName="bob")
    iam.update_account_password_policy(MaxPasswordAge=10)
    iam.create_login_profile(UserName="ann", Password="Abcdefg1!")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    off = iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="bob", AccessKeyId=off, Status="Inactive")
    iam.upload_signing_certificate(UserName="bob", CertificateBody=pem(certificate(new_key())))
    arn = f"arn:aws:iam::{ACCOUNT}:user/ann"
    write(region, lambda tx: note(tx, [Use(ACCOUNT, arn, key, "s3", "GetObject", "eu-west-1", 1767225600)]))
    found = lines(iam)
    assert list(found) == ["<root_account>", "ann", "bob"]
    ann, bob, root = found["ann"], found["bob"], found["<root_account>"]
    assert (ann["arn"], ann["password_enabled"], ann["mfa_active"]) == (arn, "true", "false")
    assert ann["password_next_rotation"] > ann["password_last_changed"]
    used = [ann[f"access_key_1_last_used_{each}"] for each in ("date", "region", "service")]
    assert used == ["2026-01-01T00:00:00+00:00", "eu-west-1", "s3"]
    assert (ann["access_key_1_active"], ann["access_key_2_active"]) == ("true", "false")
    assert (bob["access_key_1_active"], bob["access_key_1_last_used_date"], bob["cert_1_active"]) == (
        "false",
        "N/A",
        "true",
    )
    assert bob["password_last_changed"] == "N/A"
    assert (root["password_enabled"], root["access_key_1_active"]) == ("not_supported", "true")
    assert set(ann.values()) | set(bob.values()) != {""}


def test_a_report_stands_for_four_hours(region: LocalRegion, iam: Any) -> None:
    error = refusal(iam.get_credential_report)
    assert (error["Code"], error["Status"]) == ("ReportNotPresent", 410)
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    iam.create_user(UserName="late")
    assert "late" not in lines(iam)
    with region.region.store.snapshot() as tx:
        report = credential_reports.get(tx, ACCOUNT)
    assert report is not None
    old = msgspec.structs.replace(report, created=report.created - 4 * 3600)
    write(region, lambda tx: credential_reports.put(tx, old, ACCOUNT))
    error = refusal(iam.get_credential_report)
    assert (error["Code"], error["Status"]) == ("ReportExpired", 410)
    assert "late" in lines(iam)
