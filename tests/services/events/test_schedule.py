"""Schedules: which times rates and cron expressions mean, and what is neither.

The examples are those of the EventBridge User Guide, "Setting a schedule pattern for scheduled rules (legacy)".
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.services.events.schedule import parse

NOW = int(datetime(2026, 11, 24, 15, 3, 5, tzinfo=UTC).timestamp())  # a Tuesday


def shown(moment: int | None) -> str | None:
    """A time, readable."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}" if moment is not None else None


def after(expression: str, moment: int = NOW, since: int = NOW) -> str | None:
    """The next time of a schedule."""
    schedule = parse(expression)
    assert schedule is not None
    return shown(schedule.after(moment, since))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 10 * * ? *)", "2026-11-25 10:00"),
        ("cron(15 12 * * ? *)", "2026-11-25 12:15"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-24 18:00"),
        ("cron(0 8 1 * ? *)", "2026-12-01 08:00"),
        ("cron(0/15 * * * ? *)", "2026-11-24 15:15"),
        ("cron(0/10 * ? * MON-FRI *)", "2026-11-24 15:10"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-24 15:05"),
        ("cron(1/10 * * * ? *)", "2026-11-24 15:11"),
        ("cron(*/20 * * * ? *)", "2026-11-24 15:20"),
        ("cron(5-30/10 * * * ? *)", "2026-11-24 15:05"),
        ("cron(0,59 * * * ? *)", "2026-11-24 15:59"),
        ("cron(0 9 L * ? *)", "2026-11-30 09:00"),
        ("cron(0 9 ? * L *)", "2026-11-28 09:00"),
        ("cron(0 9 ? * 6L *)", "2026-11-27 09:00"),
        ("cron(0 9 ? * THUL *)", "2026-11-26 09:00"),
        ("cron(0 9 3W * ? *)", "2026-12-03 09:00"),
        ("cron(0 9 1W 8 ? 2027)", "2027-08-02 09:00"),
        ("cron(0 9 31W 1 ? 2027)", "2027-01-29 09:00"),
        ("cron(0 9 14W 11 ? 2027)", "2027-11-15 09:00"),
        ("cron(0 9 LW * ? *)", "2026-11-30 09:00"),
        ("cron(0 9 ? * 3#2 *)", "2026-12-08 09:00"),
        ("cron(0 9 ? * FRI#5 *)", "2027-01-29 09:00"),
        ("cron(0 9 29 2 ? *)", "2028-02-29 09:00"),
        ("cron(0 9 1 JAN,jul ? *)", "2027-01-01 09:00"),
        ("cron(0 9 1 1 ? 2199)", "2199-01-01 09:00"),
        ("cron(0 9 1 1 ? 2026-2030/2)", "2028-01-01 09:00"),
        ("cron(0 22-2/2 * * ? *)", "2026-11-24 22:00"),
        ("cron(0 9 30 2 ? *)", None),
        ("cron(0 9 * * ? 2020)", None),
        ("cron(4  15 24\t11 ? 2026)", "2026-11-24 15:04"),
        ("rate(1 minute)", "2026-11-24 15:04"),
        ("rate(5 minutes)", "2026-11-24 15:08"),
        ("rate(1 hour)", "2026-11-24 16:03"),
        ("rate(7 days)", "2026-12-01 15:03"),
    ],
)
def test_the_next_time(expression: str, expected: str | None) -> None:
    assert after(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(5 seconds)",
        "rate(-1 minutes)",
        "rate(5minutes)",
        "rate(1.5 hours)",
        "rate(1 day",
        "rate(９ days)",
        "rate(99999999999 days)",
        "at(2026-01-01T00:00:00)",
        "cron()",
        "cron(* * * * *)",
        "cron(* * * * * *)",
        "cron(* * ? * ? *)",
        "cron(0 9 1 1 MON *)",
        "cron(60 * * * ? *)",
        "cron(* 24 * * ? *)",
        "cron(* * 0 * ? *)",
        "cron(* * 32 * ? *)",
        "cron(* * * 13 ? *)",
        "cron(* * ? * 0 *)",
        "cron(* * ? * 8 *)",
        "cron(* * * * ? 1969)",
        "cron(* * * * ? 2200)",
        "cron(*/0 * * * ? *)",
        "cron(? * * * ? *)",
        "cron(L * * * ? *)",
        "cron(* * 0W * ? *)",
        "cron(* * ? * 3#6 *)",
        "cron(* * ? * 3#1,6#3 *)",
        "cron(* * ? * SUNDAY *)",
        "cron(1-2-3 * * * ? *)",
        "cron(1,,2 * * * ? *)",
        "cron(0 9 * * ? *) ",
        "cron(" + "0," * 200 + "0 9 * * ? *)",
    ],
)
def test_what_is_no_schedule(expression: str) -> None:
    assert parse(expression) is None


def test_a_rate_counts_from_its_beginning() -> None:
    schedule = parse("rate(10 minutes)")
    assert schedule is not None
    assert schedule.after(NOW + 1500, NOW) == NOW + 1800
    assert schedule.after(NOW + 1800, NOW) == NOW + 2400
    assert schedule.after(NOW - 5000, NOW) == NOW + 600
    assert schedule.until(NOW + 1500, NOW) == NOW + 1200
    assert schedule.until(NOW + 599, NOW) is None


FIELD = st.sampled_from(["*", "0", "5", "1/7", "3-20/4", "2,9", "1-12"])
DAYS = st.sampled_from(
    ["* * ?", "L * ?", "15W 2,3 ?", "31W * ?", "29 2 ?", "? * 6L", "? 1-6 3#5", "? * MON-FRI", "? * L", "1,L * ?"]
)
MOMENT = st.integers(0, int(datetime(2150, 1, 1, tzinfo=UTC).timestamp()))


@given(minutes=FIELD, hours=FIELD, days=DAYS, moment=MOMENT)
@settings(max_examples=300, deadline=None)
def test_the_last_time_before_the_next_is_none_in_between(minutes: str, hours: str, days: str, moment: int) -> None:
    schedule = parse(f"cron({minutes} {hours} {days} *)")
    assert schedule is not None
    following = schedule.after(moment, -1)
    assert following is not None
    assert following > moment
    assert following % 60 == 0
    assert schedule.until(following, -1) == following
    before = schedule.until(following - 1, -1)
    assert before is None or before <= moment


@given(text=st.text(alphabet="cronate()0159*/,-?LW# minutesFRI2", max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_schedule_or_none(text: str) -> None:
    for expression in (text, f"cron({text})", f"rate({text})"):
        schedule = parse(expression)
        assert schedule is None or (schedule.after(NOW, NOW) or NOW + 1) > NOW
