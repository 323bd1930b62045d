"""When a child starts again, and that a child's end is told in words."""

from __future__ import annotations

from fogbank.region.children import BURST, CALM_SECONDS, LONGEST_WAIT, Restarts


def test_the_first_restarts_of_a_minute_are_immediate() -> None:
    restarts = Restarts()
    assert [restarts.delay(now=n, lived=1.0) for n in range(BURST)] == [0.0] * BURST
    assert restarts.total == BURST


def test_a_crash_loop_is_slowed_down_and_stays_slow() -> None:
    restarts, now, waits = Restarts(), 0.0, []
    for _ in range(BURST + 20):
        wait = restarts.delay(now, lived=0.01)
        waits.append(wait)
        now += wait + 0.01
    assert waits[:BURST] == [0.0] * BURST
    assert waits[BURST : BURST + 6] == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_WAIT]
    assert set(waits[BURST + 5 :]) == {LONGEST_WAIT}


def test_one_that_lived_long_starts_with_a_clean_slate() -> None:
    restarts = Restarts()
    for _ in range(BURST + 3):
        restarts.delay(now=1.0, lived=0.0)
    assert restarts.delay(now=2 * CALM_SECONDS, lived=CALM_SECONDS) == 0.0


def test_a_kill_now_and_then_never_waits() -> None:
    restarts = Restarts()
    assert {restarts.delay(now=10.0 * n, lived=10.0) for n in range(100)} == {0.0}
