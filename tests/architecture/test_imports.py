"""Imports point one way."""

from __future__ import annotations

from tests.architecture.source import Module, source

# What each package may import, besides itself and what only names the version. auth takes the messages of wire, not its codecs.
MAY_IMPORT: dict[str, set[str]] = {
    "store": set(),
    "wire": set(),
    "engine": set(),
    "region": set(),
    "auth": {"wire.errors", "wire.http"},
    "core": {"store", "auth", "wire"},
    "services": {"core", "store", "auth", "wire", "engine"},
    "gateway": {"services", "core", "store", "auth", "wire", "region"},
    "control": {"services", "engine", "core", "store", "auth", "wire", "region"},
    "tour": {"region", "cli"},
    "cli": {"tour", "gateway", "control", "services", "engine", "core", "store", "auth", "wire", "region"},
}


def test_every_package_has_a_place() -> None:
    assert {module.package for module in source()} - {""} <= set(MAY_IMPORT)


def test_imports_point_one_way() -> None:
    wrong = [f"{module} imports {name}" for module in source() for name in module.imports if not allowed(module, name)]
    assert not wrong


def test_services_never_import_each_other_nor_their_registry() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in source()
        if module.name.count(".") > 1 and module.package == "services" and module.path.parent.name != "services"
        for name in module.imports
        if name.startswith("fogbank.services.") and name.split(".")[2] != module.name.split(".")[2]
    ]
    assert not wrong


def test_nothing_imports_tests_or_benchmarks() -> None:
    wrong = [
        module.relative
        for module in source()
        for line in module.text.splitlines()
        if line.startswith(("import tests", "from tests", "import bench", "from bench", "from support", "import moto"))
    ]
    assert not wrong


def test_botocores_code_is_not_imported() -> None:
    wrong = [
        f"{module}: {line}"
        for module in source()
        if module.package != "tour"  # a client of the region, like any other
        for line in module.text.splitlines()
        if line.strip().startswith(("import botocore", "from botocore", "import boto3", "from boto3"))
    ]
    assert not wrong


def allowed(module: Module, name: str) -> bool:
    """Whether a module may import another one of fogbank's."""
    parts = name.split(".")
    package = (*parts, "")[1]
    if package in ("", module.package) or module.package == "":
        return True
    return package in MAY_IMPORT[module.package] or ".".join(parts[1:3]) in MAY_IMPORT[module.package]
