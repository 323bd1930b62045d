"""Functions: warm and cold invocations, memory of warm environments, asynchronous ones; Fogbank beside MiniStack's subprocess mode.

    .venv/bin/python bench/functions.py [--quick]

Each server runs alone, in turn. Fogbank verifies each signature, authorises it, runs the function in a sandbox of its own and keeps an
asynchronous invocation on the disk before it answers; MiniStack does none of it: its local executor runs a subprocess.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import re
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import boto3
import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

import loadgen
import procfs
import servers
from results import Results, Target
from signing import HOST

if TYPE_CHECKING:
    from servers import Server

NAMES = ("fogbank", "ministack")
CODE = "import time\n\ndef handle(event, context):\n    time.sleep(event.get('sleep', 0))\n    return {'n': event.get('n', 0)}\n"
CONNECTIONS = 16
ENVIRONMENTS = 50
SLEEP = 0.16  # seconds an environment: a start takes less
MIB = 1 << 20
WHOLE = 1769  # MB of memory that come with a whole processor; with less a function waits for its share, as on AWS: that is its p99
WARM = Target(3.0, most=True)
RATE = Target(3.0, "ministack")
COLD = Target(150.0, most=True)
FORK = Target(40.0, most=True)
MEMORY = Target(1536.0, most=True)
ACCEPTED = Target(1000.0)


class Functions:
    """A server's Lambda, as a client sees it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        endpoint = f"http://127.0.0.1:{server.port}"
        config = Config(retries={"max_attempts": 1}, max_pool_connections=ENVIRONMENTS, read_timeout=300)
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        made: Any = boto3.client  # boto3's own types know each service by its name
        self.functions, self.iam = (
            made(name, endpoint_url=endpoint, config=config, **keys) for name in ("lambda", "iam")
        )
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        self.role = self.iam.create_role(RoleName="bench", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        may = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": may})
        self.iam.put_role_policy(RoleName="bench", PolicyName="logs", PolicyDocument=policy)

    def create(self, name: str, memory: int = 128) -> str:
        """A new function, ready to be invoked."""
        self.functions.create_function(
            FunctionName=name, Runtime="python3.11", Handler="code.handle", Role=self.role, Code={"ZipFile": zipped()}, Timeout=60,
            MemorySize=memory,
        )  # fmt: skip
        self.functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return name

    def invoke(self, name: str, **event: float) -> tuple[float, str]:
        """Milliseconds of one invocation, as the client waits for it, and the end of the log."""
        began = time.perf_counter()
        answer = self.functions.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        said = answer["Payload"].read()
        took = 1000 * (time.perf_counter() - began)
        if answer.get("FunctionError") or json.loads(said) != {"n": event.get("n", 0)}:
            raise RuntimeError(f"{self.server.name} answered {said[:300]!r}")
        return took, base64.b64decode(answer.get("LogResult", "")).decode()

    def request(self, name: str, kind: str) -> bytes:
        """One invocation as it is sent, again and again."""
        body = b'{"n": 1}'
        target = f"/2015-03-31/functions/{name}/invocations"
        request = AWSRequest("POST", f"http://{HOST}{target}", data=body, headers={"X-Amz-Invocation-Type": kind})
        SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(request)
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {HOST}",
            *(f"{name}: {value}" for name, value in request.headers.items()),
        ]
        return ("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n").encode() + body

    def load(self, name: str, kind: str, seconds: float, connections: int, warm: float) -> loadgen.Load:
        """Invoke it as fast as it answers."""
        requests = [self.request(name, kind)]
        return uvloop.run(
            loadgen.run(self.server.port, requests, seconds, warm=warm, connections=connections, repeat=True)
        )


def zipped() -> bytes:
    """The function's code."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        entry = zipfile.ZipInfo("code.py")
        entry.external_attr = 0o644 << 16
        made.writestr(entry, CODE)
    return out.getvalue()


def warm(results: Results, at: Functions, seconds: float) -> None:
    """Warm invocations: one after the other, and over 16 connections."""
    name, server = at.create("warm", WHOLE), at.server.name
    first, _ = at.invoke(name)
    results.add("the first invocation of all", "ms", server, first)
    with ThreadPoolExecutor(
        CONNECTIONS
    ) as pool:  # the load below looks at statuses alone: here each answer is looked at
        list(pool.map(lambda number: at.invoke(name, n=number), range(20 * CONNECTIONS)))
    one = at.load(name, "RequestResponse", seconds, 1, 0.5)
    results.add("warm invocation, median", "ms", server, one.p50, WARM)
    results.add("warm invocation, p99", "ms", server, one.p99)
    many = at.load(name, "RequestResponse", seconds, CONNECTIONS, 2.0)
    results.add(f"invocations, {CONNECTIONS} connections", "/s", server, many.rate, RATE)
    results.add(f"invocations, {CONNECTIONS} connections, p50", "ms", server, many.p50)


def cold(results: Results, at: Functions, many: int) -> None:
    """First invocations of new functions; and what the server itself says of their start."""
    took, started = [], []
    for number in range(many):
        name = at.create(f"cold-{number}")
        time.sleep(0.2)
        client, log = at.invoke(name)
        took.append(client)
        if found := re.search(r"Init Duration: ([\d.]+) ms", log):
            started.append(float(found[1]))
    results.add("cold invocation, median", "ms", at.server.name, median(took), COLD)
    if started:
        results.add("the start of an environment, as REPORT tells", "ms", at.server.name, median(started), FORK)


def memory(results: Results, at: Functions, many: int) -> None:
    """What 50 environments add that were in use at once and are now idle: resident memory, shared pages counted once."""
    name = at.create("many")
    at.invoke(name)
    before = procfs.pss(at.server.processes())
    with ThreadPoolExecutor(many) as pool:  # each holds its environment until all have one
        list(pool.map(lambda number: at.invoke(name, sleep=SLEEP * many, n=number), range(many)))
    pids = at.server.processes()
    results.add(f"{many} warm environments (PSS)", "MiB", at.server.name, (procfs.pss(pids) - before) / MIB, MEMORY)
    results.add("processes then", "", at.server.name, len(pids))


def accepted(results: Results, at: Functions, seconds: float) -> None:
    """Asynchronous invocations that are answered, while others run."""
    name = at.create("later")
    at.invoke(name)
    load = at.load(name, "Event", seconds, CONNECTIONS, 0.5)
    results.add(f"asynchronous, accepted, {CONNECTIONS} connections", "/s", at.server.name, load.rate, ACCEPTED)


def main() -> None:
    """Run it, and print the table."""
    parser = argparse.ArgumentParser(description="Functions: Fogbank beside MiniStack.")
    parser.add_argument("--servers", default=",".join(NAMES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--environments", type=int, default=ENVIRONMENTS, help="how many are kept warm (50)")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", type=Path, help="write all samples to this file")
    given = parser.parse_args()
    rounds, seconds = (1, 2.0) if given.quick else (given.rounds, given.seconds)
    servers.VAR.mkdir(exist_ok=True)
    if "ministack" in given.servers:
        servers.have_peers()
    results = Results()
    results.remark(f"load average at the start {procfs.load():.1f}")
    for _ in range(rounds):
        for name in given.servers.split(","):
            with servers.running(servers.ALL[name]()) as server:
                at = Functions(server)
                warm(results, at, seconds)
                cold(results, at, 5 if given.quick else 10)
                memory(results, at, given.environments)
                accepted(results, at, seconds)
    results.remark(f"load average at the end {procfs.load():.1f}")
    results.show()
    if given.json:
        given.json.write_text(json.dumps(results.as_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
