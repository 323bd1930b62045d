"""Tags of buckets, by ARN: S3 Control tags buckets too, and alone once access depends on tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.service import Tagging
from fogbank.services.s3 import configuration, tags
from fogbank.services.s3.access import open_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket

_ARN: Final = "arn:aws:s3:::"


def find(call: Call, arn: str) -> dict[str, str]:
    """A bucket's tags."""
    found = configuration.find(call.tx, _bucket(call, arn), "tagging") or {}
    return {tag["Key"]: tag["Value"] for tag in found.get("TagSet", [])}


def change(call: Call, arn: str, given: list[Mapping[str, Any]], taken: list[str]) -> None:
    """Give a bucket tags, and take away those of some keys."""
    bucket = _bucket(call, arn)
    kept = {key: value for key, value in find(call, arn).items() if key not in taken} | tags.of_bucket(given)
    tags.of_bucket([*tags.to_set(kept)])
    if kept:
        configuration.keep(call.tx, bucket, "tagging", {"TagSet": tags.to_set(kept)})
    else:
        configuration.drop(call.tx, bucket, "tagging")


def check_not_abac(bucket: Bucket) -> None:
    """Refuse to tag a bucket in the old way once access depends on its tags.

    Source: S3 User Guide, "Enabling ABAC in general purpose buckets".
    """
    if "abac" in bucket.configured:
        what = "ABAC is enabled for this bucket: its tags are managed with TagResource and UntagResource."
        raise AwsError("InvalidRequest", what)


def _bucket(call: Call, arn: str) -> Bucket:
    if not arn.startswith(_ARN) or "/" in arn:
        raise not_implemented("Tagging what is no bucket")
    return open_named(call, arn.removeprefix(_ARN))


TAGGING: Final = Tagging(find, change)
