"""Small functions in small files. What has been reached is in ratchet.json; its numbers only go down."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from tests.architecture.source import length, modules, source

RATCHET: dict[str, float] = json.loads((Path(__file__).parent / "ratchet.json").read_text())


def test_no_file_has_more_than_600_lines() -> None:
    assert not [f"{module}: {module.lines}" for module in modules("src", "tests", "bench") if module.lines > 600]


def test_no_function_has_more_than_70_lines() -> None:
    wrong = [
        f"{module}:{function.lineno} {function.name}: {length(function)}"
        for module in modules("src", "tests", "bench")
        for function in module.functions
        if length(function) > 70
    ]
    assert not wrong


def test_the_median_function_is_short() -> None:
    assert statistics.median(lengths()) <= min(12, RATCHET["median_function_lines"])


def test_long_functions_and_files_do_not_become_more() -> None:
    assert sum(lines > 50 for lines in lengths()) <= RATCHET["functions_over_50_lines"]
    assert sum(module.lines > 500 for module in source()) <= RATCHET["files_over_500_lines"]


def test_exceptions_to_the_tools_do_not_become_more() -> None:
    assert sum(module.text.count("# noqa") for module in source()) <= RATCHET["noqa"]
    assert sum(module.text.count("# type: ignore") for module in source()) <= RATCHET["type_ignores"]


def lengths() -> list[int]:
    return [length(function) for module in source() for function in module.functions]
