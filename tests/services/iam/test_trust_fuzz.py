"""Trust policies and markers that nobody would write: refused as AWS refuses them, or kept and told as given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.helpers import code
from services.iam.test_policies import HERE, make, text
from services.iam.test_roles import EC2
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

QUIET = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["", "*", "a", "\\", "é", '"'])
)
NAMES = st.sampled_from(
    [
        "*",
        ACCOUNT,
        f"{HERE}:user/ann",
        f"{HERE}:role/first",
        f"{HERE}:user/nobody",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/first/session",
        f"arn:aws:sts::{ACCOUNT}:federated-user/f",
        "arn:aws:iam::999988887777:role/elsewhere",
        "AIDAX",
        "",
    ]
)
PRINCIPALS = st.one_of(
    NAMES,
    SCALARS,
    st.dictionaries(
        st.sampled_from(["AWS", "Service", "Federated", "aws"]),
        st.one_of(NAMES, st.lists(NAMES, max_size=3), SCALARS),
        max_size=2,
    ),
)
STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny", "Maybe"]), "Action": st.sampled_from(["sts:AssumeRole", "s3:*", 1])},
    optional={
        "Principal": PRINCIPALS,
        "NotPrincipal": PRINCIPALS,
        "Condition": st.dictionaries(
            st.sampled_from(["StringEquals", "NumericLessThan", "Bool", "Nothing"]),
            st.dictionaries(st.sampled_from(["aws:username", "sts:ExternalId"]), SCALARS, max_size=2),
            max_size=2,
        ),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"Version": st.just("2012-10-17"), "Statement": st.one_of(STATEMENTS, st.lists(STATEMENTS, max_size=3))}
)


@pytest.fixture
def role(iam: Any) -> Any:
    """A client, of an account with a user, a role that may be named, and one to change."""
    iam.create_user(UserName="ann")
    for name in ("first", "work"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=EC2)
    return iam


@QUIET
@given(DOCUMENTS)
def test_trust_policies(role: Any, document: Any) -> None:
    given_text = json.dumps(document)
    before = role.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"]
    refused = ""
    try:
        role.update_assume_role_policy(RoleName="work", PolicyDocument=given_text)
    except role.exceptions.ClientError as error:
        refused = error.response["Error"]["Code"]
    assert refused in ("", "MalformedPolicyDocument", "ValidationError")
    after = role.get_role(RoleName="work")["Role"]["AssumeRolePolicyDocument"]
    assert after == (before if refused else json.loads(given_text))


@QUIET
@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1, max_size=320))
def test_markers(role: Any, marker: str) -> None:
    for call, more in (
        (role.list_users, {}),
        (role.list_policies, {}),
        (role.list_user_tags, {"UserName": "ann"}),
        (role.list_entities_for_policy, {"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ):
        assert code(call, Marker=marker, **more) == "ValidationError"


@QUIET
@given(st.text(min_size=20, max_size=60))
def test_policy_arns(role: Any, arn: str) -> None:
    for call in (role.get_policy, role.delete_policy, role.list_policy_versions, role.list_policy_tags):
        assert code(call, PolicyArn=arn) in ("InvalidInput", "ValidationError")
    assert code(role.attach_user_policy, UserName="ann", PolicyArn=arn) in ("InvalidInput", "ValidationError")
    assert code(role.detach_user_policy, UserName="ann", PolicyArn=arn) in (
        "InvalidInput",
        "NoSuchEntity",
        "ValidationError",
    )


def test_the_longest_names_and_paths(iam: Any) -> None:
    path, name = "/" + "p" * 510 + "/", "n" * 128
    own = make(iam, name, Path=path)
    iam.create_group(GroupName=name, Path=path)
    iam.create_group(GroupName=name[1:] + "o", Path=path)
    iam.attach_group_policy(GroupName=name, PolicyArn=own)
    iam.attach_group_policy(GroupName=name[1:] + "o", PolicyArn=own)
    for paginator, arguments in (
        ("list_groups", {}),
        ("list_policies", {"Scope": "Local"}),
        ("list_entities_for_policy", {"PolicyArn": own}),
        ("list_attached_group_policies", {"GroupName": name}),
    ):
        pages = iam.get_paginator(paginator).paginate(PaginationConfig={"PageSize": 1}, **arguments)
        assert sum(1 for _ in pages) in (1, 2)
    iam.create_policy_version(PolicyArn=own, PolicyDocument=text())


def test_three_hundred_groups_at_most(region: LocalRegion, iam: Any) -> None:
    from fogbank.core.identity.records import Group, groups

    def fill(tx: Any) -> None:
        for number in range(300):
            name = f"g{number}"
            groups.put(tx, Group(name=name, id=f"AGPA{number:016}", path="/", created=1), ACCOUNT, name)

    region.run(region.region.store.write(fill))
    assert code(iam.create_group, GroupName="more") == "LimitExceeded"
    iam.delete_group(GroupName="g0")
    iam.create_group(GroupName="more")
    pages = iam.get_paginator("list_groups").paginate(PaginationConfig={"PageSize": 7})
    assert sum(len(page["Groups"]) for page in pages) == 300
