"""Functions of Node.js, with our own runtime client."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.engine.sandbox.runtimes import installed

if TYPE_CHECKING:
    from engine.functions.conftest import Functions, Run

NODE = next((name for name in installed() if name.startswith("nodejs")), "")
pytestmark = pytest.mark.skipif(not NODE, reason="this machine has no Node.js")


NOT_WAITING = """exports.handler = (e, c, done) => {
    c.callbackWaitsForEmptyEventLoop = false;
    setInterval(() => 0, 9);
    done(null, 2);
};"""
LEVELS = """exports.handler = async () => {
    console.debug('d'); console.info('i'); console.error(new Error('x')); console.warn({a: 1});
};"""


async def answered(functions: Functions, code: str, payload: bytes = b"{}", **options: Any) -> Any:
    outcome = await functions.call(functions.make(code, **({"file": "index.js", "runtime": NODE} | options)), payload)
    return outcome.error or json.loads(outcome.payload)


def test_handlers_of_every_kind(running: Run) -> None:
    async def work(functions: Functions) -> None:
        for code, file in (
            ("exports.handler = async (e) => e.a + 1;", "index.js"),
            ("export const handler = async (e) => e.a + 1;", "index.mjs"),
            ("export default { handler: async (e) => e.a + 1 };", "index.mjs"),
            ("exports.handler = (e, c, done) => { setTimeout(() => done(null, e.a + 1), 5); };", "index.js"),
            ("exports.handler = (e, c) => { c.succeed(e.a + 1); };", "index.cjs"),
            (NOT_WAITING, "index.js"),
        ):
            assert await answered(functions, code, b'{"a": 1}', file=file) == 2

    running(work)


def test_what_answers_nothing_answers_null(running: Run) -> None:
    async def work(functions: Functions) -> None:
        for body in ("async () => {}", "() => {}", "() => new Promise(() => 0)"):
            code = f"exports.handler = {body};"
            assert await answered(functions, code) is None

    running(work)


def test_a_callback_waits_for_an_empty_event_loop(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = "const t = []; exports.handler = (e, c, done) => { setTimeout(() => t.push(1), 50); done(null, t); };"
        assert await answered(functions, code) == [1]

    running(work)


def test_the_context(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """exports.handler = async (e, c) => {
            const left = c.getRemainingTimeInMillis();
            return { ...c, left: left > 0 && left <= 20000, trace: process.env._X_AMZN_TRACE_ID };
        };"""
        spec = functions.make(code, "index.js", runtime=NODE, name="f")
        options = {
            "client_context": '{"custom": {"é": 1}}',
            "identity": '{"cognitoIdentityId": "i"}',
            "trace": "Root=1-2-3",
        }
        event = functions.event(**options)
        found = json.loads((await functions.pool.invoke(spec, event)).payload)
        assert found == {
            "callbackWaitsForEmptyEventLoop": True,
            "functionVersion": "$LATEST",
            "functionName": "f",
            "memoryLimitInMB": "256",
            "logGroupName": "/aws/lambda/f",
            "logStreamName": found["logStreamName"],
            "clientContext": {"custom": {"é": 1}},
            "identity": {"cognitoIdentityId": "i"},
            "invokedFunctionArn": event.invoked_arn,
            "awsRequestId": event.request_id,
            "left": True,
            "trace": "Root=1-2-3",
        }

    running(work)


def test_errors_of_functions(running: Run) -> None:
    async def work(functions: Functions) -> None:
        for code, kind, message in (
            ("exports.handler = async () => { throw new TypeError('no') };", "TypeError", "no"),
            ("exports.handler = (e, c, done) => done(new RangeError('no'));", "RangeError", "no"),
            ("exports.handler = (e, c, done) => done('text');", "string", "text"),
            ("exports.handler = async () => { throw 7 };", "number", "7"),
            (
                "exports.handler = async () => { class E extends Error { name = 'Mine' }; throw new E('x') };",
                "Mine",
                "x",
            ),
        ):
            spec = functions.make(code, "index.js", runtime=NODE)
            outcome = await functions.call(spec)
            document = json.loads(outcome.payload)
            assert (outcome.error, document["errorType"], document["errorMessage"]) == ("Unhandled", kind, message)
            assert "\tERROR\tInvoke Error \t" in functions.service.log_text
            assert not (await functions.call(spec)).cold

    running(work)


def test_errors_of_loading(running: Run) -> None:
    async def work(functions: Functions) -> None:
        for code, handler, kind in (
            ("", "other.handler", "Runtime.ImportModuleError"),
            ("require('nothing')", "index.handler", "Runtime.ImportModuleError"),
            ("exports.handler = (", "index.handler", "Runtime.UserCodeSyntaxError"),
            ("", "index.handler", "Runtime.HandlerNotFound"),
            ("exports.handler = 7", "index.handler", "Runtime.HandlerNotFound"),
            ("", "handler", "Runtime.MalformedHandlerName"),
            ("throw new RangeError('x')", "index.handler", "RangeError"),
        ):
            outcome = await functions.call(functions.make(code, "index.js", runtime=NODE, handler=handler))
            assert (outcome.error, json.loads(outcome.payload)["errorType"]) == ("Unhandled", kind)

    running(work)


def test_rejections_that_nobody_handles_end_the_runtime(running: Run) -> None:
    async def work(functions: Functions) -> None:
        for code, kind in (
            ("exports.handler = async () => { Promise.reject(new Error('x')); await new Promise((r) => setTimeout(r, 5000)); };",
             "Runtime.UnhandledPromiseRejection"),
            ("exports.handler = (e, c, done) => { setTimeout(() => { throw new RangeError('y') }, 1); };", "RangeError"),
        ):  # fmt: skip
            spec = functions.make(code, "index.js", runtime=NODE)
            assert json.loads((await functions.call(spec)).payload)["errorType"] == kind

    running(work)


def test_the_console_is_lines_of_time_request_level_and_message(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = "console.log('loading'); exports.handler = async () => { console.warn('one\\ntwo %d', 3, {a: 1}); };"
        event = functions.event()
        await functions.pool.invoke(functions.make(code, "index.js", runtime=NODE), event)
        (lines,) = functions.service.lines.values()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tundefined\tINFO\tloading\n", lines[1])
        assert re.fullmatch(rf"\S+Z\t{event.request_id}\tWARN\tone\ntwo 3 {{ a: 1 }}\n", lines[3])

    running(work)


def test_the_console_in_json(running: Run) -> None:
    async def work(functions: Functions) -> None:
        options = {"log_format": "JSON", "application_log_level": "WARN", "system_log_level": "WARN"}
        spec = functions.make(LEVELS, "index.js", runtime=NODE, **options)
        await functions.call(spec)
        lines = [json.loads(line) for lines in functions.service.lines.values() for line in lines]
        assert [line["level"] for line in lines] == ["ERROR", "WARN"]
        assert (lines[0]["errorType"], lines[0]["errorMessage"], lines[1]["message"]) == ("Error", "x", {"a": 1})

    running(work)


def test_streamed_answers(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
            stream.setContentType("text/plain");
            stream.write("one ");
            await new Promise((resolve) => setTimeout(resolve, 20));
            stream.write("two");
            stream.end();
        });"""
        spec = functions.make(code, "index.js", runtime=NODE)
        for _ in range(2):
            answer = await functions.pool.stream(spec, functions.event(stream=True))
            assert b"".join([part async for part in answer]) == b"one two"
            assert (answer.content_type, answer.outcome.error) == ("text/plain", "")
        assert (await functions.call(spec)).payload == b"one two"

    running(work)


def test_streamed_answers_with_metadata(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: "b" } });
            stream.write("body");
            stream.end();
        });"""
        answer = await functions.pool.stream(
            functions.make(code, "index.js", runtime=NODE), functions.event(stream=True)
        )
        metadata, body = b"".join([part async for part in answer]).split(b"\0" * 8)
        assert answer.content_type == "application/vnd.awslambda.http-integration-response"
        assert (json.loads(metadata), body) == ({"statusCode": 201, "headers": {"a": "b"}}, b"body")

    running(work)


def test_streamed_answers_that_fail(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            if (event) { stream.write("begun"); await new Promise((resolve) => setTimeout(resolve, 20)); }
            throw new RangeError("no");
        });"""
        spec = functions.make(code, "index.js", runtime=NODE)
        for payload, sent in ((b"1", b"begun"), (b"0", b"")):
            answer = await functions.pool.stream(spec, functions.event(payload, stream=True))
            assert b"".join([part async for part in answer]) == sent
            assert (answer.outcome.error, json.loads(answer.outcome.payload)["errorType"]) == (
                "Unhandled",
                "RangeError",
            )

    running(work)


def test_a_reader_that_is_slow_holds_the_function_back(running: Run) -> None:
    async def work(functions: Functions) -> None:
        code = """const { pipeline } = require("stream/promises"); const { Readable } = require("stream");
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            const part = Buffer.alloc(65536, 1);
            await pipeline(Readable.from((function* () { for (let i = 0; i < 320; i++) yield part; })()), stream);
        });"""
        answer = await functions.pool.stream(
            functions.make(code, "index.js", runtime=NODE), functions.event(stream=True)
        )
        await asyncio.sleep(0.2)
        assert answer.bytes_taken < 20 * 1024 * 1024
        assert sum([len(part) async for part in answer]) == 320 * 65536

    running(work)
