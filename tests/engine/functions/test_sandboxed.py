"""Functions in sandboxes: each kind of runtime, extensions, what stays and what does not, the ways to the region and outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.engine.functions.spec import Limits, Network
from fogbank.engine.sandbox.runtimes import installed

if TYPE_CHECKING:
    from engine.functions.conftest import Functions, Run

PYTHONS = [name for name in installed() if name.startswith("python")]
NODES = [name for name in installed() if name.startswith("nodejs")]

BOOTSTRAP = """#!/bin/sh
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while :; do
  EVENT=$(curl -sS -D /tmp/headers "$API/invocation/next")
  ID=$(grep -i lambda-runtime-aws-request-id /tmp/headers | tr -d '[:space:]' | cut -d: -f2)
  echo "got $EVENT"
  curl -sS -X POST "$API/invocation/$ID/response" -d "{\\"echo\\": $EVENT, \\"handler\\": \\"$_HANDLER\\"}" >/dev/null
done
"""

EXTENSION = """#!/usr/bin/python3 -I
import json, os, sys, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
def ask(path, headers, body=None):
    with urllib.request.urlopen(urllib.request.Request(API + path, body, headers)) as answer:
        return answer.headers, answer.read()
name = os.path.basename(sys.argv[0])
headers, body = ask("register", {"Lambda-Extension-Name": name}, b'{"events": ["INVOKE", "SHUTDOWN"]}')
identity = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
print(name, "sees", "_HANDLER" in os.environ, "AWS_REGION" in os.environ, flush=True)
while True:
    event = json.loads(ask("event/next", identity)[1])
    print(name, event["eventType"], event.get("requestId", event.get("shutdownReason")), flush=True)
    if event["eventType"] == "SHUTDOWN":
        break
"""


@pytest.mark.parametrize("runtime", PYTHONS)
def test_every_python(sandboxed: Run, runtime: str) -> None:
    async def work(functions: Functions) -> None:
        code = """import sys, os
def handler(e, c):
    return [list(sys.version_info[:2]), os.environ['AWS_EXECUTION_ENV'], sys.path[:3], e]"""
        spec = functions.make(code, runtime=runtime)
        for _ in range(2):
            version, name, path, event = json.loads((await functions.call(spec, b'"\\u00e9"')).payload)
            assert f"python{version[0]}.{version[1]}" == runtime
            assert (name, event) == (f"AWS_Lambda_{runtime}", "é")
            assert path == ["/var/task", f"/opt/python/lib/{runtime}/site-packages", "/opt/python"]
        failing = await functions.call(functions.make("def handler(e, c): 1 / 0", runtime=runtime))
        assert json.loads(failing.payload)["errorType"] == "ZeroDivisionError"

    sandboxed(work)


@pytest.mark.parametrize("runtime", NODES)
def test_every_node(sandboxed: Run, runtime: str) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("exports.handler = async (e) => [process.version, e];", "index.js", runtime=runtime)
        for _ in range(2):
            version, event = json.loads((await functions.call(spec, b"7")).payload)
            assert (f"nodejs{version[1:].split('.')[0]}.x", event) == (runtime, 7)

    sandboxed(work)


def test_a_bootstrap_of_ones_own(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(BOOTSTRAP, "bootstrap", runtime="provided.al2023", handler="x.y")
        for event in (1, 2):
            outcome = await functions.call(spec, str(event).encode())
            assert json.loads(outcome.payload) == {"echo": event, "handler": "x.y"}
        assert "got 2\n" in functions.service.log_text

    sandboxed(work)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("other", "", r"Couldn't find valid bootstrap\(s\): \[/var/task/bootstrap /opt/bootstrap\]"),
        ("bootstrap", "nonsense", "fork/exec /var/task/bootstrap: exec format error"),
        ("bootstrap", "#!/no/such/program\n", ".+"),
    ],
)
def test_bootstraps_that_cannot_run(sandboxed: Run, file: str, text: str, message: str) -> None:
    async def work(functions: Functions) -> None:
        found = json.loads((await functions.call(functions.make(text, file, runtime="provided.al2023"))).payload)
        assert found["errorType"] in ("Runtime.InvalidEntrypoint", "Runtime.ExitError")
        assert re.fullmatch(rf"RequestId: \S+ Error: {message}", found["errorMessage"])

    sandboxed(work)


def test_tmp_is_kept_when_the_runtime_is_not(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """import os, time
n = []
def handler(e, c):
    n.append(1)
    open('/tmp/x', 'a').write('x')
    if e == 'exit': os._exit(1)
    if e == 'sleep': time.sleep(60)
    return [os.path.getsize('/tmp/x'), len(n)]"""
        spec = functions.make(code, timeout=5.0)
        assert json.loads((await functions.call(spec)).payload) == [1, 1]
        assert json.loads((await functions.call(spec)).payload) == [2, 2]
        for event, kind in ((b'"exit"', "Runtime.ExitError"), (b'"sleep"', "Sandbox.Timedout")):
            assert json.loads((await functions.call(spec, event)).payload)["errorType"] == kind
        assert json.loads((await functions.call(spec)).payload) == [5, 1]

    sandboxed(work)


def test_too_much_memory(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("def handler(e, c):\n    return len(bytearray(e << 20))", memory=128)
        outcome = await functions.call(spec, b"600")
        assert outcome.memory_mb <= 128
        found = json.loads(outcome.payload)
        assert found["errorType"] in ("Runtime.OutOfMemory", "MemoryError")
        assert json.loads((await functions.call(spec, b"1")).payload) == 1 << 20

    sandboxed(work)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Extensions have longer for their end than AWS gives them: this machine may be slow."""
    for name in ("SHUTDOWN_SECONDS", "RUNTIME_SECONDS"):
        monkeypatch.setattr(f"fogbank.engine.functions.environment.{name}", 60.0)


@pytest.mark.usefixtures("patient")
def test_extensions_see_invocations_and_the_end(sandboxed: Run) -> None:
    async def work(functions: Functions) -> str:
        layer = functions.layer(watch=EXTENSION)
        spec = functions.make("def handler(e, c):\n    return 1", layers=(layer,))
        first = functions.event()
        assert (await functions.pool.invoke(spec, first)).payload == b"1"
        assert (await functions.call(spec)).payload == b"1"
        await functions.pool.close()
        assert f"watch INVOKE {first.request_id}\n" in functions.service.log_text
        return functions.service.log_text

    text = sandboxed(work)
    assert "EXTENSION\tName: watch\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n" in text
    assert "watch sees False True\n" in text
    assert text.count("watch INVOKE ") == 2
    assert "watch SHUTDOWN SPINDOWN\n" in text


@pytest.mark.usefixtures("patient")
def test_with_an_extension_the_runtime_is_asked_to_end_first(sandboxed: Run) -> None:
    async def work(functions: Functions) -> str:
        code = """import signal, sys
def end(*_):
    print('cleared up')
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
def handler(e, c):
    return 1"""
        await functions.call(functions.make(code, layers=(functions.layer(watch=EXTENSION),)))
        await functions.pool.close()
        return functions.service.log_text

    assert re.search(r"cleared up\n(.*\n)*watch SHUTDOWN SPINDOWN\n", sandboxed(work))


def test_extensions_do_not_hold_answers_up(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        waits = (
            "    if event['eventType'] == 'INVOKE':\n        while not os.path.exists('/tmp/go'): time.sleep(0.01)\n"
        )
        slow = EXTENSION.replace("import json, os, sys", "import json, os, sys, time") + waits
        code = (
            "import os\nn = []\ndef handler(e, c):\n    if e: open('/tmp/go', 'w')\n    n.append(1)\n    return len(n)"
        )
        spec = functions.make(code, layers=(functions.layer(slow=slow),))
        assert (await functions.call(spec, b"0")).payload == b"1"
        assert functions.pool.status().busy == 1
        assert not functions.service.outcomes
        assert "REPORT" not in functions.service.log_text
        assert (await functions.call(functions.make(code), b"0")).payload == b"1"

    sandboxed(work)


def test_who_wants_the_end_of_the_log_waits_for_extensions(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        waits = (
            "    if event['eventType'] == 'INVOKE':\n        time.sleep(0.2)\n        print(name, 'done', flush=True)\n"
        )
        slow = EXTENSION.replace("import json, os, sys", "import json, os, sys, time") + waits
        spec = functions.make("def handler(e, c):\n    return 1", layers=(functions.layer(slow=slow),))
        tail = (await functions.call(spec, tail=True)).log_tail.decode()
        assert tail.index("slow done\n") < tail.index("END RequestId: ") < tail.index("REPORT RequestId: ")

    sandboxed(work)


def test_too_much_memory_is_not_called_the_crash_of_an_extension(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        layer = functions.layer(watch=EXTENSION)
        spec = functions.make("def handler(e, c):\n    return len(bytearray(e << 20))", memory=128, layers=(layer,))
        for _ in range(3):
            found = json.loads((await functions.call(spec, b"900")).payload)
            assert found["errorType"] in ("Runtime.OutOfMemory", "MemoryError")

    sandboxed(work)


def test_modules_of_both_kinds_find_the_packages_of_layers(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        layer = functions.layer()
        package = layer / "nodejs/node_modules/seven"
        package.mkdir(parents=True)
        (package / "index.js").write_text("module.exports = 7;")
        for file, code in (
            ("index.mjs", "import seven from 'seven'; export const handler = async () => seven;"),
            ("index.js", "const seven = require('seven'); exports.handler = async () => seven;"),
        ):
            spec = functions.make(code, file=file, runtime=NODES[0], layers=(layer,))
            assert (await functions.call(spec)).payload == b"7"

    sandboxed(work)


def test_packages_for_a_version_of_node_come_before_those_for_all(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        layer = functions.layer()
        major = NODES[0].removeprefix("nodejs").removesuffix(".x")
        for place, names in ((f"nodejs/node{major}", ("one", "two")), ("nodejs", ("two", "three"))):
            for name in names:
                package = layer / place / "node_modules" / name
                package.mkdir(parents=True)
                (package / "index.js").write_text(f"module.exports = {place!r};")
        for file, code in (
            ("index.mjs", "import a from 'one';import b from 'two';import c from 'three';export const handler ="),
            ("index.js", "const [a, b, c] = ['one', 'two', 'three'].map(require); exports.handler ="),
        ):
            code += " async () => [a, b, c];"
            spec = functions.make(code, file=file, runtime=NODES[0], layers=(layer,))
            found = json.loads((await functions.call(spec)).payload)
            assert found == [f"nodejs/node{major}"] * 2 + ["nodejs"]

    sandboxed(work)


def test_extensions_that_end_too_early(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        layer = functions.layer(broken="#!/bin/sh\nexit 3\n")
        spec = functions.make("def handler(e, c):\n    return 1", layers=(layer,))
        assert json.loads((await functions.call(spec)).payload)["errorType"] == "Extension.Crash"

    sandboxed(work)


@pytest.mark.usefixtures("patient")
def test_a_timeout_is_told_to_extensions(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(
            "import time\ndef handler(e, c):\n    time.sleep(e)", timeout=5.0, layers=(functions.layer(w=EXTENSION),)
        )
        assert json.loads((await functions.call(spec, b"60")).payload)["errorType"] == "Sandbox.Timedout"
        await functions.until(lambda: "w SHUTDOWN TIMEOUT\n" in functions.service.log_text)
        assert not (await functions.call(spec, b"0")).error

    sandboxed(work)


def test_the_region_is_reached_and_nothing_else(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """import os, urllib.request
def get(url):
    try:
        return urllib.request.urlopen(url, timeout=5).read().decode()
    except OSError as error:
        return type(error).__name__
def handler(e, c):
    return [get(os.environ['AWS_ENDPOINT_URL'] + '/x'), get('http://192.0.2.1/'), os.environ['AWS_ACCESS_KEY_ID']]"""
        found, outside, key = json.loads((await functions.call(functions.make(code))).payload)
        assert (found, outside, key) == ("GET /x HTTP/1.1", "URLError", "ASIAX")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(line), line))
        await writer.drain()
        writer.close()

    async def whole(functions: Functions) -> None:
        async with await asyncio.start_unix_server(answer, region):
            await work(functions)

    with tempfile.TemporaryDirectory() as directory:
        region = str(Path(directory) / "region")
        sandboxed(whole, network=Network(region=region))


def test_outside_is_what_the_operator_allows(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """import urllib.error, urllib.request
def handler(url, c):
    try:
        return urllib.request.urlopen(url, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return str(error)"""
        spec = functions.make(code)
        for url in (
            "http://127.0.0.2:22/",
            "http://10.0.0.1/",
            "http://169.254.169.254/",
            "http://[::ffff:127.0.0.1]:22/",
        ):
            assert json.loads((await functions.call(spec, json.dumps(url).encode())).payload) == 403
        refused = json.loads(
            (await functions.call(spec, b'"http://127.0.0.1:22/"')).payload
        )  # its own, without the proxy
        assert "refused" in refused

    sandboxed(work, network=Network(outside=("public",)))


def test_boto3_is_there_and_a_functions_own_comes_first(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        code = "import boto3\ndef handler(e, c):\n    return [boto3.__file__, boto3.client('s3').meta.endpoint_url]"
        found = json.loads((await functions.call(functions.make(code))).payload)
        assert found == ["/var/runtime/boto3/__init__.py", "http://127.0.0.1:4566"]
        own = functions.make("import boto3\ndef handler(e, c):\n    return boto3.mine")
        (own.task / "boto3.py").write_text("mine = 7")
        assert json.loads((await functions.call(own)).payload) == 7

    sandboxed(work)


@pytest.mark.parametrize("runtime", [*PYTHONS[:1], *NODES[:1]])
def test_a_wrapper_script_starts_the_runtime(sandboxed: Run, runtime: str) -> None:
    async def work(functions: Functions) -> None:
        layer = functions.layer()
        (layer / "wrap").write_text('#!/bin/sh\nexport WRAPPED="$#"\nexec "$@"\n')
        (layer / "wrap").chmod(0o755)
        python = "import os\ndef handler(e, c):\n    return os.environ['WRAPPED']"
        node = "exports.handler = async () => process.env.WRAPPED;"
        code = (python, "index.py") if runtime.startswith("python") else (node, "index.js")
        options = {"layers": (layer,), "environment": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}}
        outcome = await functions.call(functions.make(*code, runtime=runtime, **options))
        assert int(json.loads(outcome.payload)) >= 2

    sandboxed(work)


def test_sandboxes_that_are_killed_lose_nothing(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("import time\ndef handler(e, c):\n    time.sleep(e)\n    return 1", memory=128)
        await functions.call(spec, b"0")
        calls = [asyncio.ensure_future(functions.call(spec, b"0.3")) for _ in range(6)]
        await functions.until(lambda: functions.pool.status().busy >= 2)
        for sandbox in list(functions.launcher._sandboxes.values())[:2]:
            os.kill(sandbox.pid, signal.SIGKILL)
        outcomes = await asyncio.gather(*calls)
        assert {outcome.error for outcome in outcomes} <= {"", "Unhandled"}
        assert all(
            json.loads(outcome.payload)["errorType"] == "Runtime.ExitError" for outcome in outcomes if outcome.error
        )
        assert (await functions.call(spec, b"0")).payload == b"1"

    sandboxed(work)


def test_a_burst_of_a_hundred(sandboxed: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("import time\ndef handler(e, c):\n    time.sleep(0.05)\n    return e", memory=128)
        outcomes: list[Any] = await asyncio.gather(*(functions.call(spec, str(n).encode()) for n in range(100)))
        assert [json.loads(outcome.payload) for outcome in outcomes] == list(range(100))

    sandboxed(work, limits=Limits(memory=128 * 20))
