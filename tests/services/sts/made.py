"""What tests of STS share: roles, users with a policy, and clients of sessions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from services.helpers import allow, permit, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"  # the number of another account, under --dev


def trust(principal: Any = ACCOUNT, action: Any = "sts:AssumeRole", **conditions: Any) -> dict[str, Any]:
    """A trust policy's statement; `principal` is an AWS principal, or a whole Principal element."""
    who = principal if isinstance(principal, dict) else {"AWS": principal}
    made = {"Effect": "Allow", "Principal": who, "Action": action}
    return made | ({"Condition": conditions} if conditions else {})


def policy(*statements: Any) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def make_role(
    region: LocalRegion, *trusted: Any, may: Any = "s3:*", name: str = "worker", account: str | None = None, **more: Any
) -> str:
    """Make a role that may do `may` everywhere; its ARN."""
    iam = region.client("iam") if account is None else region.client("iam", key=account, secret="test")
    document = policy(*(trusted or [trust()]))
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy(allow(may)))
    return str(made["Arn"])


def user(region: LocalRegion, *statements: Any, service: str = "sts", name: str = "ann") -> Any:
    """A client of a user who may assume any role, or what the statements say."""
    made = user_client(region, service, name)
    permit(region, *(statements or [allow("sts:*")]), name=name)
    return made


def session(region: LocalRegion, credentials: Any, service: str = "s3", **changed: str) -> Any:
    """A client of temporary credentials, with some changed."""
    given = {**credentials, **changed}
    made = region.client(service, key=given["AccessKeyId"], secret=given["SecretAccessKey"])
    made._request_signer._credentials.token = given["SessionToken"]
    return made


def assume(client: Any, role: str, name: str = "s1", **more: Any) -> Any:
    """The answer of AssumeRole."""
    return client.assume_role(RoleArn=role, RoleSessionName=name, **more)
