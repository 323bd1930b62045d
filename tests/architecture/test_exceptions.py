"""Errors are handled or passed on, never swallowed."""

from __future__ import annotations

import ast

from tests.architecture.source import modules

BROAD = {"Exception", "BaseException"}
# Where nothing is left to tell or to do.
LAST_WORDS = {"src/fogbank/region/children.py": "a forked child flushes what it can before os._exit"}


def test_no_bare_except() -> None:
    wrong = [f"{module}:{handler.lineno}" for module, handler in handlers() if handler.type is None]
    assert not wrong


def test_broad_handlers_do_something() -> None:
    wrong = [
        f"{module}:{handler.lineno}"
        for module, handler in handlers()
        if handler.type is not None
        and BROAD & {name.id for name in ast.walk(handler.type) if isinstance(name, ast.Name)}
        if all(isinstance(step, ast.Pass | ast.Continue | ast.Break) or is_ellipsis(step) for step in handler.body)
    ]
    assert not wrong


def test_nothing_suppresses_every_exception() -> None:
    wrong = [
        f"{module}:{node.lineno}"
        for module in modules("src", "tests", "bench")
        if module.relative not in LAST_WORDS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
        if BROAD & {ast.unparse(argument) for argument in node.args}
    ]
    assert not wrong


def handlers() -> list[tuple[str, ast.ExceptHandler]]:
    return [
        (module.relative, node)
        for module in modules("src", "tests", "bench")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler)
    ]


def is_ellipsis(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)
