"""AWS Signature Version 4, and S3's Version 2, the server's side: pure functions over a request's head and an aws-chunked body."""

from fogbank.auth.chunked import ChunkDecoder, chunk_decoder
from fogbank.auth.claimed import Claim
from fogbank.auth.claims import claim, hoisted_headers
from fogbank.auth.dialect import (
    Dialect,
    dialect_of,
    expired_token,
    invalid_token,
    missing_credentials,
    unknown_key,
    unsupported_mechanism,
)
from fogbank.auth.payload import PayloadMode, check_payload, decoded_length, payload_mode
from fogbank.auth.post_policy import PostPolicy, parse_post_policy, post_claim, verify_post
from fogbank.auth.signing import signing_key
from fogbank.auth.verification import Verified, verify, wrong_region

__all__ = [
    "ChunkDecoder",
    "Claim",
    "Dialect",
    "PayloadMode",
    "PostPolicy",
    "Verified",
    "check_payload",
    "chunk_decoder",
    "claim",
    "decoded_length",
    "dialect_of",
    "expired_token",
    "hoisted_headers",
    "invalid_token",
    "missing_credentials",
    "parse_post_policy",
    "payload_mode",
    "post_claim",
    "signing_key",
    "unknown_key",
    "unsupported_mechanism",
    "verify",
    "verify_post",
    "wrong_region",
]
