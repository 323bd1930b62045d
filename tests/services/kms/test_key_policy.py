"""GetKeyPolicy, PutKeyPolicy, ListKeyPolicies; and that key policies decide."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.kms.made import ROOT, arn, document, statement

from services.helpers import allow, code, permit, refusal, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"


def put(kms: Any, key: str, *statements: Any, **options: Any) -> None:
    """Make these the statements of a key's policy, and the root's, who keeps its rights to administer it."""
    admin = statement(ROOT, ["kms:PutKeyPolicy", "kms:Get*", "kms:Describe*", "kms:Create*"])
    kms.put_key_policy(KeyId=key, Policy=document(admin, *statements), **options)


def test_the_default_policy_leaves_it_to_iam(region: LocalRegion, kms: Any, key: str) -> None:
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    (found,) = policy["Statement"]
    assert (policy["Id"], found["Principal"], found["Action"]) == ("key-default-1", {"AWS": ROOT}, "kms:*")
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    client = user_client(region, "kms")
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    permit(region, allow("kms:Encrypt", arn(key)))
    assert client.encrypt(KeyId=key, Plaintext=b"x")


def test_iam_policies_count_only_where_the_key_policy_lets_them(region: LocalRegion, kms: Any, key: str) -> None:
    client = user_client(region, "kms")
    permit(region, allow("kms:*"))
    put(kms, key)
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    assert code(kms.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    put(kms, key, statement(ROOT, "kms:Encrypt"))
    assert client.encrypt(KeyId=key, Plaintext=b"x")
    assert code(client.generate_data_key, KeyId=key, KeySpec="AES_256") == "AccessDeniedException"


def test_a_key_policy_allows_a_user_by_itself_and_denies(region: LocalRegion, kms: Any, key: str) -> None:
    client = user_client(region, "kms")
    put(kms, key, statement(ANN, "kms:Encrypt"))
    assert client.encrypt(KeyId=key, Plaintext=b"x")
    put(kms, key, statement(ANN, "kms:Encrypt"), statement("*", "kms:Encrypt", "Deny"))
    assert "explicit deny in a resource-based policy" in refusal(client.encrypt, KeyId=key, Plaintext=b"x")["Message"]


def test_a_policy_that_locks_out_is_refused(region: LocalRegion, kms: Any, key: str) -> None:
    locked = document(statement(ANN, "kms:Encrypt"))
    what = "The new key policy will not allow you to update the key policy in the future."
    user_client(region, "iam")
    for call in (lambda **asked: kms.put_key_policy(KeyId=key, **asked), kms.create_key):
        error = refusal(call, Policy=locked)
        assert (error["Code"], error["Message"]) == ("MalformedPolicyDocumentException", what)
    kms.put_key_policy(KeyId=key, Policy=locked, BypassPolicyLockoutSafetyCheck=True)
    assert code(kms.get_key_policy, KeyId=key) == "AccessDeniedException"
    assert code(kms.put_key_policy, KeyId=key, Policy=locked) == "AccessDeniedException"
    denied = document(statement(ROOT), statement("*", "kms:PutKeyPolicy", "Deny"))
    assert code(kms.create_key, Policy=denied) == "MalformedPolicyDocumentException"


def test_a_policy_is_kept_as_it_was_given(kms: Any, key: str) -> None:
    given = document(statement(ROOT)).replace(" ", "  ")
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=given)
    assert kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"] == given
    made = kms.create_key(Policy=given)["KeyMetadata"]["KeyId"]
    assert kms.get_key_policy(KeyId=made)["Policy"] == given


@pytest.mark.parametrize(
    "policy",
    [
        "x",
        "[]",
        "{}",
        "null",
        '{"Statement": []}',
        document({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}),
        document({"Effect": "Allow", "Principal": {"AWS": "nobody"}, "Action": "kms:*", "Resource": "*"}),
        document(statement(ROOT), statement(ANN)),
        document(statement(ROOT), statement({"Service": "nothing"})),
        document(statement(ROOT, effect="Maybe")),
        document(statement(ROOT, action="*:*:*")),
        document(statement(ROOT, StringEquals={"x": "y"})),
        "[" * 10000,
    ],
    ids=range(13),
)
def test_documents_that_are_no_policies(kms: Any, key: str, policy: str) -> None:
    assert code(kms.put_key_policy, KeyId=key, Policy=policy) == "MalformedPolicyDocumentException"


def test_a_policy_has_at_most_32_kilobytes_and_one_name(kms: Any, key: str) -> None:
    large = document(statement(ROOT)) + " " * 32768
    assert code(kms.put_key_policy, KeyId=key, Policy=large) == "LimitExceededException"
    assert code(kms.put_key_policy, KeyId=key, Policy=document(statement(ROOT)), PolicyName="x") == "NotFoundException"
    assert code(kms.get_key_policy, KeyId=key, PolicyName="x") == "NotFoundException"


@pytest.mark.parametrize(
    ("conditions", "asked", "fits"),
    [
        ({"StringEquals": {"kms:EncryptionContext:team": "blue"}}, {"team": "blue", "x": "y"}, True),
        ({"StringEquals": {"kms:EncryptionContext:team": "blue"}}, {"team": "red"}, False),
        ({"StringEquals": {"kms:EncryptionContext:team": "blue"}}, {}, False),
        ({"StringEquals": {"kms:EncryptionContext:team": "blue"}}, {"team": "blue", "Team": "red"}, False),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["team"]}}, {"team": "x"}, True),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["team"]}}, {"team": "x", "other": "y"}, False),
        ({"Null": {"kms:EncryptionContextKeys": "true"}}, {}, True),
        ({"Null": {"kms:EncryptionContextKeys": "true"}}, {"team": "x"}, False),
        ({"StringEquals": {"kms:CallerAccount": ACCOUNT}}, {}, True),
        ({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}, {}, False),
        ({"StringEquals": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}}, {}, True),
        ({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyOrigin": "AWS_KMS"}}, {}, True),
        ({"StringEquals": {"kms:KeyUsage": "SIGN_VERIFY"}}, {}, False),
        ({"Bool": {"kms:MultiRegion": "false"}}, {}, True),
        ({"Null": {"kms:RecipientAttestation:ImageSha384": "true", "kms:RequestAlias": "true"}}, {}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "blue"}}, {}, True),
        ({"StringEquals": {"aws:ResourceTag/team": "red"}}, {}, False),
    ],
    ids=range(17),
)
def test_conditions(
    region: LocalRegion, kms: Any, conditions: dict[str, Any], asked: dict[str, str], fits: bool
) -> None:
    key = kms.create_key(Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyMetadata"]["KeyId"]
    client = user_client(region, "kms")
    put(kms, key, statement(ANN, "kms:Encrypt", **conditions))
    call = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": asked}
    if fits:
        assert client.encrypt(**call)
    else:
        assert code(client.encrypt, **call) == "AccessDeniedException"


def test_a_namesake_is_not_the_user_that_a_policy_names(region: LocalRegion, kms: Any, key: str) -> None:
    client, iam = user_client(region, "kms"), region.client("iam")
    put(kms, key, statement(ANN, "kms:Encrypt"))
    assert client.encrypt(KeyId=key, Plaintext=b"x")
    assert ANN in kms.get_key_policy(KeyId=key)["Policy"]
    made = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.delete_access_key(UserName="ann", AccessKeyId=made)
    iam.delete_user(UserName="ann")
    assert code(user_client(region, "kms").encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    assert ANN not in kms.get_key_policy(KeyId=key)["Policy"]
