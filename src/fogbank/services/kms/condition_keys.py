"""KMS's condition keys, found when a policy asks for one.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Key Management Service"; KMS Developer Guide,
"Condition keys for AWS KMS".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from fogbank.services.kms.addressing import addressed, alias_named
from fogbank.services.kms.records import aliases_of

if TYPE_CHECKING:
    from datetime import datetime

    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input
    from fogbank.services.kms.records import Key

CONTEXT: Final = "kms:encryptioncontext:"
# Condition keys that are the values of input members.
_MEMBERS: Final = {
    "kms:bypasspolicylockoutsafetycheck": "BypassPolicyLockoutSafetyCheck",
    "kms:datakeypairspec": "KeyPairSpec",
    "kms:expirationmodel": "ExpirationModel",
    "kms:granteeprincipal": "GranteePrincipal",
    "kms:keyagreementalgorithm": "KeyAgreementAlgorithm",
    "kms:macalgorithm": "MacAlgorithm",
    "kms:messagetype": "MessageType",
    "kms:retiringprincipal": "RetiringPrincipal",
    "kms:rotationperiodindays": "RotationPeriodInDays",
    "kms:schedulekeydeletionpendingwindowindays": "PendingWindowInDays",
    "kms:signingalgorithm": "SigningAlgorithm",
    "kms:wrappingalgorithm": "WrappingAlgorithm",
    "kms:wrappingkeyspec": "WrappingKeySpec",
}
# What a request means that leaves an input member out.
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "CreateKey": {"BypassPolicyLockoutSafetyCheck": False},
    "PutKeyPolicy": {"BypassPolicyLockoutSafetyCheck": False},
    "EnableKeyRotation": {"RotationPeriodInDays": 365},
    "ScheduleKeyDeletion": {"PendingWindowInDays": 30},
    "Sign": {"MessageType": "RAW"},
    "Verify": {"MessageType": "RAW"},
    "ImportKeyMaterial": {"ExpirationModel": "KEY_MATERIAL_EXPIRES"},
}
_OF_KEY: Final = {
    "kms:customermasterkeyspec": "spec",
    "kms:customermasterkeyusage": "usage",
    "kms:keyspec": "spec",
    "kms:keyusage": "usage",
    "kms:keyorigin": "origin",
}
_OF_NEW_KEY: Final = {
    "kms:customermasterkeyspec": "SYMMETRIC_DEFAULT",
    "kms:customermasterkeyusage": "ENCRYPT_DECRYPT",
    "kms:keyspec": "SYMMETRIC_DEFAULT",
    "kms:keyusage": "ENCRYPT_DECRYPT",
    "kms:keyorigin": "AWS_KMS",
}
_NEW: Final = {
    "kms:customermasterkeyspec": ("KeySpec", "CustomerMasterKeySpec"),
    "kms:customermasterkeyusage": ("KeyUsage",),
    "kms:keyspec": ("KeySpec", "CustomerMasterKeySpec"),
    "kms:keyusage": ("KeyUsage",),
    "kms:keyorigin": ("Origin",),
}
ENCRYPTS: Final = frozenset(
    (
        "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext", "ReEncrypt",
    )
)  # fmt: skip


class PolicyKeys(Mapping[str, "Value"]):
    """The keys of one question. Most requests ask for none of them, so each is found only then."""

    def __init__(self, call: Call, names: Input) -> None:
        self._call = call
        self._names = names

    def __getitem__(self, key: str) -> Value:
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from (*_MEMBERS, *_OF_KEY, *_COMPUTED)

    def __len__(self) -> int:
        return len(_MEMBERS) + len(_OF_KEY) + len(_COMPUTED)

    def _find(self, key: str) -> Value | None:
        if key.startswith(CONTEXT):
            return self._of_context(key[len(CONTEXT) :])
        if key in _MEMBERS:
            member = _MEMBERS[key]
            value = self._names.get(member, _DEFAULTS.get(self._call.bound.name, {}).get(member))
            return None if value is None else _text(value)
        if key in _OF_KEY:
            return self._of_key(key)
        compute = _COMPUTED.get(key)
        return compute(self._call, self._names) if compute else None

    def _of_key(self, name: str) -> Value | None:
        key = addressed(self._call, self._names)
        if key is not None:
            return str(getattr(key, _OF_KEY[name]))
        if self._call.bound.name != "CreateKey":
            return None
        return next((self._names[member] for member in _NEW[name] if member in self._names), _OF_NEW_KEY[name])

    def _of_context(self, name: str) -> Value | None:
        """The value of a pair. Keys of policies have no case, those of contexts do: where two differ in that alone, neither counts."""
        pairs = context_of(self._names)
        found = [value for key, value in pairs.items() if key.lower() == name]
        return found[0] if len(found) == 1 else None


def policy_keys(call: Call, names: Input, _resource: str) -> Mapping[str, Value]:
    """The condition keys of a question about a key."""
    return PolicyKeys(call, names)


def context_of(names: Input) -> Mapping[str, str]:
    """The encryption context of an input: a grant's constraint, where one is made."""
    if "Constraints" in names:
        constraints = names["Constraints"]
        return constraints.get("EncryptionContextEquals") or constraints.get("EncryptionContextSubset") or {}
    return names.get("EncryptionContext") or names.get("SourceEncryptionContext") or {}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _context_keys(_call: Call, names: Input) -> Value | None:
    return tuple(context_of(names)) or None


def _caller(call: Call, _names: Input) -> Value | None:
    return call.principal.account


def _algorithm(call: Call, names: Input) -> Value | None:
    if call.bound.name not in ENCRYPTS:
        return None
    return str(names.get("EncryptionAlgorithm", names.get("SourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT")))


def _alias(call: Call, names: Input) -> Value | None:
    return alias_named(call, names)


def _aliases(call: Call, names: Input) -> Value | None:
    key = addressed(call, names)
    return aliases_named(call, key) or None if key else None


def aliases_named(call: Call, key: Key) -> tuple[str, ...]:
    """The aliases of a key, with `alias/`."""
    found = aliases_of.scan(call.tx, key.account, key.region, key.id)
    return tuple(f"alias/{alias.name}" for _, alias in found)


def _same_key(call: Call, names: Input) -> Value | None:
    if call.bound.name != "ReEncrypt":
        return None
    return str(names.get("ReEncryptOnSameKey", "false"))


def _operations(call: Call, names: Input) -> Value | None:
    return tuple(names.get("Operations", ())) or None if call.bound.name == "CreateGrant" else None


def _constraint(call: Call, names: Input) -> Value | None:
    given = names.get("Constraints", {})
    return tuple(kind for kind in given if given[kind]) or None if call.bound.name == "CreateGrant" else None


def _for_service(call: Call, _names: Input) -> Value | None:
    """Whether a service makes the grant for a resource of its own: one that is called on a caller's behalf."""
    if call.bound.name not in ("CreateGrant", "ListGrants", "RevokeGrant"):
        return None
    return "true" if call.principal.keys.get("aws:viaawsservice") == "true" else "false"


def _valid_to(_call: Call, names: Input) -> Value | None:
    until: datetime | None = names.get("ValidTo")
    return None if until is None else f"{until:%Y-%m-%dT%H:%M:%SZ}"


_COMPUTED: Final = {
    "kms:calleraccount": _caller,
    "kms:encryptionalgorithm": _algorithm,
    "kms:encryptioncontextkeys": _context_keys,
    "kms:grantconstrainttype": _constraint,
    "kms:grantisforawsresource": _for_service,
    "kms:grantoperations": _operations,
    "kms:multiregion": lambda _call, _names: "false",
    "kms:reencryptonsamekey": _same_key,
    "kms:requestalias": _alias,
    "kms:resourcealiases": _aliases,
    "kms:validto": _valid_to,
}
