"""The tree as the rules of the house see it: modules, their imports, their functions."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """A Python file. `name` is its dotted name for files of src, and its path for others."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self.relative = str(path.relative_to(ROOT))
        self.text = path.read_text() if text is None else text
        parts = path.relative_to(SRC).with_suffix("").parts if path.is_relative_to(SRC) else (self.relative,)
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def package(self) -> str:
        """The first part below fogbank: `wire`, `gateway`, …; empty for fogbank itself."""
        return (*self.name.split("."), "")[1]

    @cached_property
    def lines(self) -> int:
        """Lines of the file."""
        return self.text.count("\n")

    @cached_property
    def functions(self) -> list[Function]:
        """All functions and methods, inner ones too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def imports(self) -> set[str]:
        """The modules of fogbank that it imports, for types too; also those that it names in import_module."""
        return {name for name in (*self._statements(), *self._dynamic()) if name in names()}

    @cached_property
    def strings(self) -> list[str]:
        """Every string constant."""
        return [
            node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]

    def _statements(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from found
                if not all(name in names() for name in found):
                    yield node.module

    def _dynamic(self) -> Iterator[str]:
        """`import_module("a.b")`, and `import_module(f"a.{name}")` for the strings of this module that name one there."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                prefix = re.match(r"f?'([\w.]*)", ast.unparse(node.args[0]))
                if prefix:
                    yield from (prefix[1], *(prefix[1] + text for text in self.strings))

    def __repr__(self) -> str:
        return self.relative


def length(function: Function) -> int:
    """Lines of a function, with its decorators and its docstring."""
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return (function.end_lineno or first) - first + 1


@lru_cache
def modules(*tops: str) -> tuple[Module, ...]:
    """The Python files below directories of the project, sorted."""
    return tuple(Module(path) for top in tops for path in sorted((ROOT / top).rglob("*.py")))


def source() -> tuple[Module, ...]:
    """The modules of src."""
    return modules("src")


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """The dotted names of src's modules."""
    return frozenset(module.name for module in source())


@lru_cache(maxsize=1)
def tracked() -> tuple[Path, ...]:
    """The files that git knows; all files of the tree where there is no git."""
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        hidden = {".git", ".venv", ".venv-bench", "__pycache__", "var", ".mypy_cache", ".ruff_cache"}
        return tuple(path for path in ROOT.rglob("*") if path.is_file() and not hidden & set(path.parts))
    return tuple(ROOT / name for name in found.stdout.decode().split("\0") if name and (ROOT / name).is_file())


def calls(module: Module) -> Iterator[tuple[str, int]]:
    """The dotted names that a module refers to, with imported ones written out (`sleep` may be time.sleep), and their lines."""
    aliases: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            aliases |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            aliases |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name):
            head, dot, rest = ast.unparse(node).partition(".")
            if head in aliases:
                yield aliases[head] + dot + rest, node.lineno
