"""ListGroupsForUser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from support.region import LocalRegion


def test_list_groups_for_user_of_a_user_without_groups(region: LocalRegion) -> None:
    iam = region.client("iam")
    iam.create_user(UserName="alice")
    assert iam.list_groups_for_user(UserName="alice")["Groups"] == []


def test_list_groups_for_user_of_nobody(region: LocalRegion) -> None:
    with pytest.raises(ClientError) as error:
        region.client("iam").list_groups_for_user(UserName="nobody")
    assert error.value.response["Error"]["Code"] == "NoSuchEntity"
