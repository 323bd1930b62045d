"""REST routing: the operation of a request by method, path template, static query arguments and required bindings.

Everything comes from the service's model; what it cannot say is in `overlay/_routes.json`. Where operations share method and path,
the one with more static arguments wins, then the one whose required members are in the request: AWS's own rule.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from fogbank.wire.model import OVERLAY, Traits
from fogbank.wire.patterns import compile_pattern
from fogbank.wire.route_choice import Choice, compile_choice, compile_pick, subresource_names
from fogbank.wire.route_tree import Node, Search, descend, grow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.wire.http import HttpRequest
    from fogbank.wire.route_choice import Pick
    from fogbank.wire.route_tree import Way

    Match = tuple[str, dict[str, str]]
    Matcher = Callable[[HttpRequest, str], Match | None]

MAX_SEGMENTS, MAX_WIDE = 128, 32
"""Paths of more segments match no template of a tree, or none with slashes in labels; the longest template has 11."""


class Endpoint(msgspec.Struct, frozen=True):
    """A kind of endpoint whose operations differ by the method alone, whatever the path and the query. Labels are those of objects."""

    protocol: str
    operations: dict[str, str]


class Residual(msgspec.Struct, frozen=True):
    """What a service's model does not say about its routes.

    `subresources`: bare static arguments (`?acl`) name a resource type everywhere, so one that no operation of the method and path
    has is refused, not ignored. `scopes`: operations that are meant only by requests that are signed for this service name.
    `resource_types`: how errors call a sub-resource, where it is not its name in upper case. `endpoints`: by the host's kind, and
    under the empty one what every other host answers where no route fits.
    """

    subresources: bool = False
    scopes: dict[str, str] = {}
    resource_types: dict[str, str] = {}
    endpoints: dict[str, Endpoint] = {}


class Router:
    """The routes of one service."""

    def __init__(self, model: Traits, residual: Residual) -> None:
        self.residual = residual
        self.templates: dict[str, str] = {
            name: operation["http"]["requestUri"].partition("?")[0] for name, operation in model["operations"].items()
        }
        self.names: dict[str, tuple[str, ...]] = {
            name: tuple(part.strip("{+}") for part in template.split("/") if part.startswith("{"))
            for name, template in self.templates.items()
        }
        self.patterns = {name: arn_patterns(model, operation) for name, operation in model["operations"].items()}
        self.subresources = subresource_names(model) if residual.subresources else frozenset()
        by_method: dict[str, dict[str, list[Choice]]] = defaultdict(lambda: defaultdict(list))
        elsewhere = {name for endpoint in residual.endpoints.values() for name in endpoint.operations.values()}
        for name, operation in current_operations(model).items():
            if name in elsewhere:
                continue
            key = anonymous(self.templates[name])
            by_method[operation["http"]["method"]][key].append(
                compile_choice(model, name, residual.scopes.get(name, ""))
            )
        self.trees = {method: self.plant(templates) for method, templates in by_method.items()}
        self.greedy = {method for method, templates in by_method.items() if any("{+}" in name for name in templates)}
        fast = {method: self.fast_matcher(templates) for method, templates in by_method.items()}
        self.fast = {method: matcher for method, matcher in fast.items() if matcher is not None}

    def __call__(self, request: HttpRequest) -> Match | None:
        """The operation and its decoded labels, or None; AwsError where sub-resources conflict."""
        return self.exact(request) or self.slashed(request) or self.wide(request)

    def exact(self, request: HttpRequest) -> Match | None:
        """The operation whose template the path fits as it is."""
        path = request.path
        fast = self.fast.get(request.method)
        if fast is not None:
            return fast(request, path) if path.startswith("/") else None
        greedy = request.method in self.greedy
        found = self.named(self.search(request, path, MAX_SEGMENTS)) if greedy else self.walk(request, path)
        return None if found is not None and "arn:" in path and self.doubtful(request, *found) else found

    def slashed(self, request: HttpRequest) -> Match | None:
        """The operation whose template the path fits but for a slash at the end."""
        path = request.path
        return self.walk(request, path[:-1] if path.endswith("/") else path + "/")

    def wide(self, request: HttpRequest) -> Match | None:
        """The operation where labels may have slashes, which were `%2F` before the server decoded the path."""
        return self.named(self.search(request, request.path, MAX_WIDE))

    def canonical_path(self, operation: str, labels: Mapping[str, str]) -> str:
        """The percent-encoded path that an SDK sends for an operation with these labels."""
        return "/".join(expand(part, labels) for part in self.templates[operation].split("/"))

    def walk(self, request: HttpRequest, path: str) -> Match | None:
        tree, segments = self.segments(request, path, MAX_SEGMENTS)
        values: list[str] = []
        operation = None if tree is None else descend(tree, request, segments, 0, values)
        return None if operation is None else (operation, dict(zip(self.names[operation], values, strict=True)))

    def search(self, request: HttpRequest, path: str, limit: int) -> Way | None:
        tree, segments = self.segments(request, path, limit)
        if tree is None:
            return None
        return Search(request, segments, self.valid_before, wide=limit == MAX_WIDE).find(tree, 0)

    def segments(self, request: HttpRequest, path: str, limit: int) -> tuple[Node | None, list[str]]:
        """The tree of a request's method and the segments of a path; no tree where none can fit."""
        segments = path.split("/", limit + 1)
        fits = len(segments) <= limit + 1 and not segments[0] and request.method not in self.fast
        return self.trees.get(request.method) if fits else None, segments[1:]

    def named(self, way: Way | None) -> Match | None:
        return None if way is None else (way[3], dict(zip(self.names[way[3]], way[4], strict=True)))

    def valid(self, operation: str, name: str, value: str) -> bool:
        """Whether an ARN in a label is one that the model's pattern allows there."""
        text = self.patterns[operation].get(name)
        pattern = compile_pattern(text) if text and value.startswith("arn:") else None
        return pattern is None or pattern.matches(value)

    def valid_before(self, operation: str, after: int, value: str) -> bool:
        return self.valid(operation, self.names[operation][-1 - after], value)

    def doubtful(self, request: HttpRequest, operation: str, labels: Mapping[str, str]) -> bool:
        """Whether a path fits only because an ARN's slashes have been taken for the template's.

        Its labels are then no such ARNs as they should be, or another template has more in common with the path.
        """
        if not all(self.valid(operation, name, value) for name, value in labels.items()):
            return True
        way = self.search(request, request.path, MAX_WIDE)
        return way is not None and way[0] > sum(
            not part.startswith("{") for part in self.templates[operation][1:].split("/")
        )

    def plant(self, templates: Mapping[str, list[Choice]]) -> Node:
        root = Node()
        for template, choices in templates.items():
            node = root
            for part in template[1:].split("/"):
                node = grow(node, part)
            node.pick = compile_pick(choices, self.subresources)
        return root

    def fast_matcher(self, templates: Mapping[str, list[Choice]]) -> Matcher | None:
        """A matcher for APIs of containers and their keys (S3's), where no tree is needed."""
        literals = {template for template in templates if "{" not in template}
        if templates.keys() - literals - {"/{}"} != {"/{}/{+}"}:
            return None
        picks = {template: compile_pick(choices, self.subresources) for template, choices in templates.items()}
        keyed, container = picks.pop("/{}/{+}"), picks.pop("/{}", None)
        container_name, key_name = self.names[templates["/{}/{+}"][0].operation]
        flat = compile_flat(picks, container, container_name)

        def match(request: HttpRequest, path: str) -> Match | None:
            cut = path.find("/", 1)
            if cut < 0 or cut == len(path) - 1:
                return flat(request, path)
            operation = keyed(request) if cut > 1 else None
            return None if operation is None else (operation, {container_name: path[1:cut], key_name: path[cut + 1 :]})

        return match


def compile_router(model: Traits) -> Router:
    """The router of a REST service's model: called with a request, it gives `(operation, labels)` or None."""
    return Router(model, residuals().get(model["metadata"].get("endpointPrefix", ""), Residual()))


@lru_cache(maxsize=1)
def residuals() -> dict[str, Residual]:
    """What models do not say, by endpoint prefix."""
    return msgspec.json.decode((OVERLAY / "_routes.json").read_bytes(), type=dict[str, Residual])


def current_operations(model: Traits) -> dict[str, Any]:
    """The operations without deprecated ones that a later one has taken the place of (S3's PutBucketLifecycle)."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, operation in model["operations"].items():
        places[operation["http"]["method"], anonymous(operation["http"]["requestUri"])].append(name)
    replaced = {
        name
        for names in places.values()
        for name in names
        if model["operations"][name].get("deprecated") and len(names) > 1
    }
    return {name: operation for name, operation in model["operations"].items() if name not in replaced}


def arn_patterns(model: Traits, operation: Traits) -> dict[str, str]:
    """The patterns of an operation's labels that are about ARNs, by label."""
    shape = model["shapes"].get(operation.get("input", {}).get("shape", ""), {})
    labels = {name: m for name, m in shape.get("members", {}).items() if m.get("location") == "uri"}
    patterns = {
        m.get("locationName", name): model["shapes"][m["shape"]].get("pattern", "") for name, m in labels.items()
    }
    return {name: pattern for name, pattern in patterns.items() if "arn:" in pattern}


def anonymous(template: str) -> str:
    """A template without its labels' names."""
    parts = [("{+}" if part.endswith("+}") else "{}") if part.startswith("{") else part for part in template.split("/")]
    return "/".join(parts)


def compile_flat(picks: Mapping[str, Pick], container: Pick | None, container_name: str) -> Matcher:
    """A matcher of fixed paths and of containers, the latter with or without a slash at the end."""

    def match(request: HttpRequest, path: str) -> Match | None:
        fixed = picks.get(path)
        if fixed is not None:
            operation = fixed(request)
            return None if operation is None else (operation, {})
        name = path.strip("/")
        operation = None if container is None or not name else container(request)
        return None if operation is None else (operation, {container_name: name})

    return match


def expand(part: str, labels: Mapping[str, str]) -> str:
    """A part of a template with its label's value, percent-encoded as SDKs do; slashes stay in greedy ones."""
    if not part.startswith("{"):
        return part
    return quote(labels[part.strip("{+}")], safe="-._~/" if part.endswith("+}") else "-._~")
