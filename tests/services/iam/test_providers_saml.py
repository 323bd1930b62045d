"""SAML providers: CreateSAMLProvider and what goes with it; metadata that cannot be."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.core.identity.saml import BadMetadata, parse_metadata
from services.helpers import code, refusal
from services.iam.made import certificate, new_key
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ARN = f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"
CERTIFICATE = b64encode(certificate(new_key()).public_bytes(Encoding.DER)).decode()
ENDS = 1798761600  # of the certificate: 2027-01-01
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def metadata(
    *,
    head: str = "",
    until: str = "",
    certificates: str = CERTIFICATE,
    root: str = "EntityDescriptor",
    use: str = "signing",
) -> str:
    return f"""<?xml version="1.0"?>{head}
<m:{root} xmlns:m="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:d="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp"{until}>
 <m:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
  <m:KeyDescriptor use="{use}"><d:KeyInfo><d:X509Data><d:X509Certificate>
{certificates}</d:X509Certificate></d:X509Data></d:KeyInfo></m:KeyDescriptor>
  <m:SingleSignOnService Binding="{POST}" Location="https://idp/sso"/>
 </m:IDPSSODescriptor>
</m:{root}>{" " * 600}"""


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root."""
    return region.client("iam")


@pytest.fixture
def provider(iam: Any) -> dict[str, str]:
    """A provider; its ARN as arguments."""
    made = iam.create_saml_provider(Name="corp", SAMLMetadataDocument=metadata(), Tags=[{"Key": "k", "Value": "v"}])
    assert made["SAMLProviderArn"] == ARN
    return {"SAMLProviderArn": ARN}


def test_get_saml_provider(iam: Any, provider: dict[str, str]) -> None:
    found = iam.get_saml_provider(**provider)
    assert found["SAMLMetadataDocument"] == metadata()
    assert found["ValidUntil"].timestamp() == ENDS
    assert found["Tags"] == [{"Key": "k", "Value": "v"}]
    listed = iam.list_saml_providers()["SAMLProviderList"]
    assert [each["Arn"] for each in listed] == [ARN]
    error = refusal(iam.create_saml_provider, Name="CORP", SAMLMetadataDocument=metadata())
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)


def test_update_saml_provider(iam: Any, provider: dict[str, str]) -> None:
    new = metadata(until=' validUntil="2026-06-01T00:00:00Z"')
    assert iam.update_saml_provider(**provider, SAMLMetadataDocument=new)["SAMLProviderArn"] == ARN
    found = iam.get_saml_provider(**provider)
    assert (found["SAMLMetadataDocument"], found["ValidUntil"].year) == (new, 2026)


def test_delete_saml_provider(iam: Any, provider: dict[str, str]) -> None:
    assert code(iam.delete_saml_provider, SAMLProviderArn=ARN.replace("corp", "CORP")) == "NoSuchEntity"
    iam.delete_saml_provider(**provider)
    assert code(iam.delete_saml_provider, **provider) == "NoSuchEntity"
    assert code(iam.get_saml_provider, SAMLProviderArn="arn:aws:iam::1:saml-provider/x") == "InvalidInput"


def test_tags(iam: Any, provider: dict[str, str]) -> None:
    """TagSAMLProvider, UntagSAMLProvider, ListSAMLProviderTags."""
    iam.tag_saml_provider(**provider, Tags=[{"Key": "l", "Value": "w"}])
    iam.untag_saml_provider(**provider, TagKeys=["k"])
    assert iam.list_saml_provider_tags(**provider)["Tags"] == [{"Key": "l", "Value": "w"}]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "text",
    [
        metadata(head=BOMB),
        metadata(head='<!DOCTYPE x SYSTEM "file:///etc/passwd">'),
        metadata(root="EntitiesDescriptor"),
        metadata(certificates="bm9uZQ=="),
        metadata(certificates="***"),
        metadata(use="encryption"),
        metadata(until=' validUntil="soon"'),
        metadata().replace("IDPSSODescriptor", "SPSSODescriptor"),
        metadata().replace('entityID="https://idp"', ""),
        metadata().replace("SingleSignOnService", "SingleLogoutService"),
        metadata()[:-620] + " " * 600,
        "<a>" * 400,
        "x" * 2000,
        "<?xml version='1.0' encoding='utf-16'?>" + " " * 1000,
    ],
    ids=range(14),
)
def test_metadata_that_cannot_be(iam: Any, text: str) -> None:
    assert code(iam.create_saml_provider, Name="corp", SAMLMetadataDocument=text) == "InvalidInput"
    assert iam.list_saml_providers()["SAMLProviderList"] == []


def test_the_certificates_for_signing_are_read() -> None:
    found = parse_metadata(metadata())
    assert (found.entity_id, found.valid_until, found.expires()) == ("https://idp", 0, ENDS)
    assert [b64encode(each).decode() for each in found.certificates] == [CERTIFICATE]
    assert parse_metadata(metadata().replace(' use="signing"', "")).certificates == found.certificates


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 900), st.integers(0, 60), st.text(max_size=30))
def test_damaged_metadata_is_refused_or_read(at: int, cut: int, more: str) -> None:
    whole = metadata()
    with suppress(BadMetadata):
        assert parse_metadata(whole[:at] + more + whole[at + cut :]).certificates
