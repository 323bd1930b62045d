"""Server certificates, and users' signing certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import key_of, when
from fogbank.core.service import Permission
from fogbank.services.iam import pem
from fogbank.services.iam.account_records import (
    ServerCertificate,
    SigningCertificate,
    server_certificate_arn,
    server_certificates,
    signing_certificates,
    signing_digests,
    tagging,
)
from fogbank.services.iam.listing import paged
from fogbank.services.iam.login_profiles import holder
from fogbank.services.iam.service import iam
from fogbank.services.iam.tagging import listed_tags, told_tags, with_tags, without_tags

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        DeleteServerCertificateRequestTypeDef,
        DeleteSigningCertificateRequestTypeDef,
        GetServerCertificateRequestTypeDef,
        ListServerCertificatesRequestTypeDef,
        ListServerCertificateTagsRequestTypeDef,
        ListSigningCertificatesRequestTypeDef,
        TagServerCertificateRequestTypeDef,
        UntagServerCertificateRequestTypeDef,
        UpdateServerCertificateRequestTypeDef,
        UpdateSigningCertificateRequestTypeDef,
        UploadServerCertificateRequestTypeDef,
        UploadSigningCertificateRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input

SERVER_CERTIFICATES = 20
SIGNING_CERTIFICATES = 2


@iam.operation(
    "bulk",
    "new_server_certificate",
    takes="Path ServerCertificateName CertificateBody PrivateKey CertificateChain Tags",
    also=tagging("TagServerCertificate", "new_server_certificate"),
)
def upload_server_certificate(call: Call, req: UploadServerCertificateRequestTypeDef) -> dict[str, Any]:
    """Keep a certificate with its private key, which is never told again."""
    name, chain = req["ServerCertificateName"], req.get("CertificateChain", "")
    refuse_taken(call, name)
    if (
        sum(1 for _ in server_certificates.scan(call.tx, call.account, limit=SERVER_CERTIFICATES))
        >= SERVER_CERTIFICATES
    ):
        raise AwsError("LimitExceeded", f"Cannot exceed quota for ServerCertificatesPerAccount: {SERVER_CERTIFICATES}")
    parsed = pem.certificate(req["CertificateBody"])
    pem.check_key(req["PrivateKey"], parsed)
    if chain:
        pem.check_chain(parsed, chain)
    unique = call.ids.unique("ASCA")
    kept = ServerCertificate(
        name=name,
        id=unique,
        path=req.get("Path", "/"),
        body=req["CertificateBody"].strip(),
        chain=chain.strip(),
        key=call.vault.seal(req["PrivateKey"].encode(), key_context(unique)),
        uploaded=int(call.now.timestamp()),
        expires=int(parsed.not_valid_after_utc.timestamp()),
        tags=with_tags({}, req.get("Tags", [])),
    )
    server_certificates.put(call.tx, kept, call.account, key_of(name))
    tags = {"Tags": told_tags(kept.tags)} if kept.tags else {}
    return {"ServerCertificateMetadata": metadata(call, kept), **tags}


@iam.operation("read", "server_certificate", takes="ServerCertificateName")
def get_server_certificate(call: Call, req: GetServerCertificateRequestTypeDef) -> dict[str, Any]:
    """A certificate and its chain, without the key."""
    kept = open_server_certificate(call, req)
    told: dict[str, Any] = {"ServerCertificateMetadata": metadata(call, kept), "CertificateBody": kept.body}
    if kept.chain:
        told["CertificateChain"] = kept.chain
    return {"ServerCertificate": {**told, "Tags": told_tags(kept.tags)}}


@iam.operation("scan", "*", takes="PathPrefix Marker MaxItems")
def list_server_certificates(call: Call, req: ListServerCertificatesRequestTypeDef) -> dict[str, Any]:
    """The account's server certificates, by name."""
    prefix = req.get("PathPrefix", "/")
    kept = (each for _, each in server_certificates.scan(call.tx, call.account) if each.path.startswith(prefix))
    found, more = paged(req, ((key_of(each.name), metadata(call, each)) for each in kept))
    return {"ServerCertificateMetadataList": found, **more}


def new_place(call: Call, req: UpdateServerCertificateRequestTypeDef) -> list[Permission]:
    """The certificate as it will be: renaming needs the permission on both (API Reference, UpdateServerCertificate)."""
    name = req["ServerCertificateName"]
    kept = server_certificates.get(call.tx, call.account, key_of(name))
    path = req.get("NewPath", kept.path if kept else "/")
    arn = server_certificate_arn(call.account, path, req.get("NewServerCertificateName", kept.name if kept else name))
    return [Permission("iam:UpdateServerCertificate", arn, req)]


@iam.operation(
    "write",
    "server_certificate",
    takes="ServerCertificateName NewPath NewServerCertificateName",
    also=new_place,
)
def update_server_certificate(call: Call, req: UpdateServerCertificateRequestTypeDef) -> dict[str, Any]:
    """Change a certificate's name or path."""
    kept = open_server_certificate(call, req)
    name = req.get("NewServerCertificateName", kept.name)
    if key_of(name) != key_of(kept.name):
        refuse_taken(call, name)
    server_certificates.delete(call.tx, call.account, key_of(kept.name))
    return keep(call, kept, name=name, path=req.get("NewPath", kept.path))


@iam.operation("write", "server_certificate", takes="ServerCertificateName")
def delete_server_certificate(call: Call, req: DeleteServerCertificateRequestTypeDef) -> dict[str, Any]:
    """Delete a certificate and its key."""
    server_certificates.delete(call.tx, call.account, key_of(open_server_certificate(call, req).name))
    return {}


@iam.operation("write", "server_certificate", takes="ServerCertificateName Tags")
def tag_server_certificate(call: Call, req: TagServerCertificateRequestTypeDef) -> dict[str, Any]:
    """Tag a certificate."""
    kept = open_server_certificate(call, req)
    return keep(call, kept, tags=with_tags(kept.tags, req["Tags"]))


@iam.operation("write", "server_certificate", takes="ServerCertificateName TagKeys")
def untag_server_certificate(call: Call, req: UntagServerCertificateRequestTypeDef) -> dict[str, Any]:
    """Remove tags of a certificate."""
    kept = open_server_certificate(call, req)
    return keep(call, kept, tags=without_tags(kept.tags, req["TagKeys"]))


@iam.operation("read", "server_certificate", takes="ServerCertificateName Marker MaxItems")
def list_server_certificate_tags(call: Call, req: ListServerCertificateTagsRequestTypeDef) -> dict[str, Any]:
    """A certificate's tags."""
    return listed_tags(req, open_server_certificate(call, req).tags)


@iam.operation("bulk", "user", takes="UserName CertificateBody")
def upload_signing_certificate(call: Call, req: UploadSigningCertificateRequestTypeDef) -> dict[str, Any]:
    """Keep a user's certificate."""
    name = holder(call, req)
    digest = pem.certificate(req["CertificateBody"]).fingerprint(SHA256())
    if signing_digests.get(call.tx, call.account, digest) is not None:
        raise AwsError(
            "DuplicateCertificate", "The certificate is already associated with an IAM user of this account."
        )
    if sum(1 for _ in signing_certificates.scan(call.tx, call.account, key_of(name))) >= SIGNING_CERTIFICATES:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for CertificatesPerUser: {SIGNING_CERTIFICATES}")
    kept = SigningCertificate(
        id=call.ids.unique("") + call.ids.unique(""),
        user=name,
        body=req["CertificateBody"],
        digest=digest,
        active=True,
        uploaded=int(call.now.timestamp()),
    )
    signing_certificates.put(call.tx, kept, call.account, key_of(name), kept.id)
    signing_digests.put(call.tx, kept, call.account, digest)
    return {"Certificate": told_signing(kept)}


@iam.operation("scan", "user", takes="UserName Marker MaxItems")
def list_signing_certificates(call: Call, req: ListSigningCertificatesRequestTypeDef) -> dict[str, Any]:
    """A user's certificates."""
    kept = signing_certificates.scan(call.tx, call.account, key_of(holder(call, req)))
    found, more = paged(req, ((each.id, told_signing(each)) for _, each in kept))
    return {"Certificates": found, **more}


@iam.operation("write", "user", takes="UserName CertificateId Status")
def update_signing_certificate(call: Call, req: UpdateSigningCertificateRequestTypeDef) -> dict[str, Any]:
    """Switch a certificate off, or on again."""
    kept = open_signing(call, req)
    changed = msgspec.structs.replace(kept, active=is_active(req))
    signing_certificates.put(call.tx, changed, call.account, key_of(kept.user), kept.id)
    return {}


@iam.operation("write", "user", takes="UserName CertificateId")
def delete_signing_certificate(call: Call, req: DeleteSigningCertificateRequestTypeDef) -> dict[str, Any]:
    """Delete a user's certificate."""
    kept = open_signing(call, req)
    signing_certificates.delete(call.tx, call.account, key_of(kept.user), kept.id)
    signing_digests.delete(call.tx, call.account, kept.digest)
    return {}


def key_context(unique: str) -> str:
    """What the private key of a certificate is sealed for."""
    return f"server-certificate:{unique}"


def is_active(req: Input) -> bool:
    """The Status of a request; Expired is not set by callers."""
    if req["Status"] == "Expired":
        raise AwsError("InvalidInput", "The status must be Active or Inactive.")
    return bool(req["Status"] == "Active")


def refuse_taken(call: Call, name: str) -> None:
    """Names are unique, without regard to case."""
    if server_certificates.get(call.tx, call.account, key_of(name)) is not None:
        raise AwsError("EntityAlreadyExists", f"The Server Certificate with name {name} already exists.")


def open_server_certificate(call: Call, req: Input) -> ServerCertificate:
    """The addressed server certificate."""
    name = req["ServerCertificateName"]
    kept = server_certificates.get(call.tx, call.account, key_of(name))
    if kept is None:
        raise AwsError("NoSuchEntity", f"The Server Certificate with name {name} cannot be found.")
    return kept


def keep(call: Call, kept: ServerCertificate, **changes: Any) -> dict[str, Any]:
    """Keep a changed server certificate; the empty answer."""
    changed = msgspec.structs.replace(kept, **changes)
    server_certificates.put(call.tx, changed, call.account, key_of(changed.name))
    return {}


def metadata(call: Call, kept: ServerCertificate) -> dict[str, Any]:
    """A server certificate as listings tell it."""
    return {
        "Path": kept.path,
        "ServerCertificateName": kept.name,
        "ServerCertificateId": kept.id,
        "Arn": server_certificate_arn(call.account, kept.path, kept.name),
        "UploadDate": when(kept.uploaded),
        "Expiration": when(kept.expires),
    }


def open_signing(call: Call, req: Input) -> SigningCertificate:
    """The addressed signing certificate, if it is the user's."""
    kept = signing_certificates.get(call.tx, call.account, key_of(holder(call, req)), req["CertificateId"])
    if kept is None:
        raise AwsError("NoSuchEntity", f"The Certificate with id {req['CertificateId']} cannot be found.")
    return kept


def told_signing(kept: SigningCertificate) -> dict[str, Any]:
    """A signing certificate as IAM tells it."""
    return {
        "UserName": kept.user,
        "CertificateId": kept.id,
        "CertificateBody": kept.body,
        "Status": "Active" if kept.active else "Inactive",
        "UploadDate": when(kept.uploaded),
    }
