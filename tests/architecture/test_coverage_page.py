"""The coverage page tells the truth."""

from __future__ import annotations

from fogbank.cli.coverage import PAGE, page
from fogbank.services import registry
from fogbank.wire import load
from fogbank.wire.indexing import load_index


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run make coverage"


def test_the_page_has_every_service_and_stays_readable() -> None:
    text = page()
    assert len(text) < 1_000_000
    assert all(f"`{name}`" in text or f"<code>{name}</code>" in text for name in load_index())


def test_the_counts_add_up() -> None:
    works = sum(len(service.operations) for service in registry.services().values())
    total = sum(len(load(name).operations) for name in load_index())
    assert f"{works} of {total} operations work" in page()
