"""The region's certificates: whom they are for, that clients accept them, and that they are renewed."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from fogbank.region import tls
from fogbank.region.errors import RegionError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tls.Files:
    return tls.ensure(tmp_path_factory.mktemp("tls") / "tls", ["fog.example", "192.0.2.7"])


def handshake(files: tls.Files, name: str) -> str:
    """Connect as a client that trusts only the CA; the TLS version."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    ours, theirs = socket.socketpair()

    def answer() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True):
                pass
        except OSError:
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with ssl.create_default_context(cafile=files.ca).wrap_socket(ours, server_hostname=name) as sock:
            return str(sock.version())
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "s3.localhost",
        "my-bucket.s3.localhost",
        "iam.localhost",
        "127.0.0.1",
        "::1",
        "fog.example",
        "192.0.2.7",
        socket.gethostname(),
    ],
)
def test_clients_accept_it(files: tls.Files, name: str) -> None:
    assert handshake(files, name) == "TLSv1.3"


def test_clients_refuse_it_for_other_names(files: tls.Files) -> None:
    for name in ("amazonaws.com", "192.0.2.8", "a.b.s3.localhost"):
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(files, name)


def test_keys_are_private(files: tls.Files) -> None:
    for key in (files.key, files.ca_key):
        assert key.stat().st_mode & 0o777 == 0o600
    assert files.ca.parent.stat().st_mode & 0o777 == 0o700


def test_the_server_certificate_is_renewed_before_it_expires_and_the_ca_stays(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    files = tls.ensure(tmp_path, now=now)
    ca, first = files.ca.read_bytes(), files.certificate.read_bytes()
    assert tls.expiry(files.certificate) - now < timedelta(days=398)
    tls.ensure(tmp_path, now=now + timedelta(days=300))
    assert files.certificate.read_bytes() == first
    tls.ensure(tmp_path, now=now + timedelta(days=350))
    assert files.certificate.read_bytes() != first
    assert files.ca.read_bytes() == ca
    tls.ensure(tmp_path, now=now + timedelta(days=3600))
    assert files.ca.read_bytes() != ca


def test_more_names_make_a_new_certificate(tmp_path: Path) -> None:
    files = tls.ensure(tmp_path)
    first = files.certificate.read_bytes()
    tls.ensure(tmp_path, ["new.example"])
    assert "new.example" in tls.certificate_names(files.certificate)
    assert files.certificate.read_bytes() != first


def test_another_cas_certificate_is_replaced(tmp_path: Path) -> None:
    files = tls.ensure(tmp_path)
    files.ca.unlink()
    tls.ensure(tmp_path)
    assert handshake(files, "localhost")


def test_a_crash_between_key_and_certificate_is_repaired(tmp_path: Path) -> None:
    files, other = tls.ensure(tmp_path / "a"), tls.ensure(tmp_path / "b")
    files.key.write_bytes(other.key.read_bytes())
    tls.ensure(tmp_path / "a")
    assert handshake(files, "localhost")


def test_damaged_files_are_named_and_kept(tmp_path: Path) -> None:
    files = tls.ensure(tmp_path)
    files.ca_key.write_text("rubbish")
    with pytest.raises(RegionError, match=r"ca\.key is damaged"):
        tls.ensure(tmp_path)
    assert files.ca_key.read_text() == "rubbish"
