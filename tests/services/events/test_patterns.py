"""Event patterns: what they match, what is none, and that neither is slow.

The examples are those of the EventBridge User Guide, "Comparison operators for use in event patterns".
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.services.events.matching import Matcher, event_of
from fogbank.services.events.pattern import compiled
from fogbank.services.events.pattern_text import PatternError


def meets(pattern: Any, event: Any) -> bool:
    """Whether an event meets a pattern."""
    return compiled(json.dumps(pattern)).meets(event_of(json.dumps(event)))


def why(text: str) -> str:
    """Why a text is no pattern, without the place."""
    with pytest.raises(PatternError) as caught:
        compiled(text)
    return str(caught.value).partition(" at [Source")[0]


def of(*tests: Any) -> Any:
    """A pattern of one field."""
    return {"a": list(tests)}


MEETS: list[tuple[Any, Any]] = [
    (of("x"), {"a": "x", "b": 1}),
    (of("x", "y"), {"a": "y"}),
    (of("x"), {"a": ["y", "x"]}),
    (of("x"), {"a": [["y"], ["x"]]}),
    (of(300), {"a": 300}),
    (of(True), {"a": True}),
    (of(None), {"a": None}),
    (of(""), {"a": ""}),
    (of({"prefix": "us-"}), {"a": "us-east-1"}),
    (of({"prefix": {"equals-ignore-case": "eventb"}}), {"a": "EventBridge"}),
    (of({"suffix": ".png"}), {"a": "x.png"}),
    (of({"suffix": {"equals-ignore-case": ".png"}}), {"a": "x.PNG"}),
    (of({"equals-ignore-case": "alice"}), {"a": "ALICE"}),
    (of({"wildcard": "dir/*.png"}), {"a": "dir/sub/x.png"}),
    (of({"wildcard": "*/lib/*"}), {"a": "/usr/lib/x"}),
    (of({"wildcard": r"a\*b\\*"}), {"a": r"a*b\c"}),
    (of({"wildcard": "plain"}), {"a": "plain"}),
    (of({"anything-but": "x"}), {"a": "y"}),
    (of({"anything-but": ["x", "y"]}), {"a": "z"}),
    (of({"anything-but": ["x"]}), {"a": 5}),
    (of({"anything-but": [100, 200]}), {"a": 300}),
    (of({"anything-but": {"prefix": "us-"}}), {"a": "eu-west-1"}),
    (of({"anything-but": {"prefix": ["a", "b"]}}), {"a": "c"}),
    (of({"anything-but": {"suffix": ".png"}}), {"a": "x.jpg"}),
    (of({"anything-but": {"equals-ignore-case": ["x", "y"]}}), {"a": "z"}),
    (of({"anything-but": {"wildcard": "*/lib/*"}}), {"a": "/bin/x"}),
    (of({"numeric": [">", 10, "<=", 20]}), {"a": 20}),
    (of({"numeric": ["=", 3.5]}), {"a": 3.50}),
    (of({"numeric": ["<", 0]}), {"a": -1e3}),
    (of({"cidr": "10.0.0.0/24"}), {"a": "10.0.0.255"}),
    (of({"cidr": "2001:db8::/32"}), {"a": "2001:db8::1"}),
    (of({"exists": True}), {"a": None}),
    (of({"exists": False}), {"b": 1}),
    (of({"exists": False}), {"a": {"b": 1}}),
    (of({"exists": False}), {"a": []}),
    (of({"exists": False}, "x"), {"a": "x"}),
    ({"a": {"b": [{"exists": False}]}}, {"c": 1}),
    ({"a": {"b": [{"exists": False}]}}, {"a": [{"c": 1}, {"d": 1}]}),
    ({"a": ["x"], "b": {"c": [1]}}, {"a": "x", "b": {"c": 1}}),
    ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1, "c": 3}, {"b": 1, "c": 2}]}),
    ({"$or": [{"a": [1]}, {"b": [{"prefix": "x"}]}]}, {"b": "xy"}),
    ({"c": [1], "$or": [{"a": [1]}, {"b": [2]}]}, {"c": 1, "a": 1}),
    ({"$or": ["x"]}, {"$or": "x"}),
    ({"$or": [{"prefix": "x"}]}, {"$or": "xy"}),
]
DIFFERS: list[tuple[Any, Any]] = [
    (of("x"), {"a": "X"}),
    (of("x"), {}),
    (of("x"), {"a": {"x": "x"}}),
    (of("1"), {"a": 1}),
    (of(1), {"a": True}),
    (of(300), {"a": 300.0}),
    (of({"prefix": "us-"}), {"a": 5}),
    (of({"wildcard": "ab*ba"}), {"a": "aba"}),
    (of({"wildcard": "a*b*c"}), {"a": "acb"}),
    (of({"anything-but": "x"}), {"a": "x"}),
    (of({"anything-but": "x"}), {}),
    (of({"anything-but": [300]}), {"a": 300.0}),
    (of({"anything-but": {"prefix": "us-"}}), {"a": "us-east-1"}),
    (of({"anything-but": {"equals-ignore-case": "x"}}), {"a": "X"}),
    (of({"numeric": [">", 10, "<=", 20]}), {"a": 10}),
    (of({"numeric": [">", 10]}), {"a": "20"}),
    (of({"cidr": "10.0.0.0/24"}), {"a": "10.0.1.0"}),
    (of({"cidr": "10.0.0.0/24"}), {"a": "no address"}),
    (of({"exists": True}), {"a": {"b": 1}}),
    (of({"exists": True}), {"a": []}),
    (of({"exists": False}), {"a": None}),
    ({"a": {"b": [{"exists": False}]}}, {"a": [{"c": 1}, {"b": 1}]}),
    ({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1, "c": 3}, {"b": 2, "c": 2}]}),
    ({"a": {"b": ["x"]}}, {"a": "x"}),
    ({"$or": [{"a": [1]}, {"b": [2]}]}, {"a": 2, "b": 1}),
]


@pytest.mark.parametrize(("pattern", "event"), MEETS)
def test_what_a_pattern_matches(pattern: Any, event: Any) -> None:
    assert meets(pattern, event)
    assert Matcher([("r", compiled(json.dumps(pattern)))]).match(event_of(json.dumps(event))) == ["r"]


@pytest.mark.parametrize(("pattern", "event"), DIFFERS)
def test_what_it_does_not(pattern: Any, event: Any) -> None:
    assert not meets(pattern, event)
    assert Matcher([("r", compiled(json.dumps(pattern)))]).match(event_of(json.dumps(event))) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "Filter is not an object"),
        ("5", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"a": {}}', "Empty objects are not allowed"),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"a": "x"}', '"a" must be an object or an array'),
        ('{"a": 1}', '"a" must be an object or an array'),
        ('{"a": [[1]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{"like": "x"}]}', "Unrecognized match type like"),
        ('{"a": [{}]}', "Empty objects are not allowed"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key allowed in match expression"),
        ('{"a": [{"prefix": 5}]}', "prefix match pattern must be a string"),
        ('{"a": [{"suffix": ["x"]}]}', "suffix match pattern must be a string"),
        ('{"a": [{"wildcard": true}]}', "wildcard match pattern must be a string"),
        ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters at pos 1"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character at pos 1"),
        ('{"a": [{"wildcard": "a\\\\"}]}', "Invalid escape character at pos 1"),
        ('{"a": [{"exists": "yes"}]}', "exists match pattern must be either true or false."),
        ('{"a": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
        ('{"a": [{"cidr": "10.0.0.0/x"}]}', "Malformed CIDR, mask bits must be an integer"),
        ('{"a": [{"cidr": "10.0.0.0/33"}]}', "Malformed CIDR, bad mask length"),
        ('{"a": [{"cidr": "10.0.0/8"}]}', "Nonstandard IP address: 10.0.0"),
        ('{"a": [{"numeric": 5}]}', "Value of numeric must be an array."),
        ('{"a": [{"numeric": ["!", 5]}]}', "Unrecognized numeric range operator: !"),
        ('{"a": [{"numeric": ["=", "5"]}]}', "Value of = must be numeric"),
        ('{"a": [{"numeric": [">", 5, "<", 5]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": ["=", 5, "<", 9]}]}', "Too many elements in numeric expression"),
        ('{"a": [{"numeric": [">"]}]}', "Invalid numeric match: an operator needs a number"),
        ('{"a": [{"numeric": [">", 6e9]}]}', "Value must be between -5.0E9 and 5.0E9, inclusive"),
        ('{"a": [{"anything-but": []}]}', "Empty arrays are not allowed"),
        ('{"a": [{"anything-but": null}]}', "Value of anything-but must be an array or single string/number value."),
        (
            '{"a": [{"anything-but": ["x", 1]}]}',
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        ('{"a": [{"anything-but": {"cidr": "x"}}]}', "Unsupported anything-but pattern: cidr"),
        ('{"$or": [{"a": [1]}]}', "There must have at least 2 Objects in $or relationship."),
    ],
)
def test_what_is_no_pattern(text: str, reason: str) -> None:
    assert why(text) == reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a"',
        '{"a":',
        '{"a": [1,]}',
        "{'a': [1]}",
        '{"a": [01]}',
        "{a: 1}",
        '{"a": ["x]}',
        "nul",
        '{"a": [NaN]}',
        '{"a": [1]} x',
        "\ud800",
    ],
)
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(PatternError):
        compiled(text)


def test_a_refusal_says_where() -> None:
    with pytest.raises(PatternError) as caught:
        compiled('{"source": ["aws.health"], "detail": {}}')
    assert str(caught.value) == (
        'Empty objects are not allowed at [Source: (String)"{"source": ["aws.health"], "detail": {}}"; line: 1, column: 40]'
    )
    with pytest.raises(PatternError) as caught:
        compiled('{\n  "detail-type": ["x"],\n  "detail": {\n    "pipeline": {\n      "slug": "some"\n    }\n  }\n}')
    assert str(caught.value).endswith("; line: 5, column: 16]")


def test_a_pattern_is_bounded() -> None:
    assert why('{"a":' * 800 + "[1]" + "}" * 800) == "Nesting is deeper than 100 levels"
    many = [{"a": [n]} for n in range(40)]
    three = {"x": {"$or": many}, "y": {"$or": many}}
    assert "combinations" in why(json.dumps(three))


def test_hostile_wildcards_are_linear() -> None:
    pattern = compiled(json.dumps(of({"wildcard": "*a" * 1000 + "b"})))
    assert not pattern.meets({"a": "a" * 200_000})


def test_hostile_arrays_are_linear() -> None:
    deep: Any = ["x"]
    for _ in range(500):
        deep = [deep, *range(100)]
    event = event_of(json.dumps({"a": deep}))
    assert compiled(json.dumps(of("x"))).meets(event)
    assert Matcher([("r", compiled(json.dumps(of("y"))))]).match(event) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "ab", "*", "10.0.0.0/8", "10.0.0.1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "a",
                    "b",
                    "$or",
                    "prefix",
                    "suffix",
                    "wildcard",
                    "exists",
                    "numeric",
                    "cidr",
                    "anything-but",
                    "equals-ignore-case",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(pattern=JSON, event=JSON, other=JSON)
@settings(max_examples=500, deadline=None)
def test_any_json_is_a_pattern_or_refused_and_the_index_agrees(pattern: Any, event: Any, other: Any) -> None:
    try:
        branch, more = compiled(json.dumps(pattern)), compiled('{"a": ["a", 1]}')
    except PatternError:
        return
    for each in (event, {"a": event, "b": other}):
        seen = event_of(json.dumps(each if isinstance(each, dict) else {"a": each}))
        wanted = [name for name, one in (("one", branch), ("two", more)) if one.meets(seen)]
        assert Matcher([("one", branch), ("two", more)]).match(seen) == wanted


@given(text=st.text(alphabet='{}[]",:\\*ab1$ortue.-\n\x00é', max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    assert "line: " in refusal_of(text)


def refusal_of(text: str) -> str:
    """Why a text is no pattern; a place for one that is."""
    try:
        compiled(text)
    except PatternError as error:
        return str(error)
    return "line: none"
