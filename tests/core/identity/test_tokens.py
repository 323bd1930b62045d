"""Tokens of OpenID Connect providers, and the documents of these: anything at all ends in AWS's errors.

Source: RFC 8725, "JSON Web Token Best Current Practices"; the vectors of RFC 7515, appendix A.
"""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.core.errors import AwsError
from fogbank.core.identity.oidc_keys import KeySets, decode_part, parse_keys, parse_object
from fogbank.core.identity.records import OidcProvider
from fogbank.core.identity.tokens_oidc import issuer_of, verify

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
PROVIDER = OidcProvider(url="id.example.com/a", clients=("app",), thumbprints=(), created=0, tags={})
CODES = {"InvalidIdentityToken", "ExpiredTokenException", "IDPRejectedClaim", "IDPCommunicationError"}
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def signed(claims: Any, header: Any = ...) -> str:
    """A token that the provider signed, whatever it says."""
    data = f"{part({'alg': 'ES256', 'kid': 'k'} if header is ... else header)}.{part(claims)}"
    r, s = decode_dss_signature(KEY.sign(data.encode(), ec.ECDSA(SHA256())))
    return f"{data}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def claims(**changed: Any) -> dict[str, Any]:
    now = int(NOW.timestamp())
    return {"iss": "https://id.example.com/a", "sub": "u", "aud": "app", "iat": now, "exp": now + 60, **changed}


def fetch(url: str, _thumbprints: tuple[str, ...]) -> bytes:
    """The provider's documents."""
    if url.endswith("/openid-configuration"):
        return json.dumps({"issuer": "https://id.example.com/a", "jwks_uri": "https://id.example.com/keys"}).encode()
    numbers = KEY.public_key().public_numbers()
    x, y = (part(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "x": x, "y": y}]}).encode()


SETS = KeySets(fetch)


def refusal(token: str) -> str:
    """The code of a refusal; empty for a token that is taken."""
    try:
        verify(token, PROVIDER, SETS, NOW)
    except AwsError as error:
        return error.code
    return ""


def test_a_good_token() -> None:
    found = verify(signed(claims(amr=["otp"], email="u@example.com")), PROVIDER, SETS, NOW)
    assert (found.subject, found.audience, found.issuer) == ("u", "app", "https://id.example.com/a")
    assert found.keys == {
        "id.example.com/a:aud": "app",
        "id.example.com/a:sub": "u",
        "id.example.com/a:amr": ("otp",),
        "id.example.com/a:email": "u@example.com",
    }


def test_an_issuer_with_a_slash() -> None:
    found = verify(signed(claims(iss="https://id.example.com/a/")), PROVIDER, SETS, NOW)
    assert found.keys["id.example.com/a/:sub"] == found.keys["id.example.com/a:sub"] == "u"


def test_azp_is_the_client_and_aud_is_told_beside_it() -> None:
    found = verify(signed(claims(aud=["x", "y"], azp="app")), PROVIDER, SETS, NOW)
    assert found.audience == "app"
    assert found.keys["id.example.com/a:oaud"] == ("x", "y")
    assert found.keys["id.example.com/a:azp"] == "app"


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(["iss", "sub", "aud", "iat", "exp", "nbf", "azp", "amr", "email"]), value=JSON)
def test_any_claim_at_all(name: str, value: Any) -> None:
    code = refusal(signed(claims(**{name: value})))
    assert code == "" or code in CODES


@settings(max_examples=100, deadline=None)
@given(value=JSON, source=JSON)
def test_any_tags_at_all(value: Any, source: Any) -> None:
    name = "https://aws.amazon.com/tags"
    for tags in (value, {"principal_tags": value}, {"principal_tags": {}, "transitive_tag_keys": value}):
        code = refusal(signed(claims(**{name: tags, "https://aws.amazon.com/source_identity": source})))
        assert code == "" or code in CODES


@settings(max_examples=100, deadline=None)
@given(header=JSON)
def test_any_header_at_all(header: Any) -> None:
    header = {**header, "kid": header.get("kid", "k")} if isinstance(header, dict) else header
    code = refusal(signed(claims(), header))
    right = (
        isinstance(header, dict) and header.get("alg") == "ES256" and header["kid"] in ("", "k")
    )  # the one that signed
    assert (code == "" and right and "crit" not in header) or code in CODES


@pytest.mark.parametrize(("header", "code"), [({}, ""), ({"kid": ""}, ""), ({"crit": ["b64"]}, "InvalidIdentityToken")])
def test_headers_of_the_right_algorithm(header: Any, code: str) -> None:
    assert refusal(signed(claims(), {"alg": "ES256", "kid": "k", **header})) == code


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_at_all(text: str) -> None:
    for each in (text, f"{text}.{text}.{text}", f"e30.{text}.e30", f"{text}.e30."):
        with pytest.raises(AwsError, match="InvalidIdentityToken"):
            issuer_of(each)


@settings(max_examples=100, deadline=None)
@given(signature=st.binary(max_size=130))
def test_any_signature_at_all(signature: bytes) -> None:
    head, body, _ = signed(claims()).split(".")
    assert refusal(f"{head}.{body}.{part(signature)}") == "InvalidIdentityToken"


def test_deep_claims() -> None:
    for raw in (b"[" * 100_000, b'{"a":' * 100_000, b'{"iss":"\xff"}', b'{"iss":"\\ud800"}', b"1" * 5000):
        assert refusal(f"{part({'alg': 'ES256'})}.{part(raw)}.AA") == "InvalidIdentityToken"


@settings(max_examples=100, deadline=None)
@given(
    jwk=JSON, members=st.dictionaries(st.sampled_from(["kty", "n", "e", "x", "y", "crv", "kid", "alg", "use"]), JSON)
)
def test_any_key_at_all(jwk: Any, members: Any) -> None:
    """Keys that are none are passed over."""
    rsa, curve = {"kty": "RSA", **members}, {"kty": "EC", "crv": "P-256", **members}
    text = json.dumps({"keys": [jwk, members, {**rsa, "kty": "RSA"}, {**curve, "kty": "EC"}]})
    if "NaN" not in text and "Infinity" not in text:
        assert parse_keys(text.encode()) == ()


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000])
def test_objects_that_are_none(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_object(data)


@pytest.mark.parametrize("text", ["a", "a=", "a b", "é", "a+b/", None, 7, "abcde"])
def test_base64url_that_is_none(text: Any) -> None:
    with pytest.raises(ValueError, match="no base64url"):
        decode_part(text)


@pytest.mark.parametrize("bits", [1024, 16_384])
def test_rsa_keys_that_are_too_small_or_too_large(bits: int) -> None:
    modulus = part(((1 << bits) - 1).to_bytes(bits // 8, "big"))
    assert parse_keys(json.dumps({"keys": [{"kty": "RSA", "n": modulus, "e": "AQAB"}]}).encode()) == ()


class Counted:
    """A fetch that counts, and fails where it is told to."""

    def __init__(self, during: Callable[[], None] | None = None) -> None:
        self.calls = 0
        self.fails = False
        self._during = during

    def __call__(self, url: str, thumbprints: tuple[str, ...]) -> bytes:
        self.calls += 1
        if self._during is not None:
            self._during()
        if self.fails:
            raise OSError
        return fetch(url, thumbprints)


def test_keys_are_kept_for_an_hour() -> None:
    counted = Counted()
    sets = KeySets(counted)
    for now in (0.0, 1.0, 3599.0):
        assert len(sets.of(PROVIDER, now)) == 1
    assert counted.calls == 2
    sets.of(PROVIDER, 3600.0)
    assert counted.calls == 4


def test_failures_are_kept_for_half_a_minute() -> None:
    counted = Counted()
    counted.fails = True
    sets = KeySets(counted)
    for now in (0.0, 29.0):
        with pytest.raises(AwsError, match="IDPCommunicationError"):
            sets.of(PROVIDER, now)
    assert counted.calls == 1
    counted.fails = False
    assert sets.of(PROVIDER, 30.0)


def test_keys_outlive_a_provider_that_is_away() -> None:
    """Who shows a key id that is not there makes the provider be asked; its failure takes nothing from others."""
    counted = Counted()
    sets = KeySets(counted)
    sets.of(PROVIDER, 0.0)
    counted.fails = True
    assert sets.of(PROVIDER, 31.0, fresh=True)
    assert sets.of(PROVIDER, 32.0, fresh=True)
    assert counted.calls == 3
    with pytest.raises(AwsError, match="IDPCommunicationError"):
        sets.of(PROVIDER, 3600.0)


def test_a_slow_provider_is_not_waited_for() -> None:
    gate = threading.Event()
    counted = Counted(lambda: gate.wait(10) and None)
    sets = KeySets(counted, patience=0.01)
    for _ in range(3):
        with pytest.raises(AwsError, match="IDPCommunicationError"):
            sets.of(PROVIDER, 0.0)
    assert counted.calls == 1
    gate.set()
    assert waiting(sets).of(PROVIDER, 0.0)  # fetched meanwhile: who tries again has it


def waiting(sets: KeySets) -> KeySets:
    """The same keys, for a caller who waits."""
    sets._patience = 10.0
    return sets


def test_few_fetches_at_once() -> None:
    """Those beyond four are refused at once."""
    gate, entered = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        entered.release()
        gate.wait(10)

    sets = KeySets(Counted(wait), patience=0.0)
    others = [OidcProvider(url=f"id{n}.example.com", clients=(), thumbprints=(), created=0, tags={}) for n in range(4)]
    for other in [*others, PROVIDER]:
        with pytest.raises(AwsError, match="IDPCommunicationError"):
            sets.of(other, 0.0)
    for _ in others:
        assert entered.acquire(timeout=10)
    assert not entered.acquire(blocking=False)
    gate.set()
    for other in others:
        with pytest.raises(AwsError, match="IDPCommunicationError"):  # the documents are another provider's
            waiting(sets).of(other, 0.0)
    assert sets.of(PROVIDER, 0.0)
