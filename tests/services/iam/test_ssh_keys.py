"""UploadSSHPublicKey, GetSSHPublicKey, ListSSHPublicKeys, UpdateSSHPublicKey, DeleteSSHPublicKey."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.core.errors import AwsError
from fogbank.services.iam.ssh_keys import openssh
from services.helpers import code, refusal
from services.iam.made import key_pem, new_key

if TYPE_CHECKING:
    from support.region import LocalRegion


@lru_cache
def public(number: int, bits: int = 2048) -> rsa.RSAPublicKey:
    """A public key with a modulus of our own: making real ones takes long, and nothing is encrypted with it."""
    return rsa.RSAPublicNumbers(65537, (1 << bits) - 2 * number - 1).public_key()


def ssh(number: int = 0, bits: int = 2048) -> str:
    return public(number, bits).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def spki(number: int = 0) -> str:
    return public(number).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


ED = ed25519.Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key()


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root, and users ann and bob."""
    client = region.client("iam")
    client.create_user(UserName="ann")
    client.create_user(UserName="bob")
    return client


def test_upload_ssh_public_key(iam: Any) -> None:
    made = iam.upload_ssh_public_key(UserName="ann", SSHPublicKeyBody=f"{ssh()} ann@example.com\n")["SSHPublicKey"]
    assert (made["SSHPublicKeyId"][:4], made["Status"], made["UserName"]) == ("APKA", "Active", "ann")
    digest = hashlib.md5(b64decode(ssh().split()[1]), usedforsecurity=False).digest()
    assert made["Fingerprint"] == digest.hex(":")
    one = {"UserName": "ann", "SSHPublicKeyId": made["SSHPublicKeyId"]}
    assert (
        iam.get_ssh_public_key(**one, Encoding="SSH")["SSHPublicKey"]["SSHPublicKeyBody"] == f"{ssh()} ann@example.com"
    )
    assert iam.get_ssh_public_key(**one, Encoding="PEM")["SSHPublicKey"]["SSHPublicKeyBody"] == spki()
    error = refusal(iam.upload_ssh_public_key, UserName="ann", SSHPublicKeyBody=spki())
    assert (error["Code"], error["Status"]) == ("DuplicateSSHPublicKey", 400)
    iam.upload_ssh_public_key(UserName="bob", SSHPublicKeyBody=spki())
    assert code(iam.get_ssh_public_key, **{**one, "UserName": "bob"}, Encoding="SSH") == "NoSuchEntity"


def test_list_update_and_delete_ssh_public_key(iam: Any) -> None:
    ids = [
        iam.upload_ssh_public_key(UserName="ann", SSHPublicKeyBody=ssh(number))["SSHPublicKey"]["SSHPublicKeyId"]
        for number in range(5)
    ]
    assert code(iam.upload_ssh_public_key, UserName="ann", SSHPublicKeyBody=ssh(5)) == "LimitExceeded"
    iam.update_ssh_public_key(UserName="ann", SSHPublicKeyId=ids[0], Status="Inactive")
    listed = iam.list_ssh_public_keys(UserName="ann")["SSHPublicKeys"]
    assert {each["SSHPublicKeyId"]: each["Status"] for each in listed} == dict.fromkeys(ids, "Active") | {
        ids[0]: "Inactive"
    }
    assert all("SSHPublicKeyBody" not in each for each in listed)
    first = iam.list_ssh_public_keys(UserName="ann", MaxItems=3)
    assert len(iam.list_ssh_public_keys(UserName="ann", Marker=first["Marker"])["SSHPublicKeys"]) == 2
    iam.delete_ssh_public_key(UserName="ann", SSHPublicKeyId=ids[0])
    assert code(iam.delete_ssh_public_key, UserName="ann", SSHPublicKeyId=ids[0]) == "NoSuchEntity"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (ssh(bits=1024), "InvalidPublicKey"),
        (ssh()[:-8], "InvalidPublicKey"),
        ("ssh-rsa", "InvalidPublicKey"),
        ("ssh-rsa AAAA", "InvalidPublicKey"),
        ("ssh-rsa " + b64encode(b"\x00\x00\x00\x07ssh-rsa\xff\xff\xff\xff").decode(), "InvalidPublicKey"),
        (ED.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(), "InvalidPublicKey"),
        (ED.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "InvalidPublicKey"),
        (key_pem(new_key()), "InvalidPublicKey"),
        ("-----BEGIN PUBLIC KEY-----", "InvalidPublicKey"),
        ("hello", "UnrecognizedPublicKeyEncoding"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "UnrecognizedPublicKeyEncoding"),
        ("x" * 16385, "ValidationError"),
    ],
    ids=range(12),
)
def test_what_is_no_key(iam: Any, body: str, error: str) -> None:
    assert code(iam.upload_ssh_public_key, UserName="ann", SSHPublicKeyBody=body) == error


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 380), st.integers(0, 30), st.text(max_size=12))
def test_damaged_keys_are_refused_or_read(at: int, cut: int, more: str) -> None:
    for whole in (ssh(), spki()):
        try:
            assert openssh(whole[:at] + more + whole[at + cut :]).startswith("ssh-rsa ")
        except AwsError as error:
            if error.code not in ("InvalidPublicKey", "UnrecognizedPublicKeyEncoding"):
                raise
