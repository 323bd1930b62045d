"""OpenID Connect providers: CreateOpenIDConnectProvider and what goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import code, refusal
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

THUMB = "990F4193972F2BECF12DDEDA5237F9C952F20D9E"
URL = "https://server.example.com/a"
ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/server.example.com/a"


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root."""
    return region.client("iam")


@pytest.fixture
def provider(iam: Any) -> dict[str, str]:
    """A provider; its ARN as arguments."""
    made = iam.create_open_id_connect_provider(
        Url=URL, ClientIDList=["app"], ThumbprintList=[THUMB], Tags=[{"Key": "k", "Value": "v"}]
    )
    assert made["OpenIDConnectProviderArn"] == ARN
    return {"OpenIDConnectProviderArn": ARN}


def test_get_open_id_connect_provider(iam: Any, provider: dict[str, str]) -> None:
    found = iam.get_open_id_connect_provider(**provider)
    assert (found["Url"], found["ClientIDList"]) == ("server.example.com/a", ["app"])
    assert found["ThumbprintList"] == [THUMB.lower()]
    assert found["Tags"] == [{"Key": "k", "Value": "v"}]
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": ARN}]
    error = refusal(iam.create_open_id_connect_provider, Url=URL)
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)


def test_client_ids(iam: Any, provider: dict[str, str]) -> None:
    """AddClientIDToOpenIDConnectProvider and RemoveClientIDFromOpenIDConnectProvider are idempotent."""
    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(**provider, ClientID="web")
    assert iam.get_open_id_connect_provider(**provider)["ClientIDList"] == ["app", "web"]
    for _ in range(2):
        iam.remove_client_id_from_open_id_connect_provider(**provider, ClientID="app")
    assert iam.get_open_id_connect_provider(**provider)["ClientIDList"] == ["web"]


def test_update_open_id_connect_provider_thumbprint(iam: Any, provider: dict[str, str]) -> None:
    iam.update_open_id_connect_provider_thumbprint(**provider, ThumbprintList=["a" * 40, "b" * 40])
    assert iam.get_open_id_connect_provider(**provider)["ThumbprintList"] == ["a" * 40, "b" * 40]
    for wrong in (["x" * 40], ["a" * 40] * 6):
        assert code(iam.update_open_id_connect_provider_thumbprint, **provider, ThumbprintList=wrong) == "InvalidInput"


def test_delete_open_id_connect_provider(iam: Any, provider: dict[str, str]) -> None:
    for _ in range(2):  # idempotent, as the API Reference says
        iam.delete_open_id_connect_provider(**provider)
    assert code(iam.get_open_id_connect_provider, **provider) == "NoSuchEntity"
    assert code(iam.delete_open_id_connect_provider, OpenIDConnectProviderArn="x" * 20) == "InvalidInput"


def test_tags(iam: Any, provider: dict[str, str]) -> None:
    """TagOpenIDConnectProvider, UntagOpenIDConnectProvider, ListOpenIDConnectProviderTags."""
    iam.tag_open_id_connect_provider(**provider, Tags=[{"Key": "l", "Value": "w"}])
    iam.untag_open_id_connect_provider(**provider, TagKeys=["K"])
    assert iam.list_open_id_connect_provider_tags(**provider)["Tags"] == [{"Key": "l", "Value": "w"}]


@pytest.mark.parametrize(
    "url",
    ["http://a.example", "https://", "https:///x", "a.example", "https://a.example/?q=1", "https://a.example/#f",
     "https://u@a.example", "https://a b", "https://ä.example", "https://[", "javascript:x"],
)  # fmt: skip
def test_urls_that_cannot_be(iam: Any, url: str) -> None:
    assert code(iam.create_open_id_connect_provider, Url=url) == "ValidationError"


def test_a_slash_at_the_end_is_kept(iam: Any) -> None:
    made = iam.create_open_id_connect_provider(Url="https://corp.auth.example/")
    assert made["OpenIDConnectProviderArn"].endswith(":oidc-provider/corp.auth.example/")
    assert (
        iam.get_open_id_connect_provider(**{k: v for k, v in made.items() if "Arn" in k})["Url"] == "corp.auth.example/"
    )


def test_limits(iam: Any, provider: dict[str, str]) -> None:
    clients = [f"c{number}" for number in range(101)]
    assert code(iam.create_open_id_connect_provider, Url="https://b.example", ClientIDList=clients) == "LimitExceeded"
    for number in range(99):
        iam.create_open_id_connect_provider(Url=f"https://b.example/{number}")
    assert code(iam.create_open_id_connect_provider, Url="https://c.example") == "LimitExceeded"


def test_other_accounts_providers_are_not_there(region: LocalRegion, provider: dict[str, str]) -> None:
    other = region.client("iam", key="111122223333", secret="test")
    assert other.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert code(other.get_open_id_connect_provider, **provider) in ("NoSuchEntity", "AccessDenied")
    assert code(other.tag_open_id_connect_provider, **provider, Tags=[]) in ("NoSuchEntity", "AccessDenied")
