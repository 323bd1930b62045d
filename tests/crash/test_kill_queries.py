"""`kill -9` of the control process while it carries out an Insights query; and a query that is stopped."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300), pytest.mark.xdist_group("crash")]
PROGRAM = b"fogbank.services.logs.insights_worker"
ENDLESS = "filter @message like /(a+)+$/"


MESSAGE = "a" * 60 + "!"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region with an event in a group."""
    made = Live(tmp_path_factory.mktemp("region") / "data")
    logs = made.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": MESSAGE}
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
    yield made
    made.end()


def eventually(condition: Callable[[], Any]) -> Any:
    """What a condition comes to, once it does."""
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)
    return found


def control_of(live: Live) -> int:
    """The process id of the control process."""
    return int(live.runtime()["children"]["control"]["pid"])


def queries_of(pid: int) -> list[int]:
    """The processes of queries that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and PROGRAM in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return "Z" not in (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[:1]
    except OSError:
        return False


def start(logs: Any, query: str) -> str:
    """Start a query on the last hour."""
    now = int(time.time())
    return str(logs.start_query(logGroupName="g", startTime=now - 3600, endTime=now + 60, queryString=query)["queryId"])


def status(logs: Any, number: str) -> str:
    """How a query stands."""
    return str(logs.get_query_results(queryId=number)["status"])


def test_a_query_that_ran_failed_and_its_process_is_gone(live: Live) -> None:
    logs = live.client("logs")
    number = start(logs, ENDLESS)
    control = control_of(live)
    (process,) = eventually(lambda: queries_of(control))
    assert status(logs, number) == "Running"
    os.kill(control, signal.SIGKILL)
    eventually(lambda: not is_there(process))
    eventually(lambda: status(logs, number) == "Failed")
    again = start(logs, "fields @message")
    eventually(lambda: status(logs, again) == "Complete")
    assert logs.get_query_results(queryId=again)["results"][0][0]["value"] == MESSAGE


def test_a_query_that_is_stopped_ends_its_process(live: Live) -> None:
    logs = live.client("logs")
    number = start(logs, ENDLESS)
    control = control_of(live)
    (process,) = eventually(lambda: queries_of(control))
    assert logs.stop_query(queryId=number)["success"]
    eventually(lambda: not is_there(process))
    assert status(logs, number) == "Cancelled"
    again = start(logs, "stats count(*)")
    eventually(lambda: status(logs, again) == "Complete")
