"""What tests of Lambda share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.services import registry
from fogbank.store.check import check_records, check_unlinks
from services.lambda_.packages import hello

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from support.region import LocalRegion

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def signed_on_time(region: LocalRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that let time pass: clients sign by the region's clock, which they advance."""

    def now(remove_tzinfo: bool = True) -> datetime:
        return region.clock.now().replace(tzinfo=None) if remove_tzinfo else region.clock.now()

    monkeypatch.setattr("botocore.auth.get_current_datetime", now)
    monkeypatch.setattr("botocore.crt.auth.get_current_datetime", now)


@pytest.fixture
def client(region: LocalRegion) -> Any:
    """boto3's Lambda client of the region's root, which leaves it to the region to refuse what is not in the model."""
    return region.client("lambda", parameter_validation=False)


@pytest.fixture
def role(region: LocalRegion) -> str:
    """The ARN of a role that trusts Lambda."""
    made = region.client("iam").create_role(RoleName="execution", AssumeRolePolicyDocument=json.dumps(TRUST))
    return str(made["Role"]["Arn"])


@pytest.fixture
def make(region: LocalRegion, client: Any, role: str) -> Callable[..., dict[str, Any]]:
    """Makes a function, which is ready: its configuration."""

    def made(name: str = "f", **arguments: Any) -> dict[str, Any]:
        given = {"Runtime": "python3.11", "Handler": "app.handler", "Role": role, "Code": {"ZipFile": hello()}}
        client.create_function(FunctionName=name, **(given | arguments))
        region.settle()
        told: dict[str, Any] = client.get_function_configuration(FunctionName=name)
        return told

    return made


@pytest.fixture
def sound(region: LocalRegion) -> Iterator[None]:
    """When a test of a region ends, all that `fsck` knows of its records is true: nothing was leaked, counted wrong or misplaced."""
    yield
    with region.region.store.snapshot() as tx:
        problems = [*check_records(tx), *registry.invariants(tx), *check_unlinks(tx)]
    assert not [problem.what for problem in problems]
