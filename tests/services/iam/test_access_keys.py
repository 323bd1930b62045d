"""CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey, GetAccessKeyLastUsed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity.used import Use, note
from services.helpers import allow, code, dev, permit, refusal, status, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root, and a user `ann`."""
    client = region.client("iam")
    client.create_user(UserName="ann")
    return client


def caller(region: LocalRegion, key: dict[str, Any]) -> Any:
    """What STS says of whoever has this key."""
    client = region.client("sts", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    return client.get_caller_identity()


def test_create_access_key(region: LocalRegion, iam: Any) -> None:
    key = iam.create_access_key(UserName="Ann")["AccessKey"]
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key["AccessKeyId"])
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", key["SecretAccessKey"])
    assert (key["UserName"], key["Status"]) == ("ann", "Active")
    assert key["CreateDate"].tzinfo is not None
    assert caller(region, key)["Arn"] == "arn:aws:iam::123456789012:user/ann"


def test_a_secret_is_told_once(iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    [listed] = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    assert listed.keys() == {"UserName", "AccessKeyId", "Status", "CreateDate"}
    assert listed["AccessKeyId"] == key["AccessKeyId"]


def test_a_user_has_two_keys_at_most(iam: Any) -> None:
    first = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    second = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    assert first != second
    error = refusal(iam.create_access_key, UserName="ann")
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    iam.update_access_key(UserName="ann", AccessKeyId=first, Status="Inactive")
    assert code(iam.create_access_key, UserName="ann") == "LimitExceeded"
    iam.delete_access_key(UserName="ann", AccessKeyId=first)
    iam.create_access_key(UserName="ann")


def test_an_inactive_key_is_refused_at_once_and_works_again(region: LocalRegion, iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    caller(region, key)
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert code(caller, region=region, key=key) == "InvalidClientTokenId"
    assert iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    s3 = region.client("s3", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    error = refusal(s3.list_buckets)
    assert (error["Code"], error["Status"]) == ("InvalidAccessKeyId", 403)
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Active")
    caller(region, key)


def test_a_deleted_key_is_refused_at_once(region: LocalRegion, iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    assert status(iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])) == 200
    assert code(caller, region=region, key=key) == "InvalidClientTokenId"
    assert code(iam.delete_access_key, UserName="ann", AccessKeyId=key["AccessKeyId"]) == "NoSuchEntity"
    assert iam.list_access_keys(UserName="ann")["AccessKeyMetadata"] == []


def test_a_wrong_secret_is_refused(region: LocalRegion, iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    assert code(caller, region=region, key=key | {"SecretAccessKey": "x" * 40}) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("state", ["Off", "active", ""])
def test_a_status_that_cannot_be(iam: Any, state: str) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    assert code(iam.update_access_key, UserName="ann", AccessKeyId=key, Status=state) == "ValidationError"


def test_keys_of_others(iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    iam.create_user(UserName="bob")
    assert code(iam.delete_access_key, UserName="bob", AccessKeyId=key) == "NoSuchEntity"
    assert code(iam.update_access_key, UserName="bob", AccessKeyId=key, Status="Inactive") == "NoSuchEntity"
    assert iam.list_access_keys(UserName="bob")["AccessKeyMetadata"] == []
    assert iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["Status"] == "Active"


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_access_key", {}),
        ("list_access_keys", {}),
        ("update_access_key", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLF", "Status": "Active"}),
        ("delete_access_key", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLF"}),
    ],
)
def test_keys_of_nobody(region: LocalRegion, iam: Any, operation: str, arguments: dict[str, str]) -> None:
    error = refusal(getattr(iam, operation), UserName="nobody", **arguments)
    assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)
    assert code(getattr(iam, operation), **arguments) == "NotImplemented"  # the root's own
    other = dev(region, "111122223333", "iam")
    assert code(getattr(other, operation), UserName="ann", **arguments) == "NoSuchEntity"


def test_list_access_keys_in_pages(iam: Any) -> None:
    keys = sorted(iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"] for _ in range(2))
    pages = list(iam.get_paginator("list_access_keys").paginate(UserName="ann", PaginationConfig={"PageSize": 1}))
    assert [key["AccessKeyId"] for page in pages for key in page["AccessKeyMetadata"]] == keys
    assert [page["IsTruncated"] for page in pages] == [True, False]
    assert code(iam.list_access_keys, UserName="ann", Marker="nonsense") == "ValidationError"


def test_a_deleted_and_recreated_user_does_not_get_the_old_keys(region: LocalRegion, iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="ann")
    iam.create_user(UserName="ann")
    assert code(caller, region=region, key=key) == "InvalidClientTokenId"
    assert iam.list_access_keys(UserName="ann")["AccessKeyMetadata"] == []


def test_a_key_does_not_expire_by_hand(iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    assert code(iam.update_access_key, UserName="ann", AccessKeyId=key, Status="Expired") == "InvalidInput"


def test_get_access_key_last_used(region: LocalRegion, iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    found = iam.get_access_key_last_used(AccessKeyId=key)
    assert found["UserName"] == "ann"
    assert found["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    use = Use("123456789012", "arn:aws:iam::123456789012:user/ann", key, "s3", "GetObject", "eu-west-1", 1_700_000_000)
    region.run(region.region.store.write(lambda tx: note(tx, [use])))
    found = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert (found["ServiceName"], found["Region"]) == ("s3", "eu-west-1")
    assert found["LastUsedDate"].timestamp() == 1_700_000_000
    iam.update_user(UserName="ann", NewUserName="anna")
    found = iam.get_access_key_last_used(AccessKeyId=key)
    assert (found["UserName"], found["AccessKeyLastUsed"]["ServiceName"]) == ("anna", "s3")


def test_get_access_key_last_used_of_others(region: LocalRegion, iam: Any) -> None:
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    other = dev(region, "111122223333", "iam")
    for client, wanted in ((other, key), (iam, "AKIA" + "A" * 16)):
        error = refusal(client.get_access_key_last_used, AccessKeyId=wanted)
        assert (error["Code"], error["Status"]) == ("AccessDenied", 403)


def test_users_may_manage_their_own_keys(region: LocalRegion, iam: Any) -> None:
    iam.delete_user(UserName="ann")
    client = user_client(region, "iam")
    permit(region, allow("iam:*AccessKey*", "arn:aws:iam::123456789012:user/${aws:username}"))
    [mine] = client.list_access_keys()["AccessKeyMetadata"]
    key = client.create_access_key()["AccessKey"]["AccessKeyId"]
    client.update_access_key(AccessKeyId=key, Status="Inactive")
    client.get_access_key_last_used(AccessKeyId=mine["AccessKeyId"])
    client.delete_access_key(AccessKeyId=key)
    iam.create_user(UserName="bob")
    assert code(client.list_access_keys, UserName="bob") == "AccessDenied"
