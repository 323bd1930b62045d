"""Which of the operations that share a method and a path a request means: by static arguments, then by required bindings."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from fogbank.wire.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fogbank.wire.http import HttpRequest
    from fogbank.wire.model import Traits

    Pick = Callable[[HttpRequest], str | None]


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


def subresource_names(model: Traits) -> frozenset[str]:
    """The bare static arguments of all operations: `acl`, `uploads`, …"""
    statics = [static_args(operation["http"]["requestUri"]) for operation in model["operations"].values()]
    return frozenset(name for static in statics for name, value in static if value is None)


def static_args(uri: str) -> frozenset[tuple[str, str | None]]:
    """The query arguments that are part of a request URI; None where any value will do."""
    query = uri.partition("?")[2]
    pairs = [part.partition("=") for part in query.split("&") if part]
    return frozenset((name, value if equals else None) for name, equals, value in pairs if name != "x-id")


def compile_choice(model: Traits, name: str, scope: str) -> Choice:
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
        scope=scope,
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
        if args and not (request.query and meets(request.args, args, telling)):
            return False
        return not scope or signed_for(request, scope)

    return meant


def meets(given: Mapping[str, list[str]], args: frozenset[str], telling: frozenset[str]) -> bool:
    """Whether all of `args`, or one of the `telling` ones, are given."""
    return not telling.isdisjoint(given) or given.keys() >= args


def signed_for(request: HttpRequest, scope: str) -> bool:
    """Whether a request's credential scope names a service."""
    end = f"/{scope}/aws4_request"
    return end in request.headers.get("authorization", "") or request.args.get("X-Amz-Credential", [""])[0].endswith(
        end
    )
