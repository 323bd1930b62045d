"""Functions whose records are put as they are: for tests of what is about them, and not of their code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fogbank.services.lambda_.records import ACTIVE, Alias, Function, Version, aliases, functions, versions

if TYPE_CHECKING:
    from support.region import LocalRegion

ACCOUNT = "123456789012"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/execution"


def plant(region: LocalRegion, name: str = "f", *, published: int = 0, alias: str = "", **fields: Any) -> str:
    """A function with $LATEST, as many published versions, and an alias of the last of them; its ARN."""
    shared = {
        "account": ACCOUNT,
        "region": "us-east-1",
        "name": name,
        "modified": 0,
        "code": "0" * 64,
        "size": 1,
        "unzipped": 1,
    }
    given = shared | {
        "role": ROLE,
        "runtime": "python3.11",
        "handler": "app.handler",
        "architecture": "x86_64",
        "state": ACTIVE,
        "update": "Successful",
        "revision": "r",
    }

    def put(tx: Any) -> None:
        found = Function(account=ACCOUNT, region="us-east-1", name=name, created=0, tags={}, newest=published)
        functions.put(tx, found, ACCOUNT, "us-east-1", name)
        for number in range(published + 1):
            versions.put(tx, Version(**(given | fields), number=number), ACCOUNT, "us-east-1", name, number)
        if alias:
            made = Alias(name=alias, version=published, description="", weights={}, revision="r")
            aliases.put(tx, made, ACCOUNT, "us-east-1", name, alias)

    async def write() -> None:
        await region.region.store.write(put)

    region.run(write())
    return ARN + name


def role(region: LocalRegion, *actions: str, name: str = "execution") -> str:
    """A role that trusts Lambda and may do these actions to everything; its ARN."""
    iam = region.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    if actions:
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        iam.put_role_policy(
            RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        )
    return str(made["Role"]["Arn"])
