"""What tests of Organizations share: an organization, accounts in it, and clients of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fogbank.core.identity.accounts import make_account
from fogbank.core.identity.records import secret_context
from services.helpers import allow, user_client
from services.sts.made import assume, session
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

CONTROL = "SERVICE_CONTROL_POLICY"
FULL = "p-FullAWSAccess"


def document(*statements: Any) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def deny(action: Any, **conditions: Any) -> dict[str, Any]:
    """A statement that denies."""
    return {**allow(action, **conditions), "Effect": "Deny"}


class House:
    """An organization of the region's account, with service control in force."""

    def __init__(self, region: LocalRegion) -> None:
        self.region = region
        self.client = region.client("organizations")
        self.organization = self.client.create_organization()["Organization"]
        self.root = self.client.list_roots()["Roots"][0]["Id"]
        self.client.enable_policy_type(RootId=self.root, PolicyType=CONTROL)
        self.keys: dict[str, tuple[str, str]] = {}

    def account(self, name: str = "dev") -> str:
        """An account whose root has a key, as `fogbank account create` makes it; its number."""
        region = self.region.region
        key_id, secret = region.ids.unique("AKIA"), region.ids.secret()
        sealed = region.vault.seal(secret.encode(), secret_context(key_id))
        fields = {"name": name, "email": f"{name}@example.com", "owner": ACCOUNT, "key_id": key_id, "sealed": sealed}
        made = self.region.run(
            region.store.write(lambda tx: make_account(tx, region.ids, region.clock.now(), **fields))
        )
        self.keys[made.number] = (key_id, secret)
        return str(made.number)

    def root_of(self, account: str, service: str) -> Any:
        """A client of an account's root."""
        key_id, secret = self.keys[account]
        return self.region.client(service, key=key_id, secret=secret)

    def unit(self, name: str = "unit", parent: str = "") -> str:
        """A unit; its id."""
        made = self.client.create_organizational_unit(ParentId=parent or self.root, Name=name)
        return str(made["OrganizationalUnit"]["Id"])

    def move(self, account: str, target: str) -> None:
        """Move an account."""
        source = self.client.list_parents(ChildId=account)["Parents"][0]["Id"]
        self.client.move_account(AccountId=account, SourceParentId=source, DestinationParentId=target)

    def policy(self, *statements: Any, name: str = "guard") -> str:
        """A service control policy; its id."""
        made = self.client.create_policy(Content=document(*statements), Description="", Name=name, Type=CONTROL)
        return str(made["Policy"]["PolicySummary"]["Id"])

    def attach(self, policy: str, target: str) -> None:
        """Attach a policy."""
        self.client.attach_policy(PolicyId=policy, TargetId=target)

    def detach(self, policy: str, target: str) -> None:
        """Detach a policy."""
        self.client.detach_policy(PolicyId=policy, TargetId=target)

    def administrator(self, service: str, account: str, role: str = "OrganizationAccountAccessRole") -> Any:
        """A client of the management account's access to a member."""
        user = user_client(self.region, "sts", "admin")
        permission = document(allow("sts:AssumeRole"))
        self.region.client("iam").put_user_policy(UserName="admin", PolicyName="a", PolicyDocument=permission)
        return session(self.region, assume(user, f"arn:aws:iam::{account}:role/{role}")["Credentials"], service)
