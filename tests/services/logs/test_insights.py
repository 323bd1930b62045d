"""Insights' query language: commands, functions and fields, over events in memory."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fogbank.services.logs.insights_rows import Origin, Row
from fogbank.services.logs.insights_run import Plan, Run

NOW = 1_700_000_000
START = 1_700_000_000_000
REPORT = (
    "REPORT RequestId: 6bc28136-xmpl-4365-b021-0ce6b2e64ab0\tDuration: 3.43 ms\tBilled Duration: 4 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 81 MB\tInit Duration: 100.5 ms\t\n"
)


def run(query: str, messages: list[Any], *, function: bool = False, every: int = 1000) -> list[dict[str, str]]:
    """What a query comes to, over events that come a second (`every`, in milliseconds) after each other."""
    plan = Plan(query, NOW)
    work = Run(plan)
    origin = Origin("123456789012:group", function)
    numbered = list(enumerate(messages))
    for number, message in reversed(numbered) if plan.reverse else numbered:
        raw = (message if isinstance(message, str) else json.dumps(message)).encode()
        event = SimpleNamespace(timestamp=START + number * every, ingested=START, stream=f"s{number % 2}", message=raw)
        if all(literal in raw for literal in plan.contains):
            work.add(Row(origin, event))  # type: ignore[arg-type]
        if work.full:
            break
    return [{name: value for name, value in row if name != "@ptr"} for row in work.results(lambda row: "ptr")]


def column(query: str, messages: list[Any], **options: Any) -> list[str | None]:
    """The first field of each row."""
    name = Plan(query).names[0]
    return [row.get(name) for row in run(query, messages, **options)]


def value_of(query: str, messages: list[Any]) -> float:
    """The number that a query comes to."""
    return float(column(query, messages)[0] or "nan")


def value(expression: str, message: Any = "") -> str | None:
    """What an expression comes to, of one event."""
    return column(f"fields {expression}", [message])[0]


def test_events_come_newest_first_with_time_and_message() -> None:
    found = run("limit 2", ["a", "b", "c"])
    assert found == [
        {"@timestamp": "2023-11-14 22:13:22.000", "@message": "c"},
        {"@timestamp": "2023-11-14 22:13:21.000", "@message": "b"},
    ]


def test_fields_and_display() -> None:
    assert run("fields @message, strlen(@message) as size", ["abc"]) == [{"@message": "abc", "size": "3"}]
    assert run("fields @message | fields @logStream", ["abc"]) == [{"@message": "abc", "@logStream": "s0"}]
    assert run("fields @message | display @logStream | display @log", ["a"]) == [{"@log": "123456789012:group"}]
    assert run("fields concat(Operation, '-', StatusCode) as opStatus", [{"Operation": "get", "StatusCode": 200}]) == [
        {"opStatus": "get-200"}
    ]
    assert run("fields a.b, `x-y`, list[1].c, list.0.c", [{"a": {"b": 1}, "x-y": 2, "list": [{"c": 3}, {"c": 4}]}]) == [
        {"a.b": "1", "x-y": "2", "list.1.c": "4", "list.0.c": "3"}
    ]
    assert run("fields absent, @ingestionTime", ["x"]) == [{"@ingestionTime": "2023-11-14 22:13:20.000"}]


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        ("range > 3000", [1]),
        ("(range>3000 and accountId=123456789012)", [1]),
        ("range >= 3000 or level = 'WARN'", [0, 1, 2]),
        ("not range > 3000", [0, 2, 3]),
        ("level in ['ERROR', \"WARN\"]", [1, 2]),
        ("level not in ['ERROR', 'WARN']", [0, 3]),
        ("range in [3000, 1]", [0]),
        ("level like /^E/", [1]),
        ("level like /(?i)error/", [1]),
        ("level =~ /^(?i)warn$/", [2]),
        ("level not like /R/", [0, 3]),
        ("@message like 'level'", [0, 1, 2]),
        ('@message like "ERROR" and @message like /4\\d{3}/', [1]),
        ("ispresent(level)", [0, 1, 2]),
        ("isblank(level)", [3]),
        ("level != 'INFO'", [1, 2, 3]),
        ("level = INFO_", []),
        ("range = '3000'", [0]),
        ("ok", [0]),
        ("ok = true", [0]),
        ("ok = 0", [1]),
        ("range % 2 = 1", [2]),
        ("range + 1 > 3000 and range - 1 < 3999", [0]),
        ("strcontains(@message, 'text')", [3]),
        ("level < 'F'", [1]),
    ],
)
def test_filter(condition: str, numbers: list[int]) -> None:
    events = [
        {"range": 3000, "level": "INFO", "ok": True, "n": 0},
        {"range": 4000, "level": "ERROR", "accountId": "123456789012", "ok": False, "n": 1},
        {"range": 7, "level": "WARN", "n": 2},
        "plain text",
    ]
    found = run(f"filter {condition} | sort @timestamp asc | fields @message, n", events)
    assert [int(row.get("n", 3)) for row in found] == numbers


EXPRESSIONS: list[tuple[str, str | None]] = [
    ("1 + 2 * 3", "7"),
    ("(1 + 2) * 3", "9"),
    ("2 ^ 3", "8"),
    ("2 ^ 3 ^ 2", "512"),
    ("-2 ^ 2", "4"),
    ("10 % 3", "1"),
    ("7 / 2", "3.5"),
    ("8 / 2", "4"),
    ("1 / 0", None),
    ("9 ^ 9 ^ 9", None),
    ("'a' + 1", None),
    ("abs(0 - 5)", "5"),
    ("ceil(1.2)", "2"),
    ("floor(1.8)", "1"),
    ("greatest(1, 3, 2)", "3"),
    ("least(4, '3', 5)", "3"),
    ("log(1)", "0"),
    ("log(0)", None),
    ("sqrt(16)", "4"),
    ("sqrt(0 - 1)", None),
    ("isempty('')", "1"),
    ("isblank(' ')", "1"),
    ("isblank(missing)", "1"),
    ("ispresent(missing)", "0"),
    ("coalesce(missing, 'x')", "x"),
    ("concat('a', 1, 'b')", "a1b"),
    ("ltrim('xyZfooxyZ', 'xyZ')", "fooxyZ"),
    ("rtrim('xyZfooxyZ', 'xyZ')", "xyZfoo"),
    ("trim('xyZfooxyZ', 'xyZ')", "foo"),
    ("trim('  a ')", "a"),
    ("strlen('aé🙂')", "3"),
    ("toupper('aé')", "AÉ"),
    ("tolower('AB')", "ab"),
    ("substr('xyZfooxyZ', 3, 3)", "foo"),
    ("substr('xyZfooxyZ', 6)", "xyZ"),
    ("substr('abc', 9, 9)", ""),
    ("replace('foo', 'o', '0')", "f00"),
    ("strcontains('foo', 'o')", "1"),
    ("strcontains('foo', 'x')", "0"),
    ("if(1 > 2, 'yes', 'no')", "no"),
    ("bin(5m)", "2023-11-14 22:10:00.000"),
    ("bin(300s)", "2023-11-14 22:13:00.000"),
    ("bin(1h)", "2023-11-14 22:00:00.000"),
    ("bin(1d)", "2023-11-14 00:00:00.000"),
    ("bin(1w)", "2023-11-13 00:00:00.000"),
    ("bin(1mo)", "2023-11-01 00:00:00.000"),
    ("bin(1q)", "2023-10-01 00:00:00.000"),
    ("bin(1y)", "2023-01-01 00:00:00.000"),
    ("datefloor(@timestamp, 1h)", "2023-11-14 22:00:00.000"),
    ("dateceil(@timestamp, 1h)", "2023-11-14 23:00:00.000"),
    ("dateceil(@timestamp, 1mo)", "2023-12-01 00:00:00.000"),
    ("fromMillis(0)", "1970-01-01 00:00:00.000"),
    ("fromMillis(99999999999999999)", "99999999999999999"),
    ("toMillis(@timestamp)", "1700000000000"),
    ("now()", "1700000000"),
    ("isValidIp('10.0.0.1')", "1"),
    ("isValidIpV4('::1')", "0"),
    ("isValidIpV6('::1')", "1"),
    ("isIpInSubnet('2001:db8::1', '2001:db8::/32')", "1"),
    ("isIpv4InSubnet('192.0.2.77', '192.0.2.0/24')", "1"),
    ("isIpv4InSubnet('192.0.3.1', '192.0.2.0/24')", "0"),
    ("isIpv6InSubnet('x', 'y')", "0"),
    ("jsonStringify(jsonParse('{\"a\": [1, 2]}'))", '{"a":[1,2]}'),
    ("jsonParse('{')", None),
    ("unmask(@message)", "{}"),
    ("'a' = 'a'", "1"),
    ("1.0 = '1'", "1"),
    ("0.1 + 0.2", "0.3"),
]


@pytest.mark.parametrize(("expression", "result"), EXPRESSIONS)
def test_expressions(expression: str, result: str | None) -> None:
    assert value(expression, "{}") == result


def test_structures() -> None:
    found = run(
        "fields jsonParse(@message) as j, j.user.id as id | filter j.user.id > 3 | display id", [{"user": {"id": 4}}]
    )
    assert found == [{"id": "4"}]


def test_parse() -> None:
    line = "25 May 2019 10:24:39,474 [ERROR] {foo=2, bar=data} The error was: DataIntegrityException"
    wanted = {"level": "ERROR", "config": "{foo=2, bar=data}", "exception": "DataIntegrityException"}
    glob = 'parse @message "[*] * The error was: *" as level, config, exception | display level, config, exception'
    regex = (
        r"parse @message /\[(?<level>\S+)\]\s+(?<config>\{.*\})\s+The error was: (?<exception>\S+)/"
        " | display level, config, exception"
    )
    assert run(glob, [line]) == run(regex, [line]) == [wanted]
    assert run("parse 'x*y' as a | display a", ["nothing", "xay"]) == [{"a": "a"}, {}]
    assert run('parse @message "user=*, m:*" as @u, @m | stats count(*) by @u', ["user=ann, m:x"]) == [
        {"@u": "ann", "count(*)": "1"}
    ]
    found = run('parse @message "[*] *" as kind, rest', ["[A] b"])
    assert found == [{"@timestamp": "2023-11-14 22:13:20.000", "@message": "[A] b", "kind": "A", "rest": "b"}]
    documented = """FIELDS @message
        | PARSE @message "* [*] *" as loggingTime, loggingType, loggingMessage
        | FILTER loggingType IN ["ERROR", "INFO"]
        | DISPLAY loggingMessage, loggingType = "ERROR" as isError"""
    assert run(documented, ["1 [ERROR] bad", "2 [DEBUG] x", "3 [INFO] fine"]) == [
        {"loggingMessage": "fine", "isError": "0"},
        {"loggingMessage": "bad", "isError": "1"},
    ]


def test_stats() -> None:
    events = [{"k": "a", "v": 1}, {"k": "b", "v": 10}, {"k": "a", "v": 3}, {"v": 100}, {"k": "b"}]
    assert run("stats count(*) as n, sum(v), avg(v), min(v), max(v) by k | sort k", events) == [
        {"k": "a", "n": "2", "sum(v)": "4", "avg(v)": "2", "min(v)": "1", "max(v)": "3"},
        {"k": "b", "n": "2", "sum(v)": "10", "avg(v)": "10", "min(v)": "10", "max(v)": "10"},
        {"n": "1", "sum(v)": "100", "avg(v)": "100", "min(v)": "100", "max(v)": "100"},
    ]
    assert run("stats count(v), count_distinct(k), pct(v, 50), median(v)", events) == [
        {"count(v)": "4", "count_distinct(k)": "2", "pct(v,50)": "3", "median(v)": "3"}
    ]
    assert value_of("stats stddev(v) as s", events) == pytest.approx(41.41557, abs=1e-4)
    assert run("stats earliest(v) as e, latest(v) as l, sortsFirst(v) as f, sortsLast(v) as z", events) == [
        {"e": "1", "l": "100", "f": "1", "z": "3"}
    ]
    assert run("stats count(*) as n by bin(2s) as t | sort t desc", events) == [
        {"t": "2023-11-14 22:13:24.000", "n": "1"},
        {"t": "2023-11-14 22:13:22.000", "n": "2"},
        {"t": "2023-11-14 22:13:20.000", "n": "2"},
    ]
    assert column("stats count(*) by bin(2s) | sort count(*) desc, bin(2s) asc | limit 1", events) == [
        "2023-11-14 22:13:20.000"
    ]
    assert run("stats max(v) as most, min(v) as fewest, most - fewest as spread", events) == [
        {"most": "100", "fewest": "1", "spread": "99"}
    ]
    assert run("stats sum(v) as s by k | stats max(s) as m, count(*) as groups", events) == [
        {"m": "100", "groups": "3"}
    ]
    assert run("filter v > 1000 | stats count(*)", events) == []


def test_numbers_that_are_computed_have_four_decimals_at_most() -> None:
    events = [{"ms": 286.926, "bytes": 57_007_042}, {"ms": 0.1, "bytes": 57_007_043}, {"ms": 0.2, "bytes": 57_007_043}]
    assert run("stats sum(ms) as s, avg(ms) as a, avg(bytes) as b, max(ms) as m", events) == [
        {"s": "287.226", "a": "95.742", "b": "57007042.6667", "m": "286.926"}
    ]
    assert value("ms * 1.23456789", {"ms": 1}) == "1.2346"
    assert value("ms / 3000000", {"ms": 1}) == "3.333e-07"  # not nothing
    assert value("ms", {"ms": 1.23456789}) == "1.23456789"  # as it was put
    assert run("stats count(*) as n by ms | sort ms", [{"ms": 1.23456}, {"ms": 1.23457}]) == [
        {"ms": "1.23456", "n": "1"},
        {"ms": "1.23457", "n": "1"},
    ]


def test_sort_limit_and_dedup() -> None:
    events = [{"n": "10", "k": 1}, {"n": 9, "k": 1}, {"n": "x", "k": 2}, {"k": 2}]
    assert column("sort n | display n", events) == ["9", "10", "x", None]
    assert column("sort n desc | display n", events) == ["x", "10", "9", None]
    assert column("sort n desc | limit 2 | display n", events) == ["x", "10"]
    assert column("sort @timestamp asc | head 1 | display n", events) == ["10"]
    assert column("sort @timestamp asc | tail 2 | display n", events) == ["x", None]
    assert column("sort k desc, n asc | display n", events) == ["x", None, "9", "10"]
    assert column("dedup k | display n", events) == [None, "9"]
    assert column("sort n | dedup k | display n", events) == ["9", "x"]
    assert len(run("fields @message", ["m"] * 10_500)) == 10_000


def test_what_a_functions_log_says() -> None:
    lines = [
        "START RequestId: 6bc28136-xmpl-4365-b021-0ce6b2e64ab0 Version: $LATEST\n",
        'INFO {"a": {"b": 7}} x',
        REPORT,
    ]
    query = (
        'filter @type = "REPORT" | fields @requestId, @duration, @billedDuration, @initDuration, '
        "@memorySize / 1000 / 1000 as size, @maxMemoryUsed"
    )
    assert run(query, lines, function=True) == [
        {
            "@requestId": "6bc28136-xmpl-4365-b021-0ce6b2e64ab0",
            "@duration": "3.43",
            "@billedDuration": "4",
            "@initDuration": "100.5",
            "size": "128",
            "@maxMemoryUsed": "81000000",
        }
    ]
    assert column("filter a.b = 7 | display a.b", lines, function=True) == ["7"]
    assert run("filter a.b = 7", lines) == []
    report = """filter @type = "REPORT"
    | stats max(@memorySize / 1024 / 1024) as provisonedMemoryMB,
        min(@maxMemoryUsed / 1024 / 1024) as smallestMemoryRequestMB,
        max(@maxMemoryUsed / 1024 / 1024) as maxMemoryUsedMB,
        provisonedMemoryMB - maxMemoryUsedMB as overProvisionedMB"""
    assert run(report, lines, function=True)[0]["overProvisionedMB"].startswith("44.8")


def test_two_hundred_fields_are_discovered() -> None:
    event = {f"f{number}": number for number in range(250)}
    assert value("f199", event) == "199"
    assert value("f200", event) is None


def test_names_with_dots_and_at_signs() -> None:
    assert value("a.b.c", {"a.b": {"c": 1}}) == "1"
    assert value("a.b.c", {"a": {"b.c": 2}}) == "2"
    assert value("@@kind", {"@kind": "x"}) == "x"
    assert value("a", {"a": {"b": 1}}) is None
    assert value("a", '{"\\u0061": 5}') == "5"
    assert value("f", '{"f": "' + "\\u0045" + '"}') == "E"
    assert run('filter f = "E"', ['{"f": "\\u0045"}']) != []


def test_comments() -> None:
    assert column("fields @message\n  # | filter @message like /no/\n  | limit 20", ["a"]) == ["a"]
