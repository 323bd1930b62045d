"""Events of KMS: which keys they are about, and nothing that is secret."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from tests.services.kms.made import arn

if TYPE_CHECKING:
    from support.region import LocalRegion


def test_events_name_the_keys(region: LocalRegion, kms: Any, key: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"team": "blue"})["CiphertextBlob"]
    kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"team": "blue"}, DestinationKeyId=other)
    again, first = region.events()[:2]
    assert [each["ARN"] for each in again["resources"]] == [arn(key), arn(other)]
    assert first["resources"] == [{"accountId": "123456789012", "type": "AWS::KMS::Key", "ARN": arn(key)}]
    assert (first["eventSource"], first["eventName"]) == ("kms.amazonaws.com", "Encrypt")
    assert first["requestParameters"]["encryptionContext"] == {"team": "blue"}


def test_events_have_no_secrets(region: LocalRegion, kms: Any, key: str) -> None:
    secret = b"a secret that is long enough to find"
    blob = kms.encrypt(KeyId=key, Plaintext=secret)["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
    made = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    kms.generate_mac(KeyId=mac, Message=secret, MacAlgorithm="HMAC_SHA_256")
    text = json.dumps(region.events())
    for hidden in (secret, made["PrivateKeyPlaintext"]):
        assert b64encode(hidden).decode()[:40] not in text
        assert hidden[:20].hex() not in text
