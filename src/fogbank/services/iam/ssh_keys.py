"""Users' SSH public keys."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import key_of, when
from fogbank.services.iam.account_records import SshKey, ssh_keys
from fogbank.services.iam.certificates import is_active
from fogbank.services.iam.listing import paged
from fogbank.services.iam.login_profiles import holder
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        DeleteSSHPublicKeyRequestTypeDef,
        GetSSHPublicKeyRequestTypeDef,
        ListSSHPublicKeysRequestTypeDef,
        UpdateSSHPublicKeyRequestTypeDef,
        UploadSSHPublicKeyRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input

PER_USER = 5
BITS = 2048  # at least
BITS_MOST = 16_384


@iam.operation("write", "user", takes="UserName SSHPublicKeyBody")
def upload_ssh_public_key(call: Call, req: UploadSSHPublicKeyRequestTypeDef) -> dict[str, Any]:
    """Keep a user's public key, in OpenSSH's form or in PEM."""
    name = holder(call, req)
    body = openssh(req["SSHPublicKeyBody"])
    # What AWS tells of a key is an MD5 digest; nothing is trusted for it.
    digest = hashlib.md5(b64decode(body.split()[1]), usedforsecurity=False).hexdigest()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    held = [key for _, key in ssh_keys.scan(call.tx, call.account, key_of(name))]
    if any(key.body.split()[1] == body.split()[1] for key in held):
        raise AwsError("DuplicateSSHPublicKey", "The SSH public key is already associated with the specified IAM user.")
    if len(held) >= PER_USER:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for SSHPublicKeysPerUser: {PER_USER}")
    key = SshKey(
        id=call.ids.unique("APKA"),
        user=name,
        body=body,
        fingerprint=fingerprint,
        active=True,
        uploaded=int(call.now.timestamp()),
    )
    ssh_keys.put(call.tx, key, call.account, key_of(name), key.id)
    return {"SSHPublicKey": told(key, key.body)}


@iam.operation("read", "user", takes="UserName SSHPublicKeyId Encoding")
def get_ssh_public_key(call: Call, req: GetSSHPublicKeyRequestTypeDef) -> dict[str, Any]:
    """A user's key, in OpenSSH's form or in PEM."""
    key = open_key(call, req)
    body = key.body
    if req["Encoding"] == "PEM":
        parsed = serialization.load_ssh_public_key(body.encode())
        body = parsed.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    return {"SSHPublicKey": told(key, body)}


@iam.operation("scan", "user", takes="UserName Marker MaxItems")
def list_ssh_public_keys(call: Call, req: ListSSHPublicKeysRequestTypeDef) -> dict[str, Any]:
    """A user's keys, without their bodies."""
    kept = ssh_keys.scan(call.tx, call.account, key_of(holder(call, req)))
    found, more = paged(req, ((key.id, metadata(key)) for _, key in kept))
    return {"SSHPublicKeys": found, **more}


@iam.operation("write", "user", takes="UserName SSHPublicKeyId Status")
def update_ssh_public_key(call: Call, req: UpdateSSHPublicKeyRequestTypeDef) -> dict[str, Any]:
    """Switch a key off, or on again."""
    key = open_key(call, req)
    changed = msgspec.structs.replace(key, active=is_active(req))
    ssh_keys.put(call.tx, changed, call.account, key_of(key.user), key.id)
    return {}


@iam.operation("write", "user", takes="UserName SSHPublicKeyId")
def delete_ssh_public_key(call: Call, req: DeleteSSHPublicKeyRequestTypeDef) -> dict[str, Any]:
    """Delete a user's key."""
    key = open_key(call, req)
    ssh_keys.delete(call.tx, call.account, key_of(key.user), key.id)
    return {}


def openssh(text: str) -> str:
    """A public key in OpenSSH's form (type, blob and comment), from either form; RSA, of 2048 bits or more."""
    invalid = AwsError("InvalidPublicKey", "The public key is malformed or otherwise invalid.")
    given = text.strip()
    parsed: object
    try:
        if given.startswith("ssh-"):
            parsed = serialization.load_ssh_public_key(given.encode())
        elif given.startswith("-----BEGIN"):
            parsed = serialization.load_pem_public_key(given.encode())
        else:
            raise AwsError(
                "UnrecognizedPublicKeyEncoding", "The public key encoding format is unsupported or unrecognized."
            )
    except (ValueError, UnsupportedAlgorithm):
        raise invalid from None
    if not isinstance(parsed, RSAPublicKey) or not BITS <= parsed.key_size <= BITS_MOST:
        raise invalid
    form = parsed.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    comment = given.split(None, 2)[2:] if given.startswith("ssh-") else []
    return " ".join([form, *comment])


def open_key(call: Call, req: Input) -> SshKey:
    """The addressed key, if it is the user's."""
    key = ssh_keys.get(call.tx, call.account, key_of(holder(call, req)), req["SSHPublicKeyId"])
    if key is None:
        raise AwsError("NoSuchEntity", f"The Public Key with id {req['SSHPublicKeyId']} cannot be found.")
    return key


def metadata(key: SshKey) -> dict[str, Any]:
    """A key as listings tell it."""
    return {
        "UserName": key.user,
        "SSHPublicKeyId": key.id,
        "Status": "Active" if key.active else "Inactive",
        "UploadDate": when(key.uploaded),
    }


def told(key: SshKey, body: str) -> dict[str, Any]:
    """A key with its body."""
    return {**metadata(key), "Fingerprint": key.fingerprint, "SSHPublicKeyBody": body}
