"""Events: who, what, what was decided; nothing secret; bounded.

Source: CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.auth.policy import Decision
from fogbank.core.authorize import Asked
from fogbank.gateway import shown as shown_module
from fogbank.gateway.event import MOST_DECISIONS, decisions, event_id
from fogbank.gateway.shown import HIDDEN, cut, lower, shown
from fogbank.wire import load
from services.helpers import allow, code, permit, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion


def latest(region: LocalRegion, name: str) -> dict[str, Any]:
    return next(one for one in region.events() if one["eventName"] == name)


# --- who


def test_a_user(region: LocalRegion) -> None:
    ann = user_client(region, "iam")
    assert code(ann.list_groups) == "AccessDenied"
    user = region.client("iam").get_user(UserName="ann")["User"]
    found = latest(region, "ListGroups")
    key = found["userIdentity"].pop("accessKeyId")
    assert key.startswith("AKIA")
    assert found["userIdentity"] == {
        "type": "IAMUser", "principalId": user["UserId"], "arn": user["Arn"], "accountId": ACCOUNT, "userName": "ann",
    }  # fmt: skip
    assert found["errorCode"] == "AccessDenied"
    assert found["errorMessage"].startswith(f"User: {user['Arn']} is not authorized to perform: iam:ListGroups")
    assert found["recipientAccountId"] == ACCOUNT


# --- what


def test_management_and_data(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.list_objects_v2(Bucket=bucket)
    s3.list_buckets()
    data, management = region.events("data"), region.events()
    assert [one["eventName"] for one in data] == ["ListObjectsV2", "PutObject"]
    assert {one["eventCategory"] for one in data} == {"Data"}
    assert [one["eventName"] for one in management] == ["ListBuckets", "CreateBucket"]
    assert {(one["eventCategory"], one["managementEvent"]) for one in management} == {("Management", True)}
    assert [one["readOnly"] for one in management] == [True, False]
    assert management[1]["requestParameters"]["bucketName"] == bucket


def test_what_nobody_did_leaves_the_accounts_log_alone(region: LocalRegion) -> None:
    """Whoever reaches the port could push everything else out of it."""
    forged = region.client("iam", secret="wrong")
    assert code(forged.create_user, UserName="x") == "SignatureDoesNotMatch"
    unknown = region.client("iam", key="AKIAI44QH8DHBEXAMPLE")
    assert code(unknown.create_user, UserName="x") == "InvalidClientTokenId"
    region.raw("GET", "/bucket?policy")
    assert region.events() == []
    found = region.events("data")
    assert [one["errorCode"] for one in found][1:] == ["InvalidClientTokenId", "SignatureDoesNotMatch"]
    assert found[1]["userIdentity"] == {"type": "Unknown", "accessKeyId": "AKIAI44QH8DHBEXAMPLE"}
    assert not any("recipientAccountId" in one for one in found[1:])
    assert "\n" not in found[2]["errorMessage"]


def test_management_writes_are_written_at_once(region: LocalRegion) -> None:
    """Without the flush that `region.events` does."""
    region.client("iam").create_group(GroupName="g")
    assert [json.loads(one.line)["eventName"] for one in region.region.events.newest("management")] == ["CreateGroup"]


def test_decisions(region: LocalRegion, bucket: str) -> None:
    """An allow by a statement, an implicit deny for want of a condition key, an explicit deny."""
    ann = user_client(region, "s3")
    permit(region, allow("s3:ListAllMyBuckets") | {"Sid": "Lists"})
    ann.list_buckets()
    permit(region, allow("s3:*", "*", StringEquals={"aws:SourceVpc": "vpc-1"}))
    assert code(ann.list_objects_v2, Bucket=bucket) == "AccessDenied"
    permit(region, allow("s3:*"), {"Sid": "No", "Effect": "Deny", "Action": "s3:ListBucket", "Resource": "*"})
    assert code(ann.list_objects_v2, Bucket=bucket) == "AccessDenied"
    explicit, implicit = (one["additionalEventData"]["decisions"] for one in region.events("data"))
    question = {"action": "s3:ListBucket", "resource": "arn:aws:s3:::bucket", "kind": "identity"}
    assert implicit == [question | {"decision": "implicitDeny", "by": [], "missing": ["aws:sourcevpc"]}]
    assert explicit == [question | {"decision": "explicitDeny", "by": ["only (inline, of user ann)#No"], "missing": []}]
    allowed = latest(region, "ListBuckets")["additionalEventData"]["decisions"]
    assert [(one["decision"], one["by"]) for one in allowed] == [("allowed", ["only (inline, of user ann)#Lists"])]


@given(st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_many_decisions(allowed: int, denied: int) -> None:
    yes, no = Decision(True, False, "identity", (), ()), Decision(False, False, "identity", (), ())
    made = decisions([Asked("s3:DeleteObject", "*", yes)] * allowed + [Asked("s3:DeleteObject", "*", no)] * denied)
    assert len(made) == min(allowed + denied, MOST_DECISIONS)
    assert sum(one.decision == "implicitDeny" for one in made) == min(denied, MOST_DECISIONS)


def test_event_ids_differ() -> None:
    assert len({event_id(f"{number:016X}") for number in range(1000)}) == 1000


# --- nothing secret


def test_no_secret_in_events(region: LocalRegion, s3: Any, bucket: str) -> None:
    iam = region.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.create_login_profile(UserName="ann", Password="ThePassword1!")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="ann")["VirtualMFADevice"]
    code(
        iam.enable_mfa_device,
        UserName="ann",
        SerialNumber=device["SerialNumber"],
        AuthenticationCode1="197531",
        AuthenticationCode2="864209",
    )
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    region.raw("GET", url.removeprefix("http://localhost:4566"))
    region.raw("GET", "/bucket/k?X-Amz-Security-Token=TheToken", {"authorization": "AWS4-HMAC-SHA256 TheAuthorization"})
    said = b"\n".join(region.lines)
    for secret in (
        key["SecretAccessKey"], "ThePassword1!", device["Base32StringSeed"].decode(), "197531", "864209", "TheToken",
        "TheAuthorization", "X-Amz-Signature", url.partition("Signature=")[2],
    ):  # fmt: skip
        assert secret.encode() not in said, secret
    made = latest(region, "CreateAccessKey")
    assert made["responseElements"]["accessKey"]["secretAccessKey"] == HIDDEN
    assert made["responseElements"]["accessKey"]["accessKeyId"] == key["AccessKeyId"]
    assert latest(region, "CreateLoginProfile")["requestParameters"] == {"userName": "ann", "password": HIDDEN}


def test_sensitive_members_are_hidden_in_all_places() -> None:
    create = load("lambda").operations["CreateFunction"]
    made = shown(
        create.input, {"FunctionName": "f", "Environment": {"Variables": {"A": "TheSecret"}}, "Code": {"ZipFile": b"z"}}
    )
    assert "TheSecret" not in json.dumps(made)
    assert made is not None
    assert made["functionName"] == "f"


# --- bounded


@pytest.mark.parametrize(
    ("name", "expected"),
    [("UserName", "userName"), ("SAMLProviderArn", "sAMLProviderArn"), ("ID", "iD"), ("x", "x"), ("", "")],
)
def test_names(name: str, expected: str) -> None:
    assert lower(name) == expected


@given(st.text(max_size=3000))
@settings(max_examples=50, deadline=None)
def test_texts_are_cut(text: str) -> None:
    made = cut(text)
    assert len(made.encode("utf-8", "replace")) <= 1024
    assert made == text or text.startswith(made[:-1])


def test_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_module, "MOST_VALUES", 100)
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(5000)]
    made = shown(load("iam").operations["TagUser"].input, {"UserName": "ann", "Tags": tags})
    assert made is not None
    assert len(json.dumps(made)) < 5000
