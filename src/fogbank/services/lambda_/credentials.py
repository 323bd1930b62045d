"""Execution roles: Lambda assumes them for its functions, which act as them, and for itself, where it acts for a function.

Source: Lambda Developer Guide, "Defining Lambda function permissions with an execution role".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity import sessions
from fogbank.core.identity.records import arn_of, key_of, roles
from fogbank.core.principal import Session, service_of

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.background import Background
    from fogbank.core.principal import Principal
    from fogbank.store.api import Tx

SERVICE: Final = "lambda.amazonaws.com"
SENDS: Final = {  # what it takes to send to a service
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}
RENEWED: Final = 0.5  # of their time: when Lambda's own sessions are renewed
MOST_HELD: Final = 4096  # sessions


class Held(msgspec.Struct, frozen=True):
    """A session of an execution role, with its token."""

    session: Session
    token: str

    def variables(self) -> dict[str, str]:
        """What an environment is given of it."""
        return {
            "AWS_ACCESS_KEY_ID": self.session.key_id,
            "AWS_SECRET_ACCESS_KEY": self.session.secret,
            "AWS_SESSION_TOKEN": self.token,
        }

    def __repr__(self) -> str:
        return f"Held({self.session!r})"


def assume(ctx: Background, tx: Tx, role: str, account: str, region: str, function: str) -> Held:
    """A new session of a role for a function, which is given by its unqualified ARN. AccessDeniedException if it trusts Lambda not."""
    name = function.rpartition(":")[2]
    principal = service_of(SERVICE, account, function)
    req = {"RoleArn": role, "RoleSessionName": name}
    try:
        given = ctx.carry_out(tx, principal, ctx.bound("sts", "AssumeRole"), req, region)["Credentials"]
        return Held(
            sessions.unseal(ctx.region.vault, given["SessionToken"], given["AccessKeyId"]), given["SessionToken"]
        )
    except (AwsError, sessions.BadToken):
        what = "The role defined for the function cannot be assumed by Lambda."
        raise AwsError("AccessDeniedException", what, status=403) from None


def role_of(tx: Tx, role: str, label: str, now: datetime) -> Principal | None:
    """A role as it is now, to ask what it may; None if it is not there. Nobody is given credentials."""
    account = role.split(":")[4]
    found = roles.get(tx, account, key_of(role.rpartition("/")[2]))
    if found is None or arn_of(account, found) != role:
        return None
    issued = int(now.timestamp())
    session = Session(
        key_id="", secret="", account=account, of="role", name=found.name, id=found.id, label=label, issued=issued, expires=issued
    )  # fmt: skip
    try:
        return sessions.principal_of(tx, session)
    except sessions.BadToken:
        return None


class Roles:
    """Lambda's own sessions of execution roles, kept while they are good."""

    def __init__(self, ctx: Background) -> None:
        self._ctx = ctx
        self._held: dict[tuple[str, str], Held] = {}

    def principal(self, tx: Tx, role: str, account: str, region: str, function: str) -> Principal:
        """A function's role, as it is now; AccessDeniedException if it cannot be assumed."""
        known = (role, function)
        held = self._held.get(known)
        if held is not None and self._is_good(held):
            try:
                return sessions.principal_of(tx, held.session)
            except sessions.BadToken:
                pass  # the role was deleted, and perhaps made anew
        if len(self._held) >= MOST_HELD:
            self._held.clear()
        held = self._held[known] = assume(self._ctx, tx, role, account, region, function)
        return sessions.principal_of(tx, held.session)

    def _is_good(self, held: Held) -> bool:
        session = held.session
        return self._ctx.region.clock.now().timestamp() < session.issued + RENEWED * (session.expires - session.issued)
