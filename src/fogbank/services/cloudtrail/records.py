"""Events as LookupEvents tells them: what it finds them by.

Sources: AWS CloudTrail API Reference, "Event", "LookupAttribute"; CloudTrail User Guide, "Viewing CloudTrail events with the AWS CLI".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

# CloudFormation's names for the types of resources, by the service and the first word of the resource part of an ARN.
TYPES: Final = {
    ("iam", "user"): "AWS::IAM::User",
    ("iam", "role"): "AWS::IAM::Role",
    ("iam", "group"): "AWS::IAM::Group",
    ("iam", "policy"): "AWS::IAM::Policy",
    ("iam", "instance-profile"): "AWS::IAM::InstanceProfile",
    ("iam", "mfa"): "AWS::IAM::VirtualMFADevice",
    ("iam", "saml-provider"): "AWS::IAM::SAMLProvider",
    ("iam", "oidc-provider"): "AWS::IAM::OIDCProvider",
    ("iam", "server-certificate"): "AWS::IAM::ServerCertificate",
}
# Services whose ARNs end in a name alone.
BARE: Final = {"sns": "AWS::SNS::Topic", "sqs": "AWS::SQS::Queue"}
ACCESS_KEY: Final = "AWS::IAM::AccessKey"
BY_ARN: Final = ("AWS::IAM::Policy", "AWS::IAM::SAMLProvider", "AWS::IAM::OIDCProvider", "AWS::IAM::VirtualMFADevice")


class Identity(msgspec.Struct, rename="camel"):
    """The part of a userIdentity that is looked for."""

    type: str = ""
    arn: str = ""
    account_id: str = ""
    access_key_id: str = ""
    user_name: str = ""
    invoked_by: str = ""


class Decision(msgspec.Struct):
    """The part of a decision that is looked for."""

    resource: str


class Additional(msgspec.Struct):
    """The part of additionalEventData that is looked for."""

    decisions: list[Decision] = []


class Kept(msgspec.Struct, rename="camel"):
    """The part of an event that is looked for."""

    event_id: str = msgspec.field(name="eventID")
    event_name: str
    event_time: str
    event_source: str
    aws_region: str
    read_only: bool
    user_identity: Identity
    recipient_account_id: str = ""
    request_parameters: Any = None
    response_elements: Any = None
    additional_event_data: Additional = msgspec.field(default_factory=Additional)

    @property
    def username(self) -> str:
        """The user's name; a session's for a role, `root` for the root, a service's for a service."""
        who = self.user_identity
        if who.type == "Root":
            return "root"
        return who.user_name or who.invoked_by or who.arn.rpartition("/")[2]

    @property
    def resources(self) -> list[tuple[str, str]]:
        """What the request was about, as types and names: what it asked permissions for, and access keys."""
        found = [resource_of(one.resource) for one in self.additional_event_data.decisions]
        keys = [*_keys(self.request_parameters), *_keys(self.response_elements)]
        return list(dict.fromkeys(filter(None, [*found, *((ACCESS_KEY, key) for key in keys)])))


def _keys(values: Any) -> list[str]:
    """The access keys that parameters or a result name."""
    if not isinstance(values, dict):
        return []
    made = values.get("accessKey")
    named = [values.get("accessKeyId"), made.get("accessKeyId") if isinstance(made, dict) else None]
    return [key for key in named if isinstance(key, str)]


def resource_of(arn: str) -> tuple[str, str] | None:
    """The type and name of the resource that an ARN means; None for `*` and whatever else is not one."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return None
    service, rest = parts[2], parts[5]
    if service == "s3":
        return ("AWS::S3::Object", arn) if "/" in rest else ("AWS::S3::Bucket", rest)
    if service in BARE and "/" not in rest and ":" not in rest:
        return BARE[service], rest
    word, _, name = rest.partition("/") if "/" in rest else rest.partition(":")
    if not name:
        return None
    kind = TYPES.get((service, word)) or f"AWS::{_camel(service)}::{_camel(word)}"
    return kind, arn if kind in BY_ARN else name.rpartition("/")[2]


def _camel(word: str) -> str:
    return "".join(part.capitalize() for part in word.split("-"))


decode: Callable[[bytes], Kept] = msgspec.json.Decoder(Kept).decode
# What each attribute is compared with.
VALUES: Final[dict[str, Callable[[Kept], list[str]]]] = {
    "EventId": lambda kept: [kept.event_id],
    "EventName": lambda kept: [kept.event_name],
    "ReadOnly": lambda kept: ["true" if kept.read_only else "false"],
    "Username": lambda kept: [kept.username],
    "ResourceType": lambda kept: [kind for kind, _ in kept.resources],
    "ResourceName": lambda kept: [name for _, name in kept.resources],
    "EventSource": lambda kept: [kept.event_source],
    "AccessKeyId": lambda kept: [kept.user_identity.access_key_id],
}
