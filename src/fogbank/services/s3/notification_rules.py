"""Notification configurations: what they may say, and which of their rules an event meets.

Source: S3 User Guide, "Amazon S3 Event Notifications", "Configuring event notifications using object key name filtering";
the messages of refusals as AWS's service gives them.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

import msgspec

from fogbank.core import destinations
from fogbank.core.errors import AwsError
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.service import Input

# The lists of a configuration: the member that has the ARN, and the service that the ARN is of.
TARGETS: Final = {
    "TopicConfigurations": ("TopicArn", "sns"),
    "QueueConfigurations": ("QueueArn", "sqs"),
    "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda"),
}
MOST_RULES: Final = 100
MOST_ID: Final = 255  # characters
MOST_VALUE: Final = 1024  # bytes


class Rule(msgspec.Struct, frozen=True):
    """A rule: where events go, which, of which keys. `events` are as configured, with wildcards."""

    id: str
    arn: str
    service: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def meets(self, event: str, key: str) -> bool:
        """Whether an event (`ObjectCreated:Put`) of a key is to be told."""
        wanted = any(covers(pattern, f"s3:{event}") for pattern in self.events)
        return wanted and key.startswith(self.prefix) and key.endswith(self.suffix)


def covers(pattern: str, event: str) -> bool:
    """Whether a configured event is this one, or a wildcard for it."""
    return pattern == event or (pattern.endswith(":*") and event.startswith(pattern[:-1]))


def rules(value: Input) -> Iterator[Rule]:
    """The rules of a configuration. Values of filters are encoded as in a URL, a space as `+`."""
    for member, (arn, service) in TARGETS.items():
        for given in value.get(member, ()):
            filters = {one["Name"].lower(): unquote_plus(one["Value"]) for one in filters_of(given)}
            prefix, suffix = filters.get("prefix", ""), filters.get("suffix", "")
            yield Rule(given["Id"], given[arn], service, tuple(given["Events"]), prefix, suffix)


def filters_of(given: Input) -> list[dict[str, str]]:
    """The filter rules of a configured target."""
    found: list[dict[str, str]] = given.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return found


def invalid(message: str, **fields: str) -> AwsError:
    """S3's error for what a configuration says."""
    return AwsError("InvalidArgument", message, fields=fields)


def check(value: Input, region: str) -> None:
    """Refuse a configuration that is not one. Whether its destinations are there is another question."""
    given = [(arn, service, one) for member, (arn, service) in TARGETS.items() for one in value.get(member, ())]
    if len(given) > MOST_RULES:
        raise invalid(f"The number of notification configurations exceeds the limit of {MOST_RULES}.")
    for arn, service, one in given:
        check_arn(one[arn], service, region)
        if not one["Events"]:
            raise malformed()
        one["Events"] = list(dict.fromkeys(one["Events"]))  # every rule is compared with every other
        check_filters(filters_of(one))
    ids = [one["Id"] for _, _, one in given if "Id" in one]
    if any(len(name) > MOST_ID for name in ids):
        raise invalid(f"The ID of a notification configuration must not be longer than {MOST_ID} characters.")
    if len(set(ids)) != len(ids):
        raise invalid("Same ID used for multiple configurations. IDs must be unique")


def check_arn(arn: str, service: str, region: str) -> None:
    """The ARN of a destination is one, of the right service, in the bucket's region."""
    parsed = destinations.parse(arn)
    if parsed is None or parsed[0] != service:
        raise invalid("The ARN is not well formed", ArgumentName=service, ArgumentValue=arn[:1024])
    if parsed[1] != region:
        what = "The notification destination service region is not valid for the bucket location constraint"
        raise invalid(what, ArgumentName=service, ArgumentValue=arn)


def check_filters(filters: list[dict[str, str]]) -> None:
    """A filter has at most one prefix and one suffix. In place, their names become as S3 tells them."""
    seen = set()
    for one in filters:
        name = one.get("Name", "").lower()
        if name not in ("prefix", "suffix"):
            what = "filter rule name must be either prefix or suffix"
            raise invalid(what, ArgumentName="FilterRule.Name", ArgumentValue=name[:1024])
        if name in seen:
            what = f"Cannot specify more than one {name} rule in a filter."
            raise invalid(what, ArgumentName="FilterRule.Name", ArgumentValue=name)
        if len(one.setdefault("Value", "").encode()) > MOST_VALUE:
            what = f"Size of filter rule value cannot exceed {MOST_VALUE} bytes in UTF-8 representation"
            raise invalid(what, ArgumentName="FilterRule.Value", ArgumentValue=one["Value"][:100])
        seen.add(name)
        one["Name"] = name.capitalize()


def check_overlaps(found: list[Rule]) -> None:
    """No event of a key may meet two rules."""
    for one, other in combinations(found, 2):
        if not any(covers(mine, its) or covers(its, mine) for mine in one.events for its in other.events):
            continue
        if not (one.prefix or one.suffix or other.prefix or other.suffix):
            what = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            raise invalid(what)
        prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
        if prefixes and (one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)):
            what = "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
            raise invalid(what + "overlapping for the same event type.")
