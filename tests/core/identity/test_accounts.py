"""Accounts, organizations and the service control over them, as the store keeps them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.identity.accounts import (
    FULL_ACCESS,
    Attachment,
    ControlPolicy,
    EmailTaken,
    Organization,
    Unit,
    accounts,
    attach_control,
    changed,
    control_policies,
    controls,
    controls_of,
    detach_all,
    is_closed,
    join,
    leave,
    make_account,
    organization_keys,
    organization_of,
    organizations,
    path_to,
    shut,
    targets,
    targets_of,
    units,
)
from fogbank.core.identity.generation import generation
from fogbank.core.ids import Ids
from fogbank.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OWN = "123456789012"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUSE = Organization(id="o-a", root="r-root", management=OWN, created=1, controls=True)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Callable[[Any], Any]], Any]]:
    """Change the state of a store in which there is an organization."""
    store = SqliteStore(tmp_path / "state.db")
    loop = asyncio.new_event_loop()

    def write(change: Callable[[Any], Any]) -> Any:
        return loop.run_until_complete(store.write(change))

    def begin(tx: Any) -> None:
        organizations.put(tx, HOUSE, HOUSE.id)
        attach_control(tx, HOUSE, FULL_ACCESS, HOUSE.root)
        join(tx, HOUSE, OWN, HOUSE.root, 1)

    write(begin)
    yield write
    store.close()
    loop.close()


def made(tx: Any, name: str = "dev", **more: Any) -> str:
    given = {"name": name, "email": f"{name}@example.com", "owner": OWN, **more}
    return make_account(tx, Ids(), NOW, **given).number


def test_an_account_is_in_its_owners_organization(run: Any) -> None:
    number = run(made)
    assert run(lambda tx: organization_of(tx, number)) == HOUSE
    stranger = run(lambda tx: made(tx, "other", owner="444455556666"))
    assert run(lambda tx: organization_of(tx, stranger)) is None
    member = run(lambda tx: made(tx, "third", owner=number))  # a member's account is not the organization's
    assert run(lambda tx: organization_of(tx, member)) is None


def test_numbers_are_twelve_digits_and_new(run: Any) -> None:
    numbers = {run(lambda tx, n=n: made(tx, f"n{n}")) for n in range(20)}
    assert len(numbers) == 20
    assert all(len(number) == 12 and number.isdigit() and number[0] != "0" for number in numbers)


def test_an_address_is_taken_in_any_case(run: Any) -> None:
    run(made)
    with pytest.raises(EmailTaken):
        run(lambda tx: made(tx, "x", email="DEV@Example.com"))
    assert run(lambda tx: sum(1 for _ in accounts.scan(tx))) == 1


def test_closing_moves_the_generation(run: Any) -> None:
    number = run(made)
    before = run(lambda tx: generation(tx, number))
    run(lambda tx: shut(tx, accounts.get(tx, number)))
    assert run(lambda tx: is_closed(tx, number))
    assert run(lambda tx: generation(tx, number)) != before
    assert not run(lambda tx: is_closed(tx, OWN))


def test_levels_of_control(run: Any) -> None:
    def build(tx: Any) -> str:
        number = made(tx)
        units.put(tx, Unit(id="ou-1", name="a", parent=HOUSE.root), HOUSE.id, "ou-1")
        units.put(tx, Unit(id="ou-2", name="b", parent="ou-1"), HOUSE.id, "ou-2")
        attach_control(tx, HOUSE, FULL_ACCESS, "ou-1")
        join(tx, HOUSE, number, "ou-2", 1)
        return number

    number = run(build)
    assert run(lambda tx: path_to(tx, HOUSE, "ou-2")) == [HOUSE.root, "ou-1", "ou-2"]
    assert [len(level.policies) for level in run(lambda tx: controls(tx, number))] == [1, 1, 0, 1]
    assert run(lambda tx: controls(tx, OWN)) == ()
    assert run(lambda tx: controls(tx, "444455556666")) == ()
    paths = run(lambda tx: organization_keys(tx, number))["aws:principalorgpaths"]
    assert paths == (f"o-a/{HOUSE.root}/ou-1/ou-2/",)
    assert set(run(lambda tx: list(targets(tx, HOUSE)))) == {HOUSE.root, "ou-1", "ou-2", OWN, number}


def test_a_policy_that_is_gone_or_not_understood_denies_all(run: Any) -> None:
    number = run(made)

    def spoil(tx: Any, document: str | None) -> Any:
        if document is not None:
            kept = ControlPolicy(id="p-1", name="x", description="", document=document)
            control_policies.put(tx, kept, HOUSE.id, "p-1")
        attach_control(tx, HOUSE, "p-1", number)
        return controls(tx, number)[-1]

    for document in (None, "{", '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}'):
        level = run(lambda tx, document=document: spoil(tx, document))
        assert level.about("s3:GetObject").deny


def test_leaving_and_changing_move_generations(run: Any) -> None:
    number = run(made)
    before = run(lambda tx: generation(tx, number))
    run(lambda tx: changed(tx, HOUSE))
    middle = run(lambda tx: generation(tx, number))
    run(lambda tx: leave(tx, HOUSE, number))
    after = run(lambda tx: generation(tx, number))
    assert len({before, middle, after}) == 3
    assert run(lambda tx: list(controls_of.scan(tx, HOUSE.id, number))) == []


def test_attachments_are_found_from_both_ends(run: Any) -> None:
    record = Attachment(policy=FULL_ACCESS, target=HOUSE.root)
    assert run(lambda tx: targets_of.get(tx, HOUSE.id, FULL_ACCESS, HOUSE.root)) == record
    run(lambda tx: detach_all(tx, HOUSE, HOUSE.root))
    assert run(lambda tx: targets_of.get(tx, HOUSE.id, FULL_ACCESS, HOUSE.root)) is None
