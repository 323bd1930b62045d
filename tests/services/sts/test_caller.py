"""GetCallerIdentity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.helpers import code, dev, refusal, user_client

if TYPE_CHECKING:
    from support.region import LocalRegion


def test_the_root(region: LocalRegion) -> None:
    told = region.client("sts").get_caller_identity()
    assert (told["Account"], told["UserId"]) == ("123456789012", "123456789012")
    assert told["Arn"] == "arn:aws:iam::123456789012:root"


def test_a_user(region: LocalRegion) -> None:
    told = user_client(region, "sts").get_caller_identity()
    assert told["Arn"] == "arn:aws:iam::123456789012:user/ann"
    assert told["UserId"] == region.client("iam").get_user(UserName="ann")["User"]["UserId"]
    assert told["Account"] == "123456789012"


@pytest.mark.parametrize(
    ("key", "account"), [("test", "000000000000"), ("000000000000", "000000000000"), ("111122223333", "111122223333")]
)
def test_accounts_of_a_region_for_development(region: LocalRegion, key: str, account: str) -> None:
    told = dev(region, key, "sts").get_caller_identity()
    assert (told["Account"], told["Arn"]) == (account, f"arn:aws:iam::{account}:root")


@pytest.mark.parametrize("name", ["eu-west-1", "ap-southeast-2", "us-gov-west-1"])
def test_any_region(region: LocalRegion, name: str) -> None:
    assert region.client("sts", region=name).get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLF", "11112222333", "1111222233334", "11112222333a", "tes"])
def test_an_unknown_key(region: LocalRegion, key: str) -> None:
    error = refusal(dev(region, key, "sts").get_caller_identity)
    assert (error["Code"], error["Status"]) == ("InvalidClientTokenId", 403)


def test_a_wrong_secret(region: LocalRegion) -> None:
    client = region.client("sts", key="111122223333", secret="wrong")
    assert code(client.get_caller_identity) == "SignatureDoesNotMatch"


def test_an_anonymous_caller(region: LocalRegion) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = region.raw("POST", "/", form, b"Action=GetCallerIdentity&Version=2011-06-15")
    assert answer.status == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in answer.body


def test_a_clock_that_is_wrong(region: LocalRegion) -> None:
    client = region.client("sts")
    region.advance(minutes=14)
    client.get_caller_identity()
    region.advance(minutes=3)
    assert code(client.get_caller_identity) == "SignatureDoesNotMatch"


def test_other_operations_are_not_implemented(region: LocalRegion) -> None:
    error = refusal(region.client("sts").get_delegated_access_token, TradeInToken="none")
    assert (error["Code"], error["Status"]) == ("NotImplemented", 501)
