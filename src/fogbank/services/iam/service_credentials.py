"""Service-specific credentials: users' names and passwords, or API keys, for one service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import key_of, when
from fogbank.services.iam.account_records import ServiceCredential, service_credentials
from fogbank.services.iam.certificates import is_active
from fogbank.services.iam.listing import paged
from fogbank.services.iam.login_profiles import holder
from fogbank.services.iam.service import iam

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateServiceSpecificCredentialRequestTypeDef,
        DeleteServiceSpecificCredentialRequestTypeDef,
        ListServiceSpecificCredentialsRequestTypeDef,
        ResetServiceSpecificCredentialRequestTypeDef,
        UpdateServiceSpecificCredentialRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input

# Services whose credentials are a name and a password, and those with API keys.
PASSWORDS = ("codecommit.amazonaws.com", "cassandra.amazonaws.com")
API_KEYS = ("bedrock.amazonaws.com",)
PER_SERVICE = 2  # for each user
DAY = 86_400  # seconds


@iam.operation("write", "user", takes="UserName ServiceName CredentialAgeDays")
def create_service_specific_credential(
    call: Call, req: CreateServiceSpecificCredentialRequestTypeDef
) -> dict[str, Any]:
    """Make a credential; its secret is told this once."""
    name, service = holder(call, req), supported(req["ServiceName"])
    held = [
        each for _, each in service_credentials.scan(call.tx, call.account, key_of(name)) if each.service == service
    ]
    if len(held) >= PER_SERVICE:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for ServiceSpecificCredentialsPerUser: {PER_SERVICE}")
    days = req.get("CredentialAgeDays")
    if days is not None and service not in API_KEYS:
        raise AwsError("ValidationError", "CredentialAgeDays is only valid for services with long-term API keys.")
    now = int(call.now.timestamp())
    unique, secret = call.ids.unique("ACCA"), new_secret(call, service)
    kept = ServiceCredential(
        id=unique,
        user=name,
        service=service,
        service_user=service_user(call, name, service, held, unique),
        secret=call.vault.seal(secret.encode(), secret_context(unique)),
        active=True,
        created=now,
        expires=now + days * DAY if days else 0,
    )
    service_credentials.put(call.tx, kept, call.account, key_of(name), unique)
    return {"ServiceSpecificCredential": with_secret(call, kept, secret)}


@iam.operation("scan", "user_or_all", takes="UserName ServiceName AllUsers Marker MaxItems")
def list_service_specific_credentials(call: Call, req: ListServiceSpecificCredentialsRequestTypeDef) -> dict[str, Any]:
    """A user's credentials, or all users', without their secrets."""
    service = supported(req["ServiceName"]) if "ServiceName" in req else ""
    if req.get("AllUsers") and "UserName" in req:
        raise AwsError("ValidationError", "UserName and AllUsers exclude each other.")
    within = () if req.get("AllUsers") else (key_of(holder(call, req)),)
    kept = service_credentials.scan(call.tx, call.account, *within)
    wanted = (each for _, each in kept if not service or each.service == service)
    found, more = paged(req, ((f"{key_of(each.user)}/{each.id}", told(call, each)) for each in wanted))
    return {"ServiceSpecificCredentials": found, **more}


@iam.operation("write", "user", takes="UserName ServiceSpecificCredentialId")
def reset_service_specific_credential(call: Call, req: ResetServiceSpecificCredentialRequestTypeDef) -> dict[str, Any]:
    """Replace a credential's secret; the new one is told this once."""
    kept = open_credential(call, req)
    secret = new_secret(call, kept.service)
    keep(call, kept, secret=call.vault.seal(secret.encode(), secret_context(kept.id)))
    return {"ServiceSpecificCredential": with_secret(call, kept, secret)}


@iam.operation("write", "user", takes="UserName ServiceSpecificCredentialId Status")
def update_service_specific_credential(
    call: Call, req: UpdateServiceSpecificCredentialRequestTypeDef
) -> dict[str, Any]:
    """Switch a credential off, or on again."""
    return keep(call, open_credential(call, req), active=is_active(req))


@iam.operation("write", "user", takes="UserName ServiceSpecificCredentialId")
def delete_service_specific_credential(
    call: Call, req: DeleteServiceSpecificCredentialRequestTypeDef
) -> dict[str, Any]:
    """Delete a credential."""
    kept = open_credential(call, req)
    service_credentials.delete(call.tx, call.account, key_of(kept.user), kept.id)
    return {}


def supported(service: str) -> str:
    """A service's name, if it has such credentials."""
    if service not in (*PASSWORDS, *API_KEYS):
        raise AwsError(
            "NotSupportedService", f"No such service {service[:128]} is supported for Service Specific Credentials"
        )
    return service


def secret_context(unique: str) -> str:
    """What the secret of a credential is sealed for."""
    return f"service-credential:{unique}"


def new_secret(call: Call, service: str) -> str:
    """A password, or an API key."""
    return f"ABSK{call.ids.token(128)}" if service in API_KEYS else call.ids.secret()


def service_user(call: Call, name: str, service: str, held: list[ServiceCredential], unique: str) -> str:
    """The name that goes with the secret: `ann-at-123456789012`, `ann+1-at-123456789012`."""
    if service in API_KEYS:
        return f"BedrockAPIKey-{unique[-4:].lower()}-at-{call.account}"
    taken = {each.service_user for each in held}
    names = (f"{name}{f'+{number}' if number else ''}-at-{call.account}" for number in range(PER_SERVICE))
    return next(each for each in names if each not in taken)


def open_credential(call: Call, req: Input) -> ServiceCredential:
    """The addressed credential, if it is the user's."""
    unique = req["ServiceSpecificCredentialId"]
    kept = service_credentials.get(call.tx, call.account, key_of(holder(call, req)), unique)
    if kept is None:
        raise AwsError("NoSuchEntity", f"No such credential {unique} exists")
    return kept


def keep(call: Call, kept: ServiceCredential, **changes: Any) -> dict[str, Any]:
    """Keep a changed credential; the empty answer."""
    changed = msgspec.structs.replace(kept, **changes)
    service_credentials.put(call.tx, changed, call.account, key_of(kept.user), kept.id)
    return {}


def status(call: Call, kept: ServiceCredential) -> str:
    """Active, Inactive or Expired."""
    if kept.expires and kept.expires <= call.now.timestamp():
        return "Expired"
    return "Active" if kept.active else "Inactive"


def told(call: Call, kept: ServiceCredential) -> dict[str, Any]:
    """A credential as listings tell it."""
    name = "ServiceCredentialAlias" if kept.service in API_KEYS else "ServiceUserName"
    return {
        "UserName": kept.user,
        "Status": status(call, kept),
        name: kept.service_user,
        "CreateDate": when(kept.created),
        "ServiceSpecificCredentialId": kept.id,
        "ServiceName": kept.service,
        **({"ExpirationDate": when(kept.expires)} if kept.expires else {}),
    }


def with_secret(call: Call, kept: ServiceCredential, secret: str) -> dict[str, Any]:
    """A credential with its secret."""
    return {**told(call, kept), "ServiceCredentialSecret" if kept.service in API_KEYS else "ServicePassword": secret}
