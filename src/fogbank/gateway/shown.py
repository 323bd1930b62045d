"""What events show of a request's input and of its result: CloudTrail's names, no secrets, bounded.

Source: CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity events": names begin in lower
case, secrets read HIDDEN_DUE_TO_SECURITY_REASONS.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.wire.model import Shape

HIDDEN: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
MOST_TEXT: Final = 1024  # bytes of one value
MOST_VALUES: Final = 2000  # in one event: the rest is left out
MOST_DEPTH: Final = 32
# Members that are secrets, or open something, whatever the model says of them; in lower case, since services differ in that.
SECRETS: Final = frozenset(
    {
        "authenticationcode1", "authenticationcode2", "authkey", "authorizationapikeyvalue", "authorizationcode",
        "base32stringseed", "ciphertextblob", "connectionstring", "copysourcessecustomerkey", "credentialsmap", "encodedmessage",
        "hostkey", "keymaterial", "logeventmessages", "logevents", "otp", "passwordverifier", "personalpin", "plaintext",
        "privatekeyplaintext", "qrcodepng", "samlassertion", "secretbinary", "secretstring", "ssecustomerkey", "token", "tokencode",
        "userdata",
    }
)  # fmt: skip
SECRET_ENDS: Final = (
    "accesstoken", "apitoken", "authorizationtoken", "authtoken", "bearertoken", "connectiontoken", "gatewaytoken", "idtoken",
    "identitytoken", "jwttoken", "participanttoken", "passphrase", "password", "privatekey", "refreshtoken", "secret",
    "secretaccesskey", "secretkey", "secrettoken", "securitytoken", "sessiontoken", "signedtoken",
)  # fmt: skip
# What is a secret in one structure, and nothing in others: an event, and what is sent to targets in place of one.
SECRET_MEMBERS: Final = frozenset({
    ("InputTransformer", "InputTemplate"),
    ("Target", "Input"),
    ("TestEventPatternRequest", "Event"),
})  # fmt: skip
# A subject's name, and a key's id.
NOT_SECRET: Final = frozenset({"subjectfromwebidentitytoken", "removeprivatekey"})


@lru_cache(maxsize=65536)
def lower(name: str) -> str:
    """A member's name as CloudTrail writes it: UserName as userName, SAMLProviderArn as sAMLProviderArn."""
    return name[:1].lower() + name[1:]


def is_secret(name: str) -> bool:
    """Whether what has this name is hidden wherever it is."""
    lowered = name.lower()
    return lowered in SECRETS or (lowered.endswith(SECRET_ENDS) and lowered not in NOT_SECRET)


_is_secret = lru_cache(maxsize=65536)(is_secret)  # of members: models name them, not callers


def cut(text: str, most: int = MOST_TEXT) -> str:
    """A text of at most `most` bytes, its beginning."""
    if len(text) <= most // 4 or (len(text) <= most and text.isascii()):
        return text
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= most else raw[: most - 3].decode("utf-8", "ignore") + "…"


def shown(shape: Shape | None, values: Mapping[str, Any] | None, *, bucket: bool = False) -> dict[str, Any] | None:
    """The members of an input or a result as an event shows them; None if there are none. `bucket`: S3's Bucket is bucketName."""
    if not values or shape is None:
        return None
    made = _Shower().structure(shape, values, 0)
    if bucket and "bucket" in made:
        made["bucketName"] = made.pop("bucket")
    return made or None


class _Shower:
    """One event's share of values."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_VALUES

    def structure(self, shape: Shape, values: Mapping[str, Any], depth: int) -> dict[str, Any]:
        made = {}
        for name, value in values.items():
            member = shape.members.get(name)
            if value is None or member is None or self.left <= 0:
                continue
            if _is_secret(name) or member.traits.get("sensitive") or (shape.name, name) in SECRET_MEMBERS:
                made[lower(name)] = HIDDEN
            elif isinstance(value, (str, bool, int, float, list, dict, bytes, datetime)):
                made[lower(name)] = self.value(member, value, depth + 1)
        return made

    def value(self, shape: Shape, value: Any, depth: int) -> Any:
        self.left -= 1
        if shape.traits.get("sensitive") or depth > MOST_DEPTH:
            return HIDDEN
        if isinstance(value, str):
            return cut(value)
        if isinstance(value, (bool, int, float)) or value is None:
            return value
        if isinstance(value, dict):
            return self.structure(shape, value, depth) if shape.type == "structure" else self._map(shape, value, depth)
        if isinstance(value, (list, tuple)) and shape.type == "list":
            return [self.value(shape.member, one, depth + 1) for one in value[: max(0, self.left)]]
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%dT%H:%M:%SZ}"
        if isinstance(value, bytes):
            return b64encode(value[: MOST_TEXT * 3 // 4]).decode()
        return cut(str(value))

    def _map(self, shape: Shape, values: Mapping[str, Any], depth: int) -> Any:
        if shape.type != "map":  # a document: nothing is known of it
            return HIDDEN
        made = {}
        for name, value in values.items():
            if self.left <= 0:
                break
            key = cut(name)
            secret = is_secret(key) or shape.key.traits.get("sensitive")
            made[key] = HIDDEN if secret else self.value(shape.value, value, depth + 1)
        return made
