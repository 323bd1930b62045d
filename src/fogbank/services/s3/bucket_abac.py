"""Whether access may depend on a bucket's tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetBucketAbacRequestTypeDef, PutBucketAbacRequestTypeDef

    from fogbank.core.call import Call

KIND = "abac"


@s3.operation("write", "bucket", takes="Bucket ContentMD5 ChecksumAlgorithm AbacStatus ExpectedBucketOwner")
def put_bucket_abac(call: Call, req: PutBucketAbacRequestTypeDef) -> dict[str, Any]:
    """Let policies see the bucket's tags, or no longer."""
    bucket = open_bucket(call, req)
    wanted: str | None = req["AbacStatus"].get("Status")
    if wanted == "Enabled":
        configuration.keep(call.tx, bucket, KIND, {"Status": wanted})
    elif wanted == "Disabled":
        configuration.drop(call.tx, bucket, KIND)
    else:
        what = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", what)
    return {}


@s3.operation("read", "bucket", takes="Bucket ExpectedBucketOwner")
def get_bucket_abac(call: Call, req: GetBucketAbacRequestTypeDef) -> dict[str, Any]:
    """Whether policies see the bucket's tags."""
    found = configuration.find(call.tx, open_bucket(call, req), KIND)
    return {"AbacStatus": {"Status": "Enabled" if found else "Disabled"}}
