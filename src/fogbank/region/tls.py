"""The region's own certificate authority, and the server certificate that it signs for this machine's names.

The CA exists for the clients' sake: they are told to trust it (`AWS_CA_BUNDLE`), and the server's certificate can then be
renewed, or given more names, without telling them again.
"""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fogbank.region.data import write_file
from fogbank.region.errors import RegionError
from fogbank.region.listener import Tls

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CA_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=397)  # browsers refuse longer ones
_RENEW_BEFORE = timedelta(days=60)
_CLOCK_SLACK = timedelta(hours=1)
# OpenSSL (and so boto3) accepts no wildcard right below a top-level name: *.localhost serves other TLS libraries, and the
# services' names are there one by one.
_LOCAL_NAMES = (
    "localhost", "*.localhost", "s3.localhost", "*.s3.localhost", "iam.localhost", "sts.localhost", "127.0.0.1", "::1",
)  # fmt: skip


class Files(NamedTuple):
    """Where the certificates are, all PEM."""

    ca: Path
    ca_key: Path
    certificate: Path
    key: Path

    @property
    def server(self) -> Tls:
        """What the HTTP server needs."""
        return Tls(self.certificate, self.key)


class _Pair(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def files(directory: Path) -> Files:
    """The paths, whether or not anything is there."""
    return Files(*(directory / name for name in ("ca.pem", "ca.key", "server.pem", "server.key")))


def host_names() -> list[str]:
    """The names of this machine on its own network. Nobody is asked: a resolver may take seconds to say that it knows none."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return (
        sorted({name, short, f"{short}.local"} - {"localhost", "localhost.local"}) if short and name.isascii() else []
    )


def ensure(directory: Path, names: Iterable[str] = (), *, now: datetime | None = None) -> Files:
    """The CA and a server certificate for this machine's names and `names`: made, or made anew if it expires within 60 days.

    The key files have mode 0600. RegionError if what is there is damaged, or cannot be written.
    """
    now = now or datetime.now(UTC)
    paths = files(directory)
    wanted = list(dict.fromkeys((*_LOCAL_NAMES, *host_names(), *names)))
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        ca = _load(paths.ca, paths.ca_key)
        if ca is None or _expires_soon(ca, now):
            ca = _make_ca(now)
            _save(ca, paths.ca, paths.ca_key)
        server = _load(paths.certificate, paths.key)
        if server is None or _expires_soon(server, now) or not _fits(server, ca, wanted):
            server = _make_server(ca, wanted, now)
            _save(server, paths.certificate, paths.key, chain=ca.certificate)
    except OSError as error:
        raise RegionError(f"cannot write certificates in {directory}: {error.strerror}") from None
    return paths


def certificate_names(path: Path) -> list[str]:
    """The names and addresses that a certificate is for."""
    return _names(x509.load_pem_x509_certificate(path.read_bytes()))


def expiry(path: Path) -> datetime:
    """When a certificate ends."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _load(certificate: Path, key: Path) -> _Pair | None:
    if not (certificate.exists() and key.exists()):
        return None
    try:
        loaded = serialization.load_pem_private_key(key.read_bytes(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError("not an EC key")
        pair = _Pair(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)
    except (ValueError, TypeError) as error:
        raise RegionError(
            f"{certificate} or {key} is damaged ({error}).\nRemove both, and new ones are made; clients must then be given the new CA."
        ) from None
    # A crash between the two writes leaves a certificate with another's key: no use, so made anew.
    return pair if pair.certificate.public_key() == pair.key.public_key() else None


def _save(pair: _Pair, certificate: Path, key: Path, chain: x509.Certificate | None = None) -> None:
    pem = serialization.Encoding.PEM
    encoded = pair.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_file(key, encoded, 0o600)
    write_file(certificate, pair.certificate.public_bytes(pem) + (chain.public_bytes(pem) if chain else b""), 0o644)


def _expires_soon(pair: _Pair, now: datetime) -> bool:
    return pair.certificate.not_valid_after_utc - now < _RENEW_BEFORE


def _fits(server: _Pair, ca: _Pair, wanted: list[str]) -> bool:
    try:
        server.certificate.verify_directly_issued_by(ca.certificate)
    except Exception:
        return False  # another CA's: the reasons are many, and all end here
    return set(wanted) <= set(_names(server.certificate))


def _names(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _named(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fogbank"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs_certificates, crl_sign=signs_certificates, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _make_ca(now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"Fogbank local CA ({socket.gethostname()[:32]}, {now:%Y-%m-%d})")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _make_server(ca: _Pair, names: list[str], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    ca_id = ca.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_named("Fogbank"))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(min(now + _SERVER_LIFE, ca.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(ca.key, hashes.SHA256())
    )
    return _Pair(certificate, key)
