"""Notifications of a bucket's events: which are told to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core import destinations
from fogbank.core.errors import AwsError
from fogbank.services.s3 import configuration, notification_rules
from fogbank.services.s3.access import open_bucket
from fogbank.services.s3.notification_bridge import MEMBER
from fogbank.services.s3.notification_delivery import sender, tell_test
from fogbank.services.s3.notification_rules import TARGETS, Rule
from fogbank.services.s3.service import s3

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        GetBucketNotificationConfigurationRequestTypeDef,
        PutBucketNotificationConfigurationRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket

KIND = "notification"
# What is wrong with a destination, by its service: that it is not there, and that it does not let S3 send to it.
WRONG = {
    "sqs": (
        "The destination queue does not exist",
        "Permissions on the destination queue do not allow S3 to publish notifications from this bucket",
    ),
    "sns": (
        "The destination topic does not exist",
        "Permissions on the destination topic do not allow S3 to publish notifications from this bucket",
    ),
    "lambda": ("The destination Lambda does not exist", "Not authorized to invoke function [{}]"),
}


@s3.operation(
    "write",
    "bucket",
    action="s3:PutBucketNotification",
    takes="Bucket NotificationConfiguration ExpectedBucketOwner SkipDestinationValidation",
)
def put_bucket_notification_configuration(
    call: Call, req: PutBucketNotificationConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Say which events are told to whom. Queues and topics are sent a test event; nothing is told to anybody by an empty one."""
    bucket = open_bucket(call, req)
    value: dict[str, Any] = {**req["NotificationConfiguration"]}
    notification_rules.check(value, bucket.region)
    for member in TARGETS:
        value[member] = [{**one, "Id": one.get("Id") or call.ids.uuid()} for one in value.get(member, [])]
    found = list(notification_rules.rules(value))
    notification_rules.check_overlaps(found)
    if not req.get("SkipDestinationValidation", False):
        check_destinations(call, bucket, found)
        tell_test(call, bucket, found)
    if found or MEMBER in value:
        configuration.keep(call.tx, bucket, KIND, value)
    else:
        configuration.drop(call.tx, bucket, KIND)
    return {}


@s3.operation("read", "bucket", action="s3:GetBucketNotification", takes="Bucket ExpectedBucketOwner")
def get_bucket_notification_configuration(
    call: Call, req: GetBucketNotificationConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Which events are told to whom; nothing where none are."""
    found: dict[str, Any] = configuration.find(call.tx, open_bucket(call, req), KIND) or {}
    return {member: value for member, value in found.items() if value or member == MEMBER}


def check_destinations(call: Call, bucket: Bucket, found: list[Rule]) -> None:
    """InvalidArgument, with all that is wrong, unless every destination is there and lets S3 send events of this bucket."""
    fields: dict[str, str] = {}
    for rule in found:
        wrong = wrong_with(call, bucket, rule)
        if wrong:
            number = len(fields) // 2 + 1
            fields |= {f"ArgumentName{number}": f"{rule.arn}, null", f"ArgumentValue{number}": wrong}
    if fields:
        raise AwsError("InvalidArgument", "Unable to validate the following destination configurations", fields=fields)


def wrong_with(call: Call, bucket: Bucket, rule: Rule) -> str:
    """Why a destination cannot be used; empty if it can."""
    missing, forbidden = WRONG[rule.service]
    destination = destinations.find(rule.arn)
    if destination is None or not destination.exists(call.tx, rule.arn):
        return missing
    return "" if destination.may(call, rule.arn, sender(bucket)) else forbidden.format(rule.arn)
