"""Tags of users, roles, policies and instance profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from services.helpers import allow, code, permit, refusal, user_client
from services.iam.test_policies import HERE
from services.iam.test_policies import make as make_policy
from services.iam.test_roles import make as make_role

if TYPE_CHECKING:
    from support.region import LocalRegion


class Kind(NamedTuple):
    """What is tagged: by tag_user, untag_user, list_user_tags; tag_role, untag_role, list_role_tags; tag_policy, untag_policy,
    list_policy_tags; tag_instance_profile, untag_instance_profile, list_instance_profile_tags."""

    name: str
    member: str
    value: str

    def ask(self, iam: Any, verb: str, **more: Any) -> Any:
        name = f"list_{self.name}_tags" if verb == "list" else f"{verb}_{self.name}"
        return getattr(iam, name)(**({self.member: self.value} | more))

    def tag(self, iam: Any, **tags: str) -> None:
        self.ask(iam, "tag", Tags=pairs(tags))

    def tags(self, iam: Any) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.ask(iam, "list")["Tags"]}


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


KINDS = {
    "user": Kind("user", "UserName", "some"),
    "role": Kind("role", "RoleName", "some"),
    "policy": Kind("policy", "PolicyArn", f"{HERE}:policy/some"),
    "instance_profile": Kind("instance_profile", "InstanceProfileName", "some"),
}


@pytest.fixture(params=KINDS)
def kind(iam: Any, request: pytest.FixtureRequest) -> Kind:
    """Something without tags."""
    if request.param == "user":
        iam.create_user(UserName="some")
    elif request.param == "role":
        make_role(iam, "some")
    elif request.param == "policy":
        make_policy(iam, "some")
    else:
        iam.create_instance_profile(InstanceProfileName="some")
    return KINDS[request.param]


def test_tag_and_untag(iam: Any, kind: Kind) -> None:
    assert kind.tags(iam) == {}
    kind.tag(iam, Team="red", Empty="")
    kind.tag(iam, team="blue", Other="x")  # keys keep the case that they were given in first
    assert kind.tags(iam) == {"Team": "blue", "Empty": "", "Other": "x"}
    kind.ask(iam, "untag", TagKeys=["TEAM", "nothing"])
    assert kind.tags(iam) == {"Empty": "", "Other": "x"}
    kind.ask(iam, "untag", TagKeys=["Empty", "Other"])
    assert kind.tags(iam) == {}


def test_tags_in_pages(iam: Any, kind: Kind) -> None:
    kind.tag(iam, **{f"k{number}": "v" for number in range(5)})
    first = kind.ask(iam, "list", MaxItems=3)
    assert ([tag["Key"] for tag in first["Tags"]], first["IsTruncated"]) == (["k0", "k1", "k2"], True)
    rest = kind.ask(iam, "list", Marker=first["Marker"])
    assert ([tag["Key"] for tag in rest["Tags"]], rest["IsTruncated"]) == (["k3", "k4"], False)


def test_fifty_tags_at_most(iam: Any, kind: Kind) -> None:
    kind.tag(iam, **{f"k{number}": "v" for number in range(50)})
    kind.tag(iam, k0="w")
    error = refusal(lambda: kind.tag(iam, more="v"))
    assert (error["Code"], error["Status"]) == ("LimitExceeded", 409)
    assert len(kind.tags(iam)) == 50


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([("aws:x", "v")], "InvalidInput"),
        ([("AWS:x", "v")], "InvalidInput"),
        ([("k", "1"), ("K", "2")], "InvalidInput"),
        ([("k*", "v")], "ValidationError"),
        ([("k", "<v>")], "ValidationError"),
        ([("k" * 129, "v")], "ValidationError"),
        ([("k", "v" * 257)], "ValidationError"),
        ([(f"k{number}", "") for number in range(51)], "ValidationError"),
    ],
)
def test_tags_that_cannot_be(iam: Any, kind: Kind, tags: list[tuple[str, str]], expected: str) -> None:
    given = [{"Key": key, "Value": value} for key, value in tags]
    assert code(lambda: kind.ask(iam, "tag", Tags=given)) == expected
    assert kind.tags(iam) == {}


def test_tags_of_nothing(iam: Any, kind: Kind) -> None:
    nothing = {kind.member: f"{kind.value}-other"}
    for verb, more in (("tag", {"Tags": pairs({"k": "v"})}), ("untag", {"TagKeys": ["k"]}), ("list", {})):
        assert code(lambda verb=verb, more=more: kind.ask(iam, verb, **nothing, **more)) == "NoSuchEntity"


def test_who_may_tag_can_be_limited(region: LocalRegion, iam: Any, kind: Kind) -> None:
    client = user_client(region, "iam")
    kind.tag(iam, Owner="ann")
    action = "iam:Tag" + "".join(part.capitalize() for part in kind.name.split("_"))
    mine = {"StringEquals": {"aws:ResourceTag/Owner": "${aws:username}"}}
    permit(region, allow(action, **mine, **{"ForAllValues:StringEquals": {"aws:TagKeys": ["Stage"]}}))
    kind.tag(client, Stage="test")
    assert code(lambda: kind.tag(client, Owner="bob")) == "AccessDenied"
    kind.tag(iam, Owner="bob")
    assert code(lambda: kind.tag(client, Stage="live")) == "AccessDenied"
