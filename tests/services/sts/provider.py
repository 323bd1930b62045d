"""An OpenID Connect provider: its keys, its tokens, good and forged, and its documents over TLS on this machine."""

from __future__ import annotations

import hmac
import json
import ssl
import threading
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
RSA_KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]  # made once: they take a while


def part(value: Any) -> str:
    """A part of a token: bytes, text, or JSON."""
    raw = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def unsigned(claims: Any, header: Mapping[str, Any]) -> str:
    """A token that nobody signed."""
    return f"{part(header)}.{part(claims)}.AAAA"


def signature(key: Any, alg: str, data: bytes) -> bytes:
    """A signature as RFC 7518 has it."""
    digest = HASHES[alg[2:]]()
    if alg.startswith("RS"):
        return bytes(key.sign(data, padding.PKCS1v15(), digest))
    size = (key.curve.key_size + 7) // 8
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(key.sign(data, ec.ECDSA(digest))))


def token(claims: Any, key: Any, alg: str, kid: str | None, really: str = "", **header: Any) -> str:
    """A signed token; `really` is the algorithm that signs where the header tells another."""
    head = {"alg": alg, "typ": "JWT", **({} if kid is None else {"kid": kid}), **header}
    data = f"{part(head)}.{part(claims)}"
    return f"{data}.{part(signature(key, really or alg, data.encode()))}"


def number(value: int) -> str:
    return part(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(key: Any, kid: str) -> dict[str, str]:
    """The public half of a key, as providers publish it."""
    public = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": "RSA", "kid": kid, "use": "sig", "n": number(public.n), "e": number(public.e)}
    return {"kty": "EC", "kid": kid, "crv": NAMES[kid[:5]], "x": number(public.x), "y": number(public.y)}


class Provider:
    """The provider. A context: it serves while it is open."""

    def __init__(self, directory: Path) -> None:
        self.asked: list[str] = []
        self.suffix = ""
        self.new_keys(RSA_KEYS[0])
        self._directory = directory
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self._certify()
        self.url = f"localhost:{self._server.server_port}"
        self.issuer = f"https://{self.url}"
        self.publish()

    def new_keys(self, key: Any) -> None:
        """Sign with other keys from now on."""
        self.keys: dict[str, Any] = {alg: ec.generate_private_key(curve()) for alg, curve in CURVES.items()}
        self.keys |= dict.fromkeys(("RS256", "RS384", "RS512"), key)

    def rotate(self) -> None:
        """New keys, with new ids."""
        self.suffix = "-new"
        self.new_keys(RSA_KEYS[1])
        self.publish()

    def stranger(self) -> Provider:
        """The same provider, with keys that it does not publish."""
        other = object.__new__(Provider)
        other.__dict__.update(self.__dict__)
        other.new_keys(RSA_KEYS[1])
        return other

    def publish(self, status: int = 200, discovery: Any = None, jwks: Any = None) -> None:
        """Serve these documents; the right ones, where none are given."""
        keys = {"keys": [jwk(key, f"{alg}{self.suffix}") for alg, key in self.keys.items()]}
        right = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        self.status = status
        self.documents = {
            "/.well-known/openid-configuration": right if discovery is None else discovery,
            "/keys": keys if jwks is None else jwks,
        }

    def claims(self, later: int = 0, **changed: Any) -> dict[str, Any]:
        """Claims of a good token, changed: times are in seconds from now, None leaves one out."""
        now = int(datetime.now(UTC).timestamp()) + later
        made: dict[str, Any] = {"iss": self.issuer, "sub": "user-1", "aud": "app", "iat": now, "exp": now + 300}
        for name, value in changed.items():
            relative = name in ("iat", "exp", "nbf") and type(value) is int and value < 10**6
            made[name] = now + value if relative else value
        return {name: value for name, value in made.items() if value is not None}

    def token(
        self, alg: str = "RS256", claims: Any = None, *, with_key: bool = False, later: int = 0, **changed: Any
    ) -> str:
        """A token, good unless claims are changed."""
        key = self.keys[alg]
        kid = f"{alg}{self.suffix}"
        more = {"jwk": jwk(key, kid)} if with_key else {}
        return token(claims or self.claims(later, **changed), key, alg, kid, **more)

    def confused(self) -> str:
        """A token signed with HMAC, whose secret is the public key."""
        public = self.keys["RS256"].public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        secret = public.public_bytes(serialization.Encoding.PEM, form)
        data = f"{part({'alg': 'HS256', 'kid': 'RS256'})}.{part(self.claims())}"
        return f"{data}.{part(hmac.digest(secret, data.encode(), 'sha256'))}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def _certify(self) -> None:
        """A certificate that only its thumbprint makes one to trust."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.thumbprint = made.fingerprint(hashes.SHA1()).hex()
        pem = self._directory / "provider.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                found = provider.documents.get(self.path)
                body = (found if isinstance(found, str) else json.dumps(found)).encode()
                self.send_response(404 if found is None else provider.status)
                self.send_header("Location", provider.issuer)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
