"""Who pays for requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.paying import KIND
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetBucketRequestPaymentRequestTypeDef, PutBucketRequestPaymentRequestTypeDef

    from fogbank.core.call import Call


@s3.operation(
    "write",
    "bucket",
    takes="Bucket ContentMD5 ChecksumAlgorithm RequestPaymentConfiguration ExpectedBucketOwner",
)
def put_bucket_request_payment(call: Call, req: PutBucketRequestPaymentRequestTypeDef) -> dict[str, Any]:
    """Have the requester, or the owner of the bucket, pay. Only the former is kept: requests look whether there is anything."""
    bucket = open_bucket(call, req)
    payer: str = req["RequestPaymentConfiguration"]["Payer"]
    if payer == "Requester":
        configuration.keep(call.tx, bucket, KIND, {"Payer": payer})
    elif payer == "BucketOwner":
        configuration.drop(call.tx, bucket, KIND)
    else:
        what = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", what)
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_request_payment(call: Call, req: GetBucketRequestPaymentRequestTypeDef) -> dict[str, Any]:
    """Who pays."""
    return {"Payer": "Requester" if configuration.find(call.tx, open_bucket(call, req), KIND) else "BucketOwner"}
