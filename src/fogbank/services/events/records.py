"""What EventBridge keeps. Times are in seconds since the epoch.

A bus belongs to an account and a region; the default one is there without a record. A rule's schedule is in an index by when it is due
next. What is to be delivered waits here, an event once for all its targets, and effects of the outbox lead to it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.store.api import Tx

DEFAULT = "default"
ENABLED = "ENABLED"
DISABLED = "DISABLED"


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a bus is."""

    account: str
    region: str
    bus: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """As keys have it."""
        return self.account, self.region, self.bus

    @property
    def arn(self) -> str:
        """The bus's ARN."""
        return f"arn:aws:events:{self.region}:{self.account}:event-bus/{self.bus}"

    def rule_arn(self, name: str) -> str:
        """The ARN of a rule."""
        within = name if self.bus == DEFAULT else f"{self.bus}/{name}"
        return f"arn:aws:events:{self.region}:{self.account}:rule/{within}"


class Bus(Record, version=1):
    """A bus. `policy` is its policy, with users and roles by their unique ids, `policy_given` the same as it was given; empty for
    none.
    """

    name: str
    created: int
    modified: int
    description: str = ""
    policy: str = ""
    policy_given: str = ""
    tags: dict[str, str] = {}


class Rule(Record, version=1):
    """A rule. `pattern` and `schedule` are as given, empty for none; `since` is when the schedule began, `next` when it is due next,
    0 for never. `creator` is the account that made it.
    """

    name: str
    state: str
    description: str
    pattern: str
    schedule: str
    role: str
    creator: str
    tags: dict[str, str]
    since: int = 0
    next: int = 0


class Target(Record, version=1):
    """A target of a rule. `input`, `path` and `template` are what it is sent, empty for the event; `paths` are the template's. `age`
    (seconds) and `attempts` say how long delivery is tried, -1 where nothing was said; `dead_letters` is a queue's ARN.
    """

    id: str
    arn: str
    role: str = ""
    input: str = ""
    path: str = ""
    template: str = ""
    paths: dict[str, str] = {}
    age: int = -1
    attempts: int = -1
    dead_letters: str = ""


class Led(Record, version=1):
    """A rule that an index leads to."""

    account: str
    region: str
    bus: str
    rule: str


class Generation(Record, version=1):
    """What the compiled rules of a bus are known by: it changes with them, and never comes again. `rules` is how many there are,
    and `text` how many characters their patterns have.
    """

    id: str
    rules: int = 0
    text: int = 0


class Event(Record, version=1):
    """An event that a bus took in, at `since`, while it is to be delivered: `needed` counts what leads to it. `hops` counts the buses
    that passed it on before. `message` is its JSON, sealed. `matched` says that its rules are known.
    """

    place: Place
    message: bytes
    since: int
    hops: int
    needed: int
    matched: bool


class Delivery(Record, version=1):
    """An event that is to be delivered to a target, by its id; `tried` is how often that failed."""

    event: str
    rule: str
    target: str
    tried: int = 0


class Spread(Record, version=1):
    """An event that the targets of these rules are to be sent: there are too many for one transaction."""

    event: str
    rules: tuple[str, ...]


class Tally(Record, version=1):
    """What became of deliveries, as CloudWatch's metrics count it."""

    triggered: int = 0
    invoked: int = 0
    failed: int = 0
    dead_lettered: int = 0


def index_due(tx: Tx, key: bytes, old: Rule | None, new: Rule | None) -> None:
    """Keep true what says when rules are due."""
    before, after = old.next if old else 0, new.next if new else 0
    if before == after:
        return
    account, region, bus, rule = (str(part) for part in rules.parts(key))
    if before:
        due.delete(tx, before, account, region, bus, rule)
    if after:
        due.put(tx, Led(account=account, region=region, bus=bus, rule=rule), after, account, region, bus, rule)


def index_targets(tx: Tx, key: bytes, old: Target | None, new: Target | None) -> None:
    """Keep true what says which rules have a target."""
    account, region, bus, rule, name = targets.parts(key)
    if old and (new is None or new.arn != old.arn):
        by_target.delete(tx, account, region, bus, old.arn, rule, name)
    if new:
        led = Led(account=str(account), region=str(region), bus=str(bus), rule=str(rule))
        by_target.put(tx, led, account, region, bus, new.arn, rule, name)


buses = Table("events.bus", Bus)  # account, region, name
rules = Table("events.rule", Rule, on_change=index_due)  # account, region, bus, name
targets = Table("events.target", Target, on_change=index_targets)  # account, region, bus, rule, id
by_target = Table("events.by_target", Led)  # account, region, bus, target's ARN, rule, id
due = Table("events.due", Led)  # seconds, account, region, bus, rule
generations = Table("events.generation", Generation)  # account, region, bus
taken = Table("events.taken", Event)  # id
deliveries = Table("events.delivery", Delivery)  # id
spreads = Table("events.spread", Spread)  # id
tallies = Table("events.tally", Tally)  # (nothing)


def when(seconds: int) -> datetime:
    """A stored time."""
    return datetime.fromtimestamp(seconds, UTC)
