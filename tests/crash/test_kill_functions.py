"""`kill -9` of the control process, of workers and of sandboxes while functions run: every acknowledged event has its result."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from crash.load import BUCKET
from crash.test_kill import Killed, check_state, make_bucket
from fogbank.services.lambda_ import queue
from fogbank.store.sqlite import SqliteStore
from services.lambda_.packages import zipped

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = int(os.environ.get("TEST_FUNCTION_EVENTS", "1000"))
KILLS = int(os.environ.get("TEST_FUNCTION_KILLS", "12"))
SEED = int(os.environ.get("TEST_FUNCTION_SEED", "3"))
SENDERS = 4
PATIENCE = 420  # seconds: an event whose sandbox was killed is tried again after one minute, and after two
RUNTIME = f"python3.{sys.version_info.minor}"
SOURCE = """
import boto3, json
s3 = boto3.client("s3")

def handler(event, context):
    records = event.get("Records")
    name = "result/" + (records[0]["s3"]["object"]["key"] if records else event["n"])
    s3.put_object(Bucket="%s", Key=name, Body=context.aws_request_id.encode())
"""

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("crash"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # boto3 drops connections that broke
]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path / "data")
    made.start()
    yield made
    made.end()


def client(region: Killed, service: str) -> Any:
    config = Config(retries={"max_attempts": 8, "mode": "standard"}, s3={"addressing_style": "path"}, read_timeout=60)
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{region.port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=config,
    )


def make_function(region: Killed, source: str = SOURCE) -> str:
    """The function f, which puts an object for each event; its ARN."""
    document = {"Version": "2012-10-17", "Statement": []}
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": ["s3:PutObject", "logs:*"], "Resource": "*"}
    iam, functions = client(region, "iam"), client(region, "lambda")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({**document, "Statement": [trust]}))
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps({**document, "Statement": [may]}))
    made = functions.create_function(
        FunctionName="f",
        Runtime=RUNTIME,
        Role=role["Role"]["Arn"],
        Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": source % BUCKET})},
        Timeout=60,
        MemorySize=256,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="f")
    return str(made["FunctionArn"])


class Sending:
    """Threads that send until each of their events is acknowledged."""

    def __init__(self, send: Any) -> None:
        self.acknowledged: set[str] = set()
        self._send = send
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def _work(self, number: int) -> None:
        for n in range(number, EVENTS, SENDERS):
            for _ in range(20):
                with contextlib.suppress(BotoCoreError, ClientError):
                    self._send(f"{n:05d}")
                    self.acknowledged.add(f"{n:05d}")
                    break
                time.sleep(0.2)

    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)


def kill_something(region: Killed, chance: random.Random) -> str:
    """Kill the control process, a worker, or something in a sandbox; what it was."""
    pids = region.pids()
    what = chance.choice(("control", "worker", "sandbox", "sandbox"))
    found = {
        "control": [pid for name, pid in pids.items() if name == "control"],
        "worker": [pid for name, pid in pids.items() if name.startswith("worker")],
        "sandbox": below(pids["control"]),
    }[what]
    if found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(found), signal.SIGKILL)
    return what


def below(pid: int) -> list[int]:
    """The processes below one, however deep."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found, new = [], [pid]
    while new:
        new = [child for one in new for child in children.get(one, [])]
        found += new
    return found


def results(region: Killed) -> set[str]:
    """The events whose results are there."""
    pages = client(region, "s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="result/")
    return {one["Key"].removeprefix("result/") for page in pages for one in page.get("Contents", [])}


def waiting(region: Killed) -> int:
    """How many events wait for their next try: late, but not lost."""
    store = SqliteStore(region.data / "state/state.db")
    try:
        with store.snapshot() as tx:
            return sum(1 for _ in queue.events.scan(tx))
    finally:
        store.close()


def missing_in_the_end(region: Killed, acknowledged: set[str]) -> set[str]:
    """The events whose results are not there after all that time that retries take."""
    deadline = time.monotonic() + PATIENCE
    missing = acknowledged
    while missing and time.monotonic() < deadline:
        with contextlib.suppress(BotoCoreError, ClientError):
            missing = acknowledged - results(region)
        time.sleep(0.5)
    return missing


def disturb(region: Killed, sending: Sending) -> dict[str, int]:
    """Kill this and that, while there is something to disturb; how often what."""
    chance, count = random.Random(SEED), {"control": 0, "worker": 0, "sandbox": 0}
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 1.0))
        with contextlib.suppress(OSError, ValueError, KeyError):  # the supervisor writes what runs anew
            count[kill_something(region, chance)] += 1
    while not sending.is_over():
        time.sleep(0.1)
    return count


def test_asynchronous_invocations_survive_kills(killed: Killed) -> None:
    make_bucket(killed)
    make_function(killed)
    functions = client(killed, "lambda")

    def send(name: str) -> None:
        payload = json.dumps({"n": name}).encode()
        functions.invoke(FunctionName="f", InvocationType="Event", Payload=payload)

    sending = Sending(send)
    count = disturb(killed, sending)
    assert len(sending.acknowledged) == EVENTS
    missing = missing_in_the_end(killed, sending.acknowledged)
    print(f"{count} kills, {len(sending.acknowledged)} events")
    assert not missing, f"{len(missing)} have no result; {waiting(killed)} wait, the others are lost"
    check_state(killed)


def test_events_of_a_bucket_survive_kills(killed: Killed) -> None:
    make_bucket(killed)
    arn = make_function(killed)
    functions, s3 = client(killed, "lambda"), client(killed, "s3")
    functions.add_permission(
        FunctionName="f",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{BUCKET}",
    )
    rule = {
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "0"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"LambdaFunctionConfigurations": [rule]}
    )
    sending = Sending(lambda name: s3.put_object(Bucket=BUCKET, Key=name, Body=b"x"))
    count = disturb(killed, sending)
    assert len(sending.acknowledged) == EVENTS
    missing = missing_in_the_end(killed, sending.acknowledged)
    print(f"{count} kills, {len(sending.acknowledged)} events")
    assert not missing, f"{len(missing)} have no result; {waiting(killed)} wait, the others are lost"
    check_state(killed)
