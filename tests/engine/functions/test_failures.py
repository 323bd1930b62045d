"""What functions do wrong: what the caller gets, what the log says, and that the next invocation works."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.engine.functions.exchange import crashed, exited
from fogbank.engine.functions.spec import Limits

if TYPE_CHECKING:
    from engine.functions.conftest import Functions, Run


def document(outcome: Any) -> Any:
    assert outcome.error == "Unhandled"
    return json.loads(outcome.payload)


def test_a_function_that_takes_too_long(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("import time\ndef handler(e, c):\n    time.sleep(e)\n    return 1", timeout=5.0)
        outcome = await functions.call(spec, b"60")
        request_id = re.findall(r"START RequestId: (\S+)", functions.service.log_text)[0]
        assert document(outcome) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {request_id} Error: Task timed out after 5.00 seconds",
        }
        assert re.search(rf"\d\dT\S+Z {request_id} Task timed out after 5.00 seconds\n\n", functions.service.log_text)
        report = f"REPORT RequestId: {request_id}\tDuration: 5000.00 ms\tBilled Duration: "
        assert report in functions.service.log_text
        assert "Status: timeout\n" in functions.service.log_text
        assert (await functions.call(spec, b"0")).payload == b"1"
        assert len(functions.launcher.made) == 1

    running(work)


def test_a_runtime_that_exits(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("import os, signal\ndef handler(e, c):\n    return eval(e)")
        for code, message in (
            ("os._exit(1)", "Runtime exited with error: exit status 1"),
            ("os._exit(0)", "Runtime exited without providing a reason"),
            ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
            ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
        ):
            found = document(await functions.call(spec, json.dumps(code).encode()))
            assert found["errorType"] == "Runtime.ExitError"
            assert re.fullmatch(rf"RequestId: \S+ Error: {message}", found["errorMessage"])
        assert "Status: error\tError Type: Runtime.ExitError\n" in functions.service.log_text
        assert "Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n" in functions.service.log_text
        assert (await functions.call(spec, b'"1 + 1"')).payload == b"2"

    running(work)


def test_a_module_that_is_not_there(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("", handler="other.handler")
        found = document(await functions.call(spec))
        assert found["errorType"] == "Runtime.ImportModuleError"
        assert found["errorMessage"] == "Unable to import module 'other': No module named 'other'"
        text = functions.service.log_text
        reports = re.findall(r"INIT_REPORT Init Duration: \d+\.\d\d ms\t(.*)\n", text)
        assert reports == [
            f"Phase: {phase}\tStatus: error\tError Type: Runtime.ImportModuleError" for phase in ("init", "invoke")
        ]

    running(work)


def test_other_errors_of_loading(running: Run) -> None:
    async def work(functions: Functions) -> None:
        for code, handler, kind in (
            ("def handler(:", "index.handler", "Runtime.UserCodeSyntaxError"),
            ("", "index.handler", "Runtime.HandlerNotFound"),
            ("", "handler", "Runtime.MalformedHandlerName"),
            ("1 / 0", "index.handler", "ZeroDivisionError"),
            ("import os\nos._exit(3)", "index.handler", "Runtime.ExitError"),
        ):
            assert document(await functions.call(functions.make(code, handler=handler)))["errorType"] == kind

    running(work)


def test_an_initialisation_that_takes_too_long_is_tried_again_in_the_functions_time(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("import time\ntime.sleep(60)\ndef handler(e, c): pass", timeout=1.0)
        assert document(await functions.call(spec))["errorType"] == "Sandbox.Timedout"
        text = functions.service.log_text
        assert re.search(r"INIT_REPORT Init Duration: \S+ ms\tPhase: init\tStatus: timeout\n", text)
        assert re.search(r"INIT_REPORT Init Duration: \S+ ms\tPhase: invoke\tStatus: timeout\n", text)

    running(work, limits=Limits(init=1.0))


def test_an_answer_that_is_too_large(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("def handler(e, c):\n    return 'x' * e")
        fine = await functions.call(spec, str(6 * 1024 * 1024).encode())
        assert len(fine.payload) == 6 * 1024 * 1024 + 2
        assert document(await functions.call(spec, str(6 * 1024 * 1024 + 99).encode())) == {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        }
        assert (await functions.call(spec, b"1")).payload == b'"x"'
        written = functions.service.log_text
        assert "Traceback" not in written
        assert re.search(
            r"\n\[ERROR\] \[\d{13}\] LAMBDA_RUNTIME Failed to post handler success response\. Http response code: 413\. "
            r'\{"errorMessage":"Exceeded maximum allowed payload size \(6291556 bytes\)\.","errorType":"RequestEntityTooLarge"\}\n'
            r"RequestId: \S+ Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n",
            written,
        )

    running(work)


def test_an_answer_that_is_no_json(running: Run) -> None:
    async def work(functions: Functions) -> None:
        outcome = await functions.call(functions.make("def handler(e, c):\n    return object()"))
        assert document(outcome)["errorType"] == "Runtime.MarshalError"

    running(work)


def test_a_runtime_that_ends_while_it_is_idle(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = (
            "import os, threading\ndef handler(e, c):\n    threading.Timer(0.05, os._exit, [1]).start()\n    return 1"
        )
        spec = functions.make(code)
        await functions.call(spec)
        process = functions.launcher.made[0].runtime
        assert process
        await process.exited
        assert (await functions.call(spec)).payload == b"1"

    running(work)


def test_endless_output_is_held_back(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("def handler(e, c):\n    while True: print('x' * 1000)", timeout=2.0)
        functions.service.full = asyncio.get_running_loop().create_future()
        assert document(await functions.call(spec))["errorType"] == "Sandbox.Timedout"
        assert sum(map(len, functions.service.log_text)) < 1_000_000
        assert functions.service.full
        functions.service.full.set_result(None)
        functions.service.full = None

    running(work)


def test_a_streamed_answer_of_a_function_that_takes_too_long(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("import time\ndef handler(e, c):\n    time.sleep(60)", timeout=1.0)
        answer = await functions.pool.stream(spec, functions.event(stream=True))
        assert [part async for part in answer] == []
        assert document(answer.outcome)["errorType"] == "Sandbox.Timedout"

    running(work)


def test_a_streamed_answer_that_nobody_reads(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("def handler(e, c):\n    return 'x' * e")
        answer = await functions.pool.stream(spec, functions.event(b"1000000", stream=True))
        await answer.aclose()
        assert (await functions.call(spec, b"1")).payload == b'"x"'

    running(work)


@pytest.mark.parametrize(("number", "name"), [(9, "killed"), (10, "10"), (34, "34"), (40, "40"), (64, "64")])
def test_every_signal_that_a_runtime_can_die_of_is_told(number: int, name: str) -> None:
    failed = exited(-number, out_of_memory=False)
    assert failed.message == f"Runtime exited with error: signal: {name}"


@pytest.mark.parametrize(
    ("status", "out_of_memory", "kind", "message"),
    [
        (3, False, "Extension.Crash", "exit status 3"),
        (-9, False, "Extension.Crash", "signal: killed"),
        (-9, True, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"),
    ],
)
def test_how_an_extension_ended_is_told(status: int, out_of_memory: bool, kind: str, message: str) -> None:
    failed = crashed(status, out_of_memory)
    assert (failed.error_type, failed.message) == (kind, message)
