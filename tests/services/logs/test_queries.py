"""Insights queries over the wire: started, looked at, stopped; across restarts; hostile ones."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.control import process
from fogbank.services.logs import invariants, queries_records, queries_run, queries_turns
from fogbank.services.logs import queries as queries_api
from fogbank.services.logs.insights_process import StoppedError, carried_out
from fogbank.services.logs.insights_worker import Task, Told
from fogbank.services.logs.queries_records import KEPT, RUNNING, pages, queries, weights
from services.helpers import code, dev, permit, refusal, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from support.region import LocalRegion

ERRORS = 'fields @message | filter @message like "ERROR" | sort @timestamp asc'


@pytest.fixture
def logs(region: LocalRegion) -> Any:
    return region.client("logs")


def now_of(region: LocalRegion) -> int:
    """The region's time, in milliseconds."""
    return int(region.clock.now().timestamp() * 1000)


def put(region: LocalRegion, logs: Any, messages: list[str], group: str = "g", stream: str = "s") -> int:
    """Put messages, a millisecond after each other, into a stream that is made if need be; the time of the first."""
    for make, names in ((logs.create_log_group, {}), (logs.create_log_stream, {"logStreamName": stream})):
        try:
            make(logGroupName=group, **names)
        except logs.exceptions.ResourceAlreadyExistsException:
            continue
    first = now_of(region) - 60_000
    events = [{"timestamp": first + number, "message": message} for number, message in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return first


def start(region: LocalRegion, logs: Any, query: str, **options: Any) -> str:
    """Start a query on the last hour."""
    now = now_of(region) // 1000
    options = {"logGroupName": "g", "startTime": now - 3600, "endTime": now, **options}
    return str(logs.start_query(queryString=query, **options)["queryId"])


def results(region: LocalRegion, logs: Any, query: str, **options: Any) -> list[dict[str, str]]:
    """Carry out a query; its rows."""
    number = start(region, logs, query, **options)
    region.settle()
    answer = logs.get_query_results(queryId=number)
    assert answer["status"] == "Complete"
    return [{field["field"]: field["value"] for field in row} for row in answer["results"]]


def test_a_query(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["INFO a", "ERROR b", "ERROR c"])
    number = start(region, logs, ERRORS)
    assert logs.get_query_results(queryId=number)["status"] == "Scheduled"
    region.settle()
    answer = logs.get_query_results(queryId=number)
    assert [[field["value"] for field in row][:-1] for row in answer["results"]] == [["ERROR b"], ["ERROR c"]]
    assert answer["statistics"]["recordsMatched"] == 2
    assert answer["statistics"]["recordsScanned"] == 3
    assert answer["statistics"]["bytesScanned"] == len("INFO aERROR bERROR c")
    page = logs.get_query_results(queryId=number, maxItems=1)
    assert [
        len(page["results"]),
        len(logs.get_query_results(queryId=number, nextToken=page["nextToken"])["results"]),
    ] == [1, 1]


def test_the_pointer_of_a_result_leads_to_its_event(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ['{"a": 1, "b": {"c": [true, null]}}'])
    found = results(region, logs, "fields a")
    record = logs.get_log_record(logRecordPointer=found[0]["@ptr"])["logRecord"]
    assert found[0]["a"] == "1"
    assert record["@message"] == '{"a": 1, "b": {"c": [true, null]}}'
    assert (record["a"], record["b.c.0"]) == ("1", "1")
    assert "b.c.1" not in record


def test_values_are_found_however_json_writes_them(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ['{"level": "ERROR", "n": 1}', '{"level": "INFO", "n": 2}'])
    assert results(region, logs, 'filter level = "ERROR" | stats count(*) as n')[0]["n"] == "1"
    put(region, logs, ['{"level": "\\u0045RROR", "n": 3}', '{"level": "\\"INFO", "n": 4}'])
    assert results(region, logs, 'filter level = "ERROR" | stats count(*) as n')[0]["n"] == "2"
    assert [row["n"] for row in results(region, logs, 'filter level = "ERROR" | fields n')] == ["3", "1"]


def test_several_groups_and_the_bounds_of_time(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["one", "two"])
    put(region, logs, ["three"], group="h", stream="t")
    both = {"logGroupNames": ["g", "h"]}
    number = logs.start_query(
        queryString="stats count(*) as n by @log, @logStream | sort n", startTime=0, endTime=1 << 33, **both
    )
    region.settle()
    rows = logs.get_query_results(queryId=number["queryId"])["results"]
    assert [[field["value"] for field in row] for row in rows] == [
        [f"{ACCOUNT}:h", "t", "1"],
        [f"{ACCOUNT}:g", "s", "2"],
    ]
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:h"
    now = now_of(region) // 1000
    old = logs.start_query(queryString="limit 5", logGroupIdentifiers=[arn], startTime=0, endTime=now - 3600)["queryId"]
    region.settle()
    assert logs.get_query_results(queryId=old)["results"] == []


def test_ten_thousand_rows_and_a_limit(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["m"] * 5_200)
    put(region, logs, ["m"] * 5_200, stream="other")
    assert len(results(region, logs, "fields @message")) == 10_000
    assert len(results(region, logs, "fields @message", limit=7)) == 7
    assert len(results(region, logs, "fields @message | limit 9", limit=7)) == 9
    assert results(region, logs, "stats count(*) as n")[0]["n"] == "10400"
    assert code(start, region=region, logs=logs, query="limit 5", limit=10_001) == "InvalidParameterException"


def test_queries_are_described_the_newest_first(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["x"])
    made = []
    for query in ("limit 1", "limit 2", "limit 3"):
        made.append(start(region, logs, query))
        region.advance(seconds=1)
    found = logs.describe_queries(logGroupName="g", maxResults=2)
    assert [query["queryId"] for query in found["queries"]] == made[:0:-1]
    rest = logs.describe_queries(nextToken=found["nextToken"])
    assert [query["queryString"] for query in rest["queries"]] == ["limit 1"]
    assert rest["queries"][0]["status"] == "Scheduled"
    assert len(logs.describe_queries(status="Scheduled")["queries"]) == 3
    assert logs.describe_queries(status="Complete")["queries"] == []
    assert logs.describe_queries(logGroupName="none")["queries"] == []


@pytest.mark.parametrize(
    ("query", "message", "location"),
    [
        ("", "unexpected symbol found <EOF> at line 1 and position 1", (0, 0)),
        ("fields a | count()", "unexpected symbol found count at line 1 and position 12", (11, 16)),
        ("fields a\n| filter b >", "unexpected symbol found <EOF> at line 2 and position 13", (21, 21)),
        ("filter a like /(/", "invalid regular expression: missing ), unterminated subpattern at position 0", (15, 16)),
        ("stats nope(1)", "unknown function nope", (6, 10)),
        ("filter count(*) > 1", "count can only be used in stats", (7, 12)),
        ("stats count(*) as n by k | filter other = 1", "Unknown symbols found in or after stats: other", (34, 39)),
        ("limit 10001", "limit has to be between 1 and 10000", (6, 11)),
        ("parse @message '* *' as a", "the pattern of parse has to have as many parts as there are fields", (15, 25)),
    ],
)
def test_a_malformed_query(region: LocalRegion, logs: Any, query: str, message: str, location: tuple[int, int]) -> None:
    put(region, logs, ["x"])
    with pytest.raises(logs.exceptions.MalformedQueryException) as caught:
        start(region, logs, query)
    response = caught.value.response
    start_offset, end_offset = location
    assert response["Error"]["Message"] == message
    assert response["queryCompileError"] == {
        "location": {"startCharOffset": start_offset, "endCharOffset": end_offset},
        "message": message,
    }


def test_what_is_refused(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["x"])
    assert code(start, region=region, logs=logs, query="limit 1", logGroupName="none") == "ResourceNotFoundException"
    assert code(start, region=region, logs=logs, query="limit 1", queryLanguage="SQL") == "NotImplemented"
    assert code(start, region=region, logs=logs, query="pattern @message") == "NotImplemented"
    assert code(start, region=region, logs=logs, query="limit 1", logGroupNames=["g"]) == "InvalidParameterException"
    assert code(start, region=region, logs=logs, query="limit 1", startTime=9, endTime=8) == "InvalidParameterException"
    assert code(logs.get_query_results, queryId="none") == "ResourceNotFoundException"
    assert code(logs.stop_query, queryId="none") == "ResourceNotFoundException"


def test_groups_of_infrequent_access_are_queried(region: LocalRegion, logs: Any) -> None:
    logs.create_log_group(logGroupName="g", logGroupClass="INFREQUENT_ACCESS")
    put(region, logs, ["x"])
    assert results(region, logs, "fields @message")[0]["@message"] == "x"


def test_so_many_queries_at_a_time(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(region, logs, ["x"])
    monkeypatch.setattr(queries_api, "MOST_ACTIVE", 3)
    for _ in range(3):
        start(region, logs, "limit 1")
    told = refusal(start, region=region, logs=logs, query="limit 1")
    assert (told["Code"], told["Message"]) == (
        "LimitExceededException",
        "Account maximum query concurrency limit of [3] reached.",
    )
    region.settle()
    assert start(region, logs, "limit 1")


def test_the_queries_of_one_account_do_not_hold_up_those_of_others(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    async def slow(task: Task, *_: Any) -> Told:
        while task.targets[0].account == ACCOUNT and not gate.is_set():
            await asyncio.sleep(0.01)
        return Told(0, 0, 0, done=True)

    monkeypatch.setattr(queries_run, "carried_out", slow)
    put(region, logs, ["x"])
    held = [start(region, logs, "limit 1") for _ in range(queries_turns.AT_ONCE + 2)]
    other = dev(region, "111122223333", "logs")
    put(region, other, ["x"])
    number = start(region, other, "limit 1")
    with ThreadPoolExecutor() as pool:
        carried = pool.submit(region.run, carried_by_all(region))
        try:
            while other.get_query_results(queryId=number)["status"] != "Complete":
                assert not carried.done()
            running = [each["queryId"] for each in logs.describe_queries(status="Running")["queries"]]
        finally:
            gate.set()
        carried.result(60)
    assert len(running) == queries_turns.MOST_OF_ONE
    assert {logs.get_query_results(queryId=each)["status"] for each in held} == {"Complete"}


async def carried_by_all(region: LocalRegion) -> None:
    """What is due is carried out as in the control process: some of a kind at a time."""
    await asyncio.gather(*(carrier() for carrier in process.carriers(region.background)))


def test_so_much_of_an_accounts_results_is_kept(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(region, logs, ["x" * 1000])
    made = []
    for _ in range(3):
        made.append(start(region, logs, "fields @message"))
        region.settle()
        region.advance(seconds=1)
        with region.region.store.snapshot() as tx:
            (weight,) = (weight.bytes for _, weight in weights.scan(tx))
        if len(made) == 2:
            monkeypatch.setattr(queries_records, "MOST_RESULTS", weight)
    assert [each["queryId"] for each in logs.describe_queries()["queries"]] == made[:0:-1]
    assert code(logs.get_query_results, queryId=made[0]) == "ResourceNotFoundException"
    with region.region.store.snapshot() as tx:
        assert not list(invariants.check(tx))
        assert len(list(pages.scan(tx))) == 2


def test_so_many_queries_of_an_account_are_kept(
    region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries_run, "MOST_KEPT", 2)
    put(region, logs, ["x"])
    made = []
    for _ in range(3):
        made.append(start(region, logs, "limit 1"))
        region.settle()
        region.advance(seconds=1)
    region.settle()
    assert [each["queryId"] for each in logs.describe_queries()["queries"]] == made[:0:-1]


def test_a_query_is_stopped(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["x"])
    number = start(region, logs, "limit 1")
    assert logs.stop_query(queryId=number)["success"]
    region.settle()
    assert logs.get_query_results(queryId=number)["status"] == "Cancelled"
    assert code(logs.stop_query, queryId=number) == "InvalidParameterException"


def test_groups_of_other_accounts_are_not_there(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["x"])
    other = dev(region, "111122223333", "logs")
    ask = {"startTime": 0, "endTime": 1, "queryString": "limit 1"}
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:g"
    assert code(other.start_query, logGroupIdentifiers=[arn], **ask) == "ResourceNotFoundException"
    assert code(other.start_query, logGroupName="g", **ask) == "ResourceNotFoundException"
    number = start(region, logs, "limit 1")
    assert code(other.get_query_results, queryId=number) == "ResourceNotFoundException"
    assert code(other.stop_query, queryId=number) == "ResourceNotFoundException"
    assert other.describe_queries()["queries"] == []


def test_permissions_are_asked_for_every_group(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["x"])
    put(region, logs, ["x"], group="h")
    ann = user_client(region, "logs")
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:"
    permit(region, {"Effect": "Allow", "Action": "logs:StartQuery", "Resource": f"{arn}g:*"})
    both = {"logGroupNames": ["g", "h"], "startTime": 0, "endTime": 1, "queryString": "limit 1"}
    assert code(ann.start_query, **both) == "AccessDeniedException"
    assert ann.start_query(**{**both, "logGroupNames": ["g"]})["queryId"]


def test_a_query_that_ran_when_the_region_was_killed_failed(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["x"])
    number = start(region, logs, "limit 1")
    region.run(region.region.store.write(lambda tx: queries_run.begin((ACCOUNT, "us-east-1", number), tx)))
    assert logs.get_query_results(queryId=number)["status"] == "Running"
    region.settle()
    assert logs.get_query_results(queryId=number)["status"] == "Failed"


def test_results_are_kept_for_seven_days_and_sealed(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["a secret"])
    assert results(region, logs, "fields @message")[0]["@message"] == "a secret"
    with region.region.store.snapshot() as tx:
        kept = [page.sealed for _, page in pages.scan(tx)]
    assert kept
    assert not [data for data in kept if b"a secret" in data]
    region.advance(seconds=KEPT // 1000 + 1)
    region.settle()
    with region.region.store.snapshot() as tx:
        assert not list(queries.scan(tx))
        assert not list(pages.scan(tx))


def carried(region: LocalRegion, query: str, **options: Any) -> Told:
    """Carry out a query on group g, past the API."""
    work = carry(region, query, **options)
    found: Told = region.run(work)
    return found


async def carry(region: LocalRegion, query: str, stop: bool = False, **options: Any) -> Told:
    with region.region.store.snapshot() as tx:
        made = next(found for _, found in queries.scan(tx))
    task: Task = await asyncio.to_thread(queries_run.task_of, region.background, made)
    task = Task(task.state, task.blobs, query, task.now, task.limit, task.start, task.end, task.targets)

    async def going_on(_: Told | None) -> bool:
        return not stop

    return await carried_out(task, going_on, **options)


def test_an_expression_that_does_not_come_to_an_end_is_ended(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["a" * 60])
    start(region, logs, "limit 1")
    endless = "filter @message like /(a+)+$|(a|aa)+b/ | filter @message like /(a*)*[bc]/"
    with pytest.raises(TimeoutError):
        carried(region, endless, stalled=3.0)
    with pytest.raises(StoppedError):
        carried(region, endless, stop=True)


def test_a_query_of_too_many_groups_fails(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(region, logs, ["x"])
    number = start(region, logs, "limit 1")

    async def failing(*_: Any, **__: Any) -> Told:
        return Told(1, 1, 1, fault="the query takes more memory than it may")

    monkeypatch.setattr(queries_run, "carried_out", failing)
    region.settle()
    assert logs.get_query_results(queryId=number)["status"] == "Failed"


def test_a_query_that_is_late_is_told_so(region: LocalRegion, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(region, logs, ["x"])
    number = start(region, logs, "limit 1")

    async def late(*_: Any, **__: Any) -> Told:
        raise TimeoutError

    monkeypatch.setattr(queries_run, "carried_out", late)
    region.settle()
    assert logs.get_query_results(queryId=number)["status"] == "Timeout"


def test_progress_is_told_while_a_query_runs(region: LocalRegion, logs: Any) -> None:
    put(region, logs, ["x"])
    number = start(region, logs, "limit 1")
    where = (ACCOUNT, "us-east-1", number)
    region.run(region.region.store.write(lambda tx: queries_run.begin(where, tx)))
    assert region.run(queries_run.going_on(region.background, where, Told(5, 2, 100)))
    answer = logs.get_query_results(queryId=number)
    assert (answer["status"], answer["statistics"]["recordsScanned"]) == (RUNNING, 5)
    assert region.run(queries_run.going_on(region.background, where, None))
    logs.stop_query(queryId=number)
    assert not region.run(queries_run.going_on(region.background, where, None))
