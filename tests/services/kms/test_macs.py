"""GenerateMac, VerifyMac."""

from __future__ import annotations

from typing import Any

import pytest

from services.helpers import code

SIZES = {"224": 28, "256": 32, "384": 48, "512": 64}


@pytest.mark.parametrize("bits", SIZES)
def test_a_code_is_verified(kms: Any, bits: str) -> None:
    key = kms.create_key(KeySpec=f"HMAC_{bits}", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    how = {"KeyId": key, "MacAlgorithm": f"HMAC_SHA_{bits}"}
    made = kms.generate_mac(Message=b"a message", **how)["Mac"]
    assert len(made) == SIZES[bits]
    assert made == kms.generate_mac(Message=b"a message", **how)["Mac"]
    assert kms.verify_mac(Message=b"a message", Mac=made, **how)["MacValid"]
    for message, mac in ((b"another", made), (b"a message", made[:-1] + bytes([made[-1] ^ 1])), (b"a message", b"x")):
        assert code(kms.verify_mac, Message=message, Mac=mac, **how) == "KMSInvalidMacException"


def test_what_has_no_code(kms: Any, key: str) -> None:
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    asked = {"KeyId": mac, "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
    assert code(kms.generate_mac, **{**asked, "KeyId": key}) == "InvalidKeyUsageException"
    assert code(kms.generate_mac, **{**asked, "MacAlgorithm": "HMAC_SHA_512"}) == "InvalidKeyUsageException"
    assert code(kms.generate_mac, **{**asked, "Message": b"x" * 4097}) == "ValidationException"
    assert code(kms.generate_mac, **asked, DryRun=True) == "DryRunOperationException"
    kms.disable_key(KeyId=mac)
    assert code(kms.generate_mac, **asked) == "DisabledException"
