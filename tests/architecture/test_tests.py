"""Tests test: each module of them asserts something."""

from __future__ import annotations

import ast
import re

from tests.architecture.source import modules

ASSERT_LIKE = re.compile(r"pytest\.(raises|fail|warns)|self\.assert\w+|.*\bassert_\w+|.*\bcheck_?\w*")


def test_every_test_module_asserts_something() -> None:
    wrong = [
        module.relative
        for module in modules("tests")
        if module.path.name.startswith("test_")
        if not any(asserts(node) for node in ast.walk(module.tree))
    ]
    assert not wrong


def test_every_test_module_has_tests() -> None:
    wrong = [
        module.relative
        for module in modules("tests")
        if module.path.name.startswith("test_")
        if not any(function.name.startswith("test_") for function in module.functions)
        if not re.search(r"^Test\w+ = \w+\.TestCase$", module.text, re.MULTILINE)  # hypothesis's state machines
    ]
    assert not wrong


def asserts(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert) or (
        isinstance(node, ast.Call) and bool(ASSERT_LIKE.fullmatch(ast.unparse(node.func)))
    )
