"""What tests of IAM put into the region past its API, and certificates and keys that they make."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from fogbank.core.identity import records
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

Key = ec.EllipticCurvePrivateKey
START = datetime(2026, 1, 1, tzinfo=UTC)


def document(*statements: Any) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def write(region: LocalRegion, change: Any) -> None:
    """Change the region's state in a transaction."""
    region.run(region.region.store.write(change))


def put_role(region: LocalRegion, name: str, **fields: Any) -> str:
    """A role; its ARN."""
    values: dict[str, Any] = {
        "path": "/",
        "created": 1,
        "tags": {},
        "trust": "{}",
        "trust_given": "{}",
        "id": "AROA" + "A" * 16,
    }
    role = records.Role(name=name, **(values | fields))
    write(region, lambda tx: records.roles.put(tx, role, ACCOUNT, name))
    return records.arn_of(ACCOUNT, role)


def put_group(region: LocalRegion, name: str, *users: str) -> str:
    """A group with members; its ARN."""
    group = records.Group(name=name, id="AGPA" + "A" * 16, path="/", created=1)

    def change(tx: Any) -> None:
        records.groups.put(tx, group, ACCOUNT, name)
        for user in users:
            records.join(tx, ACCOUNT, user, name)

    write(region, change)
    return records.arn_of(ACCOUNT, group)


def put_policy(region: LocalRegion, name: str, text: str, *owners: tuple[Any, str]) -> str:
    """A managed policy, attached to owners; its ARN."""
    policy = records.ManagedPolicy(
        name=name, id="ANPA" + "A" * 16, path="/", created=1, updated=1, tags={}, description="", default=1, latest=1
    )
    arn = records.arn_of(ACCOUNT, policy)

    def change(tx: Any) -> None:
        records.policies.put(tx, policy, ACCOUNT, name)
        records.versions.put(tx, records.PolicyVersion(document=text, created=1), ACCOUNT, name, 1)
        for owner, owner_name in owners:
            records.attach(tx, ACCOUNT, owner, owner_name, arn)

    write(region, change)
    return arn


def put_inline(region: LocalRegion, owner: str, name: str, policy: str, text: str) -> None:
    """An inline policy."""
    record = records.Inline(name=policy, document=text)
    write(region, lambda tx: records.inlines.put(tx, record, ACCOUNT, owner, name, policy))


def new_key() -> Key:
    """A private key, quick to make."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate(key: Key, name: str = "example.com", issuer: tuple[Key, str] | None = None) -> x509.Certificate:
    """A certificate, self-signed or by an issuer; valid for a year from 2026."""
    signer, signer_name = issuer or (key, name)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signer_name)]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=365))
        .sign(signer, SHA256())
    )


def pem(made: x509.Certificate) -> str:
    """A certificate in PEM."""
    return made.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: Key, password: bytes | None = None) -> str:
    """A private key in PEM."""
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed).decode()
