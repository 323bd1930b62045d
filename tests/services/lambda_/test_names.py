"""Names of functions, in all their forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbank.core.errors import AwsError
from fogbank.services.lambda_ import layer_names
from fogbank.services.lambda_.names import Name, parse
from fogbank.services.lambda_.resolving import number_of

ACCOUNT, REGION = "123456789012", "us-east-1"
F = Name(ACCOUNT, REGION, "f")
PIECES = st.lists(
    st.sampled_from(
        ["arn", "aws", "lambda", "function", REGION, ACCOUNT, "f", "$LATEST", "live", "1", "", ":", "é", " ", "x" * 65]
    ),
    max_size=9,
).map(":".join)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("f", F),
        ("f:live", Name(ACCOUNT, REGION, "f", "live")),
        ("f:$LATEST", Name(ACCOUNT, REGION, "f", "$LATEST")),
        ("function:f", F),
        ("function", Name(ACCOUNT, REGION, "function")),
        ("111122223333:f", Name("111122223333", REGION, "f")),
        ("111122223333:function:f:1", Name("111122223333", REGION, "f", "1")),
        ("eu-west-1:111122223333:function:f", Name("111122223333", "eu-west-1", "f")),
        (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", F),
        (f"arn:aws-us-gov:lambda:us-gov-west-1:{ACCOUNT}:function:f:7", Name(ACCOUNT, "us-gov-west-1", "f", "7")),
        ("123456789012", Name(ACCOUNT, REGION, "123456789012")),
    ],
)
def test_forms(text: str, name: Name) -> None:
    assert parse(text, ACCOUNT, REGION) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "f:",
        ":f",
        "f:g:h",
        "f g",
        "é",
        "f\n",
        "f/g",
        "f:$OTHER",
        "arn:aws:s3:::b",
        "x" * 65,
        "f:" + "x" * 129,
        "$LATEST",
        "f." * 3,
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(AwsError):
        parse(text, ACCOUNT, REGION)


@given(PIECES | st.text(max_size=80))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = parse(text, ACCOUNT, REGION)
    except AwsError:
        return
    assert parse(name.arn, "000000000000", "eu-west-1") == name


@given(st.text(max_size=80) | PIECES.map(lambda text: text.replace("function", "layer")))
def test_any_text_is_a_layers_name_or_refused(text: str) -> None:
    try:
        name = layer_names.parse(text, ACCOUNT, REGION)
    except AwsError:
        return
    assert name.account.isdigit()


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{1,25}", fullmatch=True))
def test_numbers_of_versions(text: str) -> None:
    number = number_of(text)
    assert number is None or 0 <= number < 10**10
