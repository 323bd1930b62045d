"""The public access block of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.helpers import allow, code, dev, permit, refusal, status, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"
ON = {"BlockPublicAcls": True}


@pytest.fixture
def control(region: LocalRegion) -> Any:
    """boto3's client of the root."""
    return region.client("s3control")


def test_it_is_told_as_it_was_put_until_it_is_deleted(control: Any) -> None:
    assert code(control.get_public_access_block, AccountId=ACCOUNT) == "NoSuchPublicAccessBlockConfiguration"
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=ON)
    told = control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"]
    assert told == ON | dict.fromkeys(("IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    assert status(control.delete_public_access_block(AccountId=ACCOUNT)) == 200
    error = refusal(control.get_public_access_block, AccountId=ACCOUNT)
    assert (error["Code"], error["Status"]) == ("NoSuchPublicAccessBlockConfiguration", 404)


def test_nothing_is_no_configuration(control: Any) -> None:
    put = control.put_public_access_block
    assert code(put, AccountId=ACCOUNT, PublicAccessBlockConfiguration={}) == "InvalidRequest"


def test_it_is_the_accounts_own(region: LocalRegion, control: Any) -> None:
    control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=ON)
    other = dev(region, OTHER, "s3control")
    for call in (other.get_public_access_block, other.delete_public_access_block):
        assert code(call, AccountId=ACCOUNT) == "AccessDenied"
    assert code(other.put_public_access_block, AccountId=ACCOUNT, PublicAccessBlockConfiguration=ON) == "AccessDenied"
    assert code(other.get_public_access_block, AccountId=OTHER) == "NoSuchPublicAccessBlockConfiguration"


def test_a_user_needs_the_permission(region: LocalRegion, control: Any) -> None:
    ann = user_client(region, "s3control")
    permit(region, allow(["s3:PutBucketPublicAccessBlock", "s3:GetBucketPublicAccessBlock"]))
    assert code(ann.get_public_access_block, AccountId=ACCOUNT) == "AccessDenied"
    permit(region, allow(["s3:PutAccountPublicAccessBlock", "s3:GetAccountPublicAccessBlock"]))
    ann.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=ON)
    ann.get_public_access_block(AccountId=ACCOUNT)
