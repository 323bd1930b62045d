"""Filter patterns: AWS's documented examples, what is refused, and hostile input."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.services.logs.patterns import compile_pattern as pattern
from fogbank.services.logs.patterns_fields import split
from fogbank.services.logs.patterns_regex import Regex
from fogbank.wire.errors import AwsError

ERRORS = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[ERROR 420] INVALID ARGUMENTS",
]
LEVELS = ["ERROR WARN message", "ERROR message", "WARN message"]
EVENT = """{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
  "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "ThisFlag": true}"""
USERS = """{"user": {"id": 1, "email": "John.Stiles@example.com"},
  "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
  "actions": ["GET", "PUT", "DELETE"], "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]]}"""
ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
FRANK = ["127.0.0.1", "-", "frank", "10/Oct/2000:13:25:15 -0700", "GET /index.html HTTP/1.0", "404", "1534"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [0, 1, 2, 3]),
        ("   ", [0, 1, 2, 3]),
        ('" "', [0, 1, 2, 3]),
        ("ERROR", [0, 1, 2, 3]),
        ("error", []),
        ("ERROR ARGUMENTS", [2, 3]),
        ("?MISSING ?REQUEST", [0, 1, 2]),
        ('"ERROR 401"', [1]),
        ('"[ERROR" "ARGUMENTS"', [2, 3]),
        ("ERROR -ARGUMENTS", [0, 1]),
        ('ERROR -"BAD REQUEST" -MISSING', [1, 3]),
        ('"ERROR" - "BAD"', [1, 2, 3]),
        ("?MISSING ?INVALID REQUEST", [0, 1]),
        ("-ERROR", []),
        ("%AUTHORIZED%", [1]),
        ("%4[01]% ", [0, 1, 2]),
        ("%ERROR 4[0-9]+. [BU]%", [0, 1]),
    ],
)
def test_words(text: str, numbers: list[int]) -> None:
    assert [number for number, message in enumerate(ERRORS) if pattern(text).matches(message)] == numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("ERROR", [0, 1]),
        ("?ERROR ?WARN", [0, 1, 2]),
        ("ERROR WARN", [0]),
        ("ERROR -WARN", [1]),
        ("[w1=ERROR, w2]", [1]),
        ("[w1=ERROR || w1=WARN, w2]", [1, 2]),
        ("[w1=ERROR || w1=%WA.N%, w2]", [1, 2]),
        ("[w1!=ERROR&&w1!=WARN, w2]", []),
        ("[w1, w2, w3]", [0]),
    ],
)
def test_words_by_place(text: str, numbers: list[int]) -> None:
    assert [number for number, message in enumerate(LEVELS) if pattern(text).matches(message)] == numbers


@pytest.mark.parametrize(
    "text",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{ $.eventType = UpdateTrail }",
        "{ $.eventType = Update* }",
        "{ $.eventType = *Trail }",
        '{ $.eventType = "*dateTr*" }',
        "{ $.eventType = * }",
        "{ $.eventType = %Trail$% }",
        "{ $.eventType != %^Trail% }",
        "{ $.sourceIPAddress != 123.123.* }",
        "{ $.sourceIPAddress = 111.111.* }",
        "{ $.sourceIPAddress = %1{3}\\.111% }",
        '{ $.arrayKey[0] = "value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.objectList[1].id = 2.0 }",
        "{ $.objectList[*].id = 2 }",
        "{ $.objectList[*].name = b }",
        "{ $.*[1].id = 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        '{ $.["eventType"] = "UpdateTrail" }',
        "{ $['eventType'] = \"UpdateTrail\" }",
        '{$.eventType="UpdateTrail"&&$.objectList[0].id<=1}',
        '{ ($.eventType = "x" || ($.objectList[0].id > 0)) && ($.ThisFlag IS TRUE) }',
    ],
)
def test_json(text: str) -> None:
    assert pattern(text).matches(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "{ $.eventType = updatetrail }",
        "{ $.eventType != Update* }",
        "{ $.eventType = Up*Trail }",
        "{ $.arrayKey = value }",
        "{ $.arrayKey != value }",
        "{ $.objectList[7].id != 2 }",
        "{ $.missing != x }",
        "{ $.missing IS NULL }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.eventType > 3 }",
        "{ $.objectList[*].id > 2 }",
    ],
)
def test_json_that_is_not_so(text: str) -> None:
    assert not pattern(text).matches(EVENT)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }',
            False,
        ),
        ("{ $.users = 1 }", False),
        ("{ $.users != 1 }", False),
        ("{ $.coordinates[1][2] = 6 }", True),
    ],
)
def test_json_compound(text: str, matches: bool) -> None:
    assert pattern(text).matches(USERS) is matches


@pytest.mark.parametrize(
    ("text", "message", "matches"),
    [
        ("{ $.latency >= 500 }", '{"latency": 500}', True),
        ("{ $.numbers[0] < 10e3 }", '{"numbers": [9999.5]}', True),
        ("{ $.numbers[0] < 10e-3 }", '{"numbers": [0.1]}', False),
        ("{ $.processes[4].averageRuntime <= 55.5 }", '{"processes": [1, 2, 3, 4, {"averageRuntime": 55.5}]}', True),
        ("{ $.errorCode = 400 }", '{"errorCode": 400}', True),
        ("{ $.errorCode = 400 }", '{"errorCode": "400"}', True),
        ("{ $.errorCode != 500 }", '{"errorCode": 400}', True),
        ("{ $.latency > +1000 }", '{"latency": -1001}', False),
        ("{ $.foo = bar || $.foo = baz }", '{"foo": "baz"}', True),
        ("{ $.a-b_c = 1 }", '{"a-b_c": 1}', True),
    ],
)
def test_json_numbers(text: str, message: str, matches: bool) -> None:
    assert pattern(text).matches(message) is matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code, bytes > 1000]", True),
        ("[ip, user, username, timestamp, request, status_code = 200, bytes]", False),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes]", True),
        ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", True),
        ("[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code = 4* && status_code != 404, bytes]", False),
        ("[ip = %127\\.0\\.0\\.[1-9]%, user, username, timestamp, request, status_code = %4[0-9]{2,2}%, bytes]", True),
        ("[ip != 127.0.0.1, ...]", False),
        ("[..., status_code, bytes]", True),
        ("[ip, user, ..., status_code, bytes]", True),
        ("[ip, user, ...]", True),
        ("[..., request=*.html*, status_code=4*,]", True),
        ('[..., request="GET *", status_code, bytes]', True),
        ("[…, bytes < 1534]", False),
        ("[]", True),
        ("[ip, user]", False),
        ("[a, b, c, d, e, f, g, h, ...]", False),
    ],
)
def test_fields(text: str, matches: bool) -> None:
    assert pattern(text).matches(ACCESS) is matches


def test_what_fields_extract() -> None:
    found = pattern("[..., request=*.html*, status_code=4*,]").extract(ACCESS)
    assert found == {
        "$status_code": "404",
        "$request": "GET /index.html HTTP/1.0",
        "$7": "1534",
        "$4": "10/Oct/2000:13:25:15 -0700",
        "$3": "frank",
        "$2": "-",
        "$1": "127.0.0.1",
    }
    assert pattern("[]").extract(ACCESS) == {f"${place}": word for place, word in enumerate(FRANK, 1)}


def test_what_json_extracts() -> None:
    found = pattern('{ $.eventType = "UpdateTrail" && $.objectList[1].id = 2 && $.no NOT EXISTS }').extract(EVENT)
    assert found == {"$.eventType": "UpdateTrail", "$.objectList[1].id": "2"}
    assert pattern("{ $.latency = * }").names == {"$.latency"}
    assert pattern("ERROR").extract("ERROR") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:b", "Invalid character(s) in term ':'"),
        ("foo-bar", "Invalid character(s) in term '-'"),
        ('""', "Invalid character(s) in term '\"\"'"),
        ("?Status: timeout", "Invalid character(s) in term ':'"),
        ("(x)", "Invalid character(s) in term '('"),
        ("`x`", "Invalid character(s) in term '`'"),
        ("“x“", "Invalid character(s) in term '“'"),
        ('"open', "Invalid character(s) in term '\"'"),
        ('{ $."sc-status" = 5* }', "Invalid character(s) in term '$.\"'"),
        ("{ $.a = é }", "Invalid character(s) in term 'é'"),
        ('{"a": 1', "If a filter pattern starts with '{' it must end with '}'"),
        ("[a, b", "If a filter pattern starts with '[' it must end with ']'"),
        ("{}", "Invalid filter pattern"),
        ("{ $.a }", "Invalid filter pattern"),
        ("{ $.a = 1 && }", "Invalid filter pattern"),
        ("{ ($.a = 1 }", "Invalid filter pattern"),
        ("{ $.a > abc }", "Invalid filter pattern"),
        ("{ $.a IS 1 }", "Invalid filter pattern"),
        ("{ $.a[*].b[*] = 1 }", "Invalid filter pattern"),
        ("{ $.a = %x% && $.b = %x% && $.c = %x% }", "Invalid filter pattern"),
        ("{ " + "(" * 200 + "$.a = 1" + ")" * 200 + " }", "Invalid filter pattern"),
        ("[ip, user, username, timestamp, request, status_code = 4* && bytes > 1000]", "Invalid filter pattern"),
        ("[..., a, ...]", "Invalid filter pattern"),
        ("[a b]", "Invalid filter pattern"),
        ("[a = %x%, b = %x%, c = %x%]", "Invalid filter pattern"),
        ("%something!%", "Invalid character(s) in term '!'"),
        ("%a(b)%", "Invalid character(s) in term '('"),
        ("%a!b%", "Invalid character(s) in term '!'"),
        ("%é%", "Invalid character(s) in term 'é'"),
        ("%[z-a]%", "Invalid filter pattern"),
        ("%[abc%", "Invalid filter pattern"),
        ("%a**%", "Invalid filter pattern"),
        ("%*a%", "Invalid filter pattern"),
        ("%a{9,3}%", "Invalid filter pattern"),
        ("%a{999}%", "Invalid filter pattern"),
        ("%" + "a{255}" * 20 + "%", "Invalid filter pattern"),
        ("%\\q%", "Invalid filter pattern"),
        ("%a^b%", "Invalid filter pattern"),
    ],
)
def test_what_is_no_pattern(text: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        pattern(text)
    assert (refused.value.code, refused.value.message) == ("InvalidParameterException", message)


def test_a_pattern_has_1024_characters_at_most() -> None:
    assert pattern("x" * 1024).matches("x" * 2000)
    with pytest.raises(AwsError):
        pattern("x" * 1025)


@pytest.mark.parametrize(
    ("text", "matching", "others"),
    [
        ("^[hc]at", ["hat", "cat x"], ["a hat", "bat"]),
        ("[hc]at$", ["a hat"], ["hat x"]),
        ("colou?r", ["color", "colour"], ["colouur"]),
        ("[abcx-z]", ["b", "y"], ["w"]),
        ("^a{3,5}$", ["aaa", "aaaaa"], ["aa", "aaaaaa"]),
        ("gray|grey", ["gray", "a grey cat"], ["gruy"]),
        ("10\\.10\\.0\\.1", ["10.10.0.1"], ["10-10.0.1"]),
        ("^zo*$", ["z", "zoo"], ["zox"]),
        ("^zo+$", ["zo", "zoo"], ["z"]),
        ("^.at$", ["hat", "3at"], ["at"]),
        ("^\\s$", [" ", "\t"], ["a"]),
        ("^\\S$", ["a"], [" "]),
        ("^\\d$", ["7"], ["a", "٣"]),
        ("^\\D$", ["a", "é"], ["7"]),
        ("^\\w$", ["a", "_"], ["-"]),
        ("^\\W$", ["-"], ["a"]),
        ("\\x28x\\x29", ["a(x)b"], ["x"]),
        ("[^ab]", ["é", "c"], ["ab"]),
        ("[a-]", ["-"], ["b"]),
        ("", ["", "x"], []),
    ],
)
def test_regular_expressions(text: str, matching: list[str], others: list[str]) -> None:
    regex = Regex(text)
    for search in (regex.matches, regex._automaton.matches):  # both ways of matching
        assert [search(each) for each in matching + others] == [True] * len(matching) + [False] * len(others)


def test_literals_that_every_match_contains() -> None:
    assert pattern('ERROR -x "a b"').required == (b"ERROR", b"a b")
    assert pattern("?a ?b").required == ()
    assert pattern("%ab{2}c?d[ef]gh%").required == (b"abb", b"d", b"gh")
    assert pattern("[a = *.html*, b = 200, c != x, d = e || d = f]").required == (b".html",)
    assert pattern('{ $.a = "b" }').required == (b"{",)


UNIT = st.builds(
    "{}{}".format,
    st.sampled_from(["a", "b", "é", ".", "[ab]", "[^a]", "\\d", "\\w", "\\x20"]).filter(str.isascii),
    st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,3}", "{2,}"]),
)
SEQUENCE = st.builds(
    "{}{}{}".format, st.sampled_from(["", "^"]), st.lists(UNIT, max_size=5).map("".join), st.sampled_from(["", "$"])
)


@given(st.lists(SEQUENCE, min_size=1, max_size=3).map("|".join), st.text("ab1 é\n", max_size=12))
def test_the_automaton_finds_what_backtracking_finds(text: str, message: str) -> None:
    regex = Regex(text)
    expected = re.search(text.replace("^", r"\A").replace(r"[\Aa]", "[^a]").replace("$", r"\Z"), message, re.ASCII)
    assert regex._automaton.matches(message) == regex.matches(message) == (expected is not None)


@given(st.text('abE{}[]()$.=!&|*%?-" \\,<>0123é', max_size=60), st.text(max_size=60))
def test_any_text_is_a_pattern_or_refused(text: str, message: str) -> None:
    try:
        found = pattern(text)
    except AwsError:
        return
    if found.matches(message):
        found.extract(message)
        assert all(literal in message.encode(errors="replace") for literal in found.required)


@given(st.text('a []"', max_size=40))
def test_words_of_a_message_have_all_its_characters(message: str) -> None:
    assert "".join(split(message)).replace(" ", "").count("a") == message.count("a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%a*a*a*a*a*a*b%", "a" * 100_000),
        ("%.*.*.*.*x%", "y" * 100_000),
        ("%[ab]{1,200}c%", "ab" * 20_000),
        ("[..., x]", '[ " ' * 40_000),
        ("[a, ..., b = *x*]", "y " * 90_000),
        ("{ $.a = 1 }", "{" * 100_000),
        ("{ $.a = 1 }", '{"a":' * 50_000),
        ("{ $.a[*] = 1 }", '{"a": [' + "2," * 100_000 + "2]}"),
    ],
)
def test_no_message_takes_long(text: str, message: str) -> None:
    began = time.process_time()
    assert not pattern(text).matches(message) or "..." in text
    assert time.process_time() - began < 20  # a quadratic way would take minutes


def test_an_automaton_keeps_few_nodes() -> None:
    regex = Regex("[ab]*a[ab]{9}c")
    assert not regex.matches("abbaabbbab" * 5000 + "baaabbabab" * 5000)
    assert len(regex._automaton.nodes) <= 32
    assert regex.matches("abbaabbbab" * 5000 + "abbbbbbbbbc")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ $.a = ERROR }", '{"a": "\\u0045RROR"}'),
        ('{ $.a = "x/y" }', '{"a": "x\\/y"}'),
        ("{ $.a = 1e3 }", '{"a": 1000}'),
        ("{ $.a = 1e+22 }", '{"a": 10000000000000000000000}'),
        ('{ $.a = "1e+22" }', '{"a": 1.0e22}'),
        ("{ $.a = true }", '{"a": true}'),
        ("{ $.a = b || $.c = d }", '{"a": "b"}'),
        ("{ $.a != b }", '{"a": "c"}'),
        ("{ $.a = é* }".replace("é*", '"é*"'), '{"a": "\\u00e9x"}'),
    ],
)
def test_json_is_matched_however_it_is_written(text: str, message: str) -> None:
    assert pattern(text).matches(message)


def test_json_that_is_none() -> None:
    for message in ("", "x", "[1]", "{", "{'a': 1}", '{"a": NaN}', '{"a": "\ud800"}', "null"):
        assert not pattern("{ $.a = * }").matches(message)
