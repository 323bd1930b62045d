"""Roles, their trust policies and boundaries."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity.records import roles
from services.helpers import allow, code, dev, permit, refusal, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

HERE = f"arn:aws:iam::{ACCOUNT}"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def trust(principal: Any, **more: Any) -> str:
    """A trust policy."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


EC2 = trust({"Service": "ec2.amazonaws.com"})


def kept(region: LocalRegion, name: str) -> Any:
    """A role's record."""
    with region.region.store.snapshot() as tx:
        return roles.get(tx, ACCOUNT, name)


def principal(document: dict[str, Any]) -> Any:
    """The principal of the first statement."""
    return document["Statement"][0]["Principal"]


def make(iam: Any, name: str = "work", document: str = EC2, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]
    return made


def test_create_role(iam: Any) -> None:
    made = make(
        iam,
        "Work",
        Path="/a/b/",
        Description="What works",
        MaxSessionDuration=7200,
        Tags=[{"Key": "Team", "Value": "red"}],
        PermissionsBoundary=ADMIN,
    )
    assert made["Arn"] == f"{HERE}:role/a/b/Work"
    assert re.fullmatch(r"AROA[A-Z2-7]{16}", made["RoleId"])
    assert made["AssumeRolePolicyDocument"] == json.loads(EC2)
    found = iam.get_role(RoleName="wORK")["Role"]
    assert found["Path"] == "/a/b/"
    assert found["Description"] == "What works"
    assert found["MaxSessionDuration"] == 7200
    assert found["Tags"] == [{"Key": "Team", "Value": "red"}]
    assert found["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": ADMIN}
    assert found["RoleLastUsed"] == {}


def test_create_role_with_defaults(iam: Any) -> None:
    make(iam)
    found = iam.get_role(RoleName="work")["Role"]
    assert (found["Path"], found["MaxSessionDuration"]) == ("/", 3600)
    assert not {"Description", "Tags", "PermissionsBoundary"} & found.keys()


@pytest.mark.parametrize("name", ["work", "WORK"])
def test_create_role_twice(iam: Any, name: str) -> None:
    make(iam)
    error = refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=EC2)
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)
    assert error["Message"] == f"Role with name {name} already exists."


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("nonsense", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        ("{}", "Missing required field Statement"),
        (json.dumps({"Version": "2012-10-17", "Statement": []}), "Missing required field Statement"),
        (trust({"Service": "ec2.amazonaws.com"}, Resource="*"), "Has prohibited field Resource"),
        (trust("nobody"), "Invalid principal in policy"),
        (trust({"AWS": "nobody"}), 'Invalid principal in policy: "AWS":"nobody"'),
        (trust({"AWS": f"{HERE}:user/nobody"}), f'Invalid principal in policy: "AWS":"{HERE}:user/nobody"'),
        (trust({"AWS": f"{HERE}:role/nobody"}), f'Invalid principal in policy: "AWS":"{HERE}:role/nobody"'),
        (trust({"AWS": f"{HERE}:user/x/ann"}), f'Invalid principal in policy: "AWS":"{HERE}:user/x/ann"'),
        (
            trust({"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/s"}),
            f'Invalid principal in policy: "AWS":"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/s"',
        ),
        (trust({"AWS": "AIDA" + "A" * 16}), f'Invalid principal in policy: "AWS":"AIDA{"A" * 16}"'),
        (trust({"Service": "ec2"}), 'Invalid principal in policy: "SERVICE":"ec2"'),
        ("[" * 5000, "This policy contains invalid Json"),
        (json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*"}]}), None),
    ],
)
def test_trust_policies_that_cannot_be(iam: Any, document: str, message: str | None) -> None:
    iam.create_user(UserName="ann")
    error = refusal(iam.create_role, RoleName="work", AssumeRolePolicyDocument=document)
    assert (error["Code"], error["Status"]) == ("MalformedPolicyDocument", 400)
    assert message is None or error["Message"] == message
    assert iam.list_roles()["Roles"] == []


@pytest.mark.parametrize(
    "named",
    [
        "*",
        {"AWS": "*"},
        {"AWS": ACCOUNT},
        {"AWS": f"{HERE}:root"},
        {"AWS": ["999988887777", "arn:aws:iam::999988887777:root"]},
        {"AWS": "arn:aws:iam::999988887777:role/of-another-cloud"},
        {"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]},
        {"Federated": f"{HERE}:saml-provider/okta"},
        {"Federated": "accounts.google.com"},
    ],
)
def test_principals_that_may_be_trusted(iam: Any, named: Any) -> None:
    make(iam, "work", trust(named))
    assert principal(iam.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"]) == named


def test_a_trust_policy_is_too_long(iam: Any) -> None:
    spaces = EC2.replace(",", "," + " " * 3000)
    make(iam, "spaces", spaces)
    long = trust({"Service": "ec2.amazonaws.com"}, Condition={"StringEquals": {"aws:username": ["x" * 50] * 40}})
    assert code(iam.create_role, RoleName="long", AssumeRolePolicyDocument=long) == "LimitExceeded"
    assert code(iam.update_assume_role_policy, RoleName="spaces", PolicyDocument=long) == "LimitExceeded"


def test_trusted_users_are_kept_by_id(region: LocalRegion, iam: Any) -> None:
    user = iam.create_user(UserName="ann", Path="/x/")["User"]
    make(iam, "work", trust({"AWS": [user["Arn"], ACCOUNT]}, Condition={"Bool": {"aws:SecureTransport": "true"}}))
    record = kept(region, "work")
    assert principal(json.loads(record.trust)) == {"AWS": [user["UserId"], ACCOUNT]}
    shown = iam.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"]
    assert principal(shown) == {"AWS": [user["Arn"], ACCOUNT]}
    iam.delete_user(UserName="ann")
    iam.create_user(UserName="ann", Path="/x/")
    shown = iam.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"]
    assert principal(shown) == {"AWS": [user["UserId"], ACCOUNT]}
    assert shown["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "true"}}


def test_a_trusted_user_is_renamed(iam: Any) -> None:
    user = iam.create_user(UserName="ann")["User"]
    make(iam, "work", trust({"AWS": user["Arn"]}))
    iam.update_user(UserName="ann", NewUserName="anna")
    shown = iam.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"]
    assert principal(shown) == {"AWS": f"{HERE}:user/anna"}


def test_trusted_roles_and_sessions_are_kept_by_id(region: LocalRegion, iam: Any) -> None:
    role = make(iam, "first")
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/first/s"
    make(iam, "work", trust({"AWS": [role["Arn"], session]}))
    assert principal(json.loads(kept(region, "work").trust)) == {"AWS": [role["RoleId"], f"{role['RoleId']}:s"]}
    shown = iam.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"]
    assert principal(shown) == {"AWS": [role["Arn"], session]}


def test_a_trusted_id(iam: Any) -> None:
    user = iam.create_user(UserName="ann")["User"]
    make(iam, "work", trust({"AWS": user["UserId"]}))


def test_numbers_in_a_trust_policy_stay(region: LocalRegion, iam: Any) -> None:
    user = iam.create_user(UserName="ann")["User"]
    document = trust({"AWS": user["Arn"]}).replace(
        '"Action"', '"Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": 1e400}}, "Action"'
    )
    make(iam, "work", document)
    assert "Infinity" not in kept(region, "work").trust


def test_get_role_of_nobody(iam: Any) -> None:
    error = refusal(iam.get_role, RoleName="nobody")
    assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)
    assert error["Message"] == "The role with name nobody cannot be found."


def test_get_role_tells_its_last_use(region: LocalRegion, iam: Any) -> None:
    from fogbank.core.identity.used import Use, note

    arn = make(iam)["Arn"]
    use = Use(ACCOUNT, arn, "ASIAX", "s3", "GetObject", "eu-west-1", 1_700_000_000)
    region.run(region.region.store.write(lambda tx: note(tx, [use])))
    last = iam.get_role(RoleName="work")["Role"]["RoleLastUsed"]
    assert (last["Region"], last["LastUsedDate"].timestamp()) == ("eu-west-1", 1_700_000_000)
    iam.delete_role(RoleName="work")
    make(iam)
    assert iam.get_role(RoleName="work")["Role"]["RoleLastUsed"] == {}


def test_list_roles(iam: Any) -> None:
    for name in ("carl", "Ann", "bob"):
        make(iam, name, Path=f"/{name[0].lower()}/", Tags=[{"Key": "k", "Value": "v"}])
    found = iam.list_roles()
    assert [role["RoleName"] for role in found["Roles"]] == ["Ann", "bob", "carl"]
    assert found["IsTruncated"] is False
    assert not any({"Tags", "PermissionsBoundary", "RoleLastUsed"} & role.keys() for role in found["Roles"])
    assert [role["RoleName"] for role in iam.list_roles(PathPrefix="/b")["Roles"]] == ["bob"]
    pages = list(iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Roles"]) for page in pages] == [2, 1]


def test_update_role(iam: Any) -> None:
    make(iam, Description="old", MaxSessionDuration=7200)
    iam.update_role(RoleName="work", Description="new")
    found = iam.get_role(RoleName="work")["Role"]
    assert (found["Description"], found["MaxSessionDuration"]) == ("new", 7200)
    iam.update_role(RoleName="work", MaxSessionDuration=3600)
    assert iam.get_role(RoleName="work")["Role"]["Description"] == "new"
    iam.update_role(RoleName="work", Description="new", MaxSessionDuration=43200)
    assert iam.get_role(RoleName="work")["Role"]["MaxSessionDuration"] == 43200
    iam.update_role(RoleName="work", Description="", MaxSessionDuration=3600)
    assert "Description" not in iam.get_role(RoleName="work")["Role"]


def test_update_role_description(iam: Any) -> None:
    make(iam)
    assert iam.update_role_description(RoleName="work", Description="new")["Role"]["Description"] == "new"
    assert code(iam.update_role_description, RoleName="nobody", Description="") == "NoSuchEntity"


def test_update_assume_role_policy(iam: Any) -> None:
    make(iam)
    document = trust({"Service": "lambda.amazonaws.com"})
    iam.update_assume_role_policy(RoleName="work", PolicyDocument=document)
    assert iam.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"] == json.loads(document)
    assert code(iam.update_assume_role_policy, RoleName="work", PolicyDocument="{}") == "MalformedPolicyDocument"
    assert iam.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"] == json.loads(document)


def test_delete_role(iam: Any) -> None:
    make(iam)
    iam.delete_role(RoleName="WORK")
    assert code(iam.get_role, RoleName="work") == "NoSuchEntity"
    assert code(iam.delete_role, RoleName="work") == "NoSuchEntity"


def test_delete_role_with_something_left(iam: Any) -> None:
    make(iam)
    iam.create_instance_profile(InstanceProfileName="p")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="work")
    iam.attach_role_policy(RoleName="work", PolicyArn=ADMIN)
    iam.put_role_policy(RoleName="work", PolicyName="own", PolicyDocument=json.dumps(POLICY))
    messages = set()
    for undo in (
        lambda: iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="work"),
        lambda: iam.detach_role_policy(RoleName="work", PolicyArn=ADMIN),
        lambda: iam.delete_role_policy(RoleName="work", PolicyName="own"),
    ):
        error = refusal(iam.delete_role, RoleName="work")
        assert (error["Code"], error["Status"]) == ("DeleteConflict", 409)
        messages.add(error["Message"])
        undo()
    assert messages == {
        "Cannot delete entity, must remove roles from instance profile first.",
        "Cannot delete entity, must detach all policies first.",
        "Cannot delete entity, must delete policies first.",
    }
    iam.delete_role(RoleName="work")


POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def test_put_role_permissions_boundary(iam: Any) -> None:
    make(iam)
    own = iam.create_policy(PolicyName="own", PolicyDocument=json.dumps(POLICY))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="work", PermissionsBoundary=own)
    found = iam.get_role(RoleName="work")["Role"]["PermissionsBoundary"]
    assert found["PermissionsBoundaryArn"] == own
    assert iam.get_policy(PolicyArn=own)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    error = refusal(iam.delete_policy, PolicyArn=own)
    assert (error["Code"], error["Message"]) == ("DeleteConflict", "Cannot delete a policy attached to entities.")


def test_delete_role_permissions_boundary(iam: Any) -> None:
    make(iam, PermissionsBoundary=ADMIN)
    iam.delete_role_permissions_boundary(RoleName="work")
    assert "PermissionsBoundary" not in iam.get_role(RoleName="work")["Role"]


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [
        (f"{HERE}:policy/nothing", "NoSuchEntity"),
        ("arn:aws:iam::aws:policy/NoSuchPolicy", "NoSuchEntity"),
        ("arn:aws:iam::111122223333:policy/own", "NoSuchEntity"),
        ("arn:aws:s3:::bucket/policy/own", "InvalidInput"),
        ("x" * 20, "InvalidInput"),
    ],
)
def test_boundaries_that_cannot_be(region: LocalRegion, iam: Any, boundary: str, expected: str) -> None:
    other = dev(region, "111122223333", "iam")
    other.create_policy(PolicyName="own", PolicyDocument=json.dumps(POLICY))
    make(iam)
    assert code(iam.put_role_permissions_boundary, RoleName="work", PermissionsBoundary=boundary) == expected
    assert code(iam.create_role, RoleName="new", AssumeRolePolicyDocument=EC2, PermissionsBoundary=boundary) == expected
    assert code(iam.create_user, UserName="new", PermissionsBoundary=boundary) == expected


def test_creating_a_role_may_be_tied_to_a_boundary(region: LocalRegion, iam: Any) -> None:
    client = user_client(region, "iam")
    permit(region, allow("iam:CreateRole", StringEquals={"iam:PermissionsBoundary": ADMIN}))
    assert code(client.create_role, RoleName="work", AssumeRolePolicyDocument=EC2) == "AccessDenied"
    client.create_role(RoleName="work", AssumeRolePolicyDocument=EC2, PermissionsBoundary=ADMIN)
    permit(region, allow("iam:UpdateRole", StringEquals={"iam:PermissionsBoundary": ADMIN}))
    client.update_role(RoleName="work", Description="mine")
    make(iam, "free")
    assert code(client.update_role, RoleName="free", Description="mine") == "AccessDenied"


def test_roles_are_authorised_with_their_paths(region: LocalRegion, iam: Any) -> None:
    client = user_client(region, "iam")
    permit(region, allow(["iam:CreateRole", "iam:GetRole"], f"{HERE}:role/mine/*"))
    client.create_role(RoleName="a", Path="/mine/", AssumeRolePolicyDocument=EC2)
    assert client.get_role(RoleName="a")["Role"]["Path"] == "/mine/"
    assert code(client.create_role, RoleName="b", Path="/", AssumeRolePolicyDocument=EC2) == "AccessDenied"
    make(iam, "b", Path="/others/")
    assert code(client.get_role, RoleName="b") == "AccessDenied"


def test_tags_of_roles_decide(region: LocalRegion, iam: Any) -> None:
    client = user_client(region, "iam")
    make(iam, "red", Tags=[{"Key": "Team", "Value": "red"}])
    make(iam, "blue", Tags=[{"Key": "Team", "Value": "blue"}])
    for key in ("aws:ResourceTag/Team", "iam:ResourceTag/Team"):
        permit(region, allow("iam:GetRole", StringEquals={key: "red"}))
        client.get_role(RoleName="red")
        assert code(client.get_role, RoleName="blue") == "AccessDenied"


def test_creating_with_tags_needs_the_right_to_tag(region: LocalRegion) -> None:
    client = user_client(region, "iam")
    permit(region, allow("iam:CreateRole"))
    tags = [{"Key": "Team", "Value": "red"}]
    error = refusal(client.create_role, RoleName="work", AssumeRolePolicyDocument=EC2, Tags=tags)
    assert error["Code"] == "AccessDenied"
    assert "iam:TagRole" in error["Message"]
    permit(region, allow("iam:CreateRole"), allow("iam:TagRole", StringEquals={"aws:RequestTag/Team": "red"}))
    client.create_role(RoleName="work", AssumeRolePolicyDocument=EC2, Tags=tags)


def test_a_namesake_is_not_trusted(region: LocalRegion, iam: Any) -> None:
    sts = user_client(region, "sts")
    role = make(iam, "work", trust({"AWS": f"{HERE}:user/ann"}))
    sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")
    for key in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="ann")
    namesake = user_client(region, "sts")
    assert code(namesake.assume_role, RoleArn=role["Arn"], RoleSessionName="session") == "AccessDenied"
    iam.update_user(UserName="ann", NewUserName="other")
    iam.update_assume_role_policy(RoleName="work", PolicyDocument=trust({"AWS": f"{HERE}:user/other"}))
    namesake.assume_role(RoleArn=role["Arn"], RoleSessionName="session")
    iam.update_user(UserName="other", NewUserName="renamed")
    namesake.assume_role(RoleArn=role["Arn"], RoleSessionName="session")
