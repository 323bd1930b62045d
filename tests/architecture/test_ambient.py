"""No ambient state: the clock, ids and randomness are passed in; nothing sleeps; nothing prints but the command line."""

from __future__ import annotations

import re

from tests.architecture.source import calls, source

AMBIENT = re.compile(
    r"datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today|time\.(time|time_ns|localtime|gmtime|sleep)"
    r"|(random|secrets)\..+|uuid\.uuid\d|os\.(urandom|getrandom)"
)
# Where they come from, and where the operating system's own are meant.
PLACES = {
    "src/fogbank/core/clock.py": "the clock",
    "src/fogbank/core/ids.py": "ids and secrets",
    "src/fogbank/core/vault.py": "nonces of sealed secrets, unless they are passed",
    "src/fogbank/store/chunks.py": "nonces, which are never to come twice under one key",
    "src/fogbank/store/blobs.py": "names of temporary files, which must differ between processes",
    "src/fogbank/gateway/worker.py": "ids of a worker's requests begin with the worker's own",
    "src/fogbank/region/data.py": "the root key of a new region, before there is anything to pass",
    "src/fogbank/region/log.py": "the time of a log line is the machine's",
    "src/fogbank/region/launch.py": "supervision runs on the machine's time, in a process without an event loop",
    "src/fogbank/region/supervisor.py": "supervision runs on the machine's time",
    "src/fogbank/region/processes.py": "a child that lost its parent waits before it gives up, in a thread of its own",
    "src/fogbank/region/tls.py": "certificates are valid in the machine's time",
    "src/fogbank/engine/functions/environment.py": "deadlines are on the machine's clock, which what runs in sandboxes reads",
    "src/fogbank/engine/functions/inside/python/runtime_client.py": "the time of a log line is the sandbox's: it runs there",
    "src/fogbank/cli/checks.py": "doctor measures the disk with bytes that do not compress",
}


def test_no_ambient_clock_randomness_or_sleep() -> None:
    wrong = [
        f"{module}:{line} {name}"
        for module in source()
        if module.relative not in PLACES and module.package != "tour"  # a client, on the machine's time
        for name, line in calls(module)
        if AMBIENT.fullmatch(name)
    ]
    assert not wrong


def test_exceptions_are_still_needed() -> None:
    needed = {module.relative for module in source() if any(AMBIENT.fullmatch(name) for name, _ in calls(module))}
    assert not set(PLACES) - needed


def test_nothing_prints_but_the_command_line() -> None:
    wrong = [
        f"{module}:{number}"
        for module in source()
        if module.package != "cli"
        for number, line in enumerate(module.text.splitlines(), 1)
        if re.match(r"\s*(print|pprint)\(", line)
    ]
    assert not wrong
