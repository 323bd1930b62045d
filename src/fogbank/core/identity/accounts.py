"""The accounts of a region, the organizations that they are in, and the service control policies over them.

An account that is made belongs to the organization of the account that made it, once that has one. The root of an organization,
its organizational units and its accounts are the targets that policies are attached to: each has an id.

Source: Organizations User Guide, "Terminology and concepts", "Service control policies", "SCP evaluation".
"""

from __future__ import annotations

from base64 import b32decode
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.auth.policy import PolicySet
from fogbank.core.identity import generation
from fogbank.core.identity.documents import DENY, compiled
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fogbank.auth.policy import Policy
    from fogbank.core.ids import Ids
    from fogbank.store.api import Tx

FULL_ACCESS: Final = "p-FullAWSAccess"
_NUMBERS: Final = 9 * 10**11


class EmailTaken(Exception):
    """Another account has the address."""


class Account(Record, version=1):
    """An account beside the installation's own. `owner` is the account that made it.

    `sealed` is the secret of its root's access key, in the vault, for the context `access-key:ID`; both are empty where the root
    has no key. `created` in seconds since the epoch.
    """

    number: str
    name: str
    email: str
    status: str  # ACTIVE, SUSPENDED
    created: int
    owner: str
    key_id: str = ""
    sealed: bytes = b""


class RootKey(Record, version=1):
    """Whose root an access key is."""

    account: str


class Organization(Record, version=1):
    """An organization. `root` is the id of its root; `controls` says that service control policies are enabled."""

    id: str
    root: str
    management: str
    created: int
    controls: bool = False


class Membership(Record, version=1):
    """An account's place in an organization: `parent` is the id of the root or of an organizational unit."""

    organization: str
    account: str
    parent: str
    joined: int


class Unit(Record, version=1):
    """An organizational unit."""

    id: str
    name: str
    parent: str


class ControlPolicy(Record, version=1):
    """A service control policy."""

    id: str
    name: str
    description: str
    document: str


class Attachment(Record, version=1):
    """A policy attached to a target."""

    policy: str
    target: str


FULL: Final = ControlPolicy(
    id=FULL_ACCESS,
    name="FullAWSAccess",
    description="Allows access to every operation",
    document='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
)

accounts = Table("account", Account, on_change=generation.on_change)  # number
root_keys = Table("account.root_key", RootKey)  # access key's id
organizations = Table("organization", Organization)  # id
memberships = Table("organization.membership", Membership, on_change=generation.on_change)  # account
members = Table("organization.member", Membership)  # organization, account
units = Table("organization.unit", Unit)  # organization, id
control_policies = Table("organization.policy", ControlPolicy)  # organization, id
controls_of = Table("organization.controls_of", Attachment)  # organization, target, policy
targets_of = Table("organization.targets_of", Attachment)  # organization, policy, target


def is_closed(tx: Tx, account: str) -> bool:
    """Whether an account was closed: nobody of it may do anything."""
    found = accounts.get(tx, account)
    return found is not None and found.status != "ACTIVE"


def make_account(
    tx: Tx, ids: Ids, now: datetime, *, name: str, email: str, owner: str, key_id: str = "", sealed: bytes = b""
) -> Account:
    """Make an account, in its owner's organization if there is one. EmailTaken if another account has the address."""
    if any(other.email.lower() == email.lower() for _, other in accounts.scan(tx)):
        raise EmailTaken
    number = new_number(tx, ids, owner)
    made = Account(
        number=number, name=name, email=email, status="ACTIVE", created=int(now.timestamp()), owner=owner,
        key_id=key_id, sealed=sealed,
    )  # fmt: skip
    accounts.put(tx, made, number)
    if key_id:
        root_keys.put(tx, RootKey(account=number), key_id)
    organization = organization_of(tx, owner)
    if organization is not None and organization.management == owner:
        join(tx, organization, number, organization.root, made.created)
    return made


def new_number(tx: Tx, ids: Ids, owner: str) -> str:
    """A number that no account has."""
    while True:
        number = str(int.from_bytes(b32decode(ids.unique("")), "big") % _NUMBERS + _NUMBERS // 9)
        if number != owner and accounts.get(tx, number) is None:
            return number


def shut(tx: Tx, account: Account) -> None:
    """Close an account: its keys and sessions are refused from now on."""
    accounts.put(tx, msgspec.structs.replace(account, status="SUSPENDED"), account.number)


def organization_of(tx: Tx, account: str) -> Organization | None:
    """The organization that an account is in."""
    membership = memberships.get(tx, account)
    return None if membership is None else organizations.get(tx, membership.organization)


def join(tx: Tx, organization: Organization, account: str, parent: str, joined: int) -> None:
    """Put an account into an organization, or to another place in it."""
    known = memberships.get(tx, account)
    made = Membership(organization=organization.id, account=account, parent=parent, joined=joined)
    memberships.put(tx, made, account)
    members.put(tx, made, organization.id, account)
    if known is None and organization.controls:
        attach_control(tx, organization, FULL_ACCESS, account)


def leave(tx: Tx, organization: Organization, account: str) -> None:
    """Take an account out of its organization."""
    memberships.delete(tx, account)
    members.delete(tx, organization.id, account)
    detach_all(tx, organization, account)


def attach_control(tx: Tx, organization: Organization, policy: str, target: str) -> None:
    """Attach a service control policy. The caller says `changed` when it is done."""
    record = Attachment(policy=policy, target=target)
    controls_of.put(tx, record, organization.id, target, policy)
    targets_of.put(tx, record, organization.id, policy, target)


def detach_control(tx: Tx, organization: Organization, policy: str, target: str) -> None:
    """Undo `attach_control`."""
    controls_of.delete(tx, organization.id, target, policy)
    targets_of.delete(tx, organization.id, policy, target)


def detach_all(tx: Tx, organization: Organization, target: str) -> None:
    """Detach every policy from a target that is going."""
    for _, one in list(controls_of.scan(tx, organization.id, target)):
        detach_control(tx, organization, one.policy, target)


def targets(tx: Tx, organization: Organization) -> Iterator[str]:
    """All that policies may be attached to."""
    yield organization.root
    for _, unit in units.scan(tx, organization.id):
        yield unit.id
    for _, member in members.scan(tx, organization.id):
        yield member.account


def changed(tx: Tx, organization: Organization) -> None:
    """Say that the service control over an organization's accounts changed."""
    for _, member in members.scan(tx, organization.id):
        generation.moved(tx, member.account)


def control_policy(tx: Tx, organization: Organization, policy: str) -> ControlPolicy | None:
    """A service control policy, AWS's own or the organization's."""
    return FULL if policy == FULL_ACCESS else control_policies.get(tx, organization.id, policy)


def path_to(tx: Tx, organization: Organization, target: str) -> list[str]:
    """The ids from the root to a root or organizational unit, both included."""
    found = [target]
    while found[0] != organization.root:
        unit = units.get(tx, organization.id, found[0])
        if unit is None:
            break
        found.insert(0, unit.parent)
    return found


def controls(tx: Tx, account: str) -> tuple[PolicySet, ...]:
    """The service control policies over an account, one set per level; () if none control it, as the management account."""
    membership = memberships.get(tx, account)
    organization = None if membership is None else organizations.get(tx, membership.organization)
    if membership is None or organization is None or not organization.controls or organization.management == account:
        return ()
    levels = [*path_to(tx, organization, membership.parent), account]
    return tuple(PolicySet(_attached(tx, organization, target)) for target in levels)


def _attached(tx: Tx, organization: Organization, target: str) -> Iterator[Policy]:
    for _, one in controls_of.scan(tx, organization.id, target):
        found = control_policy(tx, organization, one.policy)
        name = f"{one.policy} (service control, of {target})"
        yield compiled(DENY if found is None else found.document, name, "control")


def organization_keys(tx: Tx, account: str) -> dict[str, str | tuple[str, ...]]:
    """The condition keys of callers of an account that is in an organization: aws:PrincipalOrgID, aws:PrincipalOrgPaths."""
    membership = memberships.get(tx, account)
    organization = None if membership is None else organizations.get(tx, membership.organization)
    if membership is None or organization is None:
        return {}
    path = "/".join([organization.id, *path_to(tx, organization, membership.parent)])
    return {"aws:principalorgid": organization.id, "aws:principalorgpaths": (f"{path}/",)}
