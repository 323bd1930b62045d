"""GenerateServiceLastAccessedDetails, GetServiceLastAccessedDetails(WithEntities), ListPoliciesGrantingServiceAccess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.core.identity.used import Use, note
from fogbank.services.iam.account_records import access_jobs
from services.helpers import allow, code
from services.iam.made import document, put_group, put_inline, put_policy, put_role, write
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ANN, BOB = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("ann", "bob"))


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root, and users ann and bob who used S3."""
    client = region.client("iam")
    for name in ("ann", "bob"):
        client.create_user(UserName=name)
    uses = [
        Use(ACCOUNT, ANN, "", "s3", "GetObject", "eu-west-1", 100),
        Use(ACCOUNT, ANN, "", "s3", "PutObject", "eu-west-1", 300),
        Use(ACCOUNT, BOB, "", "s3", "GetObject", "us-east-2", 200),
    ]
    write(region, lambda tx: note(tx, uses))
    return client


def report(iam: Any, arn: str, **more: Any) -> dict[str, dict[str, Any]]:
    job = iam.generate_service_last_accessed_details(Arn=arn, **more)["JobId"]
    assert len(job) == 36
    found = iam.get_service_last_accessed_details(JobId=job)
    assert found["JobStatus"] == "COMPLETED"
    return {each["ServiceNamespace"]: each for each in found["ServicesLastAccessed"]}


def test_a_user(region: LocalRegion, iam: Any) -> None:
    put_inline(region, "user", "ann", "p", document(allow(["s3:*", "sqs:SendMessage"])))
    found = report(iam, ANN)
    assert list(found) == ["s3", "sqs"]
    assert (found["s3"]["ServiceName"], found["s3"]["LastAuthenticatedEntity"]) == ("S3", ANN)
    assert (found["s3"]["LastAuthenticated"].timestamp(), found["s3"]["LastAuthenticatedRegion"]) == (300, "eu-west-1")
    assert found["s3"]["TotalAuthenticatedEntities"] == 1
    assert (found["sqs"]["TotalAuthenticatedEntities"], "LastAuthenticated" in found["sqs"]) == (0, False)


def test_actions(region: LocalRegion, iam: Any) -> None:
    tracked = report(iam, ANN, Granularity="ACTION_LEVEL")["s3"]["TrackedActionsLastAccessed"]
    assert [(each["ActionName"], each["LastAccessedTime"].timestamp()) for each in tracked] == [
        ("GetObject", 100),
        ("PutObject", 300),
    ]


def test_groups_policies_and_their_entities(region: LocalRegion, iam: Any) -> None:
    group = put_group(region, "g", "ann", "bob")
    put_role(region, "r")
    policy = put_policy(region, "p", document(allow("s3:*")), ("group", "g"), ("user", "ann"), ("role", "r"))
    assert report(iam, group)["s3"]["TotalAuthenticatedEntities"] == 2
    assert report(iam, group)["s3"]["LastAuthenticatedEntity"] == ANN
    job = iam.generate_service_last_accessed_details(Arn=policy)["JobId"]
    found = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="s3")["EntityDetailsList"]
    told = [(each["EntityInfo"]["Type"], each["EntityInfo"]["Name"], "LastAuthenticated" in each) for each in found]
    assert told == [("ROLE", "r", False), ("USER", "ann", True), ("USER", "bob", True)]
    first = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="s3", MaxItems=2)
    assert first["IsTruncated"]


def test_everything_is_all_services_in_pages(region: LocalRegion, iam: Any) -> None:
    put_inline(region, "user", "ann", "p", document(allow("*")))
    job = iam.generate_service_last_accessed_details(Arn=ANN)["JobId"]
    names: list[str] = []
    given: dict[str, Any] = {}
    while True:
        page = iam.get_service_last_accessed_details(JobId=job, MaxItems=150, **given)
        names += [each["ServiceNamespace"] for each in page["ServicesLastAccessed"]]
        if not page["IsTruncated"]:
            break
        given = {"Marker": page["Marker"]}
    assert {"s3", "ec2", "lambda", "iam"} <= set(names)
    assert len(names) == len(set(names)) > 200


def test_jobs(region: LocalRegion, iam: Any) -> None:
    assert code(iam.generate_service_last_accessed_details, Arn=ANN + "x") == "NoSuchEntity"
    assert code(iam.generate_service_last_accessed_details, Arn="x" * 20) == "InvalidInput"
    missing = f"arn:aws:iam::{ACCOUNT}:policy/none"
    assert code(iam.generate_service_last_accessed_details, Arn=missing) == "NoSuchEntity"
    assert code(iam.get_service_last_accessed_details, JobId="0" * 36) == "NoSuchEntity"
    job = iam.generate_service_last_accessed_details(Arn=ANN)["JobId"]
    with region.region.store.snapshot() as tx:
        record = access_jobs.get(tx, ACCOUNT, job)
    assert record is not None
    old = msgspec.structs.replace(record, created=record.created - 90_000)
    write(region, lambda tx: access_jobs.put(tx, old, ACCOUNT, job))
    assert code(iam.get_service_last_accessed_details, JobId=job) == "NoSuchEntity"
    iam.generate_service_last_accessed_details(Arn=ANN)
    with region.region.store.snapshot() as tx:
        assert access_jobs.get(tx, ACCOUNT, job) is None


def test_list_policies_granting_service_access(region: LocalRegion, iam: Any) -> None:
    put_group(region, "g", "ann")
    put_inline(region, "group", "g", "inline", document(allow("s3:*")))
    put_inline(region, "user", "ann", "no", document(allow("sqs:*")))
    arn = put_policy(region, "p", document(allow("*")), ("user", "ann"), ("group", "g"))
    found = iam.list_policies_granting_service_access(Arn=ANN, ServiceNamespaces=["s3", "ec2"])
    assert found["PoliciesGrantingServiceAccess"] == [
        {"ServiceNamespace": "ec2", "Policies": [{"PolicyName": "p", "PolicyType": "MANAGED", "PolicyArn": arn}]},
        {
            "ServiceNamespace": "s3",
            "Policies": [
                {"PolicyName": "inline", "PolicyType": "INLINE", "EntityType": "GROUP", "EntityName": "g"},
                {"PolicyName": "p", "PolicyType": "MANAGED", "PolicyArn": arn},
            ],
        },
    ]
    none = iam.list_policies_granting_service_access(Arn=BOB, ServiceNamespaces=["s3"])
    assert none["PoliciesGrantingServiceAccess"] == [{"ServiceNamespace": "s3", "Policies": []}]
