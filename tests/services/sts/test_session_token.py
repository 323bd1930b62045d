"""GetSessionToken, and MFA in AssumeRole.

Source: STS API Reference, GetSessionToken; IAM User Guide, "Compare AWS STS credentials", "Secure API access with MFA".
"""

from __future__ import annotations

from base64 import b32decode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity.mfa import code_at, step_of
from services.helpers import allow, code, dev, permit, refusal
from services.sts.made import OTHER, assume, make_role, session, trust, user
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion


class Device:
    """Ann's MFA device."""

    def __init__(self, region: LocalRegion) -> None:
        self.region = region
        iam = region.client("iam")
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName="d")["VirtualMFADevice"]
        self.serial, self.seed = made["SerialNumber"], b32decode(made["Base32StringSeed"])
        pair = {f"AuthenticationCode{number}": self.at(number - 3) for number in (1, 2)}
        iam.enable_mfa_device(UserName="ann", SerialNumber=self.serial, **pair)

    def at(self, steps: int = 0) -> str:
        """The code of now, or so many steps later."""
        return code_at(self.seed, step_of(self.region.clock.now()) + steps)

    def shown(self, steps: int = 0) -> dict[str, str]:
        """What a request has to say."""
        return {"SerialNumber": self.serial, "TokenCode": self.at(steps)}


def made(client: Any, **given: Any) -> Any:
    return client.get_session_token(**given)["Credentials"]


def test_a_users_session_can_do_what_the_user_can(region: LocalRegion, bucket: str) -> None:
    client = user(region, allow("s3:*"), allow("iam:*"))
    credentials = made(client)
    assert session(region, credentials).list_buckets()["Buckets"][0]["Name"] == bucket
    identity = session(region, credentials, "sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
    permit(region, allow("iam:*"))
    assert code(session(region, credentials).list_buckets) == "AccessDenied"


def test_it_needs_no_permission_and_no_policy_denies_it(region: LocalRegion) -> None:
    assert made(user(region, {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}))


@pytest.mark.parametrize("seconds", [900, 129600, None])
def test_durations(region: LocalRegion, seconds: int | None) -> None:
    credentials = made(user(region), **({"DurationSeconds": seconds} if seconds else {}))
    lasts = (credentials["Expiration"] - region.clock.now()).total_seconds()
    assert abs(lasts - (seconds or 43200)) < 60


def test_too_long(region: LocalRegion) -> None:
    assert code(user(region).get_session_token, DurationSeconds=129601) == "ValidationError"


def test_a_root_has_an_hour_at_most(region: LocalRegion) -> None:
    for given in ({}, {"DurationSeconds": 43200}):
        credentials = made(region.client("sts"), **given)
        assert abs((credentials["Expiration"] - region.clock.now()).total_seconds() - 3600) < 60
        assert session(region, credentials, "sts").get_caller_identity()["Arn"].endswith(":root")
        assert session(region, credentials, "iam").list_users()


def test_a_session_calls_neither_iam_without_mfa_nor_sts(region: LocalRegion) -> None:
    credentials = made(user(region, allow("*")))
    assert code(session(region, credentials, "iam").list_users) == "AccessDenied"
    client = session(region, credentials, "sts")
    assert code(client.get_session_token) == "AccessDenied"
    assert code(client.get_federation_token, Name="app") == "AccessDenied"
    assert code(client.get_access_key_info, AccessKeyId="ASIA" + "A" * 16) == "AccessDenied"
    assert assume(client, make_role(region))


def test_roles_have_no_session_token(region: LocalRegion) -> None:
    client = session(region, assume(user(region), make_role(region, may="*"))["Credentials"], "sts")
    error = refusal(client.get_session_token)
    assert (error["Code"], error["Message"]) == ("AccessDenied", "Cannot call GetSessionToken with session credentials")


def test_with_a_second_factor(region: LocalRegion) -> None:
    client = user(region, allow("iam:ListUsers", NumericLessThan={"aws:MultiFactorAuthAge": "300"}))
    device = Device(region)
    credentials = made(client, **device.shown())
    assert session(region, credentials, "iam").list_users()
    assert code(client.get_session_token, **device.shown()) == "AccessDenied"  # the same code again
    region.clock.advance(timedelta(seconds=301))
    assert code(session(region, credentials, "iam").list_users) == "AccessDenied"


@pytest.mark.parametrize("wrong", [{"TokenCode": "000000"}, {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/none"}])
def test_a_wrong_second_factor(region: LocalRegion, wrong: Any) -> None:
    client = user(region)
    device = Device(region)
    given = {**device.shown(), **wrong}
    if given["TokenCode"] in {device.at(steps) for steps in (-1, 0, 1)}:
        given["TokenCode"] = "000001"
    error = refusal(client.get_session_token, **given)
    assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
    assert "MultiFactorAuthentication failed" in error["Message"]


def test_half_a_second_factor(region: LocalRegion) -> None:
    client = user(region)
    assert code(client.get_session_token, TokenCode="123456") == "ValidationError"
    assert code(client.get_session_token, SerialNumber=f"arn:aws:iam::{ACCOUNT}:mfa/d") == "ValidationError"


def test_anothers_second_factor(region: LocalRegion) -> None:
    user(region)
    device = Device(region)
    assert code(user(region, name="bob").get_session_token, **device.shown()) == "AccessDenied"
    assert code(region.client("sts").get_session_token, **device.shown()) == "AccessDenied"
    assert code(dev(region, OTHER, "sts").get_session_token, **device.shown()) == "AccessDenied"


def test_a_role_that_wants_a_second_factor(region: LocalRegion) -> None:
    wanted = {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "60"}}
    role = make_role(region, trust(**wanted))
    client = user(region)
    device = Device(region)
    assert code(client.assume_role, RoleArn=role, RoleSessionName="s1") == "AccessDenied"
    given = {"RoleArn": role, "RoleSessionName": "s1", **device.shown()}
    credentials = client.assume_role(**given)["Credentials"]
    assert code(client.assume_role, **given) == "AccessDenied"
    assert session(region, credentials).list_buckets()
    shown = made(client, **device.shown(1))
    assert assume(session(region, shown, "sts"), role)  # a session that has one


def test_a_code_of_a_refused_request_is_not_spent(region: LocalRegion) -> None:
    client = user(region, allow("s3:*"))
    role = make_role(region)
    device = Device(region)
    given = {"RoleArn": role, "RoleSessionName": "s1", **device.shown()}
    assert code(client.assume_role, **given) == "AccessDenied"
    permit(region, allow("sts:AssumeRole"))
    assert client.assume_role(**given)


def test_codes_cannot_be_guessed(region: LocalRegion) -> None:
    """Ten wrong codes, whatever worker takes them, and the right one is not taken for five minutes, either."""
    client = user(region)
    device = Device(region)
    right = {device.at(steps) for steps in range(-3, 30)}
    wrong = [f"{number:06}" for number in range(60) if f"{number:06}" not in right][:10]
    for guess in wrong:
        assert code(client.get_session_token, SerialNumber=device.serial, TokenCode=guess) == "AccessDenied"
    assert code(client.get_session_token, **device.shown()) == "AccessDenied"
    region.clock.advance(timedelta(seconds=301))
    assert made(client, **device.shown())


def test_codes_cannot_be_guessed_in_a_burst(region: LocalRegion) -> None:
    """All at once, so that none has been counted in the state when the others are checked."""
    client, device = user(region), Device(region)
    right = device.shown()
    guesses = [f"{number:06}" for number in range(60) if f"{number:06}" != right["TokenCode"]]
    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(lambda guess: code(client.get_session_token, **{**right, "TokenCode": guess}), guesses))
    assert set(told) == {"AccessDenied"}
    assert code(client.get_session_token, **right) == "AccessDenied"
