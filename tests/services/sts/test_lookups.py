"""GetAccessKeyInfo, DecodeAuthorizationMessage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fogbank.auth.policy import Decision, Match
from fogbank.core.authorize import denied
from fogbank.core.principal import root_of
from services.helpers import allow, code, dev, user_client
from services.sts.made import OTHER, assume, make_role, user
from support.region import ACCOUNT, KEY_ID

if TYPE_CHECKING:
    from support.region import LocalRegion

NO = Decision(False, True, "identity", (Match("p1", "NoRuns"),), ("ec2:region",))


def test_get_access_key_info(region: LocalRegion) -> None:
    client = user(region)
    iam = dev(region, OTHER, "iam")
    iam.create_user(UserName="bob")
    theirs = iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    assert client.get_access_key_info(AccessKeyId=theirs)["Account"] == OTHER
    made = assume(client, make_role(region))["Credentials"]
    assert client.get_access_key_info(AccessKeyId=made["AccessKeyId"])["Account"] == ACCOUNT
    assert region.client("sts").get_access_key_info(AccessKeyId=KEY_ID)["Account"] == ACCOUNT


@pytest.mark.parametrize(
    "key", ["AKIA" + "A" * 16, "ASIA" + "1" * 16, "ASIA" + "7" * 16, "ASIA" + "A" * 15 + "1", "x" * 128]
)
def test_a_key_of_nobody(region: LocalRegion, key: str) -> None:
    assert code(user(region).get_access_key_info, AccessKeyId=key) == "ValidationError"


def message(region: LocalRegion, account: str = ACCOUNT) -> str:
    """The encoded message of a refusal by EC2."""
    error = denied(root_of(account), "ec2:RunInstances", "arn:aws:ec2:x:1:instance/*", NO, "ec2", region.region.vault)
    assert error.code == "UnauthorizedOperation"
    assert error.message.startswith("You are not authorized to perform this operation.")
    return error.message.rpartition("Encoded authorization failure message: ")[2]


def test_decode_authorization_message(region: LocalRegion) -> None:
    encoded = message(region)
    assert "RunInstances" not in encoded
    told = json.loads(region.client("sts").decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert (told["allowed"], told["explicitDeny"]) == (False, True)
    assert told["context"]["action"] == "ec2:RunInstances"
    assert told["context"]["principal"]["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert told["matchedStatements"]["items"] == [{"policy": "p1", "sid": "NoRuns"}]


def test_a_message_that_is_none(region: LocalRegion) -> None:
    client = region.client("sts")
    good = message(region)
    for wrong in (good[:-4], good[:20], "A" * 100, "!", "é", good.swapcase(), message(region, OTHER)):
        error = code(client.decode_authorization_message, EncodedMessage=wrong)
        assert error == "InvalidAuthorizationMessageException"


def test_it_needs_a_permission(region: LocalRegion) -> None:
    encoded = message(region)
    assert code(user_client(region, "sts").decode_authorization_message, EncodedMessage=encoded) == "AccessDenied"
    client = user(region, allow("sts:DecodeAuthorizationMessage"), name="bob")
    assert client.decode_authorization_message(EncodedMessage=encoded)
