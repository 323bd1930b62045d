"""What is kept of identities. Times are seconds since the epoch; paths start and end with a slash; documents are kept as given.

Names are found in any case (IAM User Guide, "IAM and AWS STS quotas": names are unique without regard to case), so keys have them
in lower case: `key_of(name)`. A table whose first part is the account moves the account's generation with every change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from fogbank.core.identity.generation import on_change
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx

Owner = Literal["user", "group", "role"]  # what policies are attached to


class UserV1(Record, version=1):
    """A user, before permissions boundaries."""

    name: str
    id: str
    path: str
    created: int
    tags: dict[str, str]


class User(Record, version=2, predecessor=UserV1):
    """A user. `boundary` is the ARN of a managed policy, or empty."""

    name: str
    id: str
    path: str
    created: int
    tags: dict[str, str]
    boundary: str = ""

    @classmethod
    def upgrade(cls, old: UserV1) -> User:
        """Users had no boundary."""
        return cls(**msgspec.structs.asdict(old))


class Group(Record, version=1):
    """A group of users."""

    name: str
    id: str
    path: str
    created: int


class Role(Record, version=1):
    """A role. `trust` is its trust policy, with principals that IAM knows written as their unique ids (so that a namesake is not
    trusted); `trust_given` is as the caller gave it. `session` is the longest session in seconds; `service` the service principal
    of a service-linked role, or empty.
    """

    name: str
    id: str
    path: str
    created: int
    tags: dict[str, str]
    trust: str
    trust_given: str
    description: str = ""
    session: int = 3600
    boundary: str = ""
    service: str = ""


class ManagedPolicy(Record, version=1):
    """A customer managed policy: `default` is the version in force, `latest` the highest number ever given."""

    name: str
    id: str
    path: str
    created: int
    updated: int
    tags: dict[str, str]
    description: str
    default: int
    latest: int


class PolicyVersion(Record, version=1):
    """A version of a managed policy."""

    document: str
    created: int


class Inline(Record, version=1):
    """An inline policy of a user, group or role; `name` as the caller wrote it."""

    name: str
    document: str


class Attached(Record, version=1):
    """A managed policy attached to something: `owner_name` as its record has it."""

    arn: str
    owner: str
    owner_name: str


class Member(Record, version=1):
    """A user's membership in a group."""

    user: str
    group: str


class InstanceProfile(Record, version=1):
    """An instance profile; `role` is the name of its role, or empty."""

    name: str
    id: str
    path: str
    created: int
    role: str
    tags: dict[str, str]


class AccessKeyV1(Record, version=1):
    """A user's access key, with its secret in clear."""

    id: str
    account: str
    user: str
    secret: str
    active: bool
    created: int


class AccessKey(Record, version=2, predecessor=AccessKeyV1):
    """A user's access key. `sealed` is its secret in the vault, for the context `secret_context(id)`.

    `secret` is only in keys of an earlier release, until the region's next start seals it.
    """

    id: str
    account: str
    user: str
    sealed: bytes
    active: bool
    created: int
    secret: str = ""

    @classmethod
    def upgrade(cls, old: AccessKeyV1) -> AccessKey:
        """The secret stays in clear until `seal_old_keys`."""
        return cls(**msgspec.structs.asdict(old), sealed=b"")

    def __repr__(self) -> str:
        return f"AccessKey({self.id}, of {self.account} {self.user})"


class KeyUsed(Record, version=1):
    """When and for what an access key was last used; kept apart, so that using a key does not move the generation."""

    at: int
    region: str
    service: str


class OidcProvider(Record, version=1):
    """An OpenID Connect provider. `url` is without https://."""

    url: str
    clients: tuple[str, ...]
    thumbprints: tuple[str, ...]
    created: int
    tags: dict[str, str]


class SamlProvider(Record, version=1):
    """A SAML provider; `metadata` is its XML, `valid_until` the end of its certificate."""

    name: str
    metadata: str
    created: int
    valid_until: int
    tags: dict[str, str]
    id: str = ""


class MfaDevice(Record, version=1):
    """A virtual MFA device. `seed` is sealed for the context `mfa:SERIAL`; `counter` is the last TOTP step that was used, so that
    no code counts twice, `drift` how many steps its clock was off when it was enabled or resynchronised; `user` is the user's
    name, or empty while it is not enabled."""

    serial: str
    seed: bytes
    user: str
    enabled: int
    counter: int
    created: int
    tags: dict[str, str]
    drift: int = 0


class LoginProfile(Record, version=1):
    """A user's password for the console, hashed (scrypt: salt, hash)."""

    salt: bytes
    hash: bytes
    created: int
    reset_required: bool


users = Table("iam.user", User, on_change=on_change)  # account, key_of(name)
groups = Table("iam.group", Group, on_change=on_change)  # account, key_of(name)
roles = Table("iam.role", Role, on_change=on_change)  # account, key_of(name)
policies = Table("iam.policy", ManagedPolicy, on_change=on_change)  # account, key_of(name)
versions = Table("iam.version", PolicyVersion, on_change=on_change)  # account, key_of(policy's name), number
inlines = Table(
    "iam.inline", Inline, on_change=on_change
)  # account, owner, key_of(owner's name), key_of(policy's name)
attached = Table("iam.attached", Attached, on_change=on_change)  # account, owner, key_of(owner's name), policy's ARN
attached_to = Table("iam.attached_to", Attached)  # policy's ARN, account, owner, key_of(owner's name)
groups_of = Table("iam.groups_of", Member, on_change=on_change)  # account, key_of(user), key_of(group)
members = Table("iam.member", Member)  # account, key_of(group), key_of(user)
profiles = Table("iam.instance_profile", InstanceProfile)  # account, key_of(name)
access_keys = Table("iam.access_key", AccessKey)  # id
keys_of = Table("iam.keys_of", AccessKey, on_change=on_change)  # account, user's name, id
keys_used = Table("iam.key_used", KeyUsed)  # id
oidc_providers = Table("iam.oidc", OidcProvider, on_change=on_change)  # account, url
saml_providers = Table("iam.saml", SamlProvider, on_change=on_change)  # account, key_of(name)
mfa_devices = Table("iam.mfa", MfaDevice)  # account, serial
login_profiles = Table("iam.login", LoginProfile)  # account, key_of(user)


def key_of(name: str) -> str:
    """A name as it is found."""
    return name.lower()


def secret_context(key_id: str) -> str:
    """What the secret of an access key is sealed for."""
    return f"access-key:{key_id}"


def put_key(tx: Tx, key: AccessKey) -> None:
    """Keep a key, found by its id and by its user."""
    access_keys.put(tx, key, key.id)
    keys_of.put(tx, key, key.account, key.user, key.id)


def delete_key(tx: Tx, key: AccessKey) -> None:
    """Forget a key."""
    access_keys.delete(tx, key.id)
    keys_of.delete(tx, key.account, key.user, key.id)
    keys_used.delete(tx, key.id)


def attach(tx: Tx, account: str, owner: Owner, name: str, arn: str) -> None:
    """Attach a managed policy, found from both ends."""
    record = Attached(arn=arn, owner=owner, owner_name=name)
    attached.put(tx, record, account, owner, key_of(name), arn)
    attached_to.put(tx, record, arn, account, owner, key_of(name))


def detach(tx: Tx, account: str, owner: Owner, name: str, arn: str) -> None:
    """Undo `attach`."""
    attached.delete(tx, account, owner, key_of(name), arn)
    attached_to.delete(tx, arn, account, owner, key_of(name))


def join(tx: Tx, account: str, user: str, group: str) -> None:
    """Put a user into a group."""
    record = Member(user=user, group=group)
    groups_of.put(tx, record, account, key_of(user), key_of(group))
    members.put(tx, record, account, key_of(group), key_of(user))


def leave(tx: Tx, account: str, user: str, group: str) -> None:
    """Undo `join`."""
    groups_of.delete(tx, account, key_of(user), key_of(group))
    members.delete(tx, account, key_of(group), key_of(user))


def when(seconds: int) -> datetime:
    """A stored time."""
    return datetime.fromtimestamp(seconds, UTC)


def arn_of(account: str, record: Any) -> str:
    """The ARN of a user, group, role, customer managed policy or instance profile, with its path."""
    return f"arn:aws:iam::{account}:{_TYPES[type(record).__name__]}{record.path}{record.name}"


_TYPES = {
    "User": "user",
    "Group": "group",
    "Role": "role",
    "ManagedPolicy": "policy",
    "InstanceProfile": "instance-profile",
}
