"""No dead files: every module is reached from the command line, which starts everything else."""

from __future__ import annotations

import re
import tomllib

from tests.architecture.source import ROOT, Module, names, source

# Modules that nothing in src imports, and who uses them.
USED_FROM_OUTSIDE: dict[str, str] = {
    "fogbank.engine.functions.inside.python.bootstrap": "the runtime of Python, in sandboxes",
    "fogbank.engine.functions.inside.python.runtime_client": "awslambdaric, in sandboxes",
}


def test_every_module_is_reached() -> None:
    reached = set(USED_FROM_OUTSIDE)
    waiting = entry_points()
    by_name = {module.name: module for module in source()}
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= leads_to(by_name[name])
    assert not sorted(names() - reached)


def test_exceptions_are_still_there() -> None:
    assert set(USED_FROM_OUTSIDE) <= names()


def entry_points() -> set[str]:
    """Scripts of the distribution, and modules that are run with -m."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    mains = {module.name for module in source() if '__name__ == "__main__"' in module.text}
    return {target.partition(":")[0] for target in scripts.values()} | mains


def leads_to(module: Module) -> set[str]:
    """What a module imports, its packages, and what it names: `"fogbank.cli.up:up"`, or a service's modules beside service.py."""
    found = module.imports | {module.name.rpartition(".")[0]}
    found |= {text.partition(":")[0] for text in module.strings if re.fullmatch(r"fogbank(\.\w+)+(:\w+)?", text)}
    siblings = f"{module.name.rpartition('.')[0]}." if module.path.name == "service.py" else f"{module.name}."
    found |= {siblings + text for text in module.strings if text.isidentifier()}
    if module.name == "fogbank.services.registry":
        found |= {name for name in names() if re.fullmatch(r"fogbank\.services\.\w+\.service", name)}
    return found & names()
