"""Scalars from text: what SDKs send is read exactly; what is not AWS's is refused with ValueError."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbank.wire import scalars
from fogbank.wire.parse_rest import split_dates, split_list

WHEN = datetime(2015, 1, 25, 8, 0, 0, tzinfo=UTC)
BOUNDED = settings(max_examples=200, deadline=None, derandomize=True)
TIMES = st.datetimes(datetime(1600, 1, 1), datetime(9990, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize("name", ["iso8601", "rfc822", "unixTimestamp"])
@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("2015-01-25T08:00:00Z", 0),
        ("2015-01-25T08:00:00.000Z", 0),
        ("2015-01-25T08:00:00.123456789Z", 123456),
        ("2015-01-25T08:00:00.5", 500000),
        ("2015-01-25T10:00:00+02:00", 0),
        ("2015-01-25 08:00:00", 0),
        ("2015-01-25T08:00Z", 0),
        ("20150125T080000Z", 0),
        ("Sun, 25 Jan 2015 08:00:00 GMT", 0),
        ("Sun, 25 Jan 2015 08:00:00.250 GMT", 250000),
        ("Sun, 25 Jan 2015 10:00:00 +0200", 0),
        ("Sunday, 25-Jan-15 08:00:00 GMT", 0),
        ("Sun Jan 25 08:00:00 2015", 0),
        ("1422172800", 0),
        ("1422172800.25", 250000),
        ("1.4221728E9", 0),
    ],
)
def test_every_format_takes_all_that_sdks_send(name: str, text: str, micro: int) -> None:
    assert scalars.TIMESTAMP_PARSERS[name](text) == WHEN.replace(microsecond=micro)


def test_dates_alone() -> None:
    for text in ("2015-01-25", "20150125"):
        assert scalars.TIMESTAMP_PARSERS["iso8601"](text) == WHEN.replace(hour=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "NaN",
        "Infinity",
        "2015-02-30T00:00:00Z",
        "2015-01-25T24:00:00Z",
        "2015-01-25T08:00:00+99:00",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "٢٠١٥-01-25T08:00:00Z",
        "Sun, 32 Jan 2015 08:00:00 GMT",
        "Sun, 25 Foo 2015 08:00:00 GMT",
        "1e400",
        "1" * 500,
        "99999999999999",
        "-99999999999999",
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    for parse in scalars.TIMESTAMP_PARSERS.values():
        with pytest.raises(ValueError):
            parse(text)


@BOUNDED
@given(TIMES)
def test_timestamps_read_back(when: datetime) -> None:
    assert scalars.TIMESTAMP_PARSERS["iso8601"](when.isoformat()) == when
    east = when.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert scalars.TIMESTAMP_PARSERS["iso8601"](east.isoformat()) == when
    seconds = when.replace(microsecond=0)
    assert scalars.TIMESTAMP_PARSERS["rfc822"](format_datetime(seconds, usegmt=True)) == seconds


@BOUNDED
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for type_name in ("integer", "long", "float", "boolean", "blob", "timestamp"):
        read = scalars.text_reader(type_name, "iso8601")
        assert read is not None
        try:
            read(text)
        except ValueError:
            continue


def test_numbers() -> None:
    assert scalars.parse_integer("-0012") == -12
    assert scalars.parse_float("-1.5e3") == -1500
    assert math.isnan(scalars.parse_float("NaN"))
    assert scalars.parse_float("-Infinity") == -math.inf
    for text in ("1_0", "nan", "inf", "0x1", "1e", ".", "", "1 ", "٣", "1" * 9999):
        with pytest.raises(ValueError):
            scalars.parse_float(text)


def test_blobs() -> None:
    assert scalars.parse_blob("") == b""
    assert scalars.parse_blob("aGVs\n bG8=\n") == b"hello"
    for text in ("aGVsbG8", "a", "a===", "aGVs*G8=", "aGVsbG8=aGVsbG8=", "ä"):
        with pytest.raises(ValueError):
            scalars.parse_blob(text)


def test_lists_in_headers() -> None:
    assert split_list('a, b ,"c, \\"d\\"" ,e') == ["a", "b", 'c, "d"', "e"]
    assert split_list('a"b, "unclosed') == ['a"b', '"unclosed']
    dates = "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT"
    assert split_dates(dates) == ["Mon, 16 Dec 2019 23:48:18 GMT", "Tue, 17 Dec 2019 23:48:18 GMT"]
