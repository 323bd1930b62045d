"""SAML providers: whose assertions AssumeRoleWithSAML takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import SamlProvider, key_of, saml_providers, when
from fogbank.core.identity.saml import BadMetadata, parse_metadata
from fogbank.services.iam.account_records import saml_arn, tagging
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import listed_tags, told_tags, with_tags, without_tags

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateSAMLProviderRequestTypeDef,
        DeleteSAMLProviderRequestTypeDef,
        GetSAMLProviderRequestTypeDef,
        ListSAMLProviderTagsRequestTypeDef,
        TagSAMLProviderRequestTypeDef,
        UntagSAMLProviderRequestTypeDef,
        UpdateSAMLProviderRequestTypeDef,
    )

    from fogbank.core.call import Call

PER_ACCOUNT = 100


@iam.operation("bulk", "new_saml", takes="SAMLMetadataDocument Name Tags", also=tagging("TagSAMLProvider", "new_saml"))
def create_saml_provider(call: Call, req: CreateSAMLProviderRequestTypeDef) -> dict[str, Any]:
    """Trust a provider, by its metadata."""
    name = req["Name"]
    if saml_providers.get(call.tx, call.account, key_of(name)) is not None:
        raise AwsError("EntityAlreadyExists", f"SAMLProvider {name} already exists.")
    if sum(1 for _ in saml_providers.scan(call.tx, call.account, limit=PER_ACCOUNT)) >= PER_ACCOUNT:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for SAMLProvidersPerAccount: {PER_ACCOUNT}")
    provider = SamlProvider(
        name=name,
        metadata=req["SAMLMetadataDocument"],
        created=int(call.now.timestamp()),
        valid_until=expiry(req["SAMLMetadataDocument"]),
        tags=with_tags({}, req.get("Tags", [])),
        id=call.ids.unique("SAMLSP"),
    )
    saml_providers.put(call.tx, provider, call.account, key_of(name))
    tags = {"Tags": told_tags(provider.tags)} if provider.tags else {}
    return {"SAMLProviderArn": saml_arn(call.account, name), **tags}


@iam.operation("read", "saml", takes="SAMLProviderArn")
def get_saml_provider(call: Call, req: GetSAMLProviderRequestTypeDef) -> dict[str, Any]:
    """A provider, with its metadata."""
    provider = open_provider(call, req["SAMLProviderArn"])
    return {
        "SAMLProviderUUID": provider.id,
        "SAMLMetadataDocument": provider.metadata,
        "CreateDate": when(provider.created),
        "ValidUntil": when(provider.valid_until),
        "Tags": told_tags(provider.tags),
    }


@iam.operation("scan", "*", takes="")
def list_saml_providers(call: Call, _req: dict[str, Any]) -> dict[str, Any]:
    """The account's providers."""
    found = [provider for _, provider in saml_providers.scan(call.tx, call.account)]
    return {
        "SAMLProviderList": [
            {
                "Arn": saml_arn(call.account, provider.name),
                "ValidUntil": when(provider.valid_until),
                "CreateDate": when(provider.created),
            }
            for provider in found
        ]
    }


@iam.operation("bulk", "saml", takes="SAMLProviderArn SAMLMetadataDocument")
def update_saml_provider(call: Call, req: UpdateSAMLProviderRequestTypeDef) -> dict[str, Any]:
    """Replace a provider's metadata."""
    provider = open_provider(call, req["SAMLProviderArn"])
    document = req.get("SAMLMetadataDocument")
    if document is not None:
        keep(call, provider, metadata=document, valid_until=expiry(document))
    return {"SAMLProviderArn": saml_arn(call.account, provider.name)}


@iam.operation("write", "saml", takes="SAMLProviderArn")
def delete_saml_provider(call: Call, req: DeleteSAMLProviderRequestTypeDef) -> dict[str, Any]:
    """Trust a provider no more."""
    saml_providers.delete(call.tx, call.account, key_of(open_provider(call, req["SAMLProviderArn"]).name))
    return {}


@iam.operation("write", "saml", takes="SAMLProviderArn Tags")
def tag_saml_provider(call: Call, req: TagSAMLProviderRequestTypeDef) -> dict[str, Any]:
    """Tag a provider."""
    provider = open_provider(call, req["SAMLProviderArn"])
    return keep(call, provider, tags=with_tags(provider.tags, req["Tags"]))


@iam.operation("write", "saml", takes="SAMLProviderArn TagKeys")
def untag_saml_provider(call: Call, req: UntagSAMLProviderRequestTypeDef) -> dict[str, Any]:
    """Remove tags of a provider."""
    provider = open_provider(call, req["SAMLProviderArn"])
    return keep(call, provider, tags=without_tags(provider.tags, req["TagKeys"]))


@iam.operation("read", "saml", takes="SAMLProviderArn Marker MaxItems")
def list_saml_provider_tags(call: Call, req: ListSAMLProviderTagsRequestTypeDef) -> dict[str, Any]:
    """A provider's tags."""
    return listed_tags(req, open_provider(call, req["SAMLProviderArn"]).tags)


def keep(call: Call, provider: SamlProvider, **changes: Any) -> dict[str, Any]:
    """Keep a changed provider; the empty answer."""
    saml_providers.put(call.tx, msgspec.structs.replace(provider, **changes), call.account, key_of(provider.name))
    return {}


def expiry(document: str) -> int:
    """When a metadata document ends, in seconds since the epoch."""
    try:
        return parse_metadata(document).expires()
    except BadMetadata as error:
        raise AwsError("InvalidInput", f"Could not parse metadata: {error}.") from None


def open_provider(call: Call, arn: str) -> SamlProvider:
    """The provider of an ARN."""
    if not re.fullmatch(r"arn:aws:iam::\d{12}:saml-provider/[\w._-]{1,128}", arn, re.ASCII):
        raise AwsError("InvalidInput", f"Invalid ARN: {arn}")
    head = saml_arn(call.account, "")
    name = arn.removeprefix(head) if arn.startswith(head) else ""
    provider = saml_providers.get(call.tx, call.account, key_of(name))
    if provider is None or provider.name != name:  # policies tell cases apart
        raise AwsError("NoSuchEntity", f"Manifest not found for arn {arn}")
    return provider
