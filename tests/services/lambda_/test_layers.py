"""Layers: published, told, listed, deleted; and used by functions."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from fogbank.services.lambda_ import code as kept_code
from fogbank.services.lambda_.records import packages
from services.helpers import FILE, code, pattern, refusal
from services.lambda_.packages import hello, zipped
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.region import LocalRegion

    Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("sound")
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:shared"
CONTENT = zipped({"python/shared.py": "value = 1\n"})
LARGE = zipped({"python/data": pattern(2 * FILE)}, method=0)


def publish(client: Any, name: str = "shared", content: bytes = CONTENT, **arguments: Any) -> dict[str, Any]:
    """Publish a layer's version."""
    answer: dict[str, Any] = client.publish_layer_version(LayerName=name, Content={"ZipFile": content}, **arguments)
    return answer


def test_publish_layer_version(client: Any) -> None:
    answer = publish(
        client,
        Description="shared",
        CompatibleRuntimes=["python3.11", "nodejs20.x"],
        CompatibleArchitectures=["x86_64"],
        LicenseInfo="MIT",
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert {name: value for name, value in answer.items() if name not in ("ResponseMetadata", "Content", "CreatedDate")} == {
        "LayerArn": ARN, "LayerVersionArn": f"{ARN}:1", "Version": 1, "Description": "shared", "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["python3.11", "nodejs20.x"], "CompatibleArchitectures": ["x86_64"],
    }  # fmt: skip
    assert answer["Content"]["CodeSize"] == len(CONTENT)
    assert answer["Content"]["CodeSha256"] == b64encode(sha256(CONTENT).digest()).decode()
    assert publish(client)["Version"] == 2


def test_get_layer_version(region: LocalRegion, client: Any) -> None:
    made = publish(client, content=LARGE)
    answers = (
        client.get_layer_version(LayerName="shared", VersionNumber=1),
        client.get_layer_version_by_arn(Arn=f"{ARN}:1"),
    )
    for answer in (*answers, client.get_layer_version(LayerName=ARN, VersionNumber=1)):
        assert answer["LayerVersionArn"] == made["LayerVersionArn"]
        url = urlsplit(answer["Content"]["Location"])
        assert region.raw("GET", f"{url.path}?{url.query}", {"host": url.netloc}).body == LARGE


def test_the_content_url_of_a_layer_is_for_that_version(region: LocalRegion, client: Any) -> None:
    """DownloadLayerContent asks for the permission that the URL's session has: on one version."""
    publish(client)
    publish(client, content=LARGE)
    url = urlsplit(client.get_layer_version(LayerName="shared", VersionNumber=1)["Content"]["Location"])
    other = url.path.replace("/versions/1/", "/versions/2/")
    assert region.raw("GET", f"{other}?{url.query}", {"host": url.netloc}).status == 403
    client.delete_layer_version(LayerName="shared", VersionNumber=1)
    assert region.raw("GET", f"{url.path}?{url.query}", {"host": url.netloc}).status == 404


@pytest.mark.parametrize("number", [2, 10**9])
def test_versions_that_are_not_there(client: Any, number: int) -> None:
    publish(client)
    refused = refusal(client.get_layer_version, LayerName="shared", VersionNumber=number)
    assert (refused["Code"], refused["Status"]) == ("ResourceNotFoundException", 404)
    assert code(client.get_layer_version_by_arn, Arn=f"{ARN}:{number}") == "ResourceNotFoundException"
    assert (
        client.delete_layer_version(LayerName="shared", VersionNumber=number)["ResponseMetadata"]["HTTPStatusCode"]
        == 204
    )


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**10])
def test_numbers_that_no_version_has(client: Any, number: int) -> None:
    refused = code(client.get_layer_version, LayerName="shared", VersionNumber=number)
    assert refused in ("InvalidParameterValueException", "SerializationException", "ValidationException")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"LayerName": "two words"}, "ValidationException"),
        ({"LayerName": "x" * 65}, "InvalidParameterValueException"),
        ({"LayerName": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:shared"}, "InvalidParameterValueException"),
        ({"LayerName": "arn:aws:lambda:us-east-1:111122223333:layer:shared"}, None),
        ({"Content": {}}, "InvalidParameterValueException"),
        ({"Content": {"ZipFile": b"no zip"}}, "InvalidParameterValueException"),
        ({"CompatibleRuntimes": ["cobol"]}, "ValidationException"),
        ({"CompatibleRuntimes": ["python3.11"] * 16}, "ValidationException"),
        ({"LicenseInfo": "x" * 513}, "ValidationException"),
    ],
)
def test_what_is_refused(region: LocalRegion, arguments: dict[str, Any], error: str | None) -> None:
    client = region.client("lambda", parameter_validation=False)
    if error is None:  # another account's layer: the root of this one has no say there
        error = "AccessDeniedException"
    asked = {"LayerName": "shared", "Content": {"ZipFile": CONTENT}} | arguments
    assert code(client.publish_layer_version, **asked) == error
    assert client.list_layers()["Layers"] == []


def test_layers_from_s3(s3: Any, bucket: str, client: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=LARGE)
    answer = client.publish_layer_version(LayerName="shared", Content={"S3Bucket": bucket, "S3Key": "k"})
    assert answer["Content"]["CodeSize"] == len(LARGE)


def test_list_layers_and_list_layer_versions(client: Any) -> None:
    publish(client, "a", CompatibleRuntimes=["python3.11"], CompatibleArchitectures=["x86_64"])
    publish(client, "a", CompatibleRuntimes=["nodejs20.x"])
    publish(client, "b", CompatibleRuntimes=["nodejs20.x"])
    pages = client.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1})
    found = [(one["LayerName"], one["LatestMatchingVersion"]["Version"]) for page in pages for one in page["Layers"]]
    assert found == [("a", 2), ("b", 1)]
    python = client.list_layers(CompatibleRuntime="python3.11")["Layers"]
    assert [(one["LayerName"], one["LatestMatchingVersion"]["Version"]) for one in python] == [("a", 1)]
    pages = client.get_paginator("list_layer_versions").paginate(LayerName="a", PaginationConfig={"PageSize": 1})
    assert [one["Version"] for page in pages for one in page["LayerVersions"]] == [2, 1]
    of_x86 = client.list_layer_versions(LayerName="a", CompatibleArchitecture="x86_64")["LayerVersions"]
    assert [one["Version"] for one in of_x86] == [1]
    assert client.list_layer_versions(LayerName="none")["LayerVersions"] == []
    assert code(client.list_layer_versions, LayerName="a", MaxItems=51) == "ValidationException"


def test_delete_layer_version(region: LocalRegion, client: Any) -> None:
    publish(client)
    client.delete_layer_version(LayerName="shared", VersionNumber=1)
    assert code(client.get_layer_version, LayerName="shared", VersionNumber=1) == "ResourceNotFoundException"
    assert client.list_layers()["Layers"] == []
    with region.region.store.snapshot() as tx:
        assert not list(packages.scan(tx))
    assert publish(client)["Version"] == 2


def test_a_function_uses_layers(client: Any, make: Make) -> None:
    arns = [publish(client)["LayerVersionArn"], publish(client, "large", LARGE)["LayerVersionArn"]]
    told = make(Layers=arns)
    assert told["Layers"] == [{"Arn": arns[0], "CodeSize": len(CONTENT)}, {"Arn": arns[1], "CodeSize": len(LARGE)}]


def test_a_deleted_layer_stays_with_its_functions(region: LocalRegion, client: Any, make: Make) -> None:
    arn = publish(client)["LayerVersionArn"]
    make(Layers=[arn], Publish=True)
    client.delete_layer_version(LayerName="shared", VersionNumber=1)
    region.settle()
    assert client.get_function_configuration(FunctionName="f")["Layers"][0]["Arn"] == arn
    with region.region.store.snapshot() as tx:
        assert {one.size: one.refs for _, one in packages.scan(tx)} == {len(hello()): 2, len(CONTENT): 2}
    client.update_function_configuration(FunctionName="f", Layers=[])
    client.delete_function(FunctionName="f", Qualifier="1")
    with region.region.store.snapshot() as tx:
        assert {one.size: one.refs for _, one in packages.scan(tx)} == {len(hello()): 1}


def test_layers_that_cannot_be_used(client: Any, make: Make) -> None:
    first, second = (publish(client)["LayerVersionArn"] for _ in range(2))
    cases = {
        f"{ARN}:9": f"Layer version {ARN}:9 does not exist.",
        f"arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:shared:1": "Layers are not in the same region as the function. "
        "Layers are expected to be in region us-east-1.",
    }
    make()
    for arn, message in cases.items():
        refused = refusal(client.update_function_configuration, FunctionName="f", Layers=[arn])
        assert (refused["Code"], refused["Message"]) == ("InvalidParameterValueException", message)
    refused = refusal(client.update_function_configuration, FunctionName="f", Layers=[first, second])
    assert refused["Message"].startswith("Two different versions of the same layer are not allowed to be referenced")
    six = [publish(client, f"l{number}")["LayerVersionArn"] for number in range(6)]
    refused = refusal(client.update_function_configuration, FunctionName="f", Layers=six)
    assert refused["Message"] == "Cannot reference more than 5 layers."
    for arn in ("shared", ARN, "arn:aws:lambda:::awslayer:AmazonLinux1803"):
        assert code(client.update_function_configuration, FunctionName="f", Layers=[arn]) in (
            "ValidationException",
            "NotImplemented",
        )


def test_code_and_layers_together_are_bounded(client: Any, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = publish(client, content=LARGE)["LayerVersionArn"]
    make()
    monkeypatch.setattr(kept_code, "LARGEST_UNZIPPED", 2 * FILE + 10)
    refused = refusal(client.update_function_configuration, FunctionName="f", Layers=[arn])
    assert refused["Code"] == "InvalidParameterValueException"
    assert refused["Message"].startswith(
        f"Function code combined with layers exceeds the maximum allowed size of {2 * FILE + 10} bytes. The actual size is"
    )
