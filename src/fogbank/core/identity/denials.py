"""What was decided, sealed into the text of a refusal: only who may call sts:DecodeAuthorizationMessage learns the details.

Source: STS API Reference, DecodeAuthorizationMessage.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.vault import Unsealable

if TYPE_CHECKING:
    from fogbank.auth.policy import Decision
    from fogbank.core.principal import Principal
    from fogbank.core.vault import Vault

_CONTEXT: Final = "authorization-message:"
_LONGEST: Final = 2048  # characters of an ARN that are kept: an encoded message has at most 10,240


def seal_message(vault: Vault, principal: Principal, action: str, resource: str, decision: Decision) -> str:
    """A refusal's details, for callers of the principal's account."""
    matched = [{"policy": match.policy[:256], "sid": match.statement} for match in decision.by[:16]]
    told: dict[str, Any] = {
        "allowed": decision.allowed,
        "explicitDeny": decision.explicit,
        "matchedStatements": {"items": matched},
        "failures": {"items": []},
        "context": {
            "principal": {"id": principal.id, "name": principal.name, "arn": principal.arn},
            "action": action,
            "resource": resource[:_LONGEST],
            "conditions": {"items": [{"key": key[:256], "values": {"items": []}} for key in decision.missing[:16]]},
        },
    }
    return urlsafe_b64encode(vault.seal(msgspec.json.encode(told), _CONTEXT + principal.account)).decode()


def open_message(vault: Vault, message: str, account: str) -> str | None:
    """The details as JSON; None if the message was not sealed here, for this account."""
    try:
        return vault.open(urlsafe_b64decode(message), _CONTEXT + account).decode()
    except (ValueError, Unsealable):
        return None
