"""Every operation that works, called by a user with exactly the permissions that it asks for, and with them on another resource.

Generated from the registry: the user starts with nothing, is given what each refusal says was missing, and is let in then.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.kms.made import keep_there

from fogbank.core.identity.records import Role, roles
from fogbank.core.service import NO_PERMISSION_NEEDED
from services.helpers import allow, permit, user_client
from services.test_permissions import GUARDED, NAMES, minimal, snake
from support.region import ACCOUNT

if TYPE_CHECKING:
    from fogbank.core.authorize import Asked
    from fogbank.core.service import Bound
    from support.region import LocalRegion

MOST = 8  # permissions that one request needs
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}],
}
# Whose refusal has a reason beside the caller's permissions.
THERE = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/trusting"}

pytestmark = pytest.mark.filterwarnings("ignore")


class Calls:
    """What was asked of the evaluator, request by request."""

    def __init__(self, region: LocalRegion) -> None:
        self.region = region
        self.last: list[Asked] = []
        take = region.recorder.take

        def kept(record: Any, response: Any) -> None:
            self.last = list(record.asked)
            take(record, response)

        region.recorder.take = kept  # type: ignore[method-assign]

    def denied(self, client: Any, bound: Bound) -> bool:
        """Call the operation; whether the caller was not allowed to. What it may remove is there again each time."""
        keep_there(self.region)
        arguments = {name: THERE.get(name, value) for name, value in minimal(bound).items()}
        if bound.name == "GetAccessKeyLastUsed":  # a key that is not the account's is refused like a missing permission
            arguments["AccessKeyId"] = client._request_signer._credentials.access_key
        try:
            answer = getattr(client, snake(bound))(**arguments)
        except client.exceptions.ClientError as error:
            return error.response["Error"]["Code"] in DENIED
        return any(error.get("Code") in DENIED for error in answer.get("Errors", []))

    def refusal(self) -> Asked:
        """The permission that was missing."""
        return next(asked for asked in self.last if not asked.decision.allowed)

    def give(self, permissions: list[tuple[str, str]]) -> None:
        """Make these the user's only permissions."""
        permit(self.region, *(allow(action, resource) for action, resource in permissions))


@pytest.fixture
def calls(region: LocalRegion, s3: Any, bucket: str) -> Calls:
    """A region with a bucket, an object, and a role that trusts the account."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    text = json.dumps(TRUST)
    role = Role(name="trusting", id="AROA" + "T" * 17, path="/", created=0, tags={}, trust=text, trust_given=text)
    region.run(region.region.store.write(lambda tx: roles.put(tx, role, ACCOUNT, "trusting")))
    return Calls(region)


@pytest.mark.parametrize("bound", GUARDED, ids=NAMES)
def test_exactly_the_permissions(calls: Calls, region: LocalRegion, bound: Bound) -> None:
    client = user_client(region, bound.service.name)
    given: list[tuple[str, str]] = []
    while calls.denied(client, bound):
        missing = calls.refusal()
        pair = (missing.action, missing.resource)
        assert pair not in given, "given, and still refused"
        assert re.match(r"\*$|arn:aws:", missing.resource), missing.resource
        given.append(pair)
        assert len(given) <= MOST
        calls.give(given)
    assert given, "it needed no permission"
    assert given[0][0] == bound.action
    specific = [(action, resource) for action, resource in given if resource != "*"]
    for action, resource in specific:
        others = [pair for pair in given if pair != (action, resource)]
        calls.give([*others, (action, f"{resource.rstrip('*')}-other")])
        assert calls.denied(client, bound), f"allowed {action} on another resource"
    calls.give([(action.replace(":", ":Not"), resource) for action, resource in given])
    assert calls.denied(client, bound), "allowed with another action"


def test_the_operations_without_permission_are_few() -> None:
    from services.test_permissions import OPERATIONS

    free = {f"{bound.service.name}:{bound.name}" for bound in OPERATIONS if bound.action == NO_PERMISSION_NEEDED}
    # DeleteObjects authorises each key, websites each page; the others are for callers who are not known yet, or may never be denied.
    assert free <= {
        "s3:DeleteObjects",
        "s3:GetWebsite",
        "s3:HeadWebsite",
        "s3:OptionsObject",
        "sts:GetCallerIdentity",
        "sts:GetSessionToken",
        "sts:AssumeRoleWithWebIdentity",
        "sts:AssumeRoleWithSAML",
    }
