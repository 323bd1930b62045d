"""What IAM keeps of an account beside identities: alias, password policy, certificates, and what users hold beside access keys.

Nothing here imports the service, so that its definition may find resources and tags here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.identity.records import (
    arn_of,
    key_of,
    login_profiles,
    mfa_devices,
    oidc_providers,
    saml_providers,
    users,
)
from fogbank.core.service import Permission
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fogbank.core.call import Call
    from fogbank.core.identity.records import MfaDevice
    from fogbank.core.service import Input, Resource
    from fogbank.store.api import Tx


class Alias(Record, version=1):
    """An account's alias, or whose an alias is."""

    account: str
    alias: str


class PasswordPolicy(Record, version=1):
    """An account's password policy. `max_age` in days and `reuse` in passwords, 0 for none."""

    length: int
    symbols: bool
    numbers: bool
    upper: bool
    lower: bool
    change: bool
    max_age: int
    reuse: int
    hard: bool


class PasswordHistory(Record, version=1):
    """Hashes of a user's earlier passwords, the latest first, with the salt of the user's present one; `changed` is when that was
    set."""

    hashes: tuple[bytes, ...]
    changed: int


class SigningCertificate(Record, version=1):
    """A user's X.509 signing certificate, in PEM as given; `digest` is the SHA-256 of its DER."""

    id: str
    user: str
    body: str
    digest: bytes
    active: bool
    uploaded: int


class SshKey(Record, version=1):
    """A user's public SSH key, in OpenSSH's form; `fingerprint` is the MD5 of its blob, with colons."""

    id: str
    user: str
    body: str
    fingerprint: str
    active: bool
    uploaded: int


class ServiceCredential(Record, version=1):
    """A user's credential for one service. `secret` is sealed for the context `service-credential:ID`; `expires` 0 for never."""

    id: str
    user: str
    service: str
    service_user: str
    secret: bytes
    active: bool
    created: int
    expires: int

    def __repr__(self) -> str:
        return f"ServiceCredential({self.id}, of {self.user})"


class ServerCertificate(Record, version=1):
    """A server certificate. `key` is its private key in PEM, sealed for the context `server-certificate:ID`."""

    name: str
    id: str
    path: str
    body: str
    chain: str
    key: bytes
    uploaded: int
    expires: int
    tags: dict[str, str]

    def __repr__(self) -> str:
        return f"ServerCertificate({self.id}, {self.name})"


class CredentialReport(Record, version=1):
    """An account's last credential report, in CSV."""

    content: bytes
    created: int


class AccessJob(Record, version=1):
    """A report of last accessed services: of what, and whether of actions, too."""

    arn: str
    actions: bool
    created: int


aliases = Table("iam.alias", Alias)  # account
alias_owners = Table("iam.alias_owner", Alias)  # alias
password_policies = Table("iam.password_policy", PasswordPolicy)  # account
password_histories = Table("iam.password_history", PasswordHistory)  # account, key_of(user)
signing_certificates = Table("iam.signing_certificate", SigningCertificate)  # account, key_of(user), id
signing_digests = Table("iam.signing_digest", SigningCertificate)  # account, digest
ssh_keys = Table("iam.ssh_key", SshKey)  # account, key_of(user), id
service_credentials = Table("iam.service_credential", ServiceCredential)  # account, key_of(user), id
server_certificates = Table("iam.server_certificate", ServerCertificate)  # account, key_of(name)
credential_reports = Table("iam.credential_report", CredentialReport)  # account
access_jobs = Table("iam.access_job", AccessJob)  # account, job's id


def devices_of(tx: Tx, account: str, user: str) -> Iterator[MfaDevice]:
    """A user's MFA devices."""
    wanted = key_of(user)
    return (device for _, device in mfa_devices.scan(tx, account) if device.user and key_of(device.user) == wanted)


def held(tx: Tx, account: str, user: str) -> str | None:
    """What a user still holds that is in the way of deleting it, in the words of IAM's DeleteConflict; None for nothing."""
    key = key_of(user)
    if login_profiles.get(tx, account, key) is not None:
        return "login profile"
    if next(devices_of(tx, account, user), None) is not None:
        return "MFA device"
    if next(signing_certificates.scan(tx, account, key, limit=1), None):
        return "signing certificates"
    if next(ssh_keys.scan(tx, account, key, limit=1), None):
        return "SSH public keys"
    if next(service_credentials.scan(tx, account, key, limit=1), None):
        return "service specific credentials"
    return None


def hand_over(tx: Tx, account: str, old: str, new: str) -> None:
    """Move what a user holds to its new name."""
    before, after = key_of(old), key_of(new)
    for device in list(devices_of(tx, account, old)):
        mfa_devices.put(tx, msgspec.structs.replace(device, user=new), account, device.serial)
    for owned in (signing_certificates, ssh_keys, service_credentials):
        _move_owned(tx, owned, account, old, new)
    for single in (login_profiles, password_histories):
        _move_single(tx, single, account, before, after)


def _move_owned(tx: Tx, table: Table[Any], account: str, old: str, new: str) -> None:
    for parts, record in list(table.scan(tx, account, key_of(old))):
        table.delete(tx, *parts)
        table.put(tx, msgspec.structs.replace(record, user=new), account, key_of(new), record.id)


def _move_single(tx: Tx, table: Table[Any], account: str, before: str, after: str) -> None:
    record = table.get(tx, account, before)
    if record is not None:
        table.delete(tx, account, before)
        table.put(tx, record, account, after)


def oidc_arn(account: str, url: str) -> str:
    """An OpenID Connect provider's ARN; `url` is without https://."""
    return f"arn:aws:iam::{account}:oidc-provider/{url}"


def saml_arn(account: str, name: str) -> str:
    """A SAML provider's ARN."""
    return f"arn:aws:iam::{account}:saml-provider/{name}"


def server_certificate_arn(account: str, path: str, name: str) -> str:
    """A server certificate's ARN."""
    return f"arn:aws:iam::{account}:server-certificate{path}{name}"


def mfa_serial(account: str, path: str, name: str) -> str:
    """A virtual MFA device's serial number, which is its ARN."""
    return f"arn:aws:iam::{account}:mfa{path}{name}"


def _own(call: Call, _req: Input) -> str:
    return call.principal.issuer or call.principal.arn


def _certificate(call: Call, req: Input) -> str:
    name = req["ServerCertificateName"]
    found = server_certificates.get(call.tx, call.account, key_of(name))
    return server_certificate_arn(call.account, found.path if found else "/", found.name if found else name)


def _serial_user(call: Call, req: Input) -> str:
    """The user of GetMFADevice: the named one, or the device's."""
    device = mfa_devices.get(call.tx, call.account, req["SerialNumber"])
    name = req.get("UserName") or (device.user if device else "")
    found = users.get(call.tx, call.account, key_of(name)) if name else None
    return arn_of(call.account, found) if found else f"arn:aws:iam::{call.account}:user/{name or '*'}"


RESOURCES: Mapping[str, Resource] = {
    "own": _own,
    "mfa": lambda _call, req: str(req["SerialNumber"]),
    "new_mfa": lambda call, req: mfa_serial(call.account, req.get("Path", "/"), req["VirtualMFADeviceName"]),
    "mfa_user": _serial_user,
    "oidc": lambda _call, req: str(req["OpenIDConnectProviderArn"]),
    "new_oidc": lambda call, req: oidc_arn(call.account, req["Url"].removeprefix("https://")),
    "saml": lambda _call, req: str(req["SAMLProviderArn"]),
    "new_saml": lambda call, req: saml_arn(call.account, req["Name"]),
    "server_certificate": _certificate,
    "new_server_certificate": lambda call, req: server_certificate_arn(
        call.account, req.get("Path", "/"), req["ServerCertificateName"]
    ),
    "policy_source": lambda _call, req: str(req["PolicySourceArn"]),
    "entity": lambda _call, req: str(req["Arn"]),
}


def tagging(action: str, kind: str) -> Callable[[Call, Any], list[Permission]]:
    """What creating something with tags needs beside: the right to tag it (IAM User Guide, "Tags for IAM resources")."""
    make = RESOURCES[kind]

    def also(call: Call, req: Input) -> list[Permission]:
        return [Permission(f"iam:{action}", make(call, req), req)] if req.get("Tags") else []

    return also


def tags_of(call: Call, arn: str) -> Mapping[str, str]:
    """The tags of an MFA device, provider or server certificate of the caller's account; none for anything else."""
    account, _, rest = arn.partition("arn:aws:iam::")[2].partition(":")
    if account != call.account:
        return {}
    kind, _, name = rest.partition("/")
    found: Any = None
    if kind == "mfa":
        found = mfa_devices.get(call.tx, account, arn)
    elif kind == "oidc-provider":
        found = oidc_providers.get(call.tx, account, name)
    elif kind == "saml-provider":
        found = saml_providers.get(call.tx, account, key_of(name))
    elif kind == "server-certificate":
        found = server_certificates.get(call.tx, account, key_of(name.rpartition("/")[2]))
    return found.tags if found else {}
