"""Tokens signed with RSA, those of other issuers, those that were changed; keys that are none.

Source: RFC 7515, 7517, 7519; RFC 8725.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as some

from fogbank.core.errors import AwsError
from fogbank.core.identity.oidc_keys import KeySets, parse_keys
from fogbank.core.identity.records import OidcProvider
from fogbank.core.identity.tokens_oidc import issuer_of, url_of, verify

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
KEY = rsa.generate_private_key(65537, 2048)
PROVIDER = OidcProvider(url="idp.example/realm", clients=("app",), thumbprints=(), created=0, tags={})
CODES = {"InvalidIdentityToken", "ExpiredTokenException", "IDPRejectedClaim", "IDPCommunicationError"}


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def number(value: int) -> str:
    return part(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def published(url: str, _thumbprints: tuple[str, ...]) -> bytes:
    """The provider's documents."""
    if url == "https://idp.example/keys":
        public = KEY.public_key().public_numbers()
        return json.dumps({"keys": [{"kty": "RSA", "kid": "k", "n": number(public.n), "e": number(public.e)}]}).encode()
    assert url == "https://idp.example/realm/.well-known/openid-configuration"
    return json.dumps({"issuer": "https://idp.example/realm", "jwks_uri": "https://idp.example/keys"}).encode()


def token(header: Any, **changed: Any) -> str:
    claims = {
        "iss": "https://idp.example/realm",
        "sub": "u",
        "aud": "app",
        "iat": SECONDS,
        "exp": SECONDS + 60,
        **changed,
    }
    data = f"{part(header)}.{part(claims)}"
    return f"{data}.{part(KEY.sign(data.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def believed(text: str) -> Any:
    """The claims, or None if the token is refused as AWS refuses tokens."""
    try:
        return verify(text, PROVIDER, KeySets(published), NOW)
    except AwsError as error:
        refusal = error
    assert refusal.code in CODES
    assert not any(len(each) > 20 and each in str(refusal) for each in text.split("."))
    return None


def test_a_good_token() -> None:
    claims = believed(token({"alg": "RS256", "kid": "k"}, email="a@b"))
    assert (claims.subject, claims.audience) == ("u", "app")
    assert claims.keys == {
        "idp.example/realm:aud": "app", "idp.example/realm:sub": "u", "idp.example/realm:email": "a@b"
    }  # fmt: skip
    assert url_of(issuer_of(token({}))) == PROVIDER.url


@pytest.mark.parametrize("issuer", ["https://idp.example", "https://idp.example/realm2", "https://IDP.example/realm"])
def test_another_issuers_token(issuer: str) -> None:
    assert believed(token({"alg": "RS256", "kid": "k"}, iss=issuer)) is None


@given(some.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_character_that_changed(at: int) -> None:
    good = token({"alg": "RS256", "kid": "k"})
    at %= len(good) - 3  # the last character of a part has bits that mean nothing
    changed = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
    found = believed(changed)
    assert found is None or changed.split(".")[:2] == good.split(".")[:2]


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "RSA", "n": number((1 << 1023) + 1), "e": "AQAB"},  # too short
        {"kty": "RSA", "n": number((1 << 9000) + 1), "e": "AQAB"},
        {"kty": "RSA", "n": number(KEY.public_key().public_numbers().n), "e": "AQ"},  # an exponent of 1
        {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},  # no point of the curve
        {"kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "AQ"},
        {"kty": "oct", "k": "c2VjcmV0"},
    ],
    ids=["short", "long", "exponent", "no-point", "curve", "symmetric"],
)
def test_keys_that_are_none(jwk: Any) -> None:
    assert parse_keys(json.dumps({"keys": [jwk]}).encode()) == ()
