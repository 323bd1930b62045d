"""CloudWatch Logs at ten million events: how fast they come in, how fast they are found, what memory and disk that takes.

    python bench/logs.py [--events 10000000] [--streams 1000] [--connections 4] [--small 2000]

Events are put over HTTP in batches of 8,000, a second apart from each other in the log's time, into streams in turn; lines are like a
web server's, with random parts, and one is a needle. Putting is timed until the last answer; then the region seals what it has.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import procfs
import servers
from wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROUP = "bench"
BATCH = 8_000  # events: a little below what a batch may have in bytes
NEEDLE = "the one NEEDLE in the haystack"
VERBS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
TARGET_SECONDS = 10.0  # a rare term in all events
TARGET_PAGE_MS = 3000.0
TARGET_TAIL_MS = 50.0


def lines(chance: random.Random) -> Iterator[str]:
    """Messages of a hundred bytes or so; some of their parts repeat, others do not."""
    while True:
        yield (
            f"10.0.{chance.randrange(256)}.{chance.randrange(256)} {chance.choice(VERBS)} /results/{chance.randrange(5000)} "
            f"{chance.choice((200, 200, 200, 304, 404, 500))} {chance.getrandbits(64):016x} {chance.randrange(2000)} ms "
            f"Mozilla/5.0 (X11; Linux x86_64; rv:{chance.randrange(90, 140)}.0)"
        )


def signed(port: int, operation: str, body: bytes) -> tuple[bytes, bytes]:
    """The head of a signed request, and its body."""
    url = f"http://127.0.0.1:{port}/"
    headers = {"X-Amz-Target": f"Logs_20140328.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", url, headers=headers, data=body)
    SigV4Auth(Credentials("test", "test"), "logs", "us-east-1").add_auth(request)
    named = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body)), **dict(request.headers.items())}
    head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in named.items()) + "\r\n"
    return head.encode(), body


class Writer:
    """One connection that puts batches."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.wire = Wire(port)
        self.times: list[float] = []

    def put(self, stream: str, events: list[dict[str, Any]]) -> None:
        """Put one batch; what it took is noted."""
        body = msgspec.json.encode({"logGroupName": GROUP, "logStreamName": stream, "logEvents": events})
        head, body = signed(self.port, "PutLogEvents", body)
        began = time.perf_counter()
        self.wire.ask(head, (body,))
        self.times.append(time.perf_counter() - began)


def ingest(port: int, events: int, streams: int, connections: int) -> tuple[float, int]:
    """Put all events; the seconds that connections waited for answers, on average, and the bytes of messages."""
    chance, first = random.Random(1), int(time.time() * 1000) - events // 2 - 60_000
    source, raw, writers = lines(chance), 0, [Writer(port) for _ in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        for start in range(0, events, BATCH * connections):
            work = []
            for number, writer in enumerate(writers):
                at = start + number * BATCH
                batch = [{"timestamp": first + (at + n) // 2, "message": next(source)} for n in range(BATCH)]
                if at <= events // 3 < at + BATCH:
                    batch[events // 3 - at]["message"] = NEEDLE
                raw += sum(len(event["message"]) for event in batch)
                work.append(pool.submit(writer.put, f"stream-{at // BATCH % streams:04d}", batch))
            for each in work:
                each.result()
    return sum(sum(writer.times) for writer in writers) / connections, raw


def small_puts(port: int, count: int, connections: int) -> tuple[float, float]:
    """Put single events over connections at once; how many a second, and the median time of one in ms."""
    writers = [Writer(port) for _ in range(connections)]

    def work(writer: Writer) -> None:
        for number in range(count // connections):
            writer.put("stream-0000", [{"timestamp": int(time.time() * 1000), "message": f"single {number}"}])

    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, writers))
    seconds = time.perf_counter() - began
    return count / seconds, 1e3 * statistics.median(each for writer in writers for each in writer.times)


def search(logs: Any, **options: Any) -> tuple[int, int, float, float]:
    """Search all pages: events, pages, seconds, and the longest page in ms."""
    found, times, token = 0, [], {}
    while True:
        began = time.perf_counter()
        page = logs.filter_log_events(logGroupName=GROUP, **options, **token)
        times.append(time.perf_counter() - began)
        found += len(page["events"])
        if "nextToken" not in page:
            return found, len(times), sum(times), 1e3 * max(times)
        token = {"nextToken": page["nextToken"]}


def median_ms(call: Callable[[], Any], rounds: int = 20) -> float:
    """The median time of a call."""
    return statistics.median(timed(call, rounds))


def beside(logs: Any, busy: dict[str, Any]) -> str:
    """The time of a small request alone, and while the same worker searches."""
    where = {"logGroupName": GROUP, "logStreamName": "stream-0001", "limit": 1}
    alone, times = timed(lambda: logs.get_log_events(**where), 100), []
    with ThreadPoolExecutor(1) as pool:
        searched = pool.submit(search, logs, **busy)
        while not searched.done():
            times += timed(lambda: logs.get_log_events(**where), 1)
    return f"{told(alone)}; while a search of {busy['filterPattern']} runs {told(times)}"


def timed(call: Callable[[], Any], rounds: int) -> list[float]:
    """How long each of some calls takes, in ms."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - began))
    return times


def told(times: list[float]) -> str:
    """The median and the longest of some times."""
    return f"{statistics.median(times):.1f} ms (the longest of {len(times)}: {max(times):.0f} ms)"


def wait_until_sealed(server: servers.Server) -> float:
    """Wait until no more files come; how many seconds that took."""
    began, before, since = time.perf_counter(), -1, time.perf_counter()
    while time.perf_counter() - since < 6:
        now = sum(1 for path in (server.directory / "blobs").rglob("*") if path.is_file())
        if now != before:
            before, since = now, time.perf_counter()
        time.sleep(0.5)
    return since - began


def measure(server: servers.Server, logs: Any, given: argparse.Namespace) -> bool:
    """Print everything; whether it is as fast as it must be."""
    print(f"load average {procfs.load():.1f}")
    rate, took = small_puts(server.port, given.small, given.connections)
    print(f"single events over {given.connections} connections: {rate:,.0f} puts/s, median {took:.1f} ms", flush=True)
    with procfs.Peak(server.processes()) as memory:
        seconds, raw = ingest(server.port, given.events, given.streams, given.connections)
        sealed = wait_until_sealed(server)
    print(
        f"{given.events:,} events, {raw / (1 << 20):,.0f} MiB of messages: {given.events / seconds:,.0f} events/s, "
        f"sealed {sealed:.1f} s later; memory {memory.peak / (1 << 20):.0f} MiB at most"
    )
    disk = sum(path.stat().st_size for path in server.directory.rglob("*") if path.is_file())
    state = (server.directory / "state/state.db").stat().st_size
    print(f"on disk {disk / (1 << 20):,.0f} MiB, of it the state {state / (1 << 20):,.0f} MiB", flush=True)
    good = True
    with procfs.Peak(server.processes()) as memory:
        searches: dict[str, dict[str, Any]] = {
            "the needle": {"filterPattern": "NEEDLE"},
            "a term that is not there": {"filterPattern": "ABSENT"},
            "the needle, from the end": {
                "filterPattern": "NEEDLE",
                "startFromHead": False,
                "startTime": 1_704_067_200_000,
            },
            "one of 5,000 paths": {"filterPattern": '"/results/4711 "'},
        }
        for name, options in searches.items():
            found, pages, seconds, longest = search(logs, **options)
            print(
                f"{name}: {found:,} found in {seconds:.1f} s, {pages} pages, the longest {longest:.0f} ms", flush=True
            )
            good = good and seconds < TARGET_SECONDS and longest < TARGET_PAGE_MS
        where = {"logGroupName": GROUP, "logStreamName": "stream-0001"}
        tail = median_ms(lambda: logs.get_log_events(**where, limit=100))
        head = median_ms(lambda: logs.get_log_events(**where, startFromHead=True))
        page = median_ms(lambda: logs.filter_log_events(logGroupName=GROUP), 5)
        print(f"one event of a stream: {beside(logs, {'filterPattern': 'ABSENT'})}")
        print(f"one event of a stream: {beside(logs, {'filterPattern': '%ABS[A-Z]+NT%'})}")
    print(
        f"the last 100 events of a stream: {tail:.1f} ms; a whole page of a stream: {head:.1f} ms, of the group: {page:.1f} ms"
    )
    print(f"memory while searching: {memory.peak / (1 << 20):.0f} MiB at most")
    return good and tail < TARGET_TAIL_MS


def main() -> None:
    """Start, fill, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--small", type=int, default=2000)
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
    print("as fast as it must be" if good else "slower than it must be")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
