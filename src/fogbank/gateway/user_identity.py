"""Who made a request, as events say it.

Source: CloudTrail User Guide, "CloudTrail userIdentity element", with its values for the STS APIs of federations.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.gateway.shown import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.principal import Principal, Session

TYPES: Final = {"root": "Root", "user": "IAMUser", "role": "AssumedRole", "federated": "FederatedUser"}
MOST_CACHED: Final = 1024
_encode = msgspec.json.Encoder().encode
# By the object: the directory gives the same one while nothing about the caller changes.
_encoded: dict[int, tuple[Principal, msgspec.Raw]] = {}


def encoded(principal: Principal) -> msgspec.Raw:
    """The element as JSON."""
    kept = _encoded.get(id(principal))
    if kept is not None and kept[0] is principal:
        return kept[1]
    made = msgspec.Raw(_encode(user_identity(principal)))
    if len(_encoded) >= MOST_CACHED:
        _encoded.clear()
    _encoded[id(principal)] = (principal, made)
    return made


def unknown(access_key_id: str) -> msgspec.Raw:
    """The element of a caller that was not authenticated; the access key is the one that it named."""
    return msgspec.Raw(_encode({"type": "Unknown"} | ({"accessKeyId": access_key_id[:128]} if access_key_id else {})))


def of_token(operation: str, result: Mapping[str, Any]) -> msgspec.Raw | None:
    """The element of a caller whom an identity provider's token named, once it was verified; None if the operation takes none."""
    if operation == "sts:AssumeRoleWithWebIdentity":
        provider, subject = str(result.get("Provider", "")), str(result.get("SubjectFromWebIdentityToken", ""))
        kind, principal = "WebIdentityUser", f"{provider}:{result.get('Audience', '')}:{subject}"
    elif operation == "sts:AssumeRoleWithSAML":
        provider, subject = str(result.get("NameQualifier", "")), str(result.get("Subject", ""))
        kind, principal = "SAMLUser", f"{provider}:{subject}"
    else:
        return None
    made = {"type": kind, "principalId": cut(principal), "userName": cut(subject), "identityProvider": cut(provider)}
    return msgspec.Raw(_encode(made))


def user_identity(principal: Principal) -> dict[str, Any]:
    """The element."""
    if principal.kind == "anonymous":
        return {"type": "AWSAccount", "principalId": "ANONYMOUS_PRINCIPAL", "accountId": "ANONYMOUS_PRINCIPAL"}
    if principal.kind == "service":
        return {"type": "AWSService", "invokedBy": principal.service}
    made: dict[str, Any] = {
        "type": TYPES[principal.kind],
        "principalId": principal.id,
        "arn": principal.arn,
        "accountId": principal.account,
        "accessKeyId": principal.access_key_id,
    }
    if principal.kind == "user":
        made["userName"] = principal.name
    if principal.session is not None:
        made["sessionContext"] = _context(principal, principal.session)
    return made


def _context(principal: Principal, session: Session) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if session.of == "role":
        made["sessionIssuer"] = {
            "type": "Role", "principalId": session.id, "arn": principal.issuer, "accountId": session.account,
            "userName": session.name,
        }  # fmt: skip
    elif session.of == "federated":
        issuer = {"type": "IAMUser", "principalId": session.id, "userName": session.name} if session.name else None
        made["sessionIssuer"] = (issuer or {"type": "Root", "principalId": session.account}) | {
            "accountId": session.account
        }
    if session.provider:
        attributes = {name: cut(str(value)) for name, value in session.keys.items()}
        made["webIdFederationData"] = {"federatedProvider": session.provider, "attributes": attributes}
    made["attributes"] = {
        "creationDate": f"{datetime.fromtimestamp(session.issued, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "mfaAuthenticated": "true" if session.mfa else "false",
    }
    if session.source_identity:
        made["sourceIdentity"] = session.source_identity
    return made
