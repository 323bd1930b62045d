"""Metrics in Prometheus' text format, of all workers: each leaves its counters in a file that any of them reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.gateway.record import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fogbank.core.service import Gauge
    from fogbank.gateway.traffic import Traffic

SUFFIX = ".metrics"

# What is counted beside requests, in the order of `Counters.others`.
OTHERS = (
    ("fogbank_auth_failures_total", "Requests whose signature, access key or session token was refused."),
    ("fogbank_auth_held_total", "Answers to failed authentications that were held up."),
    ("fogbank_events_lost_total", "Events that could not be written."),
)


# What is counted of each of S3's buckets, in the order of Traffic's counters.
OF_BUCKETS = (
    ("fogbank_s3_bucket_requests_total", "Answered requests on a bucket and what is in it."),
    ("fogbank_s3_bucket_refused_total", "Those of them that were answered with a status of 400 to 499."),
    ("fogbank_s3_bucket_failed_total", "Those of them that were answered with a status of 500 and above."),
    ("fogbank_s3_bucket_received_bytes_total", "Bytes of requests' bodies."),
    ("fogbank_s3_bucket_sent_bytes_total", "Bytes of responses' bodies."),
)


class Counters(msgspec.Struct, frozen=True, array_like=True):
    """One worker's counters: of requests, by operation and status (requests, seconds, a count per bucket), `OTHERS`, and
    `OF_BUCKETS` by S3's buckets.
    """

    requests: list[tuple[str, int, int, float, list[int]]]
    others: tuple[int, int, int] = (0, 0, 0)
    buckets: dict[str, list[int]] = {}


def flat(counters: dict[tuple[str, int], list[Any]], others: tuple[int, int, int], traffic: Traffic) -> Counters:
    """A worker's counters as they are filed."""
    requests = [(operation, status, *values) for (operation, status), values in counters.items()]
    return Counters(requests, others, traffic.counters)


def leave(path: Path, counters: Counters) -> None:
    """File this worker's counters, replacing its older ones. They are of the moment: no sync."""
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.msgpack.encode(counters))
    os.replace(temporary, path)


def gather(directory: Path) -> list[tuple[str, Counters]]:
    """The counters of each worker, by its name."""
    found = []
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            found.append((path.stem, msgspec.msgpack.decode(path.read_bytes(), type=Counters)))
        except (FileNotFoundError, msgspec.DecodeError):
            continue  # a worker that is just starting or gone
    return found


def forget_dead(directory: Path) -> None:
    """Remove what workers left that are gone: their counters start anew, as Prometheus expects of a restart."""
    for path in directory.glob(f"*{SUFFIX}"):
        if not os.path.exists(f"/proc/{path.stem}"):
            path.unlink(missing_ok=True)


def exposition(workers: Iterable[tuple[str, Counters]], gauges: Iterable[Gauge] = ()) -> str:
    """The text that Prometheus scrapes."""
    workers = list(workers)
    lines = ["# HELP fogbank_requests_total Answered requests.", "# TYPE fogbank_requests_total counter"]
    for worker, counters in workers:
        for operation, status, requests, _, _ in counters.requests:
            lines.append(f'fogbank_requests_total{{{labels(worker, operation)},status="{status}"}} {requests}')
    lines += [
        "# HELP fogbank_request_seconds Time until the answer was ready.",
        "# TYPE fogbank_request_seconds histogram",
    ]
    for worker, counters in workers:
        for operation, status, requests, seconds, buckets in counters.requests:
            lines += histogram(f'{labels(worker, operation)},status="{status}"', requests, seconds, buckets)
    for index, (name, about) in enumerate(OTHERS):
        lines += [f"# HELP {name} {about}", f"# TYPE {name} counter"]
        lines += [f'{name}{{worker="{worker}"}} {counters.others[index]}' for worker, counters in workers]
    for index, (name, about) in enumerate(OF_BUCKETS):
        lines += [f"# HELP {name} {about}", f"# TYPE {name} counter"]
        for worker, counters in workers:
            lines += [
                f'{name}{{worker="{worker}",bucket="{bucket}"}} {counts[index]}'
                for bucket, counts in counters.buckets.items()
            ]
    return "\n".join([*lines, *state(gauges)]) + "\n"


def state(gauges: Iterable[Gauge]) -> Iterator[str]:
    """Gauges, those of one name together. The values of labels are names of AWS's, without anything to escape."""
    by_name: dict[str, list[Gauge]] = {}
    for gauge in gauges:
        by_name.setdefault(gauge.name, []).append(gauge)
    for name, found in by_name.items():
        yield f"# HELP {name} {found[0].about}"
        yield f"# TYPE {name} gauge"
        for gauge in found:
            written = ",".join(f'{label}="{value}"' for label, value in gauge.labels.items())
            yield f"{name}{{{written}}} {gauge.value}" if written else f"{name} {gauge.value}"


def labels(worker: str, operation: str) -> str:
    """The labels that all series have. Operations come from the models: nothing in them needs escaping."""
    service, _, name = operation.partition(":")
    return f'worker="{worker}",service="{service}",operation="{name}"'


def histogram(series: str, requests: int, seconds: float, buckets: list[int]) -> list[str]:
    """One histogram: cumulative buckets, sum and count."""
    lines, total = [], 0
    for bound, count in zip(BUCKETS, buckets, strict=True):
        total += count
        lines.append(f'fogbank_request_seconds_bucket{{{series},le="{bound}"}} {total}')
    lines.append(f'fogbank_request_seconds_bucket{{{series},le="+Inf"}} {requests}')
    return [
        *lines,
        f"fogbank_request_seconds_sum{{{series}}} {seconds:.6f}",
        f"fogbank_request_seconds_count{{{series}}} {requests}",
    ]
