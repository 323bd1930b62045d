"""Keys and policies that tests of KMS make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.services.kms import ciphertext
from fogbank.services.kms.material import sealed
from fogbank.services.kms.records import Alias, Grant, Key, aliases, aliases_of, grants, keys
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

OTHER = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def arn(key: str, account: str = ACCOUNT, region: str = "us-east-1") -> str:
    """The ARN of a key."""
    return f"arn:aws:kms:{region}:{account}:key/{key}"


def statement(principal: Any, action: Any = "kms:*", effect: str = "Allow", **conditions: Any) -> dict[str, Any]:
    """A statement of a key policy; `conditions` are operators with their keys and values."""
    named = principal if isinstance(principal, dict) else {"AWS": principal}
    made = {"Effect": effect, "Principal": named, "Action": action, "Resource": "*"}
    return made | ({"Condition": conditions} if conditions else {})


def document(*statements: Any) -> str:
    """A policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def kept(region: LocalRegion, key: str) -> Key | None:
    """The record of a key."""
    with region.region.store.snapshot() as tx:
        return keys.get(tx, ACCOUNT, "us-east-1", key)


KEY = "0badcafe-0000-4000-8000-000000000001"
GRANT = "9" * 64
# Inputs of KMS's operations that address what `keep_there` keeps.
THERE: dict[str, Any] = {
    "KeyId": KEY,
    "TargetKeyId": KEY,
    "DestinationKeyId": KEY,
    "AliasName": "alias/there",
    "GrantId": GRANT,
}
BLOB = ciphertext.seal(ACCOUNT, KEY, 1, bytes(32), bytes(24), b"x", b"")
MORE: dict[str, dict[str, Any]] = {
    "Decrypt": {"CiphertextBlob": BLOB},
    "ReEncrypt": {"CiphertextBlob": BLOB},
    "RetireGrant": {"KeyId": KEY, "GrantId": GRANT},
}


def keep_there(region: LocalRegion) -> None:
    """Keep a key with an alias and a grant, past KMS's API: always the same. The account's root retires the grant."""
    key = Key(
        account=ACCOUNT,
        region="us-east-1",
        id=KEY,
        created=0,
        description="",
        usage="ENCRYPT_DECRYPT",
        spec="SYMMETRIC_DEFAULT",
        origin="AWS_KMS",
        state="Enabled",
        policy=document(statement(ROOT)),
        policy_given=document(statement(ROOT)),
        tags={},
        materials=(),
        grants=1,
    )
    key = msgspec.structs.replace(key, materials=(sealed(region.region.vault, key, bytes(32), 0),))
    alias = Alias(name="there", key=KEY, created=0, updated=0)
    grant = Grant(
        id=GRANT, key=KEY, created=0, name="", grantee=ROOT, grantee_id=ROOT, retiring=ROOT, retiring_id=ROOT,
        operations=("RetireGrant",), constraint="", context={}, issuer=ACCOUNT,
    )  # fmt: skip

    def write(tx: Any) -> None:
        place = (ACCOUNT, "us-east-1")
        keys.put(tx, key, *place, KEY)
        aliases.put(tx, alias, *place, "there")
        aliases_of.put(tx, alias, *place, KEY, "there")
        grants.put(tx, grant, *place, KEY, GRANT)

    region.run(region.region.store.write(write))
