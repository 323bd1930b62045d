"""GetObjectAttributes: what is known of an object, its parts and checksums included, as far as it is asked for.

Source: API Reference, GetObjectAttributes, GetObjectAttributesParts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.core.service import Permission
from fogbank.services.s3 import checksums, encryption, versions
from fogbank.services.s3.access import open_bucket, open_object
from fogbank.services.s3.encryption_request import CUSTOMER, customer_of
from fogbank.services.s3.records import when
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetObjectAttributesRequestTypeDef

    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.s3.records import Checksum, Object, PartInfo

ATTRIBUTES: Final = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})
PAGE: Final = 1000  # parts


def read_permission(_call: Call, req: Input) -> list[Permission]:
    """It takes the right to read the object, too."""
    action = "s3:GetObjectVersion" if "VersionId" in req else "s3:GetObject"
    return [Permission(action, f"arn:aws:s3:::{req['Bucket']}/{req['Key']}", req)]


@s3.operation(
    "read",
    "object",
    variants={"VersionId": "s3:GetObjectVersionAttributes"},
    also=read_permission,
    takes=f"Bucket Key VersionId MaxParts PartNumberMarker ObjectAttributes {CUSTOMER} RequestPayer ExpectedBucketOwner",
)
def get_object_attributes(call: Call, req: GetObjectAttributesRequestTypeDef) -> dict[str, Any]:
    """The attributes that are asked for."""
    bucket = open_bucket(call, req)
    asked = check_asked(req)
    found = open_object(call, bucket, req["Key"], req.get("VersionId"))
    encryption.open_key(call, found.encryption, bucket, req["Key"], customer_of(call, req))
    known: dict[str, Any] = {
        "ETag": found.etag,
        "Checksum": checksum_of(found.checksum),
        "ObjectParts": parts_of(found, req) if found.parts else None,
        "StorageClass": found.storage_class,
        "ObjectSize": found.size,
    }
    told = {name: value for name, value in known.items() if name in asked and value is not None}
    return {"LastModified": when(found.modified), **versions.told(bucket, found), **told}


def check_asked(req: GetObjectAttributesRequestTypeDef) -> frozenset[str]:
    """The attributes that are asked for, all of which exist."""
    asked = frozenset(req.get("ObjectAttributes", ()))
    name = "x-amz-object-attributes"
    if not asked:
        what = f"The {name} header specifying the attributes to be retrieved is either missing or empty"
        raise AwsError("InvalidRequest", what)
    if not asked <= ATTRIBUTES:
        fields = {"ArgumentName": name, "ArgumentValue": ",".join(sorted(asked - ATTRIBUTES))[:200]}
        raise AwsError("InvalidArgument", "Invalid attribute name specified.", fields=fields)
    return asked


def checksum_of(checksum: Checksum | None) -> dict[str, Any] | None:
    """An object's checksum. That of a composite does not say the number of parts here."""
    if checksum is None:
        return None
    return {checksums.MEMBERS[checksum.algorithm]: checksum.value.partition("-")[0], "ChecksumType": checksum.type}


def parts_of(found: Object, req: GetObjectAttributesRequestTypeDef) -> dict[str, Any]:
    """A page of the parts of an object that was uploaded in parts: they are listed if each has a checksum of its own."""
    count = {"TotalPartsCount": len(found.parts)}
    checksum = found.checksum
    if checksum is None or checksum.type != "COMPOSITE":
        return count
    most, marker = (
        limit("MaxParts", req.get("MaxParts", PAGE)),
        limit("PartNumberMarker", req.get("PartNumberMarker", 0)),
    )
    most = min(most, PAGE)
    behind = [part for part in found.parts if part.number > marker]
    page = behind[:most]
    return {
        **count,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else marker,
        "MaxParts": most,
        "IsTruncated": len(behind) > len(page),
        "Parts": [told_part(part, checksum.algorithm) for part in page],
    }


def limit(name: str, value: int) -> int:
    """A number from 0 on."""
    if value < 0:
        header = {"MaxParts": "x-amz-max-parts", "PartNumberMarker": "x-amz-part-number-marker"}[name]
        fields = {"ArgumentName": header, "ArgumentValue": value}
        raise AwsError("InvalidArgument", f"{header} must be an integer between 0 and 2147483647", fields=fields)
    return value


def told_part(part: PartInfo, algorithm: str) -> dict[str, Any]:
    """One part."""
    return {"PartNumber": part.number, "Size": part.size, checksums.MEMBERS[algorithm]: part.checksum}
