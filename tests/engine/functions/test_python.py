"""Functions of Python, with AWS's runtime client."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.functions.conftest import Functions, Run


def test_a_function_answers_and_stays_warm(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(
            "import os\nn = []\ndef handler(e, c):\n    n.append(1)\n    return [e, len(n), os.getpid()]"
        )
        first, second = await functions.call(spec, b'{"a": 1}'), await functions.call(spec, b'"b"')
        (event, count, pid), again = json.loads(first.payload), json.loads(second.payload)
        assert (event, count) == ({"a": 1}, 1)
        assert again == ["b", 2, pid]
        assert first.cold
        assert not second.cold
        assert first.init_ms > 0 == second.init_ms

    running(work)


def test_the_log_has_awss_lines(running: Run) -> None:
    async def work(functions: Functions) -> tuple[str, str, bytes]:
        spec = functions.make("def handler(e, c):\n    print('one\\ntwo')\n    return c.aws_request_id")
        first = await functions.call(spec)
        return functions.service.log_text, json.loads(first.payload), first.log_tail

    text, request_id, tail = running(work)
    assert re.fullmatch(
        rf"""INIT_START Runtime Version: python:3.11.v\d+\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{{64}}
START RequestId: {request_id} Version: \$LATEST
one
two
END RequestId: {request_id}
REPORT RequestId: {request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: 33 MB\t"""
        rf"Init Duration: \d+\.\d\d ms\t\n",
        text,
    )
    assert tail.decode() == text


def test_an_exception_is_an_error_of_the_function(running: Run) -> None:
    async def work(functions: Functions) -> Any:
        spec = functions.make("def handler(e, c):\n    raise ValueError('no')")
        outcome = await functions.call(spec)
        assert outcome.error == "Unhandled"
        assert "[ERROR] ValueError: no\nTraceback" in functions.service.log_text
        assert not (await functions.call(spec)).cold
        return json.loads(outcome.payload)

    document = running(work)
    assert document["errorType"] == "ValueError"
    assert document["errorMessage"] == "no"
    assert "index.py" in document["stackTrace"][0]


def test_the_log_in_json(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """import logging
log = logging.getLogger()
def handler(e, c):
    log.info('not this')
    log.warning('one\\ntwo')
    print('nor this')
    raise ValueError('x')"""
        options = {"log_format": "JSON", "application_log_level": "WARN", "system_log_level": "DEBUG"}
        event = functions.event()
        await functions.pool.invoke(functions.make(code, **options), event)
        lines = [json.loads(line) for lines in functions.service.lines.values() for line in lines]
        about = [(line.get("type") or line["level"], line.get("message") or line.get("errorMessage")) for line in lines]
        assert about == [
            ("platform.initStart", None),
            ("platform.start", None),
            ("WARNING", "one\ntwo"),
            ("ERROR", "x"),
            ("platform.runtimeDone", None),
            ("platform.report", None),
        ]
        assert lines[2]["requestId"] == event.request_id
        metrics = lines[-1]["record"]["metrics"]
        assert sorted(metrics) == [
            "billedDurationMs",
            "durationMs",
            "initDurationMs",
            "maxMemoryUsedMB",
            "memorySizeMB",
        ]
        assert lines[0]["record"]["initializationType"] == "on-demand"

    running(work)


def test_the_variables_of_the_environment(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = "import os\ndef handler(e, c):\n    return dict(os.environ)"
        own = {"MINE": "1", "TZ": "Europe/Madrid", "AWS_REGION": "elsewhere"}
        spec = functions.make(code, name="f", environment=own, memory=192)
        outcome = await functions.call(spec, trace="Root=1")
        found = json.loads(outcome.payload)
        assert (
            found.items()
            >= {
                "MINE": "1",
                "TZ": "Europe/Madrid",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_LAMBDA_FUNCTION_NAME": "f",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
                "AWS_LAMBDA_LOG_STREAM_NAME": outcome.log_stream,
                "AWS_ACCESS_KEY_ID": "ASIAX",
                "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
                "_HANDLER": "index.handler",
                "_X_AMZN_TRACE_ID": "Root=1",
                "LANG": "en_US.UTF-8",
            }.items()
        )
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", outcome.log_stream)
        assert "HTTPS_PROXY" not in found

    running(work)


def test_the_context_knows_the_time_that_is_left(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("def handler(e, c):\n    return c.get_remaining_time_in_millis()")
        assert 0 < json.loads((await functions.call(spec)).payload) <= spec.timeout * 1000

    running(work)
