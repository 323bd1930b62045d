"""The small parts: markers, clock, ids, authorisation."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fogbank.auth.policy import Decision, decide
from fogbank.core.authorize import denied
from fogbank.core.clock import Clock
from fogbank.core.errors import AwsError
from fogbank.core.ids import Ids
from fogbank.core.paging import read_marker, write_marker
from fogbank.core.principal import ANONYMOUS, Principal, root_of


def asked(principal: Principal, owner: str) -> Decision:
    """The decision on reading an object of an account."""
    same = principal.account == owner
    return decide("s3:GetObject", "arn:aws:s3:::b/k", principal, {}, principal.policies, same_account=same)


@pytest.mark.parametrize("last", ["a", "", "ü/\n\0", "x" * 2000])
def test_markers_round_trip(last: str) -> None:
    assert read_marker(write_marker(last)) == last


@pytest.mark.parametrize("marker", ["", "a", "=", "MQ==x", "é", "AAAA", write_marker("x")[:-3], "MTT_", "\0"])
def test_what_is_no_marker(marker: str) -> None:
    with pytest.raises(AwsError, match="ValidationError"):
        read_marker(marker)


def test_the_clock_only_moves_forward() -> None:
    clock = Clock()
    before = clock.now()
    clock.advance(timedelta(days=1))
    assert clock.now() - before >= timedelta(days=1)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(seconds=-1))


def test_ids_come_from_the_source_of_random_bytes() -> None:
    ids = Ids(lambda size: bytes(range(size)))
    first = Ids(lambda size: bytes(range(8)) * (size // 8))
    assert first.request_id() == "0001020304050607"
    assert len({Ids().request_id() for _ in range(1000)}) == 1000
    assert ids.unique("AIDA") == "AIDAAAAQEAYEAUDAOCAJ"
    assert len(ids.secret()) == 40
    assert len(ids.token(96)) == 96
    assert len({Ids().unique("AKIA") for _ in range(1000)}) == 1000


USER = Principal("user", "111111111111", "arn:aws:iam::111111111111:user/u", "AIDA")


@pytest.mark.parametrize(
    ("principal", "owner", "may"),
    [
        (root_of("111111111111"), "111111111111", True),
        (root_of("111111111111"), "222222222222", False),
        (USER, "111111111111", False),
        (USER, "222222222222", False),
        (ANONYMOUS, "111111111111", False),
        (ANONYMOUS, "anonymous", False),
        (Principal("service", "111111111111", "s3.amazonaws.com", "s3"), "111111111111", False),
    ],
)
def test_only_an_accounts_root_may(principal: Principal, owner: str, may: bool) -> None:
    assert asked(principal, owner).allowed is may


@pytest.mark.parametrize(
    ("protocol", "code"),
    [
        ("rest-xml", "AccessDenied"),
        ("query", "AccessDenied"),
        ("json", "AccessDeniedException"),
        ("ec2", "UnauthorizedOperation"),
    ],
)
def test_the_words_of_a_denial(protocol: str, code: str) -> None:
    error = denied(USER, "s3:GetObject", "arn:aws:s3:::b/k", asked(USER, USER.account), protocol)
    assert (error.code, error.status) == (code, 403)
    assert (
        "is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no identity-based policy"
        in error.message
    )
