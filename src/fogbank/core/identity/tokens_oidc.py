"""Tokens of OpenID Connect providers: signed by one of the provider's keys, for one of its clients, now.

A token is a credential: nothing here puts one, or a part of one, into an error or a log.
Source: RFC 7515 (JWS), RFC 7518 (JWA), RFC 7519 (JWT), RFC 8725 (JWT best current practices); OpenID Connect Core 1.0, section
3.1.3.7; IAM User Guide, "Available keys for AWS OIDC federation", "Pass session tags in AWS STS".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from fogbank.core.errors import AwsError
from fogbank.core.identity.oidc_keys import decode_part, parse_object

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.identity.oidc_keys import Key, KeySets
    from fogbank.core.identity.records import OidcProvider
    from fogbank.core.principal import Value

SKEW: Final = 300  # seconds that a provider's clock may be ahead
LONGEST: Final = 255  # characters of a subject or audience
FURTHER: Final = 2048  # characters of the claims that become condition keys: they are in the session's token
LATEST: Final = 1e11  # seconds since the epoch: later is no time
TAGS: Final = "https://aws.amazon.com/tags"
SOURCE: Final = "https://aws.amazon.com/source_identity"
# Each algorithm has one kind of key, so that none is taken for another: no `none`, and nothing with a shared secret.
ALGORITHMS: Final[dict[str, tuple[type[hashes.HashAlgorithm], type[ec.EllipticCurve] | None]]] = {
    "RS256": (hashes.SHA256, None),
    "RS384": (hashes.SHA384, None),
    "RS512": (hashes.SHA512, None),
    "ES256": (hashes.SHA256, ec.SECP256R1),
    "ES384": (hashes.SHA384, ec.SECP384R1),
    "ES512": (hashes.SHA512, ec.SECP521R1),
}


class Claims(msgspec.Struct, frozen=True):
    """What a verified token says. `url` is the issuer without https://; `keys` are condition keys, in lower case."""

    issuer: str
    url: str
    subject: str
    audience: str
    keys: dict[str, Value]
    tags: dict[str, str]
    transitive: tuple[str, ...]
    source_identity: str


class _Token(msgspec.Struct, frozen=True):
    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes


def issuer_of(token: str) -> str:
    """The issuer that a token claims, before anything of it is verified. InvalidIdentityToken if it is no token."""
    issuer = _parse(token).payload.get("iss")
    if (
        not isinstance(issuer, str)
        or not issuer.startswith("https://")
        or len(issuer) > LONGEST
        or not issuer.isprintable()
    ):
        raise invalid("Missing a required claim: iss")
    return issuer


def url_of(issuer: str) -> str:
    """The URL that IAM knows an issuer's provider by."""
    return issuer.removeprefix("https://").removesuffix("/")


def verify(token: str, provider: OidcProvider, key_sets: KeySets, now: datetime) -> Claims:
    """What a token of the provider says.

    ExpiredTokenException, IDPRejectedClaim, InvalidIdentityToken or IDPCommunicationError if it is not to be believed. All
    claims are looked at before the provider's keys are fetched: a token that is refused anyway costs no request.
    """
    parsed = _parse(token)
    payload = parsed.payload
    _check_times(payload, now.timestamp())
    audience, client = _audience(payload)
    if client not in provider.clients:
        raise invalid("Incorrect token audience")
    subject = payload.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > LONGEST:
        raise invalid("Missing a required claim: sub")
    tags, transitive = _tags(payload)
    issuer = issuer_of(token)
    if url_of(issuer) != provider.url:
        raise invalid("The token is of another issuer")
    claims = Claims(
        issuer, provider.url, subject, client, _keys(payload, subject, audience, client), tags, transitive,
        _source(payload),
    )  # fmt: skip
    _check_signature(parsed, provider, key_sets, now.timestamp())
    return claims


def _parse(token: str) -> _Token:
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError("no compact serialisation")
        header, payload = (parse_object(decode_part(part)) for part in parts[:2])
        return _Token(header, payload, f"{parts[0]}.{parts[1]}".encode(), decode_part(parts[2]))
    except ValueError:
        raise invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
        ) from None


def _check_signature(token: _Token, provider: OidcProvider, key_sets: KeySets, now: float) -> None:
    alg, kid = token.header.get("alg"), token.header.get("kid", "")
    if not isinstance(alg, str) or alg not in ALGORITHMS or not isinstance(kid, str) or "crit" in token.header:
        raise invalid("The ID Token provided is not signed with a supported algorithm")
    candidates = _candidates(key_sets.of(provider, now), alg, kid)
    if not candidates:  # the provider may have new keys
        candidates = _candidates(key_sets.of(provider, now, fresh=True), alg, kid)
    if not any(_verifies(key, alg, token) for key in candidates):
        raise invalid("Couldn't verify the ID Token with the identity provider's keys")


def _candidates(keys: tuple[Key, ...], alg: str, kid: str) -> list[Key]:
    """The keys that may have signed: those of the token's key id, or the only one there is for its algorithm."""
    fitting = [key for key in keys if _fits(key, alg)]
    if not kid:
        return fitting if len(fitting) == 1 else []
    return [key for key in fitting if key.kid == kid]


def _fits(key: Key, alg: str) -> bool:
    if key.alg not in ("", alg):
        return False
    curve = ALGORITHMS[alg][1]
    if isinstance(key.public, rsa.RSAPublicKey):
        return curve is None
    return curve is not None and isinstance(key.public.curve, curve)


def _verifies(key: Key, alg: str, token: _Token) -> bool:
    digest = ALGORITHMS[alg][0]()
    signature = token.signature
    try:
        if isinstance(key.public, rsa.RSAPublicKey):
            key.public.verify(signature, token.signed, padding.PKCS1v15(), digest)
            return True
        size = (key.public.curve.key_size + 7) // 8
        if len(signature) != 2 * size:
            return False
        pair = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        key.public.verify(encode_dss_signature(*pair), token.signed, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def _check_times(payload: dict[str, Any], now: float) -> None:
    times = {name: _time(payload, name) for name in ("exp", "iat", "nbf")}
    if times["exp"] is None or times["iat"] is None:
        raise invalid(f"Missing a required claim: {'exp' if times['exp'] is None else 'iat'}")
    if times["exp"] <= now:
        what = "Token expired: the current time must be before the expiration time of the token"
        raise AwsError("ExpiredTokenException", what, status=400)
    if max(times["iat"], times["nbf"] or 0) > now + SKEW:
        raise AwsError("IDPRejectedClaim", "The token is not valid yet", status=403)


def _time(payload: dict[str, Any], name: str) -> float | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise invalid(f"The claim {name} is no time")
    return float(value)


def _audience(payload: dict[str, Any]) -> tuple[list[str], str]:
    """The audiences, and the one that counts as the client: `azp` if there is one, as AWS has it."""
    given = payload.get("aud")
    audience = given if isinstance(given, list) else [given]
    client = payload.get("azp", audience[0] if len(audience) == 1 else None)
    if not all(isinstance(each, str) for each in [*audience, client]) or not client or len(client) > LONGEST:
        raise invalid("Incorrect token audience")
    return [str(each) for each in audience], str(client)


def _keys(payload: dict[str, Any], subject: str, audience: list[str], client: str) -> dict[str, Value]:
    """The condition keys: with the provider's URL as their prefix, and with the issuer's where that ends with a slash."""
    found: dict[str, Value] = {"aud": client, "sub": subject}
    if "azp" in payload:
        found |= {"azp": client, "oaud": audience[0] if len(audience) == 1 else tuple(audience)}
    methods = payload.get("amr")
    if isinstance(methods, list) and methods and all(isinstance(each, str) for each in methods):
        found["amr"] = tuple(methods)
    if isinstance(payload.get("email"), str):
        found["email"] = payload["email"]
    issuer = payload["iss"].removeprefix("https://").lower()
    if sum(len(text) for value in found.values() for text in ([value] if isinstance(value, str) else value)) > FURTHER:
        raise rejected("The claims are too long")
    prefixes = {issuer, issuer.removesuffix("/")}
    return {f"{prefix}:{name}": value for prefix in sorted(prefixes) for name, value in found.items()}


def _tags(payload: dict[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The session tags, and the keys of the transitive ones."""
    given = payload.get(TAGS, {})
    tags = given.get("principal_tags", {}) if isinstance(given, dict) else None
    transitive = given.get("transitive_tag_keys", []) if isinstance(given, dict) else None
    if not isinstance(tags, dict) or not isinstance(transitive, list) or not all(map(_is_text, [*tags, *transitive])):
        raise rejected("The session tags are malformed")
    values = {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in tags.items()}
    if not all(isinstance(value, str) and len(value) <= 256 for value in values.values()):
        raise rejected("The session tags are malformed")
    return values, tuple(transitive)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 128


def _source(payload: dict[str, Any]) -> str:
    source = payload.get(SOURCE, "")
    if not isinstance(source, str) or len(source) > 64 or (source and not _is_name(source)):
        raise rejected("The source identity is malformed")
    return source


def _is_name(text: str) -> bool:
    return len(text) > 1 and all(each.isascii() and (each.isalnum() or each in "_+=,.@-") for each in text)


def invalid(what: str) -> AwsError:
    """The error for a token that is none, or not the provider's."""
    return AwsError("InvalidIdentityToken", what, status=400)


def rejected(what: str) -> AwsError:
    """The error for a token with claims that cannot be taken."""
    return AwsError("IDPRejectedClaim", what, status=403)
