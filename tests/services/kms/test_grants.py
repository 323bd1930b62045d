"""CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant: grants let in, within their constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.services.kms.made import OTHER, ROOT, arn, document, kept, statement
from tests.services.sts.made import assume, make_role, session, user

from services.helpers import allow, code, dev, permit, refusal, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
BOB = f"arn:aws:iam::{ACCOUNT}:user/bob"


def grant(kms: Any, key: str, *operations: str, to: str = ANN, **asked: Any) -> dict[str, Any]:
    """A new grant."""
    made: dict[str, Any] = kms.create_grant(KeyId=key, GranteePrincipal=to, Operations=operations, **asked)
    return made


def test_a_grant_allows_its_operations_and_no_others(region: LocalRegion, kms: Any, key: str) -> None:
    client = user_client(region, "kms")
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    made = grant(kms, key, "Encrypt", "DescribeKey")
    assert client.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[made["GrantToken"]])
    assert client.describe_key(KeyId=key)
    assert code(client.generate_data_key, KeyId=key, KeySpec="AES_256") == "AccessDeniedException"
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    record = kept(region, key)
    assert record is not None
    assert record.grants == 0


def test_a_grant_counts_where_the_key_policy_lets_nobody_in_but_not_against_a_deny(
    region: LocalRegion, kms: Any, key: str
) -> None:
    client = user_client(region, "kms")
    grant(kms, key, "Encrypt")
    admin = statement(ROOT, ["kms:PutKeyPolicy"])
    kms.put_key_policy(KeyId=key, Policy=document(admin))
    assert client.encrypt(KeyId=key, Plaintext=b"x")
    kms.put_key_policy(KeyId=key, Policy=document(admin, statement(ANN, "kms:Encrypt", "Deny")))
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"


@pytest.mark.parametrize(
    ("constraint", "context", "fits"),
    [
        ("Equals", {"a": "1", "b": "2"}, True),
        ("Equals", {"a": "1", "b": "2", "c": "3"}, False),
        ("Equals", {"a": "1"}, False),
        ("Equals", {"A": "1", "b": "2"}, False),
        ("Subset", {"a": "1", "b": "2"}, True),
        ("Subset", {"a": "1", "b": "2", "c": "3"}, True),
        ("Subset", {"a": "1", "b": "3"}, False),
        ("Subset", {}, False),
    ],
    ids=range(8),
)
def test_constraints_are_on_the_encryption_context(
    region: LocalRegion, kms: Any, key: str, constraint: str, context: dict[str, str], fits: bool
) -> None:
    client = user_client(region, "kms")
    constraints = {f"EncryptionContext{constraint}": {"a": "1", "b": "2"}}
    grant(kms, key, "Encrypt", "Decrypt", "DescribeKey", "ReEncryptFrom", "ReEncryptTo", Constraints=constraints)
    assert client.describe_key(KeyId=key)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    for call, asked in (
        (client.encrypt, {"KeyId": key, "Plaintext": b"x", "EncryptionContext": context}),
        (client.decrypt, {"CiphertextBlob": blob, "EncryptionContext": context}),
        (
            client.re_encrypt,
            {
                "CiphertextBlob": blob,
                "SourceEncryptionContext": context,
                "DestinationKeyId": key,
                "DestinationEncryptionContext": {"a": "1", "b": "2"},
            },
        ),
    ):
        if fits:
            assert call(**asked)
        else:
            assert code(call, **asked) == "AccessDeniedException"


def test_a_role_uses_a_grant_and_its_namesake_does_not(region: LocalRegion, kms: Any, key: str) -> None:
    iam, ann = region.client("iam"), user(region)
    role = make_role(region, may="s3:*", name="r")
    client = session(region, assume(ann, role)["Credentials"], "kms")
    grant(kms, key, "Encrypt", to=role)
    assert client.encrypt(KeyId=key, Plaintext=b"x")
    iam.delete_role_policy(RoleName="r", PolicyName="may")
    iam.delete_role(RoleName="r")
    make_role(region, may="s3:*", name="r")
    namesake = session(region, assume(ann, role)["Credentials"], "kms")
    assert code(namesake.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    (listed,) = kms.list_grants(KeyId=key)["Grants"]
    assert listed["GranteePrincipal"].startswith("AROA")


def test_a_grant_for_another_account(region: LocalRegion, kms: Any, key: str) -> None:
    other = dev(region, OTHER, "kms")
    assert code(other.encrypt, KeyId=arn(key), Plaintext=b"x") == "AccessDeniedException"
    grant(kms, key, "Encrypt", to=f"arn:aws:iam::{OTHER}:root")
    assert other.encrypt(KeyId=arn(key), Plaintext=b"x")


def test_grants_are_listed(region: LocalRegion, kms: Any, key: str) -> None:
    user_client(region, "kms")
    user_client(region, "kms", "bob")
    constraints = {"EncryptionContextSubset": {"a": "b"}}
    first = grant(kms, key, "Encrypt", "Decrypt", Name="one", RetiringPrincipal=BOB, Constraints=constraints)["GrantId"]
    made = {first, *(grant(kms, key, "Decrypt", to=BOB)["GrantId"] for _ in range(4))}
    assert len(first) == 64
    pages = list(kms.get_paginator("list_grants").paginate(KeyId=key, PaginationConfig={"PageSize": 2}))
    assert [len(page["Grants"]) for page in pages] == [2, 2, 1]
    assert {each["GrantId"] for page in pages for each in page["Grants"]} == made
    (told,) = kms.list_grants(KeyId=key, GrantId=first)["Grants"]
    assert told.pop("CreationDate")
    assert told == {
        "KeyId": arn(key),
        "GrantId": first,
        "Name": "one",
        "GranteePrincipal": ANN,
        "RetiringPrincipal": BOB,
        "IssuingAccount": ROOT,
        "Operations": ["Decrypt", "Encrypt"],
        "Constraints": constraints,
    }
    assert [each["GrantId"] for each in kms.list_grants(KeyId=key, GranteePrincipal=ANN)["Grants"]] == [first]
    assert code(kms.list_grants, KeyId=key, GrantId="none") == "NotFoundException"
    assert [each["GrantId"] for each in kms.list_retirable_grants(RetiringPrincipal=BOB)["Grants"]] == [first]
    assert kms.list_retirable_grants(RetiringPrincipal=ANN)["Grants"] == []
    elsewhere = f"arn:aws:iam::{OTHER}:user/x"
    assert code(kms.list_retirable_grants, RetiringPrincipal=elsewhere) == "InvalidArnException"


def test_a_named_grant_is_made_once(region: LocalRegion, kms: Any, key: str) -> None:
    user_client(region, "kms")
    one, two = (grant(kms, key, "Encrypt", Name="n") for _ in range(2))
    assert one["GrantId"] == two["GrantId"]
    assert one["GrantToken"] != two["GrantToken"]
    assert grant(kms, key, "Decrypt", Name="n")["GrantId"] != one["GrantId"]
    unnamed = [grant(kms, key, "Encrypt")["GrantId"] for _ in range(2)]
    assert len(set(unnamed)) == 2


def test_who_retires_a_grant(region: LocalRegion, kms: Any, key: str) -> None:
    ann, bob = user_client(region, "kms"), user_client(region, "kms", "bob")
    permit(region, allow("kms:RetireGrant"))
    made = grant(kms, key, "Encrypt", RetiringPrincipal=BOB)
    assert code(ann.retire_grant, GrantToken=made["GrantToken"]) == "AccessDeniedException"
    assert code(bob.retire_grant, GrantToken=made["GrantToken"], DryRun=True) == "DryRunOperationException"
    bob.retire_grant(GrantToken=made["GrantToken"])
    made = grant(kms, key, "Encrypt", "RetireGrant")
    assert code(bob.retire_grant, KeyId=arn(key), GrantId=made["GrantId"]) == "AccessDeniedException"
    ann.retire_grant(KeyId=arn(key), GrantId=made["GrantId"])
    made = grant(kms, key, "Encrypt")
    kms.retire_grant(KeyId=arn(key), GrantId=made["GrantId"])
    assert kms.list_grants(KeyId=key)["Grants"] == []
    assert code(kms.retire_grant, GrantToken=made["GrantToken"]) == "NotFoundException"


def test_a_grant_is_passed_on_no_wider_than_it_is(region: LocalRegion, kms: Any, key: str) -> None:
    ann = user_client(region, "kms")
    user_client(region, "kms", "bob")
    subset = {"EncryptionContextSubset": {"a": "1"}}
    grant(kms, key, "Encrypt", "CreateGrant", Constraints=subset)
    assert code(ann.create_grant, KeyId=key, GranteePrincipal=BOB, Operations=["Encrypt"]) == "AccessDeniedException"
    for operations, constraints, expected in (
        (["Decrypt"], subset, "AccessDeniedException"),
        (["Encrypt"], {"EncryptionContextSubset": {"b": "1"}}, "AccessDeniedException"),
        (["Encrypt"], {"EncryptionContextEquals": {"a": "2"}}, "AccessDeniedException"),
        (["Encrypt"], subset, None),
        (["Encrypt"], {"EncryptionContextEquals": {"a": "1", "b": "2"}}, None),
    ):
        asked = {"KeyId": key, "GranteePrincipal": BOB, "Operations": operations, "Constraints": constraints}
        if expected:
            assert code(ann.create_grant, **asked) == expected
        else:
            assert ann.create_grant(**asked)["GrantId"]


def test_grants_that_cannot_be(region: LocalRegion, kms: Any, key: str) -> None:
    user_client(region, "kms")
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    valid = {"KeyId": key, "GranteePrincipal": ANN, "Operations": ["Encrypt"]}
    for changed, expected in (
        ({"Operations": ["Sign"]}, "ValidationException"),
        ({"Operations": []}, "ValidationException"),
        ({"Operations": ["Everything"]}, "ValidationException"),
        ({"KeyId": signing}, "ValidationException"),
        ({"GranteePrincipal": "*"}, "ValidationException"),
        ({"GranteePrincipal": "nobody"}, "InvalidArnException"),
        ({"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/nobody"}, "InvalidArnException"),
        ({"RetiringPrincipal": "AROAAAAAAAAAAAAAAAAAA"}, "InvalidArnException"),
        ({"Name": "a b"}, "ValidationException"),
        ({"GrantTokens": ["x"]}, "InvalidGrantTokenException"),
        ({"Constraints": {"SourceArn": f"arn:aws:s3:us-east-1:{ACCOUNT}:x"}}, "NotImplemented"),
        ({"GranteeServicePrincipal": "s3.us-east-1.amazonaws.com"}, "NotImplemented"),
        ({"DryRun": True}, "DryRunOperationException"),
    ):
        assert code(kms.create_grant, **{**valid, **changed}) == expected, changed
    both = {"EncryptionContextEquals": {"a": "b"}, "EncryptionContextSubset": {"a": "b"}}
    assert code(kms.create_grant, **valid, Constraints=both) == "ValidationException"
    asked = {**valid, "KeyId": signing, "Operations": ["Sign"], "Constraints": {"EncryptionContextEquals": {"a": "b"}}}
    assert code(kms.create_grant, **asked) == "ValidationException"
    assert kms.list_grants(KeyId=key)["Grants"] == []
    assert code(kms.retire_grant) == "ValidationException"
    kms.disable_key(KeyId=key)
    assert code(kms.create_grant, **valid) == "DisabledException"


def test_policies_see_what_a_grant_is(region: LocalRegion, kms: Any, key: str) -> None:
    client = user_client(region, "kms")
    asked = {"KeyId": key, "GranteePrincipal": ANN, "Operations": ["Encrypt"]}
    for conditions, fits in (
        ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, False),
        ({"Bool": {"kms:GrantIsForAWSResource": "false"}}, True),
        ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}}, True),
        ({"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}}, False),
        ({"StringEquals": {"kms:GranteePrincipal": ANN}}, True),
        ({"StringEquals": {"kms:RetiringPrincipal": ANN}}, False),
        ({"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}, False),
    ):
        permit(region, allow("kms:CreateGrant", **conditions))
        if fits:
            assert client.create_grant(**asked)
        else:
            assert code(client.create_grant, **asked) == "AccessDeniedException"


def test_a_refused_grant_tells_no_more_than_a_refusal(region: LocalRegion, kms: Any, key: str) -> None:
    client = user_client(region, "kms")
    error = refusal(client.list_grants, KeyId=key)
    assert error["Message"].startswith(
        f"User: {ANN} is not authorized to perform: kms:ListGrants on resource: {arn(key)}"
    )


def test_a_principal_has_a_bounded_number_of_grants_of_a_key(
    region: LocalRegion, kms: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fogbank.services.kms.grants.MOST_EACH", 3)
    user_client(region, "kms")
    for _ in range(3):
        grant(kms, key, "Encrypt")
    wanted = {"KeyId": key, "GranteePrincipal": ANN, "Operations": ["Encrypt"]}
    assert code(kms.create_grant, **wanted) == "LimitExceededException"
    grant(kms, key, "Encrypt", to=f"arn:aws:iam::{OTHER}:root")
