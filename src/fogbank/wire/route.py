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

from fogbank.wire.errors import AwsError
from fogbank.wire.model import OVERLAY, Traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fogbank.wire.http import HttpRequest

    Pick = Callable[[HttpRequest], str | None]
    Match = tuple[str, dict[str, str]]
    Matcher = Callable[[HttpRequest, str], Match | None]

MAX_SEGMENTS = 128
"""Paths of more segments match no template with inner labels; the longest of AWS's has 11."""


class Residual(msgspec.Struct, frozen=True):
    """What a service's model does not say about its routes.

    `subresources`: bare static arguments (`?acl`) name a resource type everywhere, so one that no operation of the method and path
    has is refused, not ignored. `scopes`: operations that are meant only by requests that are signed for this service name.
    `resource_types`: how errors call a sub-resource, where it is not its name in upper case.
    """

    subresources: bool = False
    scopes: dict[str, str] = {}
    resource_types: dict[str, str] = {}


class Choice(msgspec.Struct, frozen=True):
    """An operation among those with its method and path, and what a request must have to mean it."""

    operation: str
    static: frozenset[tuple[str, str | None]]
    headers: frozenset[str]
    args: frozenset[str]
    members: frozenset[str]
    scope: str

    @property
    def rank(self) -> tuple[int, int]:
        """Bindings first to last; the operation that needs nothing comes last."""
        return (-len(self.headers) - len(self.args) - bool(self.scope), len(self.members))


class Node:
    """A place in the tree of path templates: what may follow, and what ends here."""

    __slots__ = ("greedy", "label", "literals", "pick")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.label: Node | None = None
        self.greedy: Node | None = None
        self.pick: Pick | None = None


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
        self.subresources = subresource_names(model) if residual.subresources else frozenset()
        by_method: dict[str, dict[str, list[Choice]]] = defaultdict(lambda: defaultdict(list))
        for name, operation in current_operations(model).items():
            key = anonymous(self.templates[name])
            by_method[operation["http"]["method"]][key].append(compile_choice(model, name, residual))
        self.trees = {method: self.plant(templates) for method, templates in by_method.items()}
        self.fast = {method: self.fast_matcher(templates) for method, templates in by_method.items()}

    def __call__(self, request: HttpRequest) -> Match | None:
        """The operation and its decoded labels, or None; AwsError where sub-resources conflict."""
        return self.strict(request) or self.tolerant(request)

    def strict(self, request: HttpRequest) -> Match | None:
        """The operation whose template the path fits as it is, or but for a trailing slash."""
        path = request.path
        if not path.startswith("/"):
            return None
        fast = self.fast.get(request.method)
        if fast is not None:
            return fast(request, path)
        other = path[:-1] if path.endswith("/") else path + "/"
        return self.walk(request, path, wide=False) or self.walk(request, other, wide=False)

    def tolerant(self, request: HttpRequest) -> Match | None:
        """The operation where labels may have slashes, which were `%2F` before the server decoded the path."""
        if self.fast.get(request.method) is not None or not request.path.startswith("/"):
            return None
        return self.walk(request, request.path, wide=True)

    def canonical_path(self, operation: str, labels: Mapping[str, str]) -> str:
        """The percent-encoded path that an SDK sends for an operation with these labels."""
        return "/".join(expand(part, labels) for part in self.templates[operation].split("/"))

    def walk(self, request: HttpRequest, path: str, *, wide: bool) -> Match | None:
        tree = self.trees.get(request.method)
        if tree is None:
            return None
        segments = path[1:].split("/", MAX_SEGMENTS)
        if len(segments) > MAX_SEGMENTS:
            return None
        walk = Walk(request, segments, wide)
        operation = walk.descend(tree, 0)
        return None if operation is None else (operation, dict(zip(self.names[operation], walk.values, strict=True)))

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


class Walk:
    """One descent through a tree of templates: literals before labels before greedy labels, with backtracking."""

    __slots__ = ("dead", "request", "segments", "values", "wide")

    def __init__(self, request: HttpRequest, segments: Sequence[str], wide: bool) -> None:
        self.request = request
        self.segments = segments
        self.wide = wide
        self.values: list[str] = []
        self.dead: set[tuple[int, int]] = set()

    def descend(self, node: Node, at: int) -> str | None:
        """The operation that the rest of the segments lead to; `values` are then its labels'."""
        if at == len(self.segments):
            return None if node.pick is None else node.pick(self.request)
        place = (id(node), at)
        if place in self.dead:
            return None
        child = node.literals.get(self.segments[at])
        found = None if child is None else self.descend(child, at + 1)
        if found is None and node.label is not None:
            found = self.take(node.label, at, self.label_ends(at))
        if found is None and node.greedy is not None:
            found = self.take(node.greedy, at, range(len(self.segments), at, -1))
        if found is None:
            self.dead.add(place)
        return found

    def label_ends(self, at: int) -> Iterable[int]:
        """Where a label that starts here may end; an ARN takes as much as it can, it is what has slashes."""
        if not self.wide:
            return (at + 1,)
        last = len(self.segments)
        return range(last, at, -1) if self.segments[at].startswith("arn:") else range(at + 1, last + 1)

    def take(self, child: Node, at: int, ends: Iterable[int]) -> str | None:
        for end in ends:
            value = "/".join(self.segments[at:end])
            if value:
                self.values.append(value)
                found = self.descend(child, end)
                if found is not None:
                    return found
                self.values.pop()
        return None


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


def subresource_names(model: Traits) -> frozenset[str]:
    """The bare static arguments of all operations: `acl`, `uploads`, …"""
    statics = [static_args(operation["http"]["requestUri"]) for operation in model["operations"].values()]
    return frozenset(name for static in statics for name, value in static if value is None)


def static_args(uri: str) -> frozenset[tuple[str, str | None]]:
    """The query arguments that are part of a request URI; None where any value will do."""
    query = uri.partition("?")[2]
    pairs = [part.partition("=") for part in query.split("&") if part]
    return frozenset((name, value if equals else None) for name, equals, value in pairs if name != "x-id")


def anonymous(template: str) -> str:
    """A template without its labels' names."""
    parts = [("{+}" if part.endswith("+}") else "{}") if part.startswith("{") else part for part in template.split("/")]
    return "/".join(parts)


def compile_choice(model: Traits, name: str, residual: Residual) -> Choice:
    operation = model["operations"][name]
    shape = model["shapes"].get(operation.get("input", {}).get("shape", ""), {})
    members: dict[str, Traits] = shape.get("members", {})
    required = {member: members[member] for member in shape.get("required", ())}
    return Choice(
        operation=name,
        static=static_args(operation["http"]["requestUri"]),
        headers=frozenset(header.lower() for header in bindings(required, "header")),
        args=bindings(required, "querystring"),
        members=bindings(members, "querystring"),
        scope=residual.scopes.get(name, ""),
    )


def bindings(members: Mapping[str, Traits], location: str) -> frozenset[str]:
    """The names on the wire of the members that are bound to a location."""
    return frozenset(m.get("locationName", name) for name, m in members.items() if m.get("location") == location)


def compile_pick(choices: Sequence[Choice], subresources: frozenset[str]) -> Pick:
    """What chooses among the operations of one method and path."""
    groups: dict[frozenset[tuple[str, str | None]], list[Choice]] = defaultdict(list)
    for choice in choices:
        groups[choice.static].append(choice)
    plain = compile_plain(groups.pop(frozenset(), []), bool(subresources))
    if subresources:
        return compile_subresources(groups, plain, subresources)
    if not groups:
        return plain
    ordered = sorted(groups.items(), key=lambda item: -len(item[0]))
    tests = [(tuple(static), compile_group(group)) for static, group in ordered]

    def pick(request: HttpRequest) -> str | None:
        if request.query:
            for static, group in tests:
                if has_static(request.args, static):
                    return group(request)
        return plain(request)

    return pick


def has_static(args: Mapping[str, list[str]], static: Iterable[tuple[str, str | None]]) -> bool:
    """Whether a request has all of an operation's static arguments."""
    return all(name in args and (value is None or value in args[name]) for name, value in static)


def compile_subresources(
    groups: Mapping[frozenset[tuple[str, str | None]], list[Choice]], plain: Pick, subresources: frozenset[str]
) -> Pick:
    """What chooses where bare arguments name resource types: one at most, and only such as the method and path have."""
    bare: dict[str, tuple[frozenset[tuple[str, str | None]], Pick]] = {}
    valued: list[tuple[frozenset[tuple[str, str | None]], Pick]] = []
    for static, group in groups.items():
        name = next((name for name, value in static if value is None), None)
        pick_group = compile_group(group)
        if name is None:
            valued.append((static, pick_group))
        else:
            bare[name] = (frozenset(pair for pair in static if pair[1] is not None), pick_group)

    def pick(request: HttpRequest) -> str | None:
        if not request.query:
            return plain(request)
        args = request.args
        if subresources.isdisjoint(args):
            for static, group in valued:
                if has_static(args, static):
                    return group(request)
            return plain(request)
        found = bare.get(the_subresource(args, subresources))
        return found[1](request) if found is not None and has_static(args, found[0]) else None

    return pick


def the_subresource(args: Mapping[str, list[str]], subresources: frozenset[str]) -> str:
    """The one sub-resource that a request names; S3 refuses several."""
    names = [name for name in args if name in subresources]
    if len(names) > 1:
        raise AwsError(
            "InvalidArgument",
            f"Conflicting query string parameters: {', '.join(sorted(names[:8]))}",
            fields={"ArgumentName": "ResourceType", "ArgumentValue": names[0]},
        )
    return names[0]


def compile_group(choices: Sequence[Choice]) -> Pick:
    """What chooses among operations with the same static arguments; the one that needs least is meant when none is complete."""
    ordered = sorted(choices, key=lambda choice: choice.rank)
    last = ordered[-1].operation
    if len(ordered) == 1:
        return lambda request: last
    tests = [(choice.operation, compile_condition(choice, ordered[at + 1 :])) for at, choice in enumerate(ordered[:-1])]

    def pick(request: HttpRequest) -> str | None:
        for operation, meant in tests:
            if meant(request):
                return operation
        return last

    return pick


def compile_plain(choices: Sequence[Choice], subresources: bool) -> Pick:
    """What chooses among operations without static arguments.

    Where arguments name resource types, one that needs some (S3's CompleteMultipartUpload) is not meant without any of them.
    """
    if not choices:
        return lambda request: None
    group = compile_group(choices)
    last = min(choices, key=lambda choice: tuple(-n for n in choice.rank))
    needs = last.args if subresources else frozenset[str]()
    if not needs and all(choice.args or not choice.headers | {choice.scope} - {""} for choice in choices):
        return compile_bare(group, last.operation)
    if not needs:
        return group
    return lambda request: None if needs.isdisjoint(request.args) else group(request)


def compile_bare(group: Pick, last: str) -> Pick:
    """The same choice, at once where a request without query can only mean the plain operation."""
    return lambda request: group(request) if request.query else last


def compile_condition(choice: Choice, others: Sequence[Choice]) -> Callable[[HttpRequest], bool]:
    """Whether a request means an operation rather than the `others`, which need less.

    It has all the required headers, and the required arguments or at least one that the least demanding of the others does not know:
    PUT with `uploadId` alone is a faulty UploadPart, not a PutObject.
    """
    headers, args, scope = choice.headers, choice.args, choice.scope
    telling = args - others[-1].members

    def meant(request: HttpRequest) -> bool:
        given = request.headers
        for name in headers:
            if name not in given:
                return False
        if args and telling.isdisjoint(request.args) and not args <= request.args.keys():
            return False
        return not scope or signed_for(request, scope)

    return meant


def signed_for(request: HttpRequest, scope: str) -> bool:
    """Whether a request's credential scope names a service."""
    end = f"/{scope}/aws4_request"
    return end in request.headers.get("authorization", "") or request.args.get("X-Amz-Credential", [""])[0].endswith(
        end
    )


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


def grow(node: Node, part: str) -> Node:
    """The node after a part of an anonymous template."""
    if part == "{+}":
        node.greedy = node.greedy or Node()
        return node.greedy
    if part == "{}":
        node.label = node.label or Node()
        return node.label
    return node.literals.setdefault(part, Node())


def expand(part: str, labels: Mapping[str, str]) -> str:
    """A part of a template with its label's value, percent-encoded as SDKs do; slashes stay in greedy ones."""
    if not part.startswith("{"):
        return part
    return quote(labels[part.strip("{+}")], safe="-._~/" if part.endswith("+}") else "-._~")
