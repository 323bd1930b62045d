"""What tenants call their objects, on an operator's terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.cli import fsck, scrub
from fogbank.store.check import Problem
from fogbank.store.scrubs import Damage, Scrubbed

if TYPE_CHECKING:
    import pytest

NAME = "s3://b/\x1b]0;owned\x07\x1b[2Jk\u202e (version null)"


def test_names_of_objects_do_not_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    damage = Damage(blob="1", missing=False, holders=(NAME,))
    found = Scrubbed(began=0, ended=1, blobs=1, bytes=1, damaged=1, damage=(damage,))
    scrub._show(found)
    fsck._show([Problem(NAME)], [Problem(NAME)], False)
    said = capsys.readouterr().out
    assert said.count("owned") == 2
    assert all(char.isprintable() or char == "\n" for char in said)
