"""Replication configurations: what they may say, and which of their rules an object meets.

Source: S3 User Guide, "Replication configuration file elements", "Replicating delete markers between buckets",
"Meeting compliance requirements with S3 Replication Time Control"; messages of refusals as AWS's service gives them.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError, not_implemented
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fogbank.core.service import Input

MOST_RULES: Final = 1000
MOST_ID: Final = 255  # characters
MINUTES: Final = 15  # the one threshold that Replication Time Control has
ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/\S{1,2000}", re.ASCII)
BUCKET: Final = re.compile(r"arn:aws[a-z-]*:s3:::([A-Za-z0-9._-]{3,255})", re.ASCII)
ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
NEWER: Final = ("Priority", "DeleteMarkerReplication", "ExistingObjectReplication")  # only with a Filter
SCHEMA: Final = "Please refer to S3 Developer Guide for more information."


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, as it is carried out. `bucket` is the destination's name; `storage_class` and `kms_key` empty keep the source's.

    `markers`: delete markers are replicated, too; `kms`: what is encrypted with KMS; `replicas`: changes of replicas. `to_owner`: the
    replica belongs to the destination's owner. `timed`: Replication Time Control watches it.
    """

    id: str
    priority: int
    prefix: str
    tags: Mapping[str, str]
    bucket: str
    account: str
    storage_class: str
    kms_key: str
    markers: bool
    kms: bool
    replicas: bool
    to_owner: bool
    timed: bool

    def meets(self, key: str, tags: Mapping[str, str]) -> bool:
        """Whether an object is replicated by it."""
        return key.startswith(self.prefix) and self.tags.items() <= tags.items()


def enabled(one: Input, name: str) -> bool:
    """Whether an element that has a status is there, and on."""
    return bool(one.get(name, {}).get("Status") == "Enabled")


def rule(one: Input) -> Rule:
    """A rule of a configuration."""
    both = filter_of(one)
    to, criteria = one["Destination"], one.get("SourceSelectionCriteria", {})
    found = BUCKET.fullmatch(to["Bucket"])
    return Rule(
        id=one["ID"],
        priority=one.get("Priority", 0),
        prefix=both.get("Prefix", ""),
        tags={tag["Key"]: tag["Value"] for tag in both.get("Tags", ())},
        bucket=found[1] if found else "",
        account=to.get("Account", ""),
        storage_class=to.get("StorageClass", ""),
        kms_key=to.get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID", ""),
        markers=enabled(one, "DeleteMarkerReplication") if "Filter" in one else True,
        kms=enabled(criteria, "SseKmsEncryptedObjects"),
        replicas=enabled(criteria, "ReplicaModifications"),
        to_owner="AccessControlTranslation" in to,
        timed=enabled(to, "ReplicationTime"),
    )


def filter_of(one: Input) -> dict[str, Any]:
    """A rule's filter: Prefix and Tags."""
    given = one.get("Filter")
    if given is None:
        return {"Prefix": one.get("Prefix", "")}
    if "Tag" in given:
        return {"Tags": [given["Tag"]]}
    return dict(given.get("And", given))


def chosen(value: Input, key: str, tags: Mapping[str, str]) -> list[Rule]:
    """The rules that an object is replicated by: for each destination the one with the highest priority."""
    best: dict[str, Rule] = {}
    for one in value["Rules"]:
        if one["Status"] != "Enabled" or not key.startswith(filter_of(one).get("Prefix", "")):
            continue  # before more of it is looked at: every write asks all rules
        found = rule(one)
        if not found.meets(key, tags):
            continue
        other = best.get(found.bucket)
        if other is None or other.priority < found.priority:
            best[found.bucket] = found
    return list(best.values())


def invalid(message: str, code: str = "InvalidRequest") -> AwsError:
    """S3's error for what a configuration says."""
    return AwsError(code, message)


def check(value: Input, account: str) -> None:
    """Refuse a configuration that is not one. Whether its destinations are there is another question."""
    role = ROLE.fullmatch(value["Role"])
    if role is None:
        raise invalid("Invalid Role ARN", "InvalidArgument")
    if role[1] != account:
        raise AwsError("AccessDenied", "Cross-account pass role is not allowed.", status=403)
    given = value["Rules"]
    if not given:
        raise malformed()
    if len(given) > MOST_RULES:
        raise invalid(f"The number of replication rules must not exceed the allowed limit of {MOST_RULES} rules.")
    for one in given:
        check_rule(one)
    ids = [one["ID"] for one in given if one.get("ID")]
    if len(set(ids)) != len(ids):
        raise invalid("Rule Id must be unique. Found same Id for more than one rule", "InvalidArgument")
    check_together(given)


def check_rule(one: Input) -> None:
    """Check what one rule says."""
    if len(one.get("ID", "")) > MOST_ID:
        raise invalid(f"ID length should not exceed allowed limit of {MOST_ID}", "InvalidArgument")
    if "Filter" in one:
        check_newer(one)
    else:
        for name in NEWER:
            if name in one:
                raise invalid(
                    f"{name} cannot be used for this version of the Cross Region Replication configuration schema. {SCHEMA}"
                )
        if "Prefix" not in one:
            raise malformed()
    if enabled(one, "ExistingObjectReplication"):
        raise not_implemented("Replicating existing objects by a rule (`fogbank s3 replicate --existing` does it once)")
    check_destination(one)


def check_newer(one: Input) -> None:
    """Check a rule with a filter, which says more than those of old."""
    for name in ("Priority", "DeleteMarkerReplication"):
        if name not in one:
            raise invalid(
                f"{name} must be specified for this version of Cross Region Replication configuration schema. {SCHEMA}"
            )
    if "Prefix" in one or len(one["Filter"]) > 1:
        raise malformed()
    if one["Priority"] < 0:
        raise invalid("The priority of a rule must not be negative", "InvalidArgument")
    tags = filter_of(one).get("Tags", [])
    if len({tag["Key"] for tag in tags}) != len(tags):
        raise invalid("Duplicate Tag Keys are not allowed.")
    if tags and enabled(one, "DeleteMarkerReplication"):
        raise invalid(f"Delete marker replication is not supported if any Tag filter is specified. {SCHEMA}")


def check_destination(one: Input) -> None:
    """Check where a rule replicates to, and how."""
    to, kms = one["Destination"], enabled(one.get("SourceSelectionCriteria", {}), "SseKmsEncryptedObjects")
    if not BUCKET.fullmatch(to["Bucket"]):
        raise invalid("Invalid bucket ARN.", "InvalidArgument")
    if "Account" in to and not ACCOUNT.fullmatch(to["Account"]):
        raise invalid("Invalid account id", "InvalidArgument")
    if "AccessControlTranslation" in to and "Account" not in to:
        raise invalid("Account must be specified if AccessControlTranslation is specified.")
    if kms and not to.get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID"):
        raise invalid("EncryptionConfiguration must be specified if SseKmsEncryptedObjects tag is present.")
    if "EncryptionConfiguration" in to and not kms:
        raise invalid("SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present.")
    check_time(to)


def check_time(to: Input) -> None:
    """Check Replication Time Control, which has metrics and one threshold."""
    if enabled(to, "ReplicationTime") and not enabled(to, "Metrics"):
        raise invalid("Replication destination must contain both ReplicationTime and Metrics or neither.")
    for name, member in (("ReplicationTime", "Time"), ("Metrics", "EventThreshold")):
        minutes = to.get(name, {}).get(member, {}).get("Minutes", MINUTES)
        if minutes != MINUTES:
            raise invalid(f"{name} only accepts a value of {MINUTES} minutes.", "InvalidArgument")


def check_together(given: list[Input]) -> None:
    """Check rules against each other: which one wins must be said."""
    if len({"Filter" in one for one in given}) > 1:
        raise invalid(
            f"All rules must be of the same version of the Cross Region Replication configuration schema. {SCHEMA}"
        )
    if "Filter" in given[0]:
        seen = Counter((one["Destination"]["Bucket"], one["Priority"]) for one in given)
        for (_, priority), times in seen.items():
            if times > 1:
                raise invalid(f"Found duplicate priority {priority} for rules with the same destination bucket")
        return
    prefixes = sorted(one["Prefix"] for one in given)
    for earlier, later in pairwise(prefixes):
        if later.startswith(earlier):
            raise invalid(f"Found overlapping prefixes '{earlier[:200]}' and '{later[:200]}'")
