"""The credential report: the state of every user's credentials, as CSV.

Source: IAM User Guide, "Generate credential reports for your AWS account".
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.identity.accounts import accounts
from fogbank.core.identity.records import (
    arn_of,
    key_of,
    keys_of,
    keys_used,
    login_profiles,
    mfa_devices,
    users,
    when,
)
from fogbank.core.identity.used import services_of
from fogbank.services.iam.account_records import (
    CredentialReport,
    credential_reports,
    password_histories,
    password_policies,
    signing_certificates,
)
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.call import Call
    from fogbank.core.identity.records import AccessKey, User
    from fogbank.services.iam.account_records import PasswordPolicy

FRESH: Final = 4 * 3600  # seconds that a report stands
DAY: Final = 86_400
NONE: Final = "N/A"
_KEY: Final = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
COLUMNS: Final = (
    "user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
    "password_next_rotation", "mfa_active", *(f"access_key_1_{each}" for each in _KEY), *(f"access_key_2_{each}" for each in _KEY),
    "cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
)  # fmt: skip
_NO_KEY: Final = ["false", NONE, NONE, NONE, NONE]
_NO_CERTIFICATE: Final = ["false", NONE]


@iam.operation("bulk", "*", takes="")
def generate_credential_report(call: Call, _req: dict[str, Any]) -> dict[str, Any]:
    """Make the report, if the last one is older than four hours."""
    last = credential_reports.get(call.tx, call.account)
    if last is not None and fresh(call, last):
        return {"State": "COMPLETE"}
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerow(root_line(call))
    policy = password_policies.get(call.tx, call.account)
    devices = {key_of(device.user) for _, device in mfa_devices.scan(call.tx, call.account) if device.user}
    for _, user in users.scan(call.tx, call.account):
        lines.writerow([*password_part(call, user, policy), told(key_of(user.name) in devices), *keys_part(call, user)])
    report = CredentialReport(content=text.getvalue().encode(), created=int(call.now.timestamp()))
    credential_reports.put(call.tx, report, call.account)
    return {"State": "COMPLETE", "Description": "No report exists. A new report was generated."}


@iam.operation("scan", "*", takes="")
def get_credential_report(call: Call, _req: dict[str, Any]) -> dict[str, Any]:
    """The last report."""
    report = credential_reports.get(call.tx, call.account)
    if report is None:
        raise AwsError("ReportNotPresent", "No report exists; call GenerateCredentialReport first.")
    if not fresh(call, report):
        raise AwsError("ReportExpired", "The last report has expired; call GenerateCredentialReport for a new one.")
    return {"Content": report.content, "ReportFormat": "text/csv", "GeneratedTime": when(report.created)}


def fresh(call: Call, report: CredentialReport) -> bool:
    """Whether a report still stands."""
    return report.created + FRESH > call.now.timestamp()


def root_line(call: Call) -> list[str]:
    """The root user, who has an access key and no password here."""
    account, arn = accounts.get(call.tx, call.account), f"arn:aws:iam::{call.account}:root"
    created = time(account.created) if account else NONE
    used = max(services_of(call.tx, call.account, arn), key=lambda each: each[1].at, default=None)
    last = [time(used[1].at), used[1].region, used[0]] if used else [NONE, NONE, NONE]
    who = ["<root_account>", arn, created, "not_supported", "no_information", "not_supported", "not_supported", "false"]
    return [*who, "true", created, *last, *_NO_KEY, *_NO_CERTIFICATE, *_NO_CERTIFICATE]


def password_part(call: Call, user: User, policy: PasswordPolicy | None) -> Iterator[str]:
    """A user's name, and its password."""
    yield from (user.name, arn_of(call.account, user), time(user.created))
    profile = login_profiles.get(call.tx, call.account, key_of(user.name))
    if profile is None:
        yield from ("false", NONE, NONE, NONE)
        return
    history = password_histories.get(call.tx, call.account, key_of(user.name))
    changed = history.changed if history else profile.created
    ends = time(changed + policy.max_age * DAY) if policy and policy.max_age else NONE
    yield from ("true", "no_information", time(changed), ends)


def keys_part(call: Call, user: User) -> Iterator[str]:
    """A user's access keys and signing certificates."""
    keys = [key for _, key in keys_of.scan(call.tx, call.account, user.name)]
    for key in sorted(keys, key=lambda each: (each.created, each.id))[:2]:
        yield from key_part(call, key)
    yield from _NO_KEY * max(0, 2 - len(keys))
    held = [each for _, each in signing_certificates.scan(call.tx, call.account, key_of(user.name))]
    for each in sorted(held, key=lambda one: (one.uploaded, one.id))[:2]:
        yield from (told(each.active), time(each.uploaded))
    yield from _NO_CERTIFICATE * max(0, 2 - len(held))


def key_part(call: Call, key: AccessKey) -> Iterator[str]:
    """An access key, and its last use."""
    yield from (told(key.active), time(key.created))
    used = keys_used.get(call.tx, key.id)
    yield from (time(used.at), used.region, used.service) if used else (NONE, NONE, NONE)


def told(value: bool) -> str:
    """A truth as the report has it."""
    return "true" if value else "false"


def time(seconds: int) -> str:
    """A time as the report has it."""
    return when(seconds).isoformat()
