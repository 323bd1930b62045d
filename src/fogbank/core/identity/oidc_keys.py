"""The keys that OpenID Connect providers sign with, fetched where they publish them, and kept for a while.

Source: OpenID Connect Discovery 1.0, sections 3 and 4; RFC 7517 (JWK), RFC 7518 (JWA), section 6.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from http.client import HTTPException
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.identity.records import OidcProvider

    PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

LIFE: Final = 3600.0  # seconds that keys are kept
PAUSE: Final = 30.0  # seconds between two fetches, whether they worked or not
KEYS: Final = 100  # of one provider
KEPT: Final = 256  # providers
FETCHES: Final = 4  # at once, of one process
MIN_BITS, MAX_BITS = 2048, 8192  # of an RSA key
CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}
_PART: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


_Name = tuple[str, tuple[str, ...]]  # a provider's URL and thumbprints


class Key(msgspec.Struct, frozen=True):
    """A provider's key; `kid` and `alg` as it says, or empty."""

    kid: str
    alg: str
    public: PublicKey


class _Kept(msgspec.Struct, frozen=True):
    """`keys` as they were at `at`; None: they could not be had. `asked` is when they were asked for last."""

    keys: tuple[Key, ...] | None
    at: float
    asked: float


class KeySets:
    """Providers' keys. One per process, for any thread; `fetch` gives the document of a URL, for a provider with thumbprints.

    Keys are fetched in threads of their own, so that a provider that is slow holds no caller, nor its view of the state, for
    longer than `patience` seconds: a caller is refused then with what SDKs take for a reason to try again.
    """

    def __init__(self, fetch: Callable[[str, tuple[str, ...]], bytes], patience: float = 2.0) -> None:
        self._fetch = fetch
        self._patience = patience
        self._kept: dict[_Name, _Kept] = {}
        self._running: dict[_Name, Event] = {}
        self._lock = Lock()

    def of(self, provider: OidcProvider, now: float, *, fresh: bool = False) -> tuple[Key, ...]:
        """A provider's keys; `fresh` where those that are kept lack one. IDPCommunicationError if they cannot be had."""
        name = (provider.url, provider.thumbprints)
        with self._lock:
            kept = self._kept.get(name)
            done = None if kept is not None and _stands(kept, now, fresh=fresh) else self._start(name, now)
        if done is not None:
            if not done.wait(self._patience):
                raise unreachable()
            with self._lock:
                kept = self._kept.get(name)
        if kept is None or kept.keys is None:
            raise unreachable()
        return kept.keys

    def _start(self, name: _Name, now: float) -> Event:
        """A fetch that runs, for all who wait for the same keys; few at once."""
        running = self._running.get(name)
        if running is None:
            if len(self._running) >= FETCHES:
                raise unreachable()
            running = self._running[name] = Event()
            Thread(target=self._run, args=(name, now, running), daemon=True).start()
        return running

    def _run(self, name: _Name, now: float, done: Event) -> None:
        keys = None
        try:
            keys = self._get(*name)
        finally:
            with self._lock:
                old = self._kept.get(name)
                still = keys is None and old is not None and old.keys is not None and 0 <= now - old.at < LIFE
                if len(self._kept) >= KEPT:
                    self._kept.clear()
                self._kept[name] = _Kept(old.keys, old.at, now) if old is not None and still else _Kept(keys, now, now)
                del self._running[name]
            done.set()

    def _get(self, url: str, thumbprints: tuple[str, ...]) -> tuple[Key, ...] | None:
        try:
            found = parse_object(self._fetch(f"https://{url}/.well-known/openid-configuration", thumbprints))
            issuer, where = found.get("issuer"), found.get("jwks_uri")
            if (
                not isinstance(issuer, str)
                or issuer.removesuffix("/") != f"https://{url}"
                or not isinstance(where, str)
            ):
                return None
            return parse_keys(self._fetch(where, thumbprints))
        except (OSError, HTTPException, ValueError):
            return None


def _stands(kept: _Kept, now: float, *, fresh: bool) -> bool:
    """Whether what is kept is the answer: it is young enough, or was asked for a moment ago."""
    if 0 <= now - kept.asked < PAUSE:
        return True
    return kept.keys is not None and not fresh and 0 <= now - kept.at < LIFE


def unreachable() -> AwsError:
    """The error for a provider whose keys cannot be had now."""
    what = "Couldn't retrieve verification key from your identity provider, please check that it can be reached"
    return AwsError("IDPCommunicationError", what, status=400)


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object, strictly: no name twice, no NaN. Raises ValueError."""
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_constant)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _constant(_name: str) -> NoReturn:
    raise ValueError("no JSON number")


def decode_part(text: Any) -> bytes:
    """Bytes in base64url without padding. Raises ValueError."""
    if not isinstance(text, str) or not _PART.fullmatch(text):
        raise ValueError("no base64url")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except Base64Error:
        raise ValueError("no base64url") from None


def parse_keys(data: bytes) -> tuple[Key, ...]:
    """The keys of a JWK set that signatures are verified with; others are passed over. Raises ValueError."""
    found = parse_object(data).get("keys")
    if not isinstance(found, list) or len(found) > KEYS:
        raise ValueError("no set of keys")
    return tuple(key for each in found if (key := _key(each)) is not None)


def _key(jwk: Any) -> Key | None:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig":
        return None
    kid, alg = jwk.get("kid", ""), jwk.get("alg", "")
    if not isinstance(kid, str) or not isinstance(alg, str):
        return None
    try:
        public = _rsa(jwk) if jwk.get("kty") == "RSA" else _curve(jwk) if jwk.get("kty") == "EC" else None
    except (ValueError, OverflowError):
        return None
    return None if public is None else Key(kid, alg, public)


def _rsa(jwk: dict[str, Any]) -> rsa.RSAPublicKey | None:
    modulus, exponent = decode_part(jwk.get("n")), decode_part(jwk.get("e"))
    n, e = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    if not MIN_BITS <= n.bit_length() <= MAX_BITS or not 3 <= e < 1 << 32:
        return None
    return rsa.RSAPublicNumbers(e, n).public_key()


def _curve(jwk: dict[str, Any]) -> ec.EllipticCurvePublicKey | None:
    curve = CURVES.get(str(jwk.get("crv")))
    if curve is None:
        return None
    x, y = decode_part(jwk.get("x")), decode_part(jwk.get("y"))
    return ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve()).public_key()
