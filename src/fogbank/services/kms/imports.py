"""Imported material: a caller brings it, wrapped with a public key that is made for it; it can expire, be deleted and brought again.

The import token is all that is kept of the wrapping key: it holds the private key, sealed.

Source: API Reference, GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial; KMS Developer Guide, "Importing key
material for AWS KMS keys".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_private_key

from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.vault import Unsealable
from fogbank.services.kms import ciphertext
from fogbank.services.kms.addressing import find_own, without_material
from fogbank.services.kms.deletion import DAY
from fogbank.services.kms.material import id_of, sealed, sealed_again
from fogbank.services.kms.records import ENABLED, PENDING_IMPORT, when
from fogbank.services.kms.service import kms
from fogbank.services.kms.specs import SPECS, Made, make
from fogbank.services.kms.states import keep, need_kept, unsupported, validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key, Material

_PURPOSE: Final = "kms:import-token"
_LONGEST: Final = 365  # days that material may last before it expires


class Token(msgspec.Struct, frozen=True, array_like=True):
    """What an import token says: for which key, until when (seconds), and the private key to unwrap with (DER)."""

    key: str
    until: int
    algorithm: str
    private: bytes

    def __repr__(self) -> str:
        return f"Token({self.key})"


def prepare_parameters(call: Call, req: Input) -> Callable[[], Made]:
    """Make the wrapping key before the transaction: a large RSA key takes seconds."""
    need_external(call, req)
    if req["WrappingAlgorithm"] == "RSAES_PKCS1_V1_5":
        raise unsupported("The wrapping algorithm RSAES_PKCS1_V1_5 is not supported.")
    if req["WrappingAlgorithm"] == "SM2PKE" or req["WrappingKeySpec"] == "SM2":
        raise not_implemented("SM2")
    spec, ids = req["WrappingKeySpec"], call.ids
    return lambda: make(spec, ids)


@kms.operation(
    "scan", "key", takes="KeyId WrappingAlgorithm WrappingKeySpec", needs_policy=True, prepare=prepare_parameters
)
def get_parameters_for_import(call: Call, req: Input) -> dict[str, Any]:
    """A public key to wrap material with, and the token to bring with it, for a day."""
    key = need_external(call, req)
    made: Made = call.prepared
    until = int(call.now.timestamp()) + DAY
    token = Token(key.arn, until, req["WrappingAlgorithm"], made.secret)
    return {
        "KeyId": key.arn,
        "ImportToken": call.vault.seal(msgspec.msgpack.encode(token), _PURPOSE),
        "PublicKey": made.public,
        "ParametersValidTo": when(until),
    }


def prepare_material(call: Call, req: Input) -> Callable[[], bytes]:
    """Unwrap the material before the transaction: that takes milliseconds."""
    key = need_external(call, req)
    token = read_token(call, key, req["ImportToken"])
    return lambda: unwrap(token, req["EncryptedKeyMaterial"])


@kms.operation(
    "write",
    "key",
    takes="KeyId ImportToken EncryptedKeyMaterial ValidTo ExpirationModel",
    needs_policy=True,
    prepare=prepare_material,
)
def import_key_material(call: Call, req: Input) -> dict[str, Any]:
    """Give a key its material; once it had some, only the same again."""
    key = need_external(call, req)
    expires = until(call, req)
    made = placed(call, key, call.prepared)
    state = ENABLED if key.state == PENDING_IMPORT else key.state
    keep(call, msgspec.structs.replace(key, materials=(made,), state=state, expires=expires))
    return {"KeyId": key.arn, "KeyMaterialId": made.id}


@kms.operation("write", "key", takes="KeyId", needs_policy=True)
def delete_imported_key_material(call: Call, req: Input) -> dict[str, Any]:
    """Forget the material of a key, which waits for it again then."""
    key = need_origin(find_own(call, req["KeyId"]))
    keep(call, without_material(key))
    return {"KeyId": key.arn} | ({"KeyMaterialId": key.materials[-1].id} if key.materials else {})


def need_external(call: Call, req: Input) -> Key:
    """The addressed key, if it takes imported material."""
    key = need_origin(find_own(call, req["KeyId"]))
    need_kept(key)
    return key


def need_origin(key: Key) -> Key:
    """A key, if its material is imported."""
    if key.origin != "EXTERNAL":
        raise unsupported(f"{key.arn} origin is {key.origin} which is not valid for this operation.")
    return key


def read_token(call: Call, key: Key, raw: bytes) -> Token:
    """What an import token says, if it is for this key and of the last day."""
    try:
        token = msgspec.msgpack.decode(call.vault.open(raw, _PURPOSE), type=Token)
    except (Unsealable, msgspec.MsgspecError):
        raise AwsError("InvalidImportTokenException", status=400) from None
    if token.key != key.arn:
        raise AwsError("InvalidImportTokenException", status=400)
    if token.until <= call.now.timestamp():
        raise AwsError("ExpiredImportTokenException", status=400)
    return token


def unwrap(token: Token, wrapped: bytes) -> bytes:
    """The material that was wrapped; InvalidCiphertextException if it was not, with this key."""
    private = cast("RSAPrivateKey", load_der_private_key(token.private, None, unsafe_skip_rsa_key_validation=True))
    kind = hashes.SHA1() if token.algorithm.endswith("_SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(mgf=padding.MGF1(kind), algorithm=kind, label=None)
    try:
        if not token.algorithm.startswith("RSA_AES_KEY_WRAP"):
            return private.decrypt(wrapped, oaep)
        size = private.key_size // 8
        return keywrap.aes_key_unwrap_with_padding(private.decrypt(wrapped[:size], oaep), wrapped[size:])
    except (ValueError, keywrap.InvalidUnwrap):
        raise ciphertext.invalid() from None


def until(call: Call, req: Input) -> int:
    """When the material is to expire; 0 for never."""
    expires = req.get("ExpirationModel", "KEY_MATERIAL_EXPIRES") == "KEY_MATERIAL_EXPIRES"
    if expires != ("ValidTo" in req):
        raise validation("A validTo date must be set if the expiration model is KEY_MATERIAL_EXPIRES, and only then.")
    if not expires:
        return 0
    seconds = int(req["ValidTo"].timestamp())
    if not 0 < seconds - call.now.timestamp() <= _LONGEST * DAY:
        raise validation(f"The validTo date must be in the next {_LONGEST} days.")
    return seconds


def placed(call: Call, key: Key, secret: bytes) -> Material:
    """The key's material, which is what it was before if there was any; IncorrectKeyMaterialException if it cannot be."""
    if len(secret) != SPECS[key.spec].size:
        raise AwsError("IncorrectKeyMaterialException", "The key material has the wrong length.", status=400)
    if not key.materials:
        return sealed(call.vault, key, secret, int(call.now.timestamp()))
    if key.materials[-1].id != id_of(key.arn, secret):
        what = "Imported key material must be the same as the key material that was imported before."
        raise AwsError("IncorrectKeyMaterialException", what, status=400)
    return sealed_again(call.vault, key, secret)
