"""Insights queries at ten million events: how long each takes, and what memory.

    python bench/logs_queries.py [--events 10000000] [--streams 100] [--connections 4]

The events are those of bench/logs.py. Queries run in processes of a lower priority: what else the machine does shows in their times.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import Any

import boto3

import procfs
import servers
from logs import GROUP, ingest, wait_until_sealed

DEADLINE = 1800.0  # seconds of a query
LINE = "parse @message '* * /results/* * * * ms *' as ip, verb, id, status, hash, ms, agent"
QUERIES = {
    "the newest 20": "fields @timestamp, @message | limit 20",
    "the needle": "filter @message like 'NEEDLE'",
    "a regular expression": "filter @message like /results.4711 500 [0-9a-f]+ 1[0-9]{3} ms/ | stats count(*)",
    "count by minute": "stats count(*) by bin(1m)",
    "parsed, by status": f"{LINE} | stats count(*), avg(ms), pct(ms, 95) by status",
    "errors, by path": f"filter @message like ' 500 ' | {LINE} | filter status = 500 | stats count(*) as n by id | sort n desc",
}


def carried_out(logs: Any, query: str) -> tuple[float, dict[str, Any]]:
    """Carry out a query: how many seconds that took, and its answer."""
    now, began = int(time.time()), time.perf_counter()
    number = logs.start_query(logGroupName=GROUP, startTime=0, endTime=now + 1_000_000, queryString=query)["queryId"]
    while True:
        answer: dict[str, Any] = logs.get_query_results(queryId=number)
        if answer["status"] not in ("Scheduled", "Running") or time.perf_counter() - began > DEADLINE:
            return time.perf_counter() - began, answer
        time.sleep(0.05)


def measure(server: servers.Server, logs: Any, given: argparse.Namespace) -> bool:
    """Print everything; whether all queries were completed."""
    seconds, raw = ingest(server.port, given.events, given.streams, given.connections)
    wait_until_sealed(server)
    print(f"{given.events:,} events, {raw / (1 << 20):,.0f} MiB of messages, put in {seconds:.0f} s", flush=True)
    good = True
    for name, query in QUERIES.items():
        with procfs.Peak(server.processes()) as memory:
            seconds, answer = carried_out(logs, query)
        told, status = answer["statistics"], answer["status"]
        good = good and status == "Complete"
        print(
            f"{name}: {status} in {seconds:.1f} s, {told['recordsMatched']:,.0f} of {told['recordsScanned']:,.0f} events, "
            f"{len(answer['results']):,} rows; load {procfs.load():.1f}, memory {memory.peak / (1 << 20):.0f} MiB",
            flush=True,
        )
    return good


def main() -> None:
    """Start, fill, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    servers.VAR.mkdir(exist_ok=True)
    server = servers.Fogbank(1)
    server.start()
    try:
        logs = boto3.client(
            "logs",
            endpoint_url=f"http://127.0.0.1:{server.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        logs.create_log_group(logGroupName=GROUP)
        for number in range(given.streams):
            logs.create_log_stream(logGroupName=GROUP, logStreamName=f"stream-{number:04d}")
        good = measure(server, logs, given)
    finally:
        server.stop()
        subprocess.run(["rm", "-r", str(server.directory)], check=True)
    sys.exit(not good)


if __name__ == "__main__":
    main()
