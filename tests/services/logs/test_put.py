"""PutLogEvents."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.errors import AwsError
from fogbank.core.principal import root_of
from fogbank.services.logs import blocks
from fogbank.services.logs.put import reactions
from services.helpers import code, refusal
from services.logs.made import GROUP, STREAM, events, filtered, make, messages, now_of, put, raw, read_all

if TYPE_CHECKING:
    from support.region import LocalRegion

DAY = 86_400_000
HOUR = 3_600_000


def test_events_are_read_as_they_were_put(region: LocalRegion, logs: Any) -> None:
    make(logs)
    now = now_of(region)
    given = ["plain", '{"a": 1}', "ünï 漢字 🙂", "two\nlines", " spaces ", "\t", "x" * 100_000]
    put(logs, events(*given, at=now - 100))
    found = logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM)["events"]
    assert [event["message"] for event in found] == given
    assert [event["timestamp"] for event in found] == list(range(now - 100, now - 93))
    assert all(now <= event["ingestionTime"] <= now_of(region) for event in found)


def test_sequence_tokens_are_given_and_ignored(region: LocalRegion, logs: Any) -> None:
    make(logs)
    first = put(logs, events("a", at=now_of(region)))["nextSequenceToken"]
    for token in (first, first, "nonsense"):
        logs.put_log_events(
            logGroupName=GROUP, logStreamName=STREAM, logEvents=events("b", at=now_of(region)), sequenceToken=token
        )
    assert len(read_all(logs)) == 4


def test_a_group_and_a_stream_have_to_be_there(region: LocalRegion, logs: Any) -> None:
    make(logs)
    given = events("a", at=now_of(region))
    found = refusal(logs.put_log_events, logGroupName="none", logStreamName="a", logEvents=given)
    assert (found["Code"], found["Message"]) == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
    found = refusal(logs.put_log_events, logGroupName=GROUP, logStreamName="none", logEvents=given)
    assert (found["Code"], found["Message"]) == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )


def test_a_batch_is_in_chronological_order(region: LocalRegion, logs: Any) -> None:
    make(logs)
    now = now_of(region)
    wrong = events("later", at=now) + events("earlier", at=now - 1)
    found = refusal(logs.put_log_events, logGroupName=GROUP, logStreamName=STREAM, logEvents=wrong)
    assert found["Code"] == "InvalidParameterException"
    assert found["Message"] == "Log events in a single PutLogEvents request must be in chronological order."
    assert filtered(logs) == []


def test_a_batch_is_no_longer_than_a_day(region: LocalRegion, logs: Any) -> None:
    make(logs)
    now = now_of(region)
    put(logs, events("a", "b", at=now - DAY, step=DAY))
    wrong = events("a", "b", at=now - DAY - 1, step=DAY + 1)
    assert code(logs.put_log_events, logGroupName=GROUP, logStreamName=STREAM, logEvents=wrong) == (
        "InvalidParameterException"
    )


def test_a_batch_has_a_mebibyte_at_most(region: LocalRegion, logs: Any) -> None:
    make(logs)
    most = 1_048_576 - 26
    put(logs, events("x" * most, at=now_of(region)))
    assert len(read_all(logs)[0]) == most
    found = refusal(
        logs.put_log_events,
        logGroupName=GROUP,
        logStreamName=STREAM,
        logEvents=events("x" * (most // 2), "ä" * (most // 4), at=now_of(region)),
    )
    assert found["Code"] == "InvalidParameterException"
    assert found["Message"].startswith("Upload too large: ")


def test_an_event_has_a_mebibyte_at_most(region: LocalRegion, logs: Any) -> None:
    make(logs)
    given = events("x" * (1_048_576 - 25), at=now_of(region))
    found = refusal(logs.put_log_events, logGroupName=GROUP, logStreamName=STREAM, logEvents=given)
    assert found["Code"] == "InvalidParameterException"
    assert "exceeds limit of 1048576" in found["Message"]


def test_a_batch_has_10_000_events_at_most(region: LocalRegion, logs: Any) -> None:
    make(logs)
    now = now_of(region)
    put(logs, events(*("x" for _ in range(10_000)), at=now - 10_000))
    assert len(filtered(logs)) == 10_000
    given = events(*("x" for _ in range(10_001)), at=now - 10_001)
    assert code(logs.put_log_events, logGroupName=GROUP, logStreamName=STREAM, logEvents=given) == (
        "InvalidParameterException"
    )


def test_events_that_are_too_old_or_too_new_are_left_out_and_told(region: LocalRegion, logs: Any) -> None:
    make(logs)
    now = now_of(region)
    times = [now - 15 * DAY, now - 14 * DAY - HOUR, now - HOUR, now, now + HOUR, now + 2 * HOUR + 60_000]
    given = [{"timestamp": time, "message": str(number)} for number, time in enumerate(times)]
    told = put(logs, given)["rejectedLogEventsInfo"]
    assert told == {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 5}
    assert filtered(logs) == ["2", "3", "4"]


def test_events_before_the_groups_retention_are_expired(region: LocalRegion, logs: Any) -> None:
    make(logs)
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=3)
    now = now_of(region)
    times = [now - 15 * DAY, now - 4 * DAY, now]
    given = [{"timestamp": time, "message": str(number)} for number, time in enumerate(times)]
    told = put(logs, given)["rejectedLogEventsInfo"]
    assert told == {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}
    assert filtered(logs) == ["2"]


def test_a_batch_of_which_nothing_is_taken_is_an_answer(region: LocalRegion, logs: Any) -> None:
    make(logs)
    told = put(logs, events("a", "b", at=now_of(region) + DAY))
    assert told["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    assert filtered(logs) == []
    assert "lastIngestionTime" not in logs.describe_log_streams(logGroupName=GROUP)["logStreams"][0]


def test_events_of_the_same_time_keep_their_order(region: LocalRegion, logs: Any) -> None:
    make(logs)
    now = now_of(region)
    for number in range(3):
        put(logs, events(f"{number}-a", f"{number}-b", f"{number}-c", at=now, step=0))
    wanted = [f"{number}-{letter}" for number in range(3) for letter in "abc"]
    assert read_all(logs, limit=2) == wanted
    assert filtered(logs, PaginationConfig={"PageSize": 2}) == wanted


def test_many_put_into_a_stream_at_once(region: LocalRegion, logs: Any) -> None:
    make(logs)
    clients = [region.client("logs") for _ in range(4)]
    now = now_of(region)

    def work(number: int) -> None:
        for batch in range(20):
            put(clients[number], events(f"{number}-{batch}-a", f"{number}-{batch}-b", at=now))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    found = logs.filter_log_events(logGroupName=GROUP)["events"]
    assert len({event["message"] for event in found}) == len({event["eventId"] for event in found}) == 4 * 20 * 2


@pytest.mark.parametrize(
    "wrong",
    [
        "[]",
        '[{"timestamp": -1, "message": "x"}]',
        '[{"timestamp": 1, "message": ""}]',
        '[{"timestamp": "now", "message": "x"}]',
        '[{"timestamp": 1180591620717411303424, "message": "x"}]',
        '[{"timestamp": 1.5, "message": "x"}]',
        '[{"timestamp": 1e400, "message": "x"}]',
        '[{"message": "x"}]',
        '[{"timestamp": 1}]',
        '[{"timestamp": 1, "message": 7}]',
        '[{"timestamp": 1, "message": "\\ud800"}]',
        '"no list"',
        "[null]",
        "[[[[[[[[[[[",
    ],
)
def test_batches_that_are_none_are_refused(region: LocalRegion, logs: Any, wrong: str) -> None:
    make(logs)
    body = f'{{"logGroupName": "{GROUP}", "logStreamName": "{STREAM}", "logEvents": {wrong}}}'
    status, found = raw(region, "PutLogEvents", body.encode())
    assert status == 400
    assert found in ("InvalidParameterException", "SerializationException")
    assert filtered(logs) == []


def test_whoever_wants_is_told_of_a_put_in_its_transaction(region: LocalRegion, logs: Any) -> None:
    make(logs)
    told: list[tuple[str, str, int]] = []

    def reaction(_: Any, group: Any, stream: Any, put_number: int) -> None:
        told.append((group.name, stream.name, put_number))

    reactions.append(reaction)
    try:
        put(logs, events("a", at=now_of(region)))
        put(logs, events("b", at=now_of(region)))
    finally:
        reactions.remove(reaction)
    assert told == [(GROUP, STREAM, 1), (GROUP, STREAM, 2)]


def test_an_entity_is_not_taken(region: LocalRegion, logs: Any) -> None:
    make(logs)
    found = code(
        logs.put_log_events,
        logGroupName=GROUP,
        logStreamName=STREAM,
        logEvents=events("a", at=now_of(region)),
        entity={"keyAttributes": {"Type": "Service", "Name": "race"}},
    )
    assert found == "NotImplemented"


def test_a_service_puts_by_itself(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In process, without a request: a batch is compressed in a thread, as for a request, for the event loop has others to serve."""
    threads = []

    def pack(columns: Any, level: int) -> bytes:
        threads.append(threading.current_thread())
        return blocks.pack(columns, level)

    monkeypatch.setattr("fogbank.services.logs.put.pack", pack)
    make(logs)
    req = {"logGroupName": GROUP, "logStreamName": STREAM, "logEvents": events("inside", at=now_of(region))}
    loop = region.run(this_thread())
    region.run(region.background.invoke(root_of("123456789012"), "logs", "PutLogEvents", req))
    assert messages(logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM)) == ["inside"]
    assert len(threads) == 1
    assert threads[0] is not loop


def test_a_service_that_may_not_put_is_refused_before_anything_is_compressed(region: LocalRegion, logs: Any) -> None:
    make(logs)
    req = {"logGroupName": GROUP, "logStreamName": STREAM, "logEvents": events("inside", at=now_of(region))}
    with pytest.raises(AwsError) as refused:
        region.run(region.background.invoke(root_of("999999999999"), "logs", "PutLogEvents", req))
    assert refused.value.code == "ResourceNotFoundException"
    assert not read_all(logs)


async def this_thread() -> threading.Thread:
    """The event loop's."""
    return threading.current_thread()
