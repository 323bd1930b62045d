"""Functions, versions, aliases and layers in any order: what is told is what was done, and nothing leaks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fogbank.services import registry
from fogbank.store.check import check_records, check_unlinks
from services.lambda_.packages import hello, zipped
from services.lambda_.planted import role
from support.region import LocalRegion

NAMES = st.sampled_from(["f", "g"])
CODES = st.sampled_from([hello(), hello("x = 1\n"), zipped({"app.py": bytes(range(256)) * 600}, method=0)])
LAYERS = st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2)


class Model:
    """A function as it should be: $LATEST's code and layers, versions by number, aliases by name, and the last number."""

    def __init__(self, size: int, layers: list[str]) -> None:
        self.size, self.layers = size, layers
        self.versions: dict[int, tuple[int, list[str]]] = {}
        self.aliases: dict[str, int] = {}
        self.newest = 0

    def publish(self) -> int:
        """The number of the version that is like $LATEST."""
        if self.versions.get(self.newest) != (self.size, self.layers):
            self.newest += 1
            self.versions[self.newest] = (self.size, self.layers)
        return self.newest


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.region = LocalRegion(Path(self.place.name))
        self.client = self.region.client("lambda")
        self.role = role(self.region)
        self.functions: dict[str, Model] = {}
        self.layers: dict[str, int] = {}

    def teardown(self) -> None:
        self.region.close()
        self.place.cleanup()

    def refused(self, call: Any, **arguments: Any) -> bool:
        """Call, and settle; whether it was refused."""
        try:
            call(**arguments)
        except ClientError:
            return True
        self.region.settle()
        return False

    def arns(self, names: list[str]) -> list[str]:
        return [
            f"arn:aws:lambda:us-east-1:123456789012:layer:{name}:{self.layers[name]}"
            for name in names
            if name in self.layers
        ]

    @rule(name=st.sampled_from(["a", "b"]), body=CODES)
    def publish_layer(self, name: str, body: bytes) -> None:
        self.layers[name] = self.client.publish_layer_version(LayerName=name, Content={"ZipFile": body})["Version"]

    @rule(name=st.sampled_from(["a", "b"]))
    def delete_layer(self, name: str) -> None:
        if name in self.layers:
            self.client.delete_layer_version(LayerName=name, VersionNumber=self.layers.pop(name))

    @rule(name=NAMES, body=CODES, layers=LAYERS, publish=st.booleans())
    def create(self, name: str, body: bytes, layers: list[str], publish: bool) -> None:
        arns = self.arns(layers)
        refused = self.refused(
            self.client.create_function, FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=self.role,
            Code={"ZipFile": body}, Layers=arns, Publish=publish,
        )  # fmt: skip
        assert refused == (name in self.functions)
        if not refused:
            self.functions[name] = Model(len(body), arns)
            if publish:
                self.functions[name].publish()

    @rule(name=NAMES, body=CODES, publish=st.booleans())
    def update_code(self, name: str, body: bytes, publish: bool) -> None:
        refused = self.refused(self.client.update_function_code, FunctionName=name, ZipFile=body, Publish=publish)
        assert refused == (name not in self.functions)
        if not refused:
            self.functions[name].size = len(body)
            if publish:
                self.functions[name].publish()

    @rule(name=NAMES, layers=LAYERS)
    def update_layers(self, name: str, layers: list[str]) -> None:
        arns = self.arns(layers)
        if not self.refused(self.client.update_function_configuration, FunctionName=name, Layers=arns):
            self.functions[name].layers = arns

    @rule(name=NAMES)
    def publish(self, name: str) -> None:
        if name in self.functions:
            answer = self.client.publish_version(FunctionName=name)
            assert answer["Version"] == str(self.functions[name].publish())
            self.region.settle()

    @rule(name=NAMES, alias=st.sampled_from(["x", "y"]), number=st.integers(0, 3))
    def point(self, name: str, alias: str, number: int) -> None:
        there = name in self.functions and (number == 0 or number in self.functions[name].versions)
        known = there and alias in self.functions[name].aliases
        call = self.client.update_alias if known else self.client.create_alias
        refused = self.refused(
            call, FunctionName=name, Name=alias, FunctionVersion=str(number) if number else "$LATEST"
        )
        assert refused == (not there)
        if there:
            self.functions[name].aliases[alias] = number

    @rule(name=NAMES, number=st.integers(1, 3))
    def delete_version(self, name: str, number: int) -> None:
        refused = self.refused(self.client.delete_function, FunctionName=name, Qualifier=str(number))
        model = self.functions.get(name)
        assert refused == (model is None or number in model.aliases.values())
        if model is not None and not refused:
            model.versions.pop(number, None)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        assert self.refused(self.client.delete_function, FunctionName=name) == (name not in self.functions)
        self.functions.pop(name, None)

    @invariant()
    def it_is_as_told(self) -> None:
        names = [one["FunctionName"] for one in self.client.list_functions()["Functions"]]
        assert names == sorted(self.functions)
        for name, model in self.functions.items():
            latest = self.client.get_function_configuration(FunctionName=name)
            assert (latest["State"], latest["LastUpdateStatus"]) == ("Active", "Successful")
            assert (latest["CodeSize"], [one["Arn"] for one in latest.get("Layers", [])]) == (model.size, model.layers)
            listed = self.client.list_versions_by_function(FunctionName=name)["Versions"][1:]
            told = {
                int(one["Version"]): (one["CodeSize"], [layer["Arn"] for layer in one.get("Layers", [])])
                for one in listed
            }
            assert told == model.versions
            aliases = {
                one["Name"]: one["FunctionVersion"] for one in self.client.list_aliases(FunctionName=name)["Aliases"]
            }
            assert aliases == {alias: str(number) if number else "$LATEST" for alias, number in model.aliases.items()}

    @invariant()
    def nothing_leaks(self) -> None:
        with self.region.region.store.snapshot() as tx:
            problems = [*check_records(tx), *registry.invariants(tx), *check_unlinks(tx)]
        assert not [problem.what for problem in problems]


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_the_machine_is_run() -> None:
    assert TestMachine.settings.max_examples == 15
