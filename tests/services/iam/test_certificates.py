"""Server certificates and signing certificates: UploadServerCertificate, UploadSigningCertificate and what goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.core.errors import AwsError
from fogbank.services.iam.account_records import server_certificates
from fogbank.services.iam.pem import certificates, check_key
from services.helpers import code, refusal
from services.iam.made import certificate, key_pem, new_key, pem
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

KEY, OTHER, CA, ROOT = new_key(), new_key(), new_key(), new_key()
SELF = pem(certificate(KEY))
LEAF_CERTIFICATE = certificate(KEY, "leaf", (CA, "ca"))
LEAF = pem(LEAF_CERTIFICATE)
MIDDLE = pem(certificate(CA, "ca", (ROOT, "root")))
TOP = pem(certificate(ROOT, "root"))
UPLOAD = {"ServerCertificateName": "www", "CertificateBody": SELF, "PrivateKey": key_pem(KEY)}


@pytest.fixture
def iam(region: LocalRegion) -> Any:
    """boto3's IAM client of the region's root, and a user ann."""
    client = region.client("iam")
    client.create_user(UserName="ann")
    return client


def test_upload_server_certificate(region: LocalRegion, iam: Any) -> None:
    made = iam.upload_server_certificate(**UPLOAD, Path="/cloudfront/", Tags=[{"Key": "k", "Value": "v"}])
    metadata = made["ServerCertificateMetadata"]
    assert metadata["Arn"] == f"arn:aws:iam::{ACCOUNT}:server-certificate/cloudfront/www"
    assert metadata["ServerCertificateId"].startswith("ASCA")
    assert (metadata["Expiration"].year, metadata["Path"]) == (2027, "/cloudfront/")
    found = iam.get_server_certificate(ServerCertificateName="WWW")["ServerCertificate"]
    assert (found["CertificateBody"], found["ServerCertificateMetadata"]) == (SELF.strip(), metadata)
    assert "CertificateChain" not in found
    assert found["Tags"] == [{"Key": "k", "Value": "v"}]
    error = refusal(iam.upload_server_certificate, **UPLOAD)
    assert (error["Code"], error["Status"]) == ("EntityAlreadyExists", 409)


def test_private_keys_are_sealed_and_never_told(region: LocalRegion, iam: Any) -> None:
    iam.upload_server_certificate(**UPLOAD)
    with region.region.store.snapshot() as tx:
        record = server_certificates.get(tx, ACCOUNT, "www")
        raw = b"".join(value for _, value in tx.scan(b"", b"\xff"))
    assert record is not None
    body = key_pem(KEY).splitlines()[1]
    assert body.encode() not in raw
    assert body not in repr(record)
    opened = region.region.vault.open(record.key, f"server-certificate:{record.id}")
    assert opened.decode() == key_pem(KEY)
    assert body not in str(iam.get_server_certificate(ServerCertificateName="www"))


def test_a_chain_is_in_order(iam: Any) -> None:
    upload = UPLOAD | {"CertificateBody": LEAF}
    iam.upload_server_certificate(**upload, CertificateChain=MIDDLE + TOP)
    found = iam.get_server_certificate(ServerCertificateName="www")["ServerCertificate"]
    assert found["CertificateChain"] == (MIDDLE + TOP).strip()
    for chain in (
        TOP + MIDDLE,
        SELF,
        "x",
        MIDDLE + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        TOP * 21,
    ):
        again = upload | {"ServerCertificateName": "again", "CertificateChain": chain}
        assert code(iam.upload_server_certificate, **again) == "MalformedCertificate"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"PrivateKey": key_pem(OTHER)}, "KeyPairMismatch"),
        ({"PrivateKey": key_pem(KEY, b"secret")}, "MalformedCertificate"),
        ({"PrivateKey": SELF}, "MalformedCertificate"),
        ({"PrivateKey": "hello"}, "MalformedCertificate"),
        ({"CertificateBody": key_pem(KEY)}, "MalformedCertificate"),
        ({"CertificateBody": SELF + TOP}, "MalformedCertificate"),
        ({"CertificateBody": SELF[:-60]}, "MalformedCertificate"),
        ({"CertificateBody": SELF.replace("MII", "MIA")}, "MalformedCertificate"),
        ({"CertificateBody": "-----BEGIN CERTIFICATE-----"}, "MalformedCertificate"),
        ({"CertificateBody": " " * 100}, "MalformedCertificate"),
        ({"CertificateBody": "x" * 16385}, "ValidationError"),
        ({"ServerCertificateName": "a/b"}, "ValidationError"),
    ],
    ids=range(12),
)
def test_what_cannot_be_uploaded(iam: Any, change: dict[str, str], error: str) -> None:
    refused = refusal(iam.upload_server_certificate, **UPLOAD | change)
    assert refused["Code"] == error
    assert "PRIVATE KEY" not in refused["Message"]
    assert iam.list_server_certificates()["ServerCertificateMetadataList"] == []


def test_lists_and_limits(iam: Any) -> None:
    """ListServerCertificates; 20 in an account."""
    for number in range(20):
        iam.upload_server_certificate(**UPLOAD | {"ServerCertificateName": f"c{number:02}"}, Path=f"/p{number % 2}/")
    assert code(iam.upload_server_certificate, **UPLOAD) == "LimitExceeded"
    first = iam.list_server_certificates(PathPrefix="/p1/", MaxItems=6)
    rest = iam.list_server_certificates(PathPrefix="/p1/", Marker=first["Marker"])
    names = [each["ServerCertificateName"] for page in (first, rest) for each in page["ServerCertificateMetadataList"]]
    assert names == [f"c{number:02}" for number in range(1, 20, 2)]
    assert (first["IsTruncated"], rest["IsTruncated"]) == (True, False)


def test_update_server_certificate(iam: Any) -> None:
    iam.upload_server_certificate(**UPLOAD)
    iam.upload_server_certificate(**UPLOAD | {"ServerCertificateName": "taken"})
    before = iam.get_server_certificate(ServerCertificateName="www")["ServerCertificate"]
    assert (
        code(iam.update_server_certificate, ServerCertificateName="www", NewServerCertificateName="Taken")
        == "EntityAlreadyExists"
    )
    iam.update_server_certificate(ServerCertificateName="www", NewServerCertificateName="WWW2", NewPath="/n/")
    after = iam.get_server_certificate(ServerCertificateName="www2")["ServerCertificate"]
    assert after["ServerCertificateMetadata"]["Arn"].endswith(":server-certificate/n/WWW2")
    same = "ServerCertificateId"
    assert after["ServerCertificateMetadata"][same] == before["ServerCertificateMetadata"][same]
    assert code(iam.get_server_certificate, ServerCertificateName="www") == "NoSuchEntity"


def test_delete_server_certificate_and_tags(iam: Any) -> None:
    """TagServerCertificate, UntagServerCertificate, ListServerCertificateTags."""
    iam.upload_server_certificate(**UPLOAD)
    name = {"ServerCertificateName": "www"}
    iam.tag_server_certificate(**name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.untag_server_certificate(**name, TagKeys=["A"])
    assert iam.list_server_certificate_tags(**name)["Tags"] == [{"Key": "b", "Value": "2"}]
    iam.delete_server_certificate(**name)
    assert code(iam.delete_server_certificate, **name) == "NoSuchEntity"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 500), st.integers(0, 40), st.text(max_size=20))
def test_damaged_certificates_are_refused_or_read(at: int, cut: int, more: str) -> None:
    for check in (certificates, lambda text: check_key(text, LEAF_CERTIFICATE)):
        whole = LEAF if check is certificates else key_pem(KEY)
        try:
            check(whole[:at] + more + whole[at + cut :])
        except AwsError as error:
            if error.code not in ("MalformedCertificate", "KeyPairMismatch"):
                raise


def test_a_damaged_certificate_is_malformed() -> None:
    for text in (LEAF[:-40] + LEAF, "\ud800", LEAF.replace("\n", "")[:200], LEAF * 21):
        with pytest.raises(AwsError) as caught:
            certificates(text)
        assert caught.value.code == "MalformedCertificate"


def test_signing_certificates(iam: Any) -> None:
    """UploadSigningCertificate, ListSigningCertificates, UpdateSigningCertificate, DeleteSigningCertificate."""
    made = iam.upload_signing_certificate(UserName="ann", CertificateBody=SELF)["Certificate"]
    assert (made["Status"], made["CertificateBody"], len(made["CertificateId"])) == ("Active", SELF, 32)
    assert code(iam.upload_signing_certificate, UserName="ann", CertificateBody=SELF) == "DuplicateCertificate"
    iam.upload_signing_certificate(UserName="ann", CertificateBody=TOP)
    assert code(iam.upload_signing_certificate, UserName="ann", CertificateBody=MIDDLE) == "LimitExceeded"
    one = {"UserName": "ann", "CertificateId": made["CertificateId"]}
    iam.update_signing_certificate(**one, Status="Inactive")
    assert code(iam.update_signing_certificate, **one, Status="Expired") == "InvalidInput"
    found = {
        each["CertificateId"]: each["Status"] for each in iam.list_signing_certificates(UserName="ann")["Certificates"]
    }
    assert (len(found), found[made["CertificateId"]]) == (2, "Inactive")
    iam.delete_signing_certificate(**one)
    assert code(iam.delete_signing_certificate, **one) == "NoSuchEntity"
    iam.create_user(UserName="bob")
    iam.upload_signing_certificate(UserName="bob", CertificateBody=SELF)
    for body in ("x", key_pem(KEY), SELF + TOP):
        assert code(iam.upload_signing_certificate, UserName="bob", CertificateBody=body) == "MalformedCertificate"
