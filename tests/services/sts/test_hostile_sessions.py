"""Credentials of sessions that are forged, stolen in part, altered, expired or revoked.

Source: IAM User Guide, "Revoke IAM role temporary security credentials", "Disabling permissions for temporary security credentials".
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.core.identity.sessions import BadToken, new_key_id, seal, unseal
from fogbank.core.principal import Session
from fogbank.core.vault import Vault
from services.helpers import allow, code, dev, refusal
from services.sts.made import OTHER, assume, make_role, policy, session, trust, user

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

UNKNOWN = "InvalidClientTokenId"


@pytest.fixture
def stolen(region: LocalRegion) -> Any:
    """Credentials of a session."""
    return assume(user(region, name="bob"), make_role(region))["Credentials"]


def called(region: LocalRegion, credentials: Any, **changed: str) -> str:
    """The code of the refusal of a call with credentials, some changed."""
    return code(session(region, credentials, "sts", **changed).get_caller_identity)


def flipped(token: str, at: int) -> str:
    raw = bytearray(b64decode(token))
    raw[at] ^= 1
    return b64encode(bytes(raw)).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-4],
        lambda token: token[:40],
        lambda token: token + "AAAA",
        lambda token: token.lower(),
        lambda token: token[::-1],
        lambda token: "A" * len(token),
        lambda token: "=",
        lambda token: "x" * 20_000,
        lambda token: "é",
        lambda token: "null",
        lambda token: flipped(token, 0),
        lambda token: flipped(token, 1),
        lambda token: flipped(token, 5),
        lambda token: flipped(token, 20),
        lambda token: flipped(token, -1),
        lambda token: flipped(token, len(b64decode(token)) // 2),
    ],
)
def test_an_altered_token(region: LocalRegion, stolen: Any, change: Callable[[str], str]) -> None:
    assert called(region, stolen, SessionToken=change(stolen["SessionToken"])) == UNKNOWN


def test_no_token(region: LocalRegion, stolen: Any) -> None:
    client = region.client("sts", key=stolen["AccessKeyId"], secret=stolen["SecretAccessKey"])
    assert code(client.get_caller_identity) == UNKNOWN


def test_a_token_with_another_key(region: LocalRegion, stolen: Any) -> None:
    own = user(region, name="ann").get_session_token()["Credentials"]
    mixed = {"AccessKeyId": own["AccessKeyId"], "SecretAccessKey": own["SecretAccessKey"]}
    assert called(region, stolen, **mixed) == UNKNOWN
    assert called(region, stolen, SecretAccessKey=own["SecretAccessKey"]) == "SignatureDoesNotMatch"
    assert called(region, stolen, AccessKeyId="ASIA" + "A" * 16) == UNKNOWN


def test_a_token_with_a_users_own_key(region: LocalRegion, stolen: Any) -> None:
    iam = region.client("iam")
    iam.create_user(UserName="eve")
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    mixed = {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}
    assert called(region, stolen, **mixed) == UNKNOWN


def test_another_installations_token(region: LocalRegion, stolen: Any) -> None:
    opened = unseal(region.region.vault, stolen["SessionToken"], stolen["AccessKeyId"])
    elsewhere = seal(Vault({1: b"x" * 32}), opened)
    assert called(region, stolen, SessionToken=elsewhere) == UNKNOWN


def test_what_was_sealed_for_another_purpose_is_no_token(region: LocalRegion, stolen: Any) -> None:
    opened = unseal(region.region.vault, stolen["SessionToken"], stolen["AccessKeyId"])
    other = b64encode(region.region.vault.seal(msgspec.msgpack.encode(opened), f"access-key:{stolen['AccessKeyId']}"))
    assert called(region, stolen, SessionToken=other.decode()) == UNKNOWN


def test_a_session_that_would_unpack_to_gigabytes(region: LocalRegion) -> None:
    made = Session("ASIA" + "A" * 16, "s", OTHER, "role", "r", "i", "l", 0, 1, policies=("x" * 1_000_000,))
    token = seal(region.region.vault, made)
    assert len(token) < 16_384
    with pytest.raises(BadToken):
        unseal(region.region.vault, token, made.key_id)


def test_the_role_is_deleted_and_made_again(region: LocalRegion, stolen: Any) -> None:
    iam = region.client("iam")
    assert session(region, stolen).list_buckets()
    iam.delete_role_policy(RoleName="worker", PolicyName="may")
    assert code(session(region, stolen).list_buckets) == "AccessDenied"
    iam.delete_role(RoleName="worker")
    assert called(region, stolen) == UNKNOWN
    make_role(region)
    assert called(region, stolen) == UNKNOWN


def test_sessions_are_revoked_by_the_time_of_their_issue(region: LocalRegion, stolen: Any) -> None:
    def revoke(before: datetime) -> None:
        older = {"DateLessThan": {"aws:TokenIssueTime": f"{before:%Y-%m-%dT%H:%M:%SZ}"}}
        denied = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": older}
        region.client("iam").put_role_policy(
            RoleName="worker", PolicyName="AWSRevokeOlderSessions", PolicyDocument=policy(denied)
        )

    revoke(datetime(2020, 1, 1, tzinfo=UTC))
    assert session(region, stolen).list_buckets()
    revoke(datetime(2100, 1, 1, tzinfo=UTC))
    error = refusal(session(region, stolen).list_buckets)
    assert (error["Code"], "explicit deny" in error["Message"]) == ("AccessDenied", True)


def test_a_user_is_deleted(region: LocalRegion) -> None:
    credentials = user(region, allow("s3:*")).get_session_token()["Credentials"]
    iam = region.client("iam")
    iam.delete_user_policy(UserName="ann", PolicyName="only")
    for key in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="ann")
    assert called(region, credentials) == UNKNOWN
    iam.create_user(UserName="ann")
    assert called(region, credentials) == UNKNOWN


def test_a_session_of_one_account_says_nothing_in_another(region: LocalRegion, stolen: Any) -> None:
    dev(region, OTHER).create_bucket(Bucket="theirs")
    make_role(region, trust(OTHER), account=OTHER)
    client = session(region, stolen)
    assert code(client.list_objects_v2, Bucket="theirs") == "AccessDenied"
    assert [each["Name"] for each in client.list_buckets()["Buckets"]] == []


def test_a_repr_says_no_secret(region: LocalRegion, stolen: Any) -> None:
    opened = unseal(region.region.vault, stolen["SessionToken"], stolen["AccessKeyId"])
    assert stolen["SecretAccessKey"] not in repr(opened)
    with region.region.store.snapshot() as tx:
        found = region.identities.find(tx, stolen["AccessKeyId"], stolen["SessionToken"], region.clock.now())
    assert stolen["SecretAccessKey"] not in repr(found)


def test_key_ids_say_their_account(region: LocalRegion, stolen: Any) -> None:
    client = user(region)
    for key in (stolen["AccessKeyId"], new_key_id(region.region.ids, "000000000001")):
        expected = "000000000001" if key != stolen["AccessKeyId"] else "123456789012"
        assert client.get_access_key_info(AccessKeyId=key)["Account"] == expected
