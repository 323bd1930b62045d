"""How environments are shared out: warm ones, waiting, limits, provisioned ones, ends."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING

import pytest

from fogbank.engine.functions.spec import CONCURRENT, RESERVED, Concurrency, Limits, Provisioned, Throttled, Unavailable

if TYPE_CHECKING:
    from engine.functions.conftest import Functions, Run
    from fogbank.engine.functions.spec import Outcome

WHO = "import os, time\ndef handler(e, c):\n    time.sleep(e)\n    return os.getpid()"
GATED = "import os, time\ndef handler(e, c):\n    while e and not os.path.exists(e): time.sleep(0.01)\n    return os.getpid()"
FAST = Limits(freeze=0.0, idle=600.0)


def test_what_was_used_last_is_used_first(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(GATED)
        gates = [functions.directory / name for name in ("a", "b")]
        first, second = (asyncio.ensure_future(functions.call(spec, json.dumps(str(gate)).encode())) for gate in gates)
        await functions.until(lambda: functions.pool.status().busy == 2)
        gates[1].touch()
        quick = await second
        gates[0].touch()
        slow = await first
        assert slow.payload != quick.payload
        assert (await functions.call(spec, b"0")).payload == slow.payload

    running(work)


def test_what_environments_have_mounted_is_known_from_their_start_to_their_end(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        assert functions.pool.mounted() == set()
        first = asyncio.ensure_future(functions.call(spec, b"0"))
        await asyncio.sleep(0)
        assert functions.pool.mounted() == {spec.task}
        await first
        assert functions.pool.mounted() == {spec.task}
        functions.pool.retire(spec.key)
        assert functions.pool.mounted() == set()

    running(work)


def test_a_burst_is_served(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("def handler(e, c):\n    return e")
        outcomes = await asyncio.gather(*(functions.call(spec, str(n).encode()) for n in range(100)))
        assert [json.loads(outcome.payload) for outcome in outcomes] == list(range(100))
        assert len(functions.service.outcomes) == 100
        assert functions.pool.status().waiting == 0

    running(work, limits=Limits(memory=1024, starts=2))


def test_reserved_concurrency(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        functions.service.limits = Concurrency(reserved=1, unreserved=0)
        first = asyncio.ensure_future(functions.call(spec, b"0.3"))
        await functions.until(lambda: functions.pool.running(spec) == 1)
        with pytest.raises(Throttled) as refused:
            await functions.call(spec, b"0")
        assert refused.value.reason == RESERVED
        assert not (await first).error
        assert not (await functions.call(spec, b"0")).error
        functions.service.limits = Concurrency(reserved=0)
        with pytest.raises(Throttled):
            await functions.call(spec, b"0")

    running(work)


def test_the_accounts_concurrency(running: Run) -> None:
    async def work(functions: Functions) -> None:
        one, other = functions.make(WHO), functions.make(WHO)
        functions.service.limits = Concurrency(unreserved=1)
        first = asyncio.ensure_future(functions.call(one, b"0.3"))
        await functions.until(lambda: functions.pool.running(one) == 1)
        with pytest.raises(Throttled) as refused:
            await functions.call(other, b"0")
        assert refused.value.reason == CONCURRENT
        await first
        assert not (await functions.call(other, b"0")).error

    running(work)


def test_idle_environments_of_others_make_room(running: Run) -> None:
    async def work(functions: Functions) -> None:
        first, second = functions.make(WHO), functions.make(WHO)
        old = await functions.call(first, b"0")
        assert not (await functions.call(second, b"0")).error
        assert functions.pool.status().environments == 1
        assert (await functions.call(first, b"0")).payload != old.payload

    running(work, limits=Limits(memory=300))


def test_a_busy_function_does_not_starve_another(running: Run) -> None:
    async def work(functions: Functions) -> None:
        busy, other = functions.make(WHO), functions.make(WHO)
        many = [asyncio.ensure_future(functions.call(busy, b"0.05")) for _ in range(30)]
        await functions.until(lambda: functions.pool.status().busy == 1)
        late = asyncio.ensure_future(functions.call(other, b"0"))
        await functions.until(lambda: functions.pool.running(other) == 1)
        many += [asyncio.ensure_future(functions.call(busy, b"0.05")) for _ in range(30)]
        await late
        assert not all(call.done() for call in many)
        assert not any(outcome.error for outcome in await asyncio.gather(*many))

    running(work, limits=Limits(memory=300))


def test_who_waits_too_long_is_throttled(running: Run) -> None:
    async def work(functions: Functions) -> None:
        first, second = functions.make(GATED), functions.make(WHO)
        gate = functions.directory / "gate"
        running_one = asyncio.ensure_future(functions.call(first, json.dumps(str(gate)).encode()))
        await functions.until(lambda: functions.pool.status().busy == 1)
        with pytest.raises(Throttled):
            await functions.call(second, b"0")
        assert functions.pool.running(second) == 0
        gate.touch()
        assert not (await running_one).error

    running(work, limits=Limits(memory=300, wait=5.0))


def test_a_caller_that_is_gone_breaks_nothing(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        caller = asyncio.ensure_future(functions.call(spec, b"0.3"))
        await functions.until(lambda: functions.pool.status().busy == 1)
        caller.cancel()
        await functions.until(lambda: len(functions.service.outcomes) == 1)
        assert not (await functions.call(spec, b"0")).cold
        for _ in range(5):
            waiting = asyncio.ensure_future(functions.call(functions.make(WHO), b"0"))
            await asyncio.sleep(0.01)
            waiting.cancel()
        await functions.until(lambda: functions.pool.status().starting == 0)
        assert functions.pool.status().waiting == 0

    running(work)


def test_idle_environments_are_frozen_and_go_on(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        await functions.call(spec, b"0")
        await functions.until(lambda: functions.launcher.made[0].frozen)
        assert functions.pool.status().frozen == 1
        assert not (await functions.call(spec, b"0")).cold
        assert not functions.launcher.made[0].frozen

    running(work, limits=FAST)


def test_idle_environments_are_stopped(running: Run) -> None:
    async def work(functions: Functions) -> None:
        await functions.call(functions.make(WHO), b"0")
        await functions.until(lambda: functions.launcher.made[0].closed)
        assert functions.pool.status().environments == functions.pool.status().memory == 0

    running(work, limits=Limits(idle=0.1))


def test_environments_go_before_their_credentials(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        functions.service.expires = functions.service.now() + 3600
        await functions.call(spec, b"0")
        assert not (await functions.call(spec, b"0")).cold
        functions.service.offset = 3400
        await functions.until(lambda: functions.launcher.made[0].closed)
        functions.service.expires = functions.service.now() + 3600
        assert (await functions.call(spec, b"0")).cold

    running(work)


def test_retired_environments_end_what_they_run(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        runs = asyncio.ensure_future(functions.call(spec, b"0.3"))
        await functions.until(lambda: functions.pool.status().busy == 1)
        functions.pool.retire(spec.key)
        assert not (await runs).error
        await functions.until(lambda: functions.launcher.made[0].closed)
        assert functions.pool.status().environments == 0

    running(work)


def test_provisioned_environments_are_there_before_they_are_asked_for(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("import os\ndef handler(e, c):\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']")
        await functions.pool.provision(spec, 2)
        assert functions.pool.status().provisioned == {spec.key: 2}
        outcome = await functions.call(spec)
        assert (outcome.payload, outcome.cold, outcome.provisioned) == (b'"provisioned-concurrency"', False, True)
        assert "INIT_REPORT Init Duration: " in functions.service.log_text
        await functions.pool.provision(spec, 0)
        assert functions.pool.status().provisioned == {}

    running(work)


def test_provisioning_twice_makes_no_more(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        await asyncio.gather(functions.pool.provision(spec, 3), functions.pool.provision(spec, 3))
        assert functions.pool.status().environments == 3
        await functions.pool.provision(spec, 1)
        await functions.until(lambda: functions.pool.status().environments == 1)
        assert functions.pool.status().provisioned == {spec.key: 1}

    running(work, limits=Limits(idle=0.1))


def test_provisioned_environments_that_die_are_replaced(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        await functions.pool.provision(spec, 1)
        sandbox = functions.launcher.made[0]
        await sandbox.kill_all()
        sandbox.exited.set_result("killed")
        await functions.until(lambda: len(functions.launcher.made) == 2 and functions.pool.status().idle == 1)
        assert not (await functions.call(spec, b"0")).cold

    running(work)


def test_provisioning_what_does_not_initialise_fails(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("1 / 0")
        with pytest.raises(Provisioned, match="ZeroDivisionError"):
            await functions.pool.provision(spec, 1)
        assert functions.pool.status().provisioned == {}

    running(work)


def test_runtimes_that_are_not_here(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make("", runtime="nodejs4.x")
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"no nodejs4\.x"):
                await functions.call(spec)
        assert functions.pool.running(spec) == functions.pool.status().memory == 0

    running(work)


def test_closing_ends_what_runs_and_what_waits(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec, other = functions.make(WHO), functions.make(WHO)
        runs = asyncio.ensure_future(functions.call(spec, b"10"))
        await functions.until(lambda: functions.pool.status().busy == 1)
        waits = asyncio.ensure_future(functions.call(other, b"0"))
        await functions.until(lambda: functions.pool.status().waiting == 1)
        await functions.pool.close()
        assert (await runs).error == "Unhandled"
        with pytest.raises(Unavailable):
            await waits
        with pytest.raises(Unavailable):
            await functions.call(spec, b"0")
        assert all(sandbox.closed for sandbox in functions.launcher.made)

    running(work, limits=Limits(memory=300))


def test_a_hook_that_fails_is_told_to_who_waits(running: Run) -> None:
    async def work(functions: Functions) -> None:
        spec = functions.make(WHO)
        functions.service.broken = LookupError("no role")
        with pytest.raises(LookupError):
            await functions.call(spec, b"0")
        functions.service.broken = None
        assert not (await functions.call(spec, b"0")).error

    running(work)


def test_hooks_that_fail_do_not_hold_up_invocations(running: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(functions: Functions) -> None:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, about: told.append(about["message"]))

        def fail(*_: object) -> None:
            raise LookupError("no")

        monkeypatch.setattr(functions.service, "log", fail)
        monkeypatch.setattr(functions.service, "metered", fail)
        spec = functions.make(WHO)
        first, second = await functions.call(spec, b"0"), await functions.call(spec, b"0")
        assert first.payload == second.payload
        assert set(told) == {"the hook log failed", "the hook metered failed"}

    running(work)


def test_whatever_happens_nothing_is_left(running: Run) -> None:
    """Calls, callers that go, killed runtimes and sandboxes, retired functions, in an order that is drawn."""

    async def work(functions: Functions) -> None:
        drawn = random.Random(5)
        specs = [functions.make(WHO, timeout=5.0) for _ in range(4)]
        calls: list[asyncio.Future[Outcome]] = []
        for _ in range(150):
            calls.append(
                asyncio.ensure_future(functions.call(drawn.choice(specs), drawn.choice([b"0", b"0.05", b'"x"'])))
            )
            await asyncio.sleep(drawn.choice([0, 0, 0.01, 0.05]))
            sandbox = drawn.choice(functions.launcher.made or [None])
            match drawn.randrange(12):
                case 0:
                    drawn.choice(calls).cancel()
                case 1:
                    functions.pool.retire(drawn.choice(specs).key)
                case 2 if sandbox and sandbox.runtime:
                    sandbox.runtime.process.kill()
                case 3 if sandbox and not sandbox.exited.done():
                    await sandbox.kill_all()
                    if not sandbox.exited.done():
                        sandbox.exited.set_result("killed")
        outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 120)
        wrong = (asyncio.CancelledError, Throttled)
        assert not [
            outcome for outcome in outcomes if isinstance(outcome, BaseException) and not isinstance(outcome, wrong)
        ]
        for spec in specs:
            functions.pool.retire(spec.key)
        await functions.until(lambda: functions.pool.status().environments == functions.pool.status().starting == 0)
        status = functions.pool.status()
        assert (status.memory, status.waiting, status.busy) == (0, 0, 0)
        assert all(functions.pool.running(spec) == 0 for spec in specs)

    running(work, limits=Limits(memory=1100))


def test_a_large_tmp_takes_room_as_it_is_memory(running: Run) -> None:
    async def work(functions: Functions) -> None:
        large = functions.make("def handler(e, c):\n    return 1", ephemeral=812)
        await functions.call(large, b"1")
        assert functions.pool.status().memory == 256 + 300
        other = functions.make("def handler(e, c):\n    return 2")
        await functions.call(other, b"1")
        assert functions.pool.status().memory == 256

    running(work, limits=Limits(memory=700))
