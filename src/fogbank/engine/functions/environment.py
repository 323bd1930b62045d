"""One execution environment: a sandbox with a function inside, from its initialisation to its end.

Phases and their errors as in "Understanding the Lambda execution environment lifecycle", AWS Lambda's developer guide.
"""

from __future__ import annotations

import asyncio
import math
import time
from functools import partial
from typing import TYPE_CHECKING

from fogbank.engine.functions import exchange as words
from fogbank.engine.functions.exchange import Exchange, Failed
from fogbank.engine.functions.extensions import Extensions, invoke_event, shutdown_event
from fogbank.engine.functions.output import LEVELS, Output
from fogbank.engine.functions.reports import SUCCESS, Measured, billed, reports
from fogbank.engine.functions.runtime_api import MAX_ANSWER, RuntimeApi
from fogbank.engine.functions.runtimes import missing_entrypoint, version_of
from fogbank.engine.functions.spec import Outcome
from fogbank.engine.sandbox.spec import SandboxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from fogbank.engine.functions.answer import StreamedAnswer
    from fogbank.engine.functions.connection import Request
    from fogbank.engine.functions.needs import Process
    from fogbank.engine.functions.origin import Origin
    from fogbank.engine.functions.spec import FunctionSpec, Hooks, Invocation, Limits

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"
SPINDOWN = "SPINDOWN"
SHUTDOWN_SECONDS = 2.0  # for external extensions
RUNTIME_SECONDS = 0.5  # for the runtime before them, where there are extensions
MIB = 1024 * 1024
QUICK_MS = 5.0
LOOK_SECONDS = 0.1


class Environment:
    """Runs one invocation at a time. `idle(environment)` is called whenever it can take one, or is of no more use (`broken`)."""

    def __init__(
        self, spec: FunctionSpec, origin: Origin, hooks: Hooks, limits: Limits, idle: Callable[[Environment], None]
    ) -> None:
        self.spec = spec
        self.stream = origin.stream
        self.how = origin.how
        self.expires = origin.expires
        self.broken = False  # its sandbox is gone
        self.resetting = False
        self.frozen = False
        self.initialised = False
        self.idle_since = 0.0
        self.init_failure: Failed | None = None
        self._sandbox = origin.sandbox
        self._wires = origin.wires
        self._for_extensions = origin.for_extensions
        self._hooks = hooks
        self._limits = limits
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._exchange: Exchange | None = None
        self._initialising: asyncio.Future[None] | None = None
        self._registered: asyncio.Future[None] | None = None  # one more extension
        self._init_ms = 0.0
        self._served = False
        self._looked = -math.inf
        self._memory = 0
        self._processes: list[Process] = []  # the extensions'
        self._runtime: Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reports = reports(spec, hooks.now, version_of(spec.runtime, spec.region))
        least = LEVELS.get(spec.application_log_level, 0) if spec.log_format == "JSON" else 0
        self._output = Output(self._sandbox.stdout, hooks.now, self._log, least)
        self._extensions = Extensions(spec, extension_names(spec), self, lambda: uuid_of(hooks.random_hex()))
        self.api = RuntimeApi(self, self._extensions, origin.wires.share)
        self._sandbox.exited.add_done_callback(self._sandbox_gone)

    @property
    def busy(self) -> bool:
        """Whether an invocation runs."""
        return self._exchange is not None

    @property
    def usable(self) -> bool:
        """Whether it takes an invocation, being idle."""
        return not self.broken and not self.resetting

    # --- initialisation

    async def initialise(self, phase: str, seconds: float) -> Failed | None:
        """Start extensions and the runtime, and wait until they are ready."""
        began = time.perf_counter()
        if phase == "init":
            self._say(self._reports.init_start(self.how))
        failure = await self._initialised(seconds)
        spent = (time.perf_counter() - began) * 1000
        self._init_ms = 0.0 if failure or phase != "init" or self.how != ON_DEMAND else spent
        self.initialised = failure is None
        self.init_failure = failure
        if failure:
            self._output.drain()
            self._say(self._reports.init_report(self.how, phase, spent, failure.status, init_type(failure)))
            await self._stop("FAILURE")
        elif self.how != ON_DEMAND and phase == "init":
            self._say(self._reports.init_report(self.how, phase, spent, SUCCESS, ""))
        self._output.flush()
        return failure

    async def _initialised(self, seconds: float) -> Failed | None:
        self._initialising = self._loop.create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._start_extensions()
                problem = missing_entrypoint(self.spec)
                if problem:
                    raise Failed(words.INVALID_ENTRYPOINT, problem)
                self._runtime = process = await self._sandbox.start_runtime()
                process.exited.add_done_callback(partial(self._runtime_gone, process))
                await asyncio.shield(self._initialising)
                self._sandbox.end_init()
        except TimeoutError:
            return words.timed_out(seconds)
        except Failed as failure:
            return failure
        except (SandboxError, OSError) as error:
            return Failed(words.INVALID_ENTRYPOINT, str(error))
        finally:
            self._initialising = None
            self._extensions.open = False
        return None

    async def _start_extensions(self) -> None:
        for name in self._extensions.expected:
            process = await self._sandbox.start_extension(f"/opt/extensions/{name}", self._for_extensions)
            self._processes.append(process)
            process.exited.add_done_callback(partial(self._extension_gone, name, process))
        while not self._extensions.all_registered:
            assert self._initialising
            self._registered = self._loop.create_future()
            await asyncio.wait({self._registered, self._initialising}, return_when=asyncio.FIRST_COMPLETED)
            if self._initialising.done():
                self._initialising.result()
        for extension in self._extensions.registered.values():
            self._say(self._reports.extension(extension.name, extension.events, ""))

    # --- what runs inside says

    def ready(self) -> None:
        """The runtime, or an extension, has nothing left to do."""
        if not self.api.polled:
            return
        done = self._extensions.all_ready
        if self._initialising:
            if done and not self._initialising.done():
                self._initialising.set_result(None)
        elif self._exchange and self._exchange.responded:
            if done:
                self._finish(self._exchange)
            elif not self._exchange.told and not self._exchange.invocation.tail:
                self._answer_ahead(self._exchange)

    def extension_ready(self) -> None:
        """An extension registered, or asks for its next event."""
        if self._registered and not self._registered.done():
            self._registered.set_result(None)
        self.ready()

    def extension_failed(self, name: str, error_type: str, phase: str) -> None:
        """An extension reported its failure."""
        kind = words.EXTENSION_INIT_ERROR if phase == "init" else words.EXTENSION_EXIT_ERROR
        self._say(self._reports.extension(name, [], error_type))
        self._fail(Failed(kind, error_type))

    def init_failed(self, error_type: str, body: bytes) -> None:
        """The runtime could not load the function."""
        self._fail(Failed(error_type or "Runtime.Unknown", document=body))

    def streamed(self) -> StreamedAnswer | None:
        """Where a streamed answer goes."""
        return self._exchange.answer if self._exchange else None

    def responded(self, request: Request) -> None:
        """The runtime's answer is there, whole."""
        current = self._exchange
        if current is None or current.responded:
            return
        if request.too_large or (current.answer and request.sink and current.answer.too_large):
            limit = self._limits.streamed if request.sink else MAX_ANSWER
            current.fail(words.TOO_LARGE, words.too_large(limit))
            return
        current.responded = True
        current.content_type = request.headers.get(b"content-type", b"application/json").decode("latin-1")
        current.payload = request.body

    def failed(self, error_type: str, body: bytes) -> None:
        """The runtime reported an error of the function."""
        current = self._exchange
        if current and not current.responded:
            message = f"RequestId: {current.invocation.request_id} Error: {error_type}"
            current.fail(error_type, body or words.error_document(error_type, message))

    # --- invocation

    def begin(self, invocation: Invocation, answer: StreamedAnswer | None) -> asyncio.Future[Outcome]:
        """Run an invocation. Whoever waits for the future may stop to: the environment goes on."""
        assert self._exchange is None
        if self.frozen:
            self.thaw()
        self._exchange = current = Exchange(invocation, answer, not self._served and self.how == ON_DEMAND)
        if self._served:
            self._output.begin()
        self._served = True
        if self.initialised:
            self._deliver(current, self.spec.timeout)
        else:
            self._spawn(self._initialise_for(current))
        return current.future

    async def _initialise_for(self, current: Exchange) -> None:
        """The initialisation that an invocation waits for, in its own time: after one that failed, or a reset."""
        failure = await self.initialise("invoke", self.spec.timeout)
        if self._exchange is not current:
            return
        self._say(self._reports.start(current.invocation.request_id, current.invocation.trace))
        if failure:
            current.break_off(failure)
            self._finish(current)
        else:
            left = self.spec.timeout - (time.perf_counter() - current.started)
            self._deliver(current, max(left, 0.001), said=True)

    def _deliver(self, current: Exchange, seconds: float, said: bool = False) -> None:
        invocation = current.invocation
        if not said:
            self._say(self._reports.start(invocation.request_id, invocation.trace))
        current.timer = self._loop.call_later(seconds, self._timed_out, current)
        deadline = int((time.time() + seconds) * 1000)
        if self._extensions.registered:
            event = invoke_event(deadline, invocation.request_id, invocation.invoked_arn, invocation.trace)
            self._extensions.tell("INVOKE", event)
        self.api.deliver(invocation, deadline)

    def _timed_out(self, current: Exchange) -> None:
        if self._exchange is current:
            current.break_off(words.timed_out(self.spec.timeout))
            self._finish(current)

    def _finish(self, current: Exchange) -> None:
        """Report, answer, and be idle again, after a reset where the environment has failed."""
        if current.timer:
            current.timer.cancel()
        self._exchange = None
        self._output.drain()
        if current.failure:
            self._explain(current, current.failure)
        measured = self._measured(current)
        self._init_ms = 0.0
        self._say(self._reports.end(measured))
        self._tell(current, self._outcome(current, measured))
        if current.failure:
            self._begin_reset(current.failure)
        else:
            self.idle_since = self._loop.time()
            self._idle(self)

    def _answer_ahead(self, current: Exchange) -> None:
        """The function is done, extensions are not: they do not hold the answer up. It is measured and reported when they are."""
        self._output.drain()
        self._tell_caller(current, self._outcome(current, self._measured(current)))

    def _measured(self, current: Exchange) -> Measured:
        spent = (time.perf_counter() - current.started) * 1000
        if current.failure and current.failure.error_type == words.TIMED_OUT:
            spent = self.spec.timeout * 1000
        return Measured(
            current.invocation.request_id,
            spent,
            billed(spent + self._init_ms),
            self._init_ms,
            self._memory_used(spent),
            current.status,
            current.error_type,
        )

    def _memory_used(self, spent_ms: float) -> int:
        """MiB, the most so far. Short invocations in quick succession share a look at it, which costs as much as they do."""
        now = self._loop.time()
        if spent_ms > QUICK_MS or now - self._looked > LOOK_SECONDS:
            self._looked = now
            self._memory = min(-(-self._sandbox.memory_peak() // MIB), self.spec.memory)  # the group's is a little more
        return self._memory

    def _explain(self, current: Exchange, failure: Failed) -> None:
        request_id = current.invocation.request_id
        if failure.error_type == words.TIMED_OUT:
            self._say(self._reports.timed_out(request_id, self.spec.timeout))
        elif not failure.document:
            self._say(self._reports.exited(request_id, failure.message, failure.error_type))

    def _outcome(self, current: Exchange, measured: Measured) -> Outcome:
        return Outcome(
            payload=current.payload,
            error=current.error,
            duration_ms=measured.duration_ms,
            billed_ms=measured.billed_ms,
            init_ms=measured.init_ms,
            memory_mb=measured.memory_mb,
            log_tail=self._output.tail,
            content_type=current.content_type,
            log_stream=self.stream,
            error_type=current.error_type,
            cold=current.cold,
            provisioned=self.how == PROVISIONED,
        )

    def _tell(self, current: Exchange, outcome: Outcome) -> None:
        self._output.flush()
        self._metered(outcome)
        if not current.told:
            self._tell_caller(current, outcome)

    def _tell_caller(self, current: Exchange, outcome: Outcome) -> None:
        current.told = True
        if current.answer:
            if current.payload and not current.error:
                current.answer.content_type = current.content_type
                current.answer.feed(current.payload)
            current.answer.finish(outcome)
        if not current.future.done():
            current.future.set_result(outcome)

    # --- ends

    def _fail(self, failure: Failed) -> None:
        """The environment cannot go on as it is."""
        if self._initialising:
            if not self._initialising.done():
                self._initialising.set_exception(failure)
                self._initialising.exception()  # seen, even if nobody waits any more
        elif self._exchange:
            self._exchange.break_off(failure)
            self._finish(self._exchange)
        elif self.initialised:
            self._begin_reset(failure)

    def _runtime_gone(self, process: Process, done: asyncio.Future[int]) -> None:
        if self._runtime is process and not done.cancelled():
            self._runtime = None
            self._output.drain()
            self._fail(words.exited(done.result(), self._sandbox.oom_killed()))

    def _extension_gone(self, name: str, process: Process, done: asyncio.Future[int]) -> None:
        if process in self._processes and not done.cancelled():
            self._processes.remove(process)
            self._say(self._reports.extension(name, [], words.EXTENSION_CRASH))
            self._fail(words.crashed(done.result(), self._sandbox.oom_killed()))

    def _sandbox_gone(self, _done: object) -> None:
        if self.broken:
            return
        self.broken = True
        self._fail(words.exited(-9, out_of_memory=self._sandbox.oom_killed()))

    def _begin_reset(self, failure: Failed) -> None:
        """Stop all that runs, keep /tmp; the next invocation initialises anew."""
        self.initialised = False
        self.resetting = True
        self._spawn(self._reset(failure))

    async def _reset(self, failure: Failed) -> None:
        await self._stop("TIMEOUT" if failure.error_type == words.TIMED_OUT else "FAILURE")
        self.resetting = False
        self.idle_since = self._loop.time()
        self._idle(self)

    async def _stop(self, reason: str) -> None:
        """The shutdown phase: the runtime is killed, extensions are told and have two seconds."""
        try:
            await self._stop_processes(reason)
        except SandboxError:
            self.broken = True
        self.api.reset()
        self._extensions.reset()
        self._output.drain()

    async def _stop_processes(self, reason: str) -> None:
        runtime, self._runtime = self._runtime, None
        processes, self._processes = self._processes, []
        if self.broken:
            return
        if reason == SPINDOWN and runtime and self._extensions.registered:
            await self._sandbox.end_runtime()
            await asyncio.wait([runtime.exited], timeout=RUNTIME_SECONDS)
        await self._sandbox.kill_runtime()
        if processes:
            deadline = int((time.time() + SHUTDOWN_SECONDS) * 1000)
            self._extensions.tell("SHUTDOWN", shutdown_event(reason, deadline))
            if any("SHUTDOWN" in extension.events for extension in self._extensions.registered.values()):
                await asyncio.wait([process.exited for process in processes], timeout=SHUTDOWN_SECONDS)
            await self._sandbox.kill_all()

    def freeze(self) -> None:
        """Stop its clocks until the next invocation."""
        self.frozen = True
        self._output.flush()
        self._sandbox.freeze()

    def thaw(self) -> None:
        """Go on."""
        self.frozen = False
        self._sandbox.thaw()

    async def close(self) -> None:
        """The end: what runs is broken off, extensions are told, and nothing remains."""
        if self.frozen and not self.broken:
            self.thaw()
        if self._exchange:
            self._exchange.break_off(Failed(words.EXIT_ERROR, "Runtime exited with error: signal: killed"))
            self._tell_end(self._exchange)
        for task in list(self._tasks):
            task.cancel()
        await self._stop(SPINDOWN)
        self.broken = True
        self._wires.close()
        self._output.close()
        await self._sandbox.close()

    def _tell_end(self, current: Exchange) -> None:
        self._exchange = None
        if current.timer:
            current.timer.cancel()
        spent = (time.perf_counter() - current.started) * 1000
        self._tell(
            current, self._outcome(current, Measured(current.invocation.request_id, spent, billed(spent), 0.0, 0))
        )

    # --- small things

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self._output.add(line)

    def _log(self, events: list[tuple[int, str]]) -> Awaitable[None] | None:
        try:
            return self._hooks.log(self.spec, self.stream, events)
        except Exception as error:  # the service's trouble is not the invocation's
            self._complain("log", error)
            return None

    def _metered(self, outcome: Outcome) -> None:
        try:
            self._hooks.metered(self.spec, outcome)
        except Exception as error:  # as above
            self._complain("metered", error)

    def _complain(self, hook: str, error: Exception) -> None:
        self._loop.call_exception_handler({"message": f"the hook {hook} failed", "exception": error})

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def init_type(failure: Failed) -> str:
    """The error type of an INIT_REPORT: timeouts have none."""
    return "" if failure.error_type == words.TIMED_OUT else failure.error_type


def extension_names(spec: FunctionSpec) -> list[str]:
    """The external extensions: the files of the layers' extensions/."""
    names = {path.name for layer in spec.layers for path in (layer / "extensions").glob("*") if path.is_file()}
    return sorted(names)


def uuid_of(digits: str) -> str:
    """32 hexadecimal digits as a UUID."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
