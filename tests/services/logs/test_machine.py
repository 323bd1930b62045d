"""A group beside a plain model: puts, late ones too, into streams that come and go; segments, retention; reading in every way.

Whatever happened, a search gives the model's events in its order, page by page in both directions, none twice and none left out.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fogbank.services import registry
from fogbank.services.logs import records
from fogbank.services.logs.reading import Reading
from services.logs.made import GROUP, now_of, seal_all
from support.region import LocalRegion

NAMES = ("a", "ab", "b", "c")
WORDS = ("error", "warning", "all is well", "request 7", "Fehler: zu spät")
DAY = 86_400_000

Kept = tuple[int, int, int, str, str]  # time, put, number in it, stream, message


class LogGroup(RuleBasedStateMachine):
    """The machine."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.region = LocalRegion(self.directory)
        self.logs = self.region.client("logs")
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("fogbank.services.logs.sealing.BLOCK", 200)
        self.patch.setattr("fogbank.services.logs.sealing.LITTLE", 600)
        self.patch.setattr("fogbank.services.logs.get.BUDGET", 500)  # bytes that a page looks at
        self.patch.setattr(Reading.__init__, "__defaults__", (500,))
        self.kept: list[Kept] = []
        self.there: set[str] = set()
        self.puts = 0

    def teardown(self) -> None:
        self.patch.undo()
        self.region.close()
        shutil.rmtree(self.directory)

    @initialize()
    def begin(self) -> None:
        self.logs.create_log_group(logGroupName=GROUP)
        self.began = now_of(self.region)
        for name in NAMES[:3]:
            self.create_stream(name)

    @rule(name=st.sampled_from(NAMES))
    def create_stream(self, name: str) -> None:
        if name in self.there:
            with pytest.raises(self.logs.exceptions.ResourceAlreadyExistsException):
                self.logs.create_log_stream(logGroupName=GROUP, logStreamName=name)
            return
        self.logs.create_log_stream(logGroupName=GROUP, logStreamName=name)
        self.there.add(name)

    @rule(name=st.sampled_from(NAMES))
    def delete_stream(self, name: str) -> None:
        if name not in self.there:
            return
        self.logs.delete_log_stream(logGroupName=GROUP, logStreamName=name)
        self.there.discard(name)
        self.kept = [event for event in self.kept if event[3] != name]

    @precondition(lambda self: self.there)
    @rule(
        which=st.integers(0, 3),
        ago=st.integers(0, 20),
        given=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(WORDS)), min_size=1, max_size=8),
    )
    def put(self, which: int, ago: int, given: list[tuple[int, str]]) -> None:
        name = self.chosen(which)
        time, events = self.began - ago, []
        for step, word in given:
            time += step
            events.append({"timestamp": time, "message": word})
        self.logs.put_log_events(logGroupName=GROUP, logStreamName=name, logEvents=events)
        self.puts += 1
        self.kept += [
            (each["timestamp"], self.puts, number, name, each["message"]) for number, each in enumerate(events)
        ]
        self.kept.sort()

    @rule()
    def seal(self) -> None:
        seal_all(self.region, self.patch)

    @rule()
    def settle(self) -> None:
        self.region.settle()

    @rule(
        limit=st.integers(1, 5), word=st.sampled_from(("", "error", '"all is"', "?error ?warning")), head=st.booleans()
    )
    def search(self, limit: int, word: str, head: bool) -> None:
        options: dict[str, Any] = {"filterPattern": word, "startFromHead": head, "startTime": self.began - 30}
        found = self.pages(limit, **options)
        wanted = [event for event in self.kept if matches(word, event[4])]
        assert [self.told(event) for event in found] == [event[:1] + event[3:] for event in turned(wanted, head)]
        assert len({event["eventId"] for event in found}) == len(found)

    @rule(limit=st.integers(1, 5), prefix=st.sampled_from(("a", "b", "x")))
    def search_streams(self, limit: int, prefix: str) -> None:
        found = self.pages(limit, logStreamNamePrefix=prefix)
        wanted = [event for event in self.kept if event[3].startswith(prefix)]
        assert [self.told(event) for event in found] == [event[:1] + event[3:] for event in wanted]

    @rule(start=st.integers(-25, 25), length=st.integers(0, 30))
    def search_times(self, start: int, length: int) -> None:
        lower, upper = self.began + start, self.began + start + length
        found = self.pages(10_000, startTime=lower, endTime=upper)
        wanted = [event for event in self.kept if lower <= event[0] <= upper]
        assert [self.told(event) for event in found] == [event[:1] + event[3:] for event in wanted]

    @precondition(lambda self: self.there)
    @rule(which=st.integers(0, 3), limit=st.integers(1, 5), head=st.booleans())
    def read(self, which: int, limit: int, head: bool) -> None:
        name = self.chosen(which)
        wanted = [(event[0], event[4]) for event in self.kept if event[3] == name]
        where: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": name, "limit": limit}
        token = "nextForwardToken" if head else "nextBackwardToken"
        page = self.logs.get_log_events(**where, startFromHead=head)
        found: list[tuple[int, str]] = []
        passed = None
        while page[token] != passed:
            assert len(found) <= len(wanted)
            mine = [(event["timestamp"], event["message"]) for event in page["events"]]
            found = found + mine if head else mine + found
            passed = page[token]
            page = self.logs.get_log_events(**where, nextToken=passed, startFromHead=head)
        assert page["events"] == []
        assert found == wanted

    @invariant()
    def counts(self) -> None:
        """The records are true."""
        with self.region.region.store.snapshot() as tx:
            assert not [each.what for each in registry.invariants(tx)]
            for _, stream in records.streams.scan(tx):
                assert stream.name in self.there

    def chosen(self, which: int) -> str:
        """One of the streams that are there."""
        return sorted(self.there)[which % len(self.there)]

    def pages(self, limit: int, **options: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = self.logs.filter_log_events(logGroupName=GROUP, limit=limit, **options)
        found += page["events"]
        while "nextToken" in page:
            assert len(found) <= len(self.kept)
            page = self.logs.filter_log_events(logGroupName=GROUP, limit=limit, **options, nextToken=page["nextToken"])
            assert len(page["events"]) <= limit
            found += page["events"]
        return found

    def told(self, event: dict[str, Any]) -> tuple[int, str, str]:
        return event["timestamp"], event["logStreamName"], event["message"]


def matches(word: str, message: str) -> bool:
    """Whether a pattern of this test means a message."""
    if not word:
        return True
    if word.startswith("?"):
        return any(each.strip("?") in message for each in word.split())
    return word.strip('"') in message


def turned(kept: list[Kept], head: bool) -> list[Kept]:
    """In the order of a search."""
    return kept if head else kept[::-1]


TestLogGroup = LogGroup.TestCase
TestLogGroup.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
