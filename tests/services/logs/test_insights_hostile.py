"""Insights' language under hostile input: any text is a query or refused; none is deep, wide or slow without bound."""

from __future__ import annotations

import math
import statistics
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.services.logs import insights_regex
from fogbank.services.logs.insights_aggregates import Deviation, Distinct, Percentile
from fogbank.services.logs.insights_parse import by_glob
from fogbank.services.logs.insights_parser import parse
from fogbank.services.logs.insights_run import Plan
from fogbank.services.logs.insights_stats import Groups, TooManyGroupsError
from fogbank.wire.errors import AwsError
from services.logs.test_insights import run

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = st.sampled_from(["a", "@message", "@timestamp", "x.y", "`odd name`", "n", "list[0]"])
CONSTANTS = st.sampled_from(["1", "2.5", "'text'", '"q"', "5m", "true", "1e3"])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions of expressions."""
    return st.one_of(
        st.builds(
            "{} {} {}".format,
            inner,
            st.sampled_from(["+", "-", "*", "/", "%", "^", "=", "!=", "<", "<=", ">", ">=", "and", "or"]),
            inner,
        ),
        st.builds("({})".format, inner),
        st.builds("not {}".format, inner),
        st.builds("{} like {}".format, inner, st.sampled_from(["/a+b/", "'x'", "/(?i)[x-z]/"])),
        st.builds("{} in [{}, {}]".format, inner, inner, inner),
        st.builds(
            "{}({})".format,
            st.sampled_from(["abs", "ceil", "strlen", "toupper", "isempty", "jsonParse", "fromMillis"]),
            inner,
        ),
        st.builds(
            "{}({}, {})".format,
            st.sampled_from(["concat", "coalesce", "greatest", "substr", "datefloor"]),
            inner,
            inner,
        ),
    )


EXPRESSION = st.recursive(NAMES | CONSTANTS, compound, max_leaves=8)
COMMAND = st.one_of(
    st.builds("fields {} as z".format, EXPRESSION),
    st.builds("filter {}".format, EXPRESSION),
    st.builds("sort {} desc".format, EXPRESSION),
    st.builds("dedup {}".format, NAMES),
    st.builds("stats count(*) as z, max({}) by {}".format, EXPRESSION, EXPRESSION),
    st.builds("limit {}".format, st.integers(1, 5)),
    st.just("parse @message '* *' as z, w"),
)
QUERY = st.lists(COMMAND, min_size=1, max_size=4).map(" | ".join)
MESSAGES = ["one two", '{"a": 1, "x": {"y": [1, 2]}, "list": ["l"]}', '{"a": null}', "", "{", '{"odd name": "b"}']


@given(st.text(max_size=80) | st.text("fieldstrby |()[]'\"`/\\@#.,=<>!~^%*+-0129smh\n", max_size=80))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    try:
        parse(text)
    except AwsError as error:
        place = error.fields.get("queryCompileError", {}).get("location", {"startCharOffset": 0, "endCharOffset": 0})
        assert 0 <= place["startCharOffset"] <= place["endCharOffset"] <= len(text)


@given(QUERY)
def test_any_query_comes_to_rows_or_is_refused(query: str) -> None:
    try:
        Plan(query)
    except AwsError:
        return
    rows = run(query, MESSAGES)
    assert all(isinstance(value, str) for row in rows for value in row.values())


@given(EXPRESSION, st.lists(st.text(max_size=30), max_size=3))
def test_an_expression_is_computed_of_any_message(expression: str, messages: list[str]) -> None:
    try:
        Plan(f"fields {expression} as value")
    except AwsError:
        return
    encodable = [message.encode(errors="replace").decode() for message in messages]
    assert len(run(f"fields {expression} as value", encodable)) == len(messages)


@pytest.mark.parametrize(
    "query",
    [
        "filter " + "(" * 4000 + "a" + ")" * 4000,
        "filter " + "not " * 2000 + "a and " + "(" * 100 + "a" + ")" * 100,
        "fields " + "-" * 9000 + "(" * 200,
        "fields " + "abs(" * 2000 + "1" + ")" * 2000,
        "fields " + "2^" * 3000 + "2",
        "fields " + "a+" * 4000 + "a",
        "fields " + "a[0]" * 2000 + "[",
        "limit 1" + " | limit 1" * 900,
        "filter a like /" + "(" * 4000 + ")" * 4000 + "/",
        "filter a like /(?P<x>a)/",
        "filter a like /(?<x>a)(?<x>b)/",
        "filter a like /\\1/",
        "filter a like /[/",
        "stats " + ", ".join(["pct(a, 1000)"] * 5),
        "parse @message '" + "*" * 4000 + "' as a",
        "fields `" + "x" * 5000,
        "\x00\x01\x02",
        "# only a comment",
    ],
)
def test_what_is_too_much_is_refused(query: str) -> None:
    with pytest.raises(AwsError) as refused:
        Plan(query)
    assert refused.value.code == "MalformedQueryException"


def test_long_chains_are_fine() -> None:
    many = " or ".join(f"a = {number}" for number in range(900))
    assert run(f"filter {many}", ['{"a": 899}', '{"a": 900}']) != []
    assert len(run(f"filter a in [{', '.join(map(str, range(2000)))}]", ['{"a": 1999}', '{"a": 2000}'])) == 1


def test_strings_do_not_grow_without_bound() -> None:
    grow = "concat(@message, @message, @message, @message)"
    for _ in range(3):
        grow = f"concat({grow}, {grow}, {grow}, {grow})"
    assert run(f"fields {grow} as big", ["x" * 10_000]) == [{}]
    assert run("fields replace(@message, 'x', 'yyyyyyyyyyyyyyyyyyyy') as big", ["x" * 100_000]) == [{}]


def test_groups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fogbank.services.logs.insights_stats.MOST_GROUPS", 10)
    with pytest.raises(TooManyGroupsError):
        run("stats count(*) by @message", [str(number) for number in range(11)])
    assert Groups.full is False


@pytest.mark.parametrize("message", ['{"a":' * 5000, "{" * 5000, '{"a": 1e999}', '{"a": ' + "9" * 5000 + "}", "\x00"])
def test_hostile_messages(message: str) -> None:
    assert len(run("fields a, a + 1 as b, jsonParse(@message) as c", [message])) == 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.integers(0, 100))
def test_percentiles_are_exact_for_few_values(values: list[float], percent: int) -> None:
    found = Percentile(percent)
    for value in values:
        found.add(value, 0)
    assert found.result() == sorted(values)[max(math.ceil(percent / 100 * len(values)) - 1, 0)]


def test_percentiles_of_many_values_are_close() -> None:
    found = Percentile(95)
    for value in range(-1000, 99_000):
        found.add(value, 0)
    assert found.result() == pytest.approx(94_000, rel=0.01)
    assert not found.exact


def test_distinct_values_of_many_are_close() -> None:
    found = Distinct()
    for value in range(200_000):
        found.add(value % 100_000, 0)
    assert found.result() == pytest.approx(100_000, rel=0.03)
    assert not found.hashes


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=50))
def test_the_deviation_is_that_of_all_values(values: Sequence[int]) -> None:
    found = Deviation()
    for value in values:
        found.add(value, 0)
    assert found.result() == pytest.approx(statistics.pstdev(values), abs=1e-6)


@given(st.text("ab*[] ", max_size=10), st.text("ab[] ", max_size=20))
def test_a_glob_finds_the_parts_between_its_literals(pattern: str, text: str) -> None:
    parts = by_glob(pattern)(text)
    if parts is not None:
        filled = pattern
        for part in parts:
            filled = filled.replace("*", part, 1)
        assert filled in text
        assert len(parts) == pattern.count("*")


@given(st.text("ab(?<>:i)[^]{}|\\dszhpQ*+-&~$.1,P=!", max_size=15))
def test_any_text_is_an_expression_or_has_a_fault(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fault = insights_regex.fault(text)
        if not fault:
            literals = insights_regex.literals(text)
            found = insights_regex.compiled(text).search("a b[a]dz(b)-&1")
            assert found is None or all(literal in "a b[a]dz(b)-&1" for literal in literals)


def test_literals_of_expressions() -> None:
    assert insights_regex.literals(r"ERROR.*code\.\d+x: [ab]*y") == ["ERROR", "code.", "x: ", "y"]
    assert insights_regex.literals("ab*c+") == ["a"]
    assert insights_regex.literals("xa{0,2}b?c{,3}.*?d{e}") == ["x", "e"]
    assert insights_regex.literals(r"ERR(OR|or(x))? at [(|] (?<n>\d+) of\(") == ["ERR", " at ", " ", " of("]
    assert insights_regex.literals("(x{)|(y})z") == insights_regex.literals("a(b)c{|d}") == []
    assert insights_regex.literals("a(?x: # )b\nc)d") == insights_regex.literals("a(?i)b") == []
    assert insights_regex.literals("a|b") == insights_regex.literals("(?i)a") == insights_regex.literals("a{2}") == []


@pytest.mark.parametrize(
    ("expression", "text", "groups"),
    [
        (r"(?<a>\d+)-(?<b>x)", "12-x", {"a": "12", "b": "x"}),
        (r"^(?i)Exception$", "EXCEPTION", {}),
        (r"a(?i)b|C", "aB", {}),
        (r"(a(?i)b)c", "aBc", {}),
        (r"[[a&&--]", "[", {}),
        (r"\hx\z", "\tx", {}),
        (r"a\/b", "a/b", {}),
    ],
)
def test_expressions_as_java_writes_them(expression: str, text: str, groups: dict[str, Any]) -> None:
    found = insights_regex.compiled(expression).search(text)
    assert found is not None
    assert found.groupdict() == groups
