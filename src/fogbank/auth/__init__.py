"""AWS Signature Version 4, the server's side: pure functions over a request's head and an aws-chunked body."""

from fogbank.auth.claims import Claim, claim
from fogbank.auth.dialect import (
    Dialect,
    dialect_of,
    expired_token,
    invalid_token,
    missing_credentials,
    unknown_key,
)
from fogbank.auth.payload import PayloadMode, check_payload, decoded_length, payload_mode
from fogbank.auth.verification import Verified, verify

__all__ = [
    "Claim",
    "Dialect",
    "PayloadMode",
    "Verified",
    "check_payload",
    "claim",
    "decoded_length",
    "dialect_of",
    "expired_token",
    "invalid_token",
    "missing_credentials",
    "payload_mode",
    "unknown_key",
    "verify",
]
