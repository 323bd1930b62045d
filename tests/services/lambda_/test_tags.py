"""Tags of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, permit, refusal, user_client
from services.lambda_.packages import hello
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


def test_tag_resource_untag_resource_and_list_tags(client: Any, make: Make) -> None:
    before = make(Tags={"a": "1", "b": "2"})
    assert client.tag_resource(Resource=ARN, Tags={"b": "3", "c": ""})["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.list_tags(Resource=ARN)["Tags"] == {"a": "1", "b": "3", "c": ""}
    assert client.untag_resource(Resource=ARN, TagKeys=["a", "none"])["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.list_tags(Resource=ARN)["Tags"] == {"b": "3", "c": ""}
    assert client.get_function(FunctionName="f")["Tags"] == {"b": "3", "c": ""}
    assert client.get_function_configuration(FunctionName="f")["RevisionId"] == before["RevisionId"]


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({"aws:x": "1"}, "InvalidParameterValueException"),
        ({"AWS:x": "1"}, "InvalidParameterValueException"),
        ({"A": "1"}, "InvalidParameterValueException"),
        ({"k" * 129: "1"}, "ValidationException"),
        ({"k": "v" * 257}, "ValidationException"),
        ({"k;": "v"}, "ValidationException"),
        ({str(number): "" for number in range(50)}, "InvalidParameterValueException"),
    ],
)
def test_tags_that_are_refused(client: Any, make: Make, tags: dict[str, str], error: str) -> None:
    make(Tags={"a": "1"})
    assert code(client.tag_resource, Resource=ARN, Tags=tags) == error
    assert client.list_tags(Resource=ARN)["Tags"] == {"a": "1"}


def test_what_has_no_tags(client: Any, make: Make) -> None:
    make(Publish=True)
    for call, arguments in (
        (client.list_tags, {}),
        (client.tag_resource, {"Tags": {"a": "b"}}),
        (client.untag_resource, {"TagKeys": ["a"]}),
    ):
        refused = refusal(call, Resource=f"{ARN}:1", **arguments)
        assert refused["Code"] == "InvalidParameterValueException"
        assert refused["Message"].startswith("Tags on function aliases and versions are not supported.")
        assert code(call, Resource=f"{ARN}g", **arguments) == "ResourceNotFoundException"
        assert code(call, Resource="f", **arguments) == "ValidationException"
        assert code(
            call, Resource=f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-{'0' * 17}", **arguments
        ) == ("ResourceNotFoundException")


def test_access_by_tags(region: LocalRegion, client: Any, make: Make) -> None:
    make(Tags={"team": "fog"})
    make("g")
    user = user_client(region, "lambda")
    permit(region, allow("lambda:*", StringEquals={"aws:ResourceTag/team": "fog"}))
    assert user.get_function_configuration(FunctionName="f")["FunctionName"] == "f"
    assert user.list_versions_by_function(FunctionName="f")["Versions"]
    assert code(user.get_function_configuration, FunctionName="g") == "AccessDeniedException"
    client.untag_resource(Resource=ARN, TagKeys=["team"])
    assert code(user.get_function_configuration, FunctionName="f") == "AccessDeniedException"


def test_get_function_tells_tags_to_who_may_list_them(region: LocalRegion, make: Make) -> None:
    make(Tags={"team": "fog"})
    user = user_client(region, "lambda")
    permit(region, allow("lambda:GetFunction", ARN))
    answer = user.get_function(FunctionName="f")
    assert "Tags" not in answer
    assert answer["TagsError"]["ErrorCode"] == "AccessDeniedException"
    permit(region, allow(["lambda:GetFunction", "lambda:ListTags"], ARN))
    assert user.get_function(FunctionName="f")["Tags"] == {"team": "fog"}


def test_tags_on_creation_need_a_permission(region: LocalRegion, role: str) -> None:
    user = user_client(region, "lambda")
    asked = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "a.h", "Role": role, "Code": {"ZipFile": hello()}}
    permit(region, allow(["lambda:CreateFunction", "iam:PassRole"]))
    assert code(user.create_function, **asked, Tags={"team": "fog"}) == "AccessDeniedException"
    tagging = allow("lambda:TagResource", StringEquals={"aws:RequestTag/team": "fog"})
    permit(region, allow(["lambda:CreateFunction", "iam:PassRole"]), tagging)
    assert code(user.create_function, **asked, Tags={"team": "bank"}) == "AccessDeniedException"
    user.create_function(**asked, Tags={"team": "fog"})
