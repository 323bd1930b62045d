"""The coverage page tells the truth."""

from __future__ import annotations

import re
from functools import lru_cache

from fogbank.cli.coverage import PAGE, page
from fogbank.services import registry
from fogbank.wire.indexing import load_index

written = lru_cache(maxsize=1)(page)


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == written(), "run make coverage"


def test_the_page_has_every_service_and_stays_readable() -> None:
    text = written()
    assert len(text) < 1_000_000
    assert all(f"`{name}`" in text or f"<code>{name}</code>" in text for name in load_index())


def test_the_counts_add_up() -> None:
    text = written()
    bounds = [bound for service in registry.services().values() for bound in service.operations.values()]
    works = sum(1 for bound in bounds if not bound.model.synthetic)
    parts = re.findall(r"\((?:`|<code>)[\w-]+(?:`|</code>)\): (\d+) of (\d+)", text)
    assert sum(int(number) for number, _ in parts) == works
    assert f"\n{works} of {sum(int(number) for _, number in parts)} operations work, " in text
