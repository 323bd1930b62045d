"""Environment variables, at rest and for who may read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services.lambda_ import environment
from fogbank.services.lambda_.environment import RESERVED
from fogbank.services.lambda_.records import versions
from services.helpers import allow, code, permit, refusal, user_client
from services.lambda_.packages import hello
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
SECRET = "correct horse battery staple"


@pytest.fixture
def key(region: LocalRegion) -> str:
    """The ARN of a key of KMS."""
    return str(region.client("kms").create_key()["KeyMetadata"]["Arn"])


def variables(client: Any, **arguments: Any) -> Any:
    """A function's environment, as it is told."""
    return client.get_function_configuration(FunctionName="f", **arguments).get("Environment")


def disk(region: LocalRegion) -> bytes:
    """All that the state has on disk."""
    return b"".join(path.read_bytes() for path in region.directory.glob("state.db*"))


def test_variables_are_encrypted_at_rest(region: LocalRegion, client: Any, make: Make) -> None:
    make(Environment={"Variables": {"PASSWORD": SECRET}}, Description="a description in clear")
    assert variables(client) == {"Variables": {"PASSWORD": SECRET}}
    assert b"a description in clear" in disk(region)
    assert SECRET.encode() not in disk(region)


def test_variables_of_a_version_stay(region: LocalRegion, client: Any, make: Make) -> None:
    make(Environment={"Variables": {"NAME": "one"}}, Publish=True)
    client.update_function_configuration(FunctionName="f", Environment={"Variables": {"NAME": "two"}})
    region.settle()
    assert variables(client, Qualifier="1") == {"Variables": {"NAME": "one"}}
    assert variables(client) == {"Variables": {"NAME": "two"}}


def test_sealed_variables_are_a_functions_own(region: LocalRegion, client: Any, make: Make) -> None:
    make("f", Environment={"Variables": {"NAME": "one"}})
    make("g", Environment={"Variables": {"NAME": "two"}})

    def swap(tx: Any) -> None:
        import msgspec

        both = [versions.get(tx, ACCOUNT, "us-east-1", name, 0) for name in ("f", "g")]
        assert both[0]
        assert both[1]
        versions.put(
            tx, msgspec.structs.replace(both[0], environment=both[1].environment), ACCOUNT, "us-east-1", "f", 0
        )

    region.run(region.region.store.write(swap))
    assert code(client.get_function_configuration, FunctionName="f") not in ("", None)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names(client: Any, role: str, name: str) -> None:
    refused = refusal(
        client.create_function, FunctionName="f", Runtime="python3.11", Handler="a.h", Role=role, Code={"ZipFile": hello()},
        Environment={"Variables": {name: "x"}},
    )  # fmt: skip
    if name.startswith("_"):
        assert refused["Code"] in ("ValidationException", "InvalidParameterValueException")
        return
    assert refused["Code"] == "InvalidParameterValueException"
    assert refused["Message"].endswith(f"Reserved keys used in this request: {name}")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"AA": "x" * 4095}, "InvalidParameterValueException"),
        ({f"N{number}": "x" * 10 for number in range(400)}, "InvalidParameterValueException"),
        ({"AA": "a\0b"}, "InvalidParameterValueException"),
        ({"1A": "x"}, "ValidationException"),
        ({"A-B": "x"}, "ValidationException"),
        ({"A": "x"}, "ValidationException"),
    ],
)
def test_variables_that_are_refused(client: Any, make: Make, given: dict[str, str], error: str) -> None:
    make()
    assert code(client.update_function_configuration, FunctionName="f", Environment={"Variables": given}) == error
    assert variables(client) is None


def test_the_largest_variables(client: Any, make: Make) -> None:
    make(Environment={"Variables": {"AA": "x" * 4094}})
    assert variables(client) == {"Variables": {"AA": "x" * 4094}}


def test_a_key_of_kms(region: LocalRegion, client: Any, make: Make, key: str, role: str) -> None:
    told = make(Environment={"Variables": {"PASSWORD": SECRET}}, KMSKeyArn=key)
    assert (told["KMSKeyArn"], told["Environment"]) == (key, {"Variables": {"PASSWORD": SECRET}})
    assert SECRET.encode() not in disk(region)
    grants = region.client("kms").list_grants(KeyId=key)["Grants"]
    assert [(one["GranteePrincipal"], one["Operations"]) for one in grants] == [(role, ["Decrypt", "RetireGrant"])]
    assert grants[0]["Constraints"] == {
        "EncryptionContextEquals": {"aws:lambda:FunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"}
    }
    region.client("kms").disable_key(KeyId=key)
    refused = variables(client)["Error"]
    assert refused["ErrorCode"] == "DisabledException"
    assert refused["Message"].startswith("Lambda was unable to decrypt your environment variables because")


def test_who_may_not_decrypt_does_not_read(region: LocalRegion, client: Any, make: Make, key: str) -> None:
    make(Environment={"Variables": {"PASSWORD": SECRET}}, KMSKeyArn=key)
    user = user_client(region, "lambda")
    permit(region, allow("lambda:*"))
    assert variables(user)["Error"]["ErrorCode"] == "AccessDeniedException"
    assert user.list_functions()["Functions"][0]["Environment"]["Error"]["ErrorCode"] == "AccessDeniedException"
    permit(region, allow("lambda:*"), allow("kms:Decrypt", key))
    assert variables(user) == {"Variables": {"PASSWORD": SECRET}}


def test_who_may_not_encrypt_gives_no_key(region: LocalRegion, role: str, key: str) -> None:
    user = user_client(region, "lambda")
    asked = {
        "FunctionName": "f", "Runtime": "python3.11", "Handler": "a.h", "Role": role, "Code": {"ZipFile": hello()},
        "Environment": {"Variables": {"PASSWORD": SECRET}}, "KMSKeyArn": key,
    }  # fmt: skip
    permit(region, allow(["lambda:*", "iam:PassRole"]))
    refused = refusal(user.create_function, **asked)
    assert refused["Code"] == "InvalidParameterValueException"
    assert (
        "because KMS access was denied. Please check your KMS permissions. KMS Exception: AccessDeniedException"
        in refused["Message"]
    )
    permit(region, allow(["lambda:*", "iam:PassRole"]), allow(["kms:Encrypt", "kms:CreateGrant"], key))
    assert user.create_function(**asked)["Environment"]["Error"]["ErrorCode"] == "AccessDeniedException"


def test_a_key_that_is_not_there(client: Any, make: Make) -> None:
    make()
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0badcafe-0000-4000-8000-000000000001"
    refused = refusal(
        client.update_function_configuration, FunctionName="f", Environment={"Variables": {"AA": "1"}}, KMSKeyArn=key
    )
    assert refused["Code"] == "InvalidParameterValueException"
    assert "the KMS key is invalid for Encrypt. Please check your KMS key settings." in refused["Message"]


def test_variables_move_to_a_key_and_back(region: LocalRegion, client: Any, make: Make, key: str) -> None:
    make(Environment={"Variables": {"PASSWORD": SECRET}})
    client.update_function_configuration(FunctionName="f", KMSKeyArn=key)
    region.settle()
    assert variables(client) == {"Variables": {"PASSWORD": SECRET}}
    region.client("kms").disable_key(KeyId=key)
    assert "Error" in variables(client)
    region.client("kms").enable_key(KeyId=key)
    client.update_function_configuration(FunctionName="f", KMSKeyArn="")
    region.settle()
    region.client("kms").disable_key(KeyId=key)
    assert variables(client) == {"Variables": {"PASSWORD": SECRET}}


def test_the_role_decrypts_by_its_grant(region: LocalRegion, client: Any, make: Make, key: str, role: str) -> None:
    """What runs the function has the role and nothing else: it asks KMS as the role."""
    make(Environment={"Variables": {"PASSWORD": SECRET}}, KMSKeyArn=key)
    with region.region.store.snapshot() as tx:
        version = versions.get(tx, ACCOUNT, "us-east-1", "f", 0)
    assert version is not None
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    region.client("iam").update_assume_role_policy(RoleName="execution", PolicyDocument=document)
    sts = user_client(region, "sts")
    permit(region, allow("sts:AssumeRole", role))
    session = sts.assume_role(RoleArn=role, RoleSessionName="as-f")["Credentials"]
    kms = region.client("kms", key=session["AccessKeyId"], secret=session["SecretAccessKey"])
    kms._request_signer._credentials.token = session["SessionToken"]

    def invoke(service: str, operation: str, req: Any) -> Any:
        assert (service, operation) == ("kms", "Decrypt")
        return kms.decrypt(**req)

    assert environment.opened(region.region.vault, invoke, version) == {"PASSWORD": SECRET}
    refused = code(kms.decrypt, CiphertextBlob=version.wrapped, EncryptionContext={"aws:lambda:FunctionArn": "another"})
    assert refused in ("AccessDeniedException", "InvalidCiphertextException")


def test_a_role_has_one_grant_of_a_key_until_the_function_is_deleted(
    region: LocalRegion, client: Any, make: Make, key: str
) -> None:
    make(Environment={"Variables": {"PASSWORD": "1"}}, KMSKeyArn=key)
    for value in ("2", "3"):
        client.update_function_configuration(FunctionName="f", Environment={"Variables": {"PASSWORD": value}})
        region.settle()
    make("g", Environment={"Variables": {"PASSWORD": "1"}}, KMSKeyArn=key)
    kms = region.client("kms")
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 2
    client.delete_function(FunctionName="f")
    region.settle()
    left = kms.list_grants(KeyId=key)["Grants"]
    assert [
        one["Constraints"]["EncryptionContextEquals"]["aws:lambda:FunctionArn"].rpartition(":")[2] for one in left
    ] == ["g"]


def test_a_grant_of_a_role_that_is_gone_stays(region: LocalRegion, client: Any, make: Make, key: str) -> None:
    make(Environment={"Variables": {"PASSWORD": "1"}}, KMSKeyArn=key)
    region.client("iam").delete_role(RoleName="execution")
    client.delete_function(FunctionName="f")
    region.settle()
    assert len(region.client("kms").list_grants(KeyId=key)["Grants"]) == 1
