"""Exceptions to type checking say which and why."""

from __future__ import annotations

import re

from tests.architecture.source import Module, modules

WITH_CODE = re.compile(r"# type: ignore\[[\w, -]+\]")
WITH_REASON = re.compile(r"# type: ignore\[[\w, -]+\]\s+# \S")


def test_every_ignore_has_a_code() -> None:
    wrong = [
        f"{module}:{number}"
        for module in modules("src", "tests", "bench")
        for number, line in ignores(module)
        if not WITH_CODE.search(line)
    ]
    assert not wrong


def test_every_ignore_of_src_has_a_reason_after_it_or_above_it() -> None:
    """Except no-untyped-call, which is its own reason: the library has no types."""
    wrong = []
    for module in modules("src"):
        lines = module.text.splitlines()
        for number, line in ignores(module):
            if not (WITH_REASON.search(line) or "[no-untyped-call]" in line) and not lines[
                number - 2
            ].strip().startswith("#"):
                wrong.append(f"{module}:{number}")
    assert not wrong


def ignores(module: Module) -> list[tuple[int, str]]:
    lines = enumerate(module.text.splitlines(), 1)
    return [
        (number, line)
        for number, line in lines
        if "# type" + ": ignore" in line and "architecture" not in module.relative
    ]
