"""CreateServiceSpecificCredential, ListServiceSpecificCredentials, ResetServiceSpecificCredential and the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.services.iam.account_records import service_credentials
from services.helpers import code, refusal
from services.iam.made import write
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

GIT, KEYSPACES, BEDROCK = "codecommit.amazonaws.com", "cassandra.amazonaws.com", "bedrock.amazonaws.com"


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root, and users ann and bob."""
    client = region.client("iam")
    client.create_user(UserName="ann")
    client.create_user(UserName="bob")
    return client


def made(iam: Any, service: str = GIT, user: str = "ann", **more: Any) -> dict[str, Any]:
    answer = iam.create_service_specific_credential(UserName=user, ServiceName=service, **more)
    return dict(answer["ServiceSpecificCredential"])


def test_create_service_specific_credential(iam: Any) -> None:
    first, second = made(iam), made(iam)
    assert first["ServiceUserName"] == f"ann-at-{ACCOUNT}"
    assert second["ServiceUserName"] == f"ann+1-at-{ACCOUNT}"
    assert first["ServicePassword"] != second["ServicePassword"]
    assert (first["ServiceSpecificCredentialId"][:4], first["Status"]) == ("ACCA", "Active")
    error = refusal(iam.create_service_specific_credential, UserName="ann", ServiceName=GIT)
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    made(iam, KEYSPACES)
    error = refusal(iam.create_service_specific_credential, UserName="ann", ServiceName="s3.amazonaws.com")
    assert (error["Code"], error["Status"]) == ("NotSupportedService", 404)
    assert code(iam.create_service_specific_credential, UserName="eve", ServiceName=GIT) == "NoSuchEntity"


def test_api_keys_expire(region: LocalRegion, iam: Any) -> None:
    key = made(iam, BEDROCK, CredentialAgeDays=2)
    assert key["ServiceCredentialSecret"].startswith("ABSK")
    assert "ServicePassword" not in key
    assert (key["ExpirationDate"] - key["CreateDate"]).days == 2
    with region.region.store.snapshot() as tx:
        (parts, record), *_ = service_credentials.scan(tx, ACCOUNT)
    past = msgspec.structs.replace(record, expires=record.created)
    write(region, lambda tx: service_credentials.put(tx, past, *parts))
    listed = iam.list_service_specific_credentials(UserName="ann")["ServiceSpecificCredentials"]
    assert [each["Status"] for each in listed] == ["Expired"]
    given = {"UserName": "ann", "ServiceName": GIT, "CredentialAgeDays": 2}
    assert code(iam.create_service_specific_credential, **given) == "ValidationError"


def test_list_service_specific_credentials(iam: Any) -> None:
    made(iam)
    made(iam, KEYSPACES)
    made(iam, user="bob")

    def listed(**given: Any) -> list[tuple[str, str]]:
        found = iam.list_service_specific_credentials(**given)["ServiceSpecificCredentials"]
        assert not any("ServicePassword" in each for each in found)
        return sorted((each["UserName"], each["ServiceName"]) for each in found)

    assert listed(UserName="ann") == [("ann", KEYSPACES), ("ann", GIT)]
    assert listed(AllUsers=True, ServiceName=GIT) == [("ann", GIT), ("bob", GIT)]
    first = iam.list_service_specific_credentials(AllUsers=True, MaxItems=2)
    assert listed(AllUsers=True, Marker=first["Marker"]) == [("bob", GIT)]
    assert code(iam.list_service_specific_credentials, AllUsers=True, UserName="ann") == "ValidationError"


def test_reset_update_and_delete_service_specific_credential(iam: Any) -> None:
    old = made(iam)
    one = {"UserName": "ann", "ServiceSpecificCredentialId": old["ServiceSpecificCredentialId"]}
    new = iam.reset_service_specific_credential(**one)["ServiceSpecificCredential"]
    assert new["ServiceUserName"] == old["ServiceUserName"]
    assert new["ServicePassword"] != old["ServicePassword"]
    iam.update_service_specific_credential(**one, Status="Inactive")
    assert (
        iam.list_service_specific_credentials(UserName="ann")["ServiceSpecificCredentials"][0]["Status"] == "Inactive"
    )
    other = {**one, "UserName": "bob"}
    for operation in (iam.reset_service_specific_credential, iam.delete_service_specific_credential):
        assert code(operation, **other) == "NoSuchEntity"
    iam.delete_service_specific_credential(**one)
    assert code(iam.update_service_specific_credential, **one, Status="Active") == "NoSuchEntity"


def test_secrets_are_sealed(region: LocalRegion, iam: Any) -> None:
    credential = made(iam)
    with region.region.store.snapshot() as tx:
        raw = b"".join(value for _, value in tx.scan(b"", b"\xff"))
        (_, record), *_ = service_credentials.scan(tx, ACCOUNT)
    assert credential["ServicePassword"].encode() not in raw
    assert (
        region.region.vault.open(record.secret, f"service-credential:{record.id}").decode()
        == credential["ServicePassword"]
    )
    assert repr(record.secret) not in repr(record)
