"""Whether a lifecycle configuration is one, in AWS's words.

Source: S3 API Reference, PutBucketLifecycleConfiguration; S3 User Guide, "Lifecycle configuration elements", "Constraints and
considerations for transitions", "Setting an S3 Lifecycle configuration on a bucket".
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from fogbank.core.errors import AwsError
from fogbank.services.s3 import storage_classes, tags
from fogbank.wire.xml import malformed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Part = Mapping[str, Any]

MOST_RULES: Final = 1000
ID_LENGTH: Final = 255
PREFIX_BYTES: Final = 1024
MOST_NEWER: Final = 100
MOST_SIZE: Final = 50 * 1024**4  # bytes: the largest object
IA_DAYS: Final = {"STANDARD_IA": 30, "ONEZONE_IA": 30}  # how long an object has been in another class before
ACTIONS: Final = (
    "Expiration", "Transitions", "NoncurrentVersionExpiration", "NoncurrentVersionTransitions", "AbortIncompleteMultipartUpload",
)  # fmt: skip
DAY: Final = 86_400


def invalid(message: str) -> AwsError:
    """S3's error for a value that cannot be."""
    return AwsError("InvalidArgument", message)


def refused(message: str) -> AwsError:
    """S3's error for values that do not go together."""
    return AwsError("InvalidRequest", message)


def check(rules: Sequence[Part]) -> None:
    """S3's error unless these are the rules of a lifecycle configuration."""
    if not 1 <= len(rules) <= MOST_RULES:
        raise malformed()
    ids = [rule["ID"] for rule in rules if rule.get("ID")]
    if any(len(name) > ID_LENGTH for name in ids):
        raise invalid(f"ID length should not exceed allowed limit of {ID_LENGTH}")
    if len(set(ids)) < len(ids):
        raise invalid("Rule ID must be unique. Found same ID for more than one rule")
    kinds = {("Prefix" in rule, "Filter" in rule) for rule in rules}
    if {(True, False), (False, True)} <= kinds:
        raise refused("Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.")
    for rule in rules:
        check_rule(rule)


def check_rule(rule: Part) -> None:
    """Check one rule."""
    if ("Prefix" in rule) == ("Filter" in rule) or rule.get("Status") not in ("Enabled", "Disabled"):
        raise malformed()
    terms = check_filter(rule)
    if not any(rule.get(action) is not None for action in ACTIONS):
        raise refused("At least one action needs to be specified in a rule")
    check_together(rule, terms)
    check_expiration(rule, f"filter '(prefix={terms.get('Prefix', '')})'")
    check_noncurrent(rule, f"filter '(prefix={terms.get('Prefix', '')})'")
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort is not None:
        positive(abort, "DaysAfterInitiation", "AbortIncompleteMultipartUpload")


def check_filter(rule: Part) -> Part:
    """Check what a rule is for; its terms."""
    terms: Part = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    if len(terms) > 1 or terms.get("And") == {}:
        raise malformed()
    terms = terms.get("And", terms)
    if len(terms.get("Prefix", "").encode("utf-8", "surrogatepass")) > PREFIX_BYTES:
        raise refused(f"The maximum size of a prefix is {PREFIX_BYTES}.")
    given = [*terms.get("Tags", ()), *([terms["Tag"]] if "Tag" in terms else ())]
    for tag in given:
        tags.check_tag(tag["Key"], tag["Value"])
    if len({tag["Key"] for tag in given}) < len(given):
        raise refused("Duplicate Tag Keys are not allowed.")
    check_sizes(terms)
    return terms


def check_sizes(terms: Part) -> None:
    """Check the bounds of sizes."""
    above, below = terms.get("ObjectSizeGreaterThan"), terms.get("ObjectSizeLessThan")
    if above is not None and not 0 <= above <= MOST_SIZE:
        raise refused(f"'ObjectSizeGreaterThan' should be between 0 and {MOST_SIZE} bytes.")
    if below is not None and not 1 <= below <= MOST_SIZE:
        raise refused(f"'ObjectSizeLessThan' should be between 1 and {MOST_SIZE} bytes.")
    if above is not None and below is not None and above >= below:
        raise refused("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")


def check_together(rule: Part, terms: Part) -> None:
    """Actions on what has neither tags nor a size cannot be chosen by them."""
    marker = rule.get("Expiration", {}).get("ExpiredObjectDeleteMarker") is not None
    found = {
        "AbortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload" in rule,
        "ExpiredObjectDeleteMarker": marker,
    }
    for action in (name for name, there in found.items() if there):
        if "Tag" in terms or terms.get("Tags"):
            raise refused(f"{action} cannot be specified with Tags.")
        if "ObjectSizeGreaterThan" in terms or "ObjectSizeLessThan" in terms:
            raise refused(f"{action} cannot be specified with Object Size.")


def positive(action: Part, member: str, name: str) -> int:
    """A number of days, at least one."""
    days = action.get(member)
    if days is None:
        raise malformed()
    if days < 1:
        raise invalid(f"'{member}' for {name} action must be a positive integer")
    return int(days)


def check_date(action: Part) -> None:
    """Dates are midnights, UTC."""
    if "Date" in action and action["Date"].timestamp() % DAY:
        raise invalid("'Date' must be at midnight GMT")


def check_expiration(rule: Part, where: str) -> None:
    """Check what happens to current versions: their expiration and their transitions."""
    expiration: Part | None = rule.get("Expiration")
    if expiration is not None:
        if len(expiration) != 1:
            raise malformed()
        if "Days" in expiration:
            positive(expiration, "Days", "Expiration")
        check_date(expiration)
    moves = rule.get("Transitions", ())
    for move in moves:
        check_transition(move, "Days", "Transition", ("Days", "Date"))
        check_date(move)
    dated = [action for action in (*moves, expiration or {}) if "Days" in action or "Date" in action]
    if len({"Date" in action for action in dated}) > 1:
        raise refused(
            f"Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for {where}"
        )
    member = "Date" if any("Date" in action for action in dated) else "Days"
    check_order(moves, member, "Transition", where)
    check_last(moves, expiration or {}, member, ("Expiration", "Transition"), where)


def check_transition(move: Part, member: str, name: str, times: tuple[str, ...]) -> None:
    """Check one transition: to one class, at one time, not too early."""
    if "StorageClass" not in move or sum(time in move for time in times) != 1:
        raise malformed()
    days, to = move.get(member, IA_DAYS.get(move["StorageClass"], 0)), move["StorageClass"]
    if days < 0:
        raise invalid(f"'{member}' in {name} action must be nonnegative")
    if days < IA_DAYS.get(to, 0):
        least = IA_DAYS[to]
        raise invalid(f"'{member}' in {name} action must be greater than or equal to {least} for storageClass '{to}'")


def check_order(moves: Sequence[Part], member: str, name: str, where: str) -> None:
    """Objects move down the classes as time passes, and stay at least 30 days where they are accessed infrequently."""
    classes = [move["StorageClass"] for move in moves]
    if len(set(classes)) < len(classes):
        raise refused(f"'StorageClass' must be different for '{name}' actions in same 'Rule' with {where}")
    ordered = sorted(moves, key=lambda move: storage_classes.WATERFALL.index(move["StorageClass"]))
    for before, after in pairwise(ordered):
        first, then = before["StorageClass"], after["StorageClass"]
        least = IA_DAYS.get(first, 0)
        late = later(before, after, member)
        if late <= 0 or late < least * DAY or not storage_classes.may_move(first, then):
            what = f"{least} days more" if least else "greater"
            raise invalid(
                f"'{member}' in the '{name}' action for StorageClass '{then}' for {where} must be {what} than '{member}' in the "
                f"'{name}' action for StorageClass '{first}'"
            )


def check_last(moves: Sequence[Part], end: Part, member: str, names: tuple[str, str], where: str) -> None:
    """Objects expire after they have moved."""
    if member in end and any(later(move, end, member) <= 0 for move in moves):
        end_name, move_name = names
        raise invalid(
            f"'{member}' in the {end_name} action for {where} must be greater than '{member}' in the {move_name} action"
        )


def later(before: Part, after: Part, member: str) -> float:
    """How many seconds one action is after another."""
    if member == "Date":
        return float((after["Date"] - before["Date"]).total_seconds())
    return float(after[member] - before[member]) * DAY


def check_noncurrent(rule: Part, where: str) -> None:
    """Check what happens to noncurrent versions."""
    name, member = "NoncurrentVersionExpiration", "NoncurrentDays"
    expiration: Part | None = rule.get(name)
    moves = rule.get("NoncurrentVersionTransitions", ())
    if expiration is not None:
        positive(expiration, member, name)
        check_newer(rule, expiration, name)
    for move in moves:
        check_transition(move, member, "NoncurrentVersionTransition", (member,))
        check_newer(rule, move, "NoncurrentVersionTransition")
    check_order(moves, member, "NoncurrentVersionTransition", where)
    check_last(moves, expiration or {}, member, (name, "NoncurrentVersionTransition"), where)


def check_newer(rule: Part, action: Part, name: str) -> None:
    """Check how many newer noncurrent versions are kept: up to a hundred, of what a filter chooses."""
    newer = action.get("NewerNoncurrentVersions")
    if newer is None:
        return
    if not 1 <= newer <= MOST_NEWER:
        raise invalid(f"'NewerNoncurrentVersions' for {name} action must be between 1 and {MOST_NEWER}")
    if "Filter" not in rule:
        raise refused(f"'NewerNoncurrentVersions' for {name} action requires a Filter")
