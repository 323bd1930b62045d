"""OpenID Connect providers: whose tokens AssumeRoleWithWebIdentity takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import OidcProvider, oidc_providers, when
from fogbank.services.iam.account_records import oidc_arn, tagging
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import listed_tags, told_tags, with_tags, without_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_iam.type_defs import (
        AddClientIDToOpenIDConnectProviderRequestTypeDef,
        CreateOpenIDConnectProviderRequestTypeDef,
        DeleteOpenIDConnectProviderRequestTypeDef,
        GetOpenIDConnectProviderRequestTypeDef,
        ListOpenIDConnectProviderTagsRequestTypeDef,
        RemoveClientIDFromOpenIDConnectProviderRequestTypeDef,
        TagOpenIDConnectProviderRequestTypeDef,
        UntagOpenIDConnectProviderRequestTypeDef,
        UpdateOpenIDConnectProviderThumbprintRequestTypeDef,
    )

    from fogbank.core.call import Call

PER_ACCOUNT = 100
CLIENTS = 100
THUMBPRINTS = 5
_THUMBPRINT = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)
_URL = re.compile(r"https://[!-~]+", re.ASCII)


@iam.operation(
    "write",
    "new_oidc",
    takes="Url ClientIDList ThumbprintList Tags",
    also=tagging("TagOpenIDConnectProvider", "new_oidc"),
)
def create_open_id_connect_provider(call: Call, req: CreateOpenIDConnectProviderRequestTypeDef) -> dict[str, Any]:
    """Trust a provider. Without thumbprints, its TLS certificate has to be one that this machine trusts."""
    url = checked_url(req["Url"])
    if oidc_providers.get(call.tx, call.account, url) is not None:
        raise AwsError("EntityAlreadyExists", f"Provider with url https://{url} already exists.")
    if sum(1 for _ in oidc_providers.scan(call.tx, call.account, limit=PER_ACCOUNT)) >= PER_ACCOUNT:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for OpenIdConnectProvidersPerAccount: {PER_ACCOUNT}")
    provider = OidcProvider(
        url=url,
        clients=checked_clients(req.get("ClientIDList", [])),
        thumbprints=checked_thumbprints(req.get("ThumbprintList", [])),
        created=int(call.now.timestamp()),
        tags=with_tags({}, req.get("Tags", [])),
    )
    oidc_providers.put(call.tx, provider, call.account, url)
    tags = {"Tags": told_tags(provider.tags)} if provider.tags else {}
    return {"OpenIDConnectProviderArn": oidc_arn(call.account, url), **tags}


@iam.operation("read", "oidc", takes="OpenIDConnectProviderArn")
def get_open_id_connect_provider(call: Call, req: GetOpenIDConnectProviderRequestTypeDef) -> dict[str, Any]:
    """A provider."""
    provider = open_provider(call, req["OpenIDConnectProviderArn"])
    return {
        "Url": provider.url,
        "ClientIDList": list(provider.clients),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": when(provider.created),
        "Tags": told_tags(provider.tags),
    }


@iam.operation("scan", "*", takes="")
def list_open_id_connect_providers(call: Call, _req: dict[str, Any]) -> dict[str, Any]:
    """The account's providers."""
    found = [provider.url for _, provider in oidc_providers.scan(call.tx, call.account)]
    return {"OpenIDConnectProviderList": [{"Arn": oidc_arn(call.account, url)} for url in found]}


@iam.operation("write", "oidc", takes="OpenIDConnectProviderArn ThumbprintList")
def update_open_id_connect_provider_thumbprint(
    call: Call, req: UpdateOpenIDConnectProviderThumbprintRequestTypeDef
) -> dict[str, Any]:
    """Replace a provider's thumbprints."""
    provider = open_provider(call, req["OpenIDConnectProviderArn"])
    return keep(call, provider, thumbprints=checked_thumbprints(req["ThumbprintList"]))


@iam.operation("write", "oidc", takes="OpenIDConnectProviderArn ClientID")
def add_client_id_to_open_id_connect_provider(
    call: Call, req: AddClientIDToOpenIDConnectProviderRequestTypeDef
) -> dict[str, Any]:
    """Take tokens for one more audience; one that is there stays."""
    provider = open_provider(call, req["OpenIDConnectProviderArn"])
    return keep(call, provider, clients=checked_clients([*provider.clients, req["ClientID"]]))


@iam.operation("write", "oidc", takes="OpenIDConnectProviderArn ClientID")
def remove_client_id_from_open_id_connect_provider(
    call: Call, req: RemoveClientIDFromOpenIDConnectProviderRequestTypeDef
) -> dict[str, Any]:
    """Take no more tokens for an audience; one that is not there is no error."""
    provider = open_provider(call, req["OpenIDConnectProviderArn"])
    return keep(call, provider, clients=tuple(each for each in provider.clients if each != req["ClientID"]))


@iam.operation("write", "oidc", takes="OpenIDConnectProviderArn")
def delete_open_id_connect_provider(call: Call, req: DeleteOpenIDConnectProviderRequestTypeDef) -> dict[str, Any]:
    """Trust a provider no more; one that is not there is no error."""
    oidc_providers.delete(call.tx, call.account, url_in(call, req["OpenIDConnectProviderArn"]))
    return {}


@iam.operation("write", "oidc", takes="OpenIDConnectProviderArn Tags")
def tag_open_id_connect_provider(call: Call, req: TagOpenIDConnectProviderRequestTypeDef) -> dict[str, Any]:
    """Tag a provider."""
    provider = open_provider(call, req["OpenIDConnectProviderArn"])
    return keep(call, provider, tags=with_tags(provider.tags, req["Tags"]))


@iam.operation("write", "oidc", takes="OpenIDConnectProviderArn TagKeys")
def untag_open_id_connect_provider(call: Call, req: UntagOpenIDConnectProviderRequestTypeDef) -> dict[str, Any]:
    """Remove tags of a provider."""
    provider = open_provider(call, req["OpenIDConnectProviderArn"])
    return keep(call, provider, tags=without_tags(provider.tags, req["TagKeys"]))


@iam.operation("read", "oidc", takes="OpenIDConnectProviderArn Marker MaxItems")
def list_open_id_connect_provider_tags(call: Call, req: ListOpenIDConnectProviderTagsRequestTypeDef) -> dict[str, Any]:
    """A provider's tags."""
    return listed_tags(req, open_provider(call, req["OpenIDConnectProviderArn"]).tags)


def keep(call: Call, provider: OidcProvider, **changes: Any) -> dict[str, Any]:
    """Keep a changed provider; the empty answer."""
    oidc_providers.put(call.tx, msgspec.structs.replace(provider, **changes), call.account, provider.url)
    return {}


def checked_url(url: str) -> str:
    """A provider's URL without https://; a slash at its end belongs to it, as it does to the issuer in tokens."""
    try:
        parts = urlsplit(url)
        good = bool(_URL.fullmatch(url) and parts.hostname) and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        good = False
    if not good:
        raise AwsError("ValidationError", "Invalid Open ID Connect Provider URL")
    return url.removeprefix("https://")


def checked_clients(clients: Sequence[str]) -> tuple[str, ...]:
    """Audiences, each once."""
    found = tuple(dict.fromkeys(clients))
    if len(found) > CLIENTS:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENTS}")
    return found


def checked_thumbprints(thumbprints: Sequence[str]) -> tuple[str, ...]:
    """SHA-1 digests of certificates, in hexadecimal."""
    if len(thumbprints) > THUMBPRINTS:
        raise AwsError("InvalidInput", f"Thumbprint list must contain fewer than {THUMBPRINTS} entries.")
    if not all(_THUMBPRINT.fullmatch(each) for each in thumbprints):
        raise AwsError("InvalidInput", "Thumbprint must be 40 hexadecimal characters.")
    return tuple(each.lower() for each in thumbprints)


def url_in(call: Call, arn: str) -> str:
    """The URL in a provider's ARN."""
    head = oidc_arn(call.account, "")
    if not re.match(r"arn:aws:iam::\d{12}:oidc-provider/.", arn, re.ASCII):
        raise AwsError("InvalidInput", f"Invalid ARN: {arn}")
    return arn.removeprefix(head) if arn.startswith(head) else ""


def open_provider(call: Call, arn: str) -> OidcProvider:
    """The provider of an ARN."""
    provider = oidc_providers.get(call.tx, call.account, url_in(call, arn))
    if provider is None:
        raise AwsError("NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}")
    return provider
