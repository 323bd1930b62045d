"""TagResource, UntagResource, ListResourceTags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.helpers import allow, code, permit, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion


def pairs(**tags: str) -> list[dict[str, str]]:
    """Tags as KMS writes them."""
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


def test_tags_are_set_replaced_removed_and_listed_in_pages(kms: Any, key: str) -> None:
    kms.tag_resource(KeyId=key, Tags=pairs(b="1", a="2", c=""))
    kms.tag_resource(KeyId=key, Tags=pairs(a="3"))
    kms.untag_resource(KeyId=key, TagKeys=["c", "none"])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == pairs(a="3", b="1")
    pages = list(kms.get_paginator("list_resource_tags").paginate(KeyId=key, PaginationConfig={"PageSize": 1}))
    assert [page["Tags"] for page in pages] == [pairs(a="3"), pairs(b="1")]


def test_tags_that_cannot_be(kms: Any, key: str) -> None:
    kms.tag_resource(KeyId=key, Tags=pairs(**{f"k{n}": "" for n in range(50)}))
    for wrong in (pairs(more=""), pairs(K0=""), pairs(**{"AWS:x": ""}), [*pairs(a=""), *pairs(A="")]):
        assert code(kms.tag_resource, KeyId=key, Tags=wrong) == "TagException"
    assert code(kms.tag_resource, KeyId=key, Tags=pairs(**{"x" * 129: ""})) == "ValidationException"
    assert code(kms.list_resource_tags, KeyId=key, Marker="x") == "InvalidMarkerException"


def test_permissions_follow_a_keys_tags(region: LocalRegion, kms: Any, key: str) -> None:
    client = user_client(region, "kms")
    permit(region, allow("kms:Encrypt", StringEquals={"aws:ResourceTag/team": "blue"}))
    assert code(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    kms.tag_resource(KeyId=key, Tags=pairs(team="blue"))
    assert client.encrypt(KeyId=key, Plaintext=b"x")
    permit(region, allow("kms:TagResource", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}))
    assert code(client.tag_resource, KeyId=key, Tags=pairs(other="")) == "AccessDeniedException"
    client.tag_resource(KeyId=key, Tags=pairs(team="red"))
