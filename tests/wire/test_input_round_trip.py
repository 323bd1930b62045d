"""Every operation of the services that matter: what botocore's serializer writes, the parsers read back as it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.wire.client import route, serialize, service_model
from tests.wire.generate import FULL, MINIMAL, RANDOM, Generator

from fogbank.wire.model import data_directory
from fogbank.wire.service import Operation, load

if TYPE_CHECKING:
    from fogbank.wire.model import Shape

JSON_SERVICES = ("sqs", "ecs", "logs", "machinelearning", "workspaces", "cloudwatch", "dynamodb")
SERVICES = (*JSON_SERVICES, "s3", "ec2", "iam", "sts", "sns", "lambda", "rds", "cloudformation")
CASES = [(name, protocol) for name in SERVICES for protocol in load(name).protocols]
# PutBucketNotification is PutBucketNotificationConfiguration on the wire, and two of its members are both called Event there.
LEFT_OUT = {"PutBucketNotification"}
# Input members of a few operations that the HTTP client adds by itself.
HTTP_MEMBERS = {"ContentLength", "contentType"}
SEEDS = {MINIMAL: 2, RANDOM: 4, FULL: 2}
ABSENT = object()

# Operations that are, on the wire, another one: AWS kept the name of an older version, or tells them apart by the host.
SAME_ON_THE_WIRE = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}


class Expected:
    """An input as it must come back: what botocore's serializer, or the protocol itself, cannot carry is left out.

    - A streaming or event stream payload is not the parser's.
    - query and ec2 have no form for an empty structure or map, nor ec2 for an empty list, nor query for a list of such; a map's
      entry needs both its key and its value.
    - Headers have no form for an empty string or list; header names, so the keys of header maps, are lower-case.
    - Query arguments have no form for an empty list or map.
    - XML has no form for an empty flattened list or map.
    - An empty body is no payload: an empty blob or string payload comes back absent; in JSON, no payload is sent as `{}`.
    """

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self.is_form = protocol in ("query", "ec2")

    def input(self, shape: Shape, value: dict[str, Any]) -> dict[str, Any]:
        """The whole input of an operation."""
        pairs = ((name, self._member(shape, shape.members[name], name, item)) for name, item in value.items())
        want = {name: item for name, item in pairs if item is not ABSENT}
        payload = shape.payload
        if (
            self.protocol == "rest-json"
            and payload
            and payload not in value
            and self._is_structure(shape.members[payload])
        ):
            want[payload] = {}
        return want

    def _is_structure(self, shape: Shape) -> bool:
        return shape.type == "structure" and not shape.traits.get("eventstream")

    def _member(self, parent: Shape, shape: Shape, name: str, value: Any) -> Any:
        location = shape.traits.get("location") if self.protocol.startswith("rest") else None
        if name == parent.payload and self.protocol.startswith("rest"):
            return self._payload(shape, value)
        if location == "headers":
            return {key.lower(): item.strip(" ") for key, item in value.items()} or ABSENT
        if location == "header" and value in ("", []) and not shape.traits.get("jsonvalue"):
            return ABSENT
        if location == "querystring" and value in ([], {}):
            return ABSENT
        return self.value(shape, value)

    def _payload(self, shape: Shape, value: Any) -> Any:
        if shape.traits.get("streaming") or shape.traits.get("eventstream") or value in (b"", ""):
            return ABSENT
        return self.value(shape, value)

    def value(self, shape: Shape, value: Any) -> Any:
        """One value within the input."""
        if shape.type == "structure" and not shape.traits.get("document"):
            return self._structure(shape, value)
        if shape.type == "list":
            return self._list(shape, value)
        if shape.type == "map":
            return self._map(shape, value)
        return value

    def _structure(self, shape: Shape, value: dict[str, Any]) -> Any:
        pairs = ((name, self.value(shape.members[name], item)) for name, item in value.items())
        out = {name: item for name, item in pairs if item is not ABSENT}
        return ABSENT if self.is_form and not out else out

    def _list(self, shape: Shape, value: list[Any]) -> Any:
        items = [found for found in (self.value(shape.member, item) for item in value) if found is not ABSENT]
        if self.protocol == "ec2" or (self.is_form and value):
            return items or ABSENT
        if self.protocol == "rest-xml" and shape.traits.get("flattened"):
            return items or ABSENT
        return items

    def _map(self, shape: Shape, value: dict[str, Any]) -> Any:
        out = {key: self.value(shape.value, item) for key, item in value.items()}
        if self.is_form or (self.protocol == "rest-xml" and shape.traits.get("flattened")):
            return out or ABSENT
        return out


def round_trip(operation: Operation, protocol: str, size: str, seed: int) -> None:
    shape = operation.input
    generator = Generator(f"{operation.name} {seed}", size)
    given = generator.value(shape) if shape else {}
    request = serialize(service_model(operation.model.name), operation.name, given, protocol)
    labels: dict[str, str] = {}
    if protocol.startswith("rest"):
        routed, labels = route(operation.model, request)
        assert routed == SAME_ON_THE_WIRE.get(operation.name, operation.name)
    want = Expected(protocol).input(shape, given) if shape else {}
    got = operation.unvalidated(protocol)(request, labels)
    for name in HTTP_MEMBERS - given.keys():
        got.pop(name, None)
    assert got == want
    if want == given and not generator.unsatisfied:  # what the wire dropped may have been required
        operation.parser(protocol)(request, labels)


def failures_of(name: str, protocol: str, seeds: dict[str, int]) -> list[str]:
    failures: list[str] = []
    left = [operation for operation in load(name).operations.values() if operation.name not in LEFT_OUT]
    operations = [operation for operation in left if not operation.synthetic]
    for operation in operations:
        for size, count in seeds.items():
            for seed in range(count):
                try:
                    round_trip(operation, protocol, size, seed)
                except Exception as error:  # one report of all operations that fail
                    failures.append(f"{operation.name} {size} {seed}: {type(error).__name__}: {str(error)[:600]}")
    return failures


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_round_trip(name: str, protocol: str) -> None:
    failures = failures_of(name, protocol, SEEDS)
    assert not failures, f"{len(failures)} failures\n" + "\n".join(failures[:20])


@pytest.mark.slow
@pytest.mark.parametrize("letters", ["a", "b", "c", "d", "ef", "ghi", "jkl", "m", "no", "pqr", "s", "tuvwxyz"])
def test_every_service_of_aws(letters: str) -> None:
    directories = (path for path in data_directory().iterdir() if path.name[0] in letters)
    names = sorted({path.name for path in directories if list(path.glob("*/service-2.json.gz"))})
    failures = [
        f"{name}: {failure}"
        for name in names
        for protocol in load(name).protocols
        for failure in failures_of(name, protocol, {MINIMAL: 1, RANDOM: 1})
    ]
    assert not failures, f"{len(failures)} failures\n" + "\n".join(failures[:20])
