"""The policies that apply to a user or a role, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.auth.policy import Policies, PolicySet
from fogbank.core import managed
from fogbank.core.identity.accounts import controls
from fogbank.core.identity.documents import DENY, compiled
from fogbank.core.identity.records import arn_of, attached, groups_of, inlines, key_of, policies, versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.auth.policy import Policy
    from fogbank.core.identity.records import Owner, Role, User
    from fogbank.store.api import Tx

_AWS = "arn:aws:iam::aws:policy/"


def document_of(tx: Tx, arn: str) -> str | None:
    """The document of a managed policy, AWS's or a customer's, in its version in force; None if there is no such policy."""
    if arn.startswith(_AWS):
        found = managed.find(arn)
        return None if found is None else found.document
    account, name = arn.split(":")[4], key_of(arn.rpartition("/")[2])
    policy = policies.get(tx, account, name)
    if policy is None or arn_of(account, policy) != arn:  # a namesake under another path is another policy
        return None
    version = versions.get(tx, account, name, policy.default)
    return None if version is None else version.document


def of_managed(tx: Tx, arn: str) -> Policy:
    """A managed policy; one that is gone denies everything, as it limited before."""
    return compiled(document_of(tx, arn) or DENY, arn)


def of_owner(tx: Tx, account: str, owner: Owner, name: str) -> Iterator[Policy]:
    """The policies of a user, group or role, its inline ones and those attached to it."""
    for _, inline in inlines.scan(tx, account, owner, key_of(name)):
        yield compiled(inline.document, f"{inline.name} (inline, of {owner} {name})")
    for _, one in attached.scan(tx, account, owner, key_of(name)):
        yield of_managed(tx, one.arn)


def of_user(tx: Tx, account: str, user: User) -> Policies:
    """What applies to a user, its groups' policies among it."""
    found = list(of_owner(tx, account, "user", user.name))
    for _, member in groups_of.scan(tx, account, key_of(user.name)):
        found.extend(of_owner(tx, account, "group", member.group))
    return Policies(identity=PolicySet(found), boundary=boundary_of(tx, user.boundary), control=controls(tx, account))


def of_role(tx: Tx, account: str, role: Role) -> Policies:
    """What applies to a role. Service control does not reach service-linked ones (Organizations User Guide, "SCP evaluation")."""
    return Policies(
        identity=PolicySet(of_owner(tx, account, "role", role.name)),
        boundary=boundary_of(tx, role.boundary),
        control=() if role.service else controls(tx, account),
    )


def boundary_of(tx: Tx, arn: str) -> PolicySet | None:
    """A permissions boundary."""
    return PolicySet((of_managed(tx, arn),)) if arn else None
