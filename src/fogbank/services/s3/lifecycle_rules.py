"""A bucket's lifecycle rules, compiled: which objects a rule is for, and when its actions are due.

Source: S3 User Guide, "Lifecycle configuration elements", "How Amazon S3 handles conflicts in lifecycle configurations",
"Constraints and considerations for transitions".
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.services.s3 import storage_classes
from fogbank.services.s3.lifecycle_time import due
from fogbank.services.s3.records import configurations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fogbank.services.s3.records import Bucket, Object
    from fogbank.store.api import Tx

KIND: Final = "lifecycle"
SMALL: Final = (
    128 * 1024
)  # bytes: smaller objects stay in their class, unless a rule or the configuration says otherwise
VARIES: Final = "varies_by_storage_class"
# Where several moves are due, the cheaper one is made; but Intelligent-Tiering before all that are not archives.
PREFERENCE: Final = ("STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE")
NEVER: Final = 2**62


class Move(msgspec.Struct, frozen=True):
    """A transition to a class, after days or (current versions) at a date, in seconds since the epoch; `newer` versions stay."""

    to: str
    days: int | None = None
    date: int | None = None
    newer: int = 0


class Rule(msgspec.Struct, frozen=True):
    """A rule that is enabled. What it does not do is None or empty; sizes are bounds that are not reached."""

    id: str
    prefix: str = ""
    tags: Mapping[str, str] = {}
    above: int | None = None
    below: int | None = None
    days: int | None = None
    date: int | None = None
    markers: bool = False
    noncurrent_days: int | None = None
    newer: int = 0
    moves: tuple[Move, ...] = ()
    noncurrent_moves: tuple[Move, ...] = ()
    abort_days: int | None = None

    def fits(self, found: Object) -> bool:
        """Whether the rule is for an object, or a version, of its prefix. Delete markers have neither tags nor a size."""
        if found.marker:
            return not self.tags and self.above is None and self.below is None
        if self.above is not None and found.size <= self.above:
            return False
        if self.below is not None and found.size >= self.below:
            return False
        return all(found.tags.get(name) == value for name, value in self.tags.items())

    def expires(self, tx: Tx, found: Object) -> int:
        """When an object, as the current version of its key, expires; NEVER if it does not."""
        if self.date is not None:
            return self.date
        return due(tx, found.modified, self.days) if self.days is not None else NEVER


class Rules(msgspec.Struct, frozen=True):
    """The rules of a bucket, by prefix. `small` says that small objects may be archived, too (varies_by_storage_class).

    A bucket has up to a thousand rules, and a pass asks for those of each key: it finds them without looking at the others.
    """

    by_prefix: Mapping[str, list[Rule]]
    lengths: tuple[int, ...]
    small: bool = False

    def of_key(self, key: str) -> list[Rule]:
        """The rules whose prefix a key has."""
        found = (self.by_prefix.get(key[:length]) for length in self.lengths if length <= len(key))
        return [rule for rules in found if rules for rule in rules]

    def of(self, key: str, found: Object) -> list[Rule]:
        """The rules that are for an object, or a version."""
        return [rule for rule in self.of_key(key) if rule.fits(found)]

    def expiry(self, tx: Tx, key: str, found: Object) -> tuple[int, str]:
        """When the current version of a key expires, and by which rule: the shortest time counts. (NEVER, "") if never."""
        times = [(rule.expires(tx, found), rule.id) for rule in self.of(key, found)]
        first = min(times, key=lambda one: one[0], default=(NEVER, ""))
        return first if first[0] < NEVER else (NEVER, "")

    def abort(self, tx: Tx, key: str, initiated: int) -> tuple[int, str]:
        """When an upload in progress is aborted, and by which rule. (NEVER, "") if never."""
        rules = [rule for rule in self.of_key(key) if rule.abort_days is not None]
        times = [(due(tx, initiated, rule.abort_days or 0), rule.id) for rule in rules]
        return min(times, key=lambda one: one[0], default=(NEVER, ""))

    def removes_marker(self, tx: Tx, key: str, found: Object, now: int) -> bool:
        """Whether a delete marker that has no versions behind it goes."""
        rules = self.of(key, found)
        return any(rule.markers or (rule.days is not None and rule.expires(tx, found) <= now) for rule in rules)

    def moved(self, tx: Tx, key: str, found: Object, now: int) -> str:
        """The class that the current version of a key moves to now; empty if it stays."""
        moves = [(rule, move) for rule in self.of(key, found) for move in rule.moves]
        return self.choose(found, ((rule, move) for rule, move in moves if is_due(tx, move, found.modified, now)))

    def choose(self, found: Object, moves: Iterable[tuple[Rule, Move]]) -> str:
        """The class of several that an object moves to; empty if it stays."""
        classes = [move.to for rule, move in moves if self.may_move(rule, found, move.to)]
        return max(classes, key=PREFERENCE.index, default="")

    def may_move(self, rule: Rule, found: Object, to: str) -> bool:
        """Whether a rule moves an object to a class: it is on its way down, and the object not too small for it."""
        sized = rule.above is not None or rule.below is not None
        large = sized or found.size >= SMALL or (self.small and to in storage_classes.ARCHIVED)
        return large and storage_classes.may_move(found.storage_class, to)


def is_due(tx: Tx, move: Move, start: int, now: int) -> bool:
    """Whether a move's time has come, for what began to wait at `start`."""
    return (move.date if move.date is not None else due(tx, start, move.days or 0)) <= now


def find(tx: Tx, bucket: Bucket) -> Rules | None:
    """The lifecycle of a bucket, if it has one."""
    if KIND not in bucket.configured:
        return None
    raw = tx.get(configurations.key(bucket.name, KIND, ""))
    return read(raw) if raw is not None else None


@lru_cache(maxsize=256)
def read(raw: bytes) -> Rules:
    """The enabled rules of a configuration as it is kept: read once, not for every object that is written."""
    value = configurations.decode(raw).value
    by_prefix: dict[str, list[Rule]] = {}
    for rule in (rule_of(rule) for rule in value["Rules"] if rule["Status"] == "Enabled"):
        by_prefix.setdefault(rule.prefix, []).append(rule)
    lengths = tuple(sorted({len(prefix) for prefix in by_prefix}))
    return Rules(by_prefix, lengths, value["TransitionDefaultMinimumObjectSize"] == VARIES)


def rule_of(rule: Mapping[str, Any]) -> Rule:
    """A rule of a configuration."""
    terms = rule.get("Filter", {})
    terms = terms.get("And", terms)
    tags = [*terms.get("Tags", ()), *([terms["Tag"]] if "Tag" in terms else ())]
    expiration, noncurrent = rule.get("Expiration", {}), rule.get("NoncurrentVersionExpiration", {})
    return Rule(
        id=rule["ID"],
        prefix=terms.get("Prefix", rule.get("Prefix", "")),
        tags={tag["Key"]: tag["Value"] for tag in tags},
        above=terms.get("ObjectSizeGreaterThan"),
        below=terms.get("ObjectSizeLessThan"),
        days=expiration.get("Days"),
        date=seconds(expiration),
        markers=bool(expiration.get("ExpiredObjectDeleteMarker")),
        noncurrent_days=noncurrent.get("NoncurrentDays"),
        newer=noncurrent.get("NewerNoncurrentVersions", 0),
        moves=tuple(move_of(move, "Days") for move in rule.get("Transitions", ())),
        noncurrent_moves=tuple(
            move_of(move, "NoncurrentDays") for move in rule.get("NoncurrentVersionTransitions", ())
        ),
        abort_days=rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
    )


def move_of(move: Mapping[str, Any], days: str) -> Move:
    """A transition of a configuration."""
    newer = move.get("NewerNoncurrentVersions", 0)
    return Move(to=move["StorageClass"], days=move.get(days), date=seconds(move), newer=newer)


def seconds(action: Mapping[str, Any]) -> int | None:
    """The date of an action in seconds since the epoch, if it has one."""
    return int(action["Date"].timestamp()) if "Date" in action else None
