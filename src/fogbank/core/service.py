"""A service and its operations: `@s3.operation` binds a function to the model's operation of that name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from importlib import import_module
from keyword import iskeyword
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, TypeVar, Unpack, cast

import msgspec

from fogbank import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fogbank.auth.policy import Context, Policy
    from fogbank.core.background import Background
    from fogbank.core.call import Call, Sealing, Taking
    from fogbank.store.api import Tx
    from fogbank.store.check import Problem
    from fogbank.store.held import Held
    from fogbank.wire.http import HttpRequest

Input = Mapping[str, Any]
Handler = Callable[["Call", Any], Any]
Operations = Callable[[str, str], "Bound | None"]  # finds an operation by its service's name and its own
F = TypeVar("F", bound=Handler)
EffectHandler = Callable[["Background", bytes], Awaitable[None]]
ChoreWork = Callable[["Background"], Awaitable[None]]
CommandHandler = Callable[["Background", bytes], "Awaitable[bytes] | AsyncIterator[bytes]"]

# read: on a snapshot, on the event loop: a few lookups. scan: on a snapshot, in a thread: pages of records.
# write: in the next batch, on the event loop. bulk: in the next batch, in a thread: hundreds of records.
# act: on a snapshot, on the event loop; it gives an awaitable of its result, which is awaited outside of any transaction.
Access = Literal["read", "scan", "write", "bulk", "act"]

# In place of an action: the operation needs no permission, but a verified caller (sts:GetCallerIdentity).
NO_PERMISSION_NEEDED = ""


class Tagging(msgspec.Struct, frozen=True):
    """How a service keeps the tags of what it has, by ARN, for a service that tags others' resources: S3 Control.

    `change` gives tags and takes away keys. Both raise AwsError, in the service's words, for what is not there or cannot be a tag.
    """

    find: Callable[[Call, str], Mapping[str, str]]
    change: Callable[[Call, str, list[Mapping[str, Any]], list[str]], None]


class Chore(msgspec.Struct, frozen=True):
    """Work in the background that comes round every `seconds`."""

    name: str
    seconds: float
    work: ChoreWork


class Resident(Protocol):
    """What a service has in the control process as long as that runs, like the sandboxes of functions."""

    async def start(self) -> None:
        """The control process has started: take up what an earlier one left. It returns soon."""

    async def close(self) -> None:
        """The control process ends."""


class Permission(msgspec.Struct, frozen=True):
    """An action and the resource (an ARN or `*`) that a request needs it on.

    `names` are inputs that find the resource's owner, policy and tags; `keys` are condition keys, in lower case, of this action alone
    (iam:PassedToService); `needs_policy` says that the resource's policy has to allow it.
    """

    action: str
    resource: str
    names: Input
    keys: Mapping[str, str | tuple[str, ...]] = {}
    needs_policy: bool = False


class Template(msgspec.Struct, frozen=True):
    """An ARN's template, taken apart: `texts` stand before, between and behind the values of `names`."""

    texts: tuple[str, ...]
    names: tuple[str, ...]

    def fill(self, values: Input, account: str, region: str) -> str:
        """The ARN. A name that is not given stands for any, which only a wildcard allows."""
        parts = [self.texts[0]]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            value = account if name == "account" else region if name == "region" else values.get(name, "*")
            parts.append(f"{value}{text}")
        return "".join(parts)


def template(text: str) -> Template:
    """A template of literal text and `{Name}`s."""
    texts, names = [""], []
    for literal, name, _, _ in Formatter().parse(text):
        texts[-1] += literal
        if name is not None:
            names.append(name)
            texts.append("")
    return Template(tuple(texts), tuple(names))


Resource = Callable[["Call", Any], str]  # finds the ARN that an operation is on
Policies = Callable[["Call", Any], "Policy | None"]  # finds the policy of the addressed resource
Work = Callable[[], Any]  # what is done in a thread, without a transaction


class Options(TypedDict, total=False):
    """What an operation may say beside its access, resource and input.

    `action`: where IAM's differs from the operation's name. `variants`: the action instead of it, by an input member that makes the
    difference (a version's id). `makes`: the resource is the caller's, whoever has one of that name
    already. `also`: further permissions that a request needs. `keys`: the condition keys, in lower case, that follow from the input.
    `policy`: finds the resource's policy where the service's does not; `needs_policy`: nobody is allowed without it. `anonymous`: lets
    callers in who signed nothing (the function verifies them). `before_body`: runs on a snapshot before a streamed body is read.
    `seals`: gives the key that the body is encrypted with, on a snapshot, after `before_body`. `body_from`: gives stored bytes that
    the operation takes as its body, with their digests and key, or None where it needs none. `digests`: which digests of a sent body
    are wanted.
    `reads`: makes the input out of the parsed one, where the wire has it in another form than the handler.
    `prepare`: looks at the state and gives work that waits for others, like a fetch; it is done in a thread, outside of any
    transaction, and the handler finds its result in `call.prepared`. Not with access `read` or `act`, nor with a streamed body.
    """

    action: str
    variants: Mapping[str, str]
    makes: bool
    also: Callable[[Call, Any], list[Permission]]
    keys: Callable[[Call, Any], Mapping[str, str | tuple[str, ...]]]
    policy: Policies
    needs_policy: bool
    anonymous: bool
    before_body: Callable[[Call, Any], None]
    seals: Callable[[Call, Any], Sealing | None]
    body_from: Callable[[Call, Any], Taking | None]
    digests: Callable[[Any], tuple[str, ...]]
    reads: Callable[[dict[str, Any]], dict[str, Any]]
    prepare: Callable[[Call, Any], Work]


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that works: its model, its function and what the request path must know about it. See Options."""

    name: str
    service: Service
    model: wire.Operation
    handler: Handler
    access: Access
    action: str
    resource: Template | Resource
    takes: frozenset[str]
    variants: Mapping[str, str] = {}
    makes: bool = False
    also: Callable[[Call, Any], list[Permission]] | None = None
    keys: Callable[[Call, Any], Mapping[str, str | tuple[str, ...]]] | None = None
    policy: Policies | None = None
    needs_policy: bool = False
    anonymous: bool = False
    before_body: Callable[[Call, Any], None] | None = None
    seals: Callable[[Call, Any], Sealing | None] | None = None
    body_from: Callable[[Call, Any], Taking | None] | None = None
    digests: Callable[[Any], tuple[str, ...]] | None = None
    reads: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    prepare: Callable[[Call, Any], Work] | None = None

    @property
    def options(self) -> Options:
        """What it says beside its access, resource and input, for another operation that does the same."""
        found = {name: getattr(self, name) for name in Options.__annotations__ if getattr(self, name)}
        return cast("Options", found)

    def action_of(self, req: Input) -> str:
        """The action that a request needs."""
        for member, action in self.variants.items():
            if member in req:
                return action
        return self.action

    def arn(self, call: Call, req: Input) -> str:
        """The ARN of the resource that a request is on."""
        resource = self.resource
        return resource.fill(req, call.account, call.region) if isinstance(resource, Template) else resource(call, req)


class Gauge(msgspec.Struct, frozen=True):
    """A figure for metrics, in Prometheus' terms. `name` starts with `fogbank_`; a service has few values of each label."""

    name: str
    about: str
    labels: Mapping[str, str]
    value: float


class Service:
    """One AWS service: `name` is botocore's, `resources` names templates of ARNs over input members and {account}, {region}, or
    functions that find an ARN.

    `owner` gives the account that the addressed resource belongs to, where the ARN does not say it (None: the caller's); `policy` the
    policy of the resource; `tags` its tags; `keys` the condition keys of the service, in lower case, for a resource's ARN.
    `tagging` lets another service tag what this one has.
    `verify` checks the body of an operation that does not stream, as far as the request says what it is; `watched` tells, of the
    names in a request's path, whether that resource has its access logged, which the gateway then does (core.events, `access`).
    `modules` hold the
    operations; they are imported when the region starts. What a service does behind requests is in `effects`, the handlers of what
    its transactions emit to the outbox, by kind, and in `chores`; its modules add to both, to `commands`, which the control process
    carries out when asked (core/control.py), and to `gauges`, which tell what metrics show of its state. `resident` makes what it
    has running there. For fsck, `holdings` tells every blob that its records refer to (one that nobody tells of is garbage), and
    `invariants` what is wrong with them. `cross_origin` gives the headers that an answer to a page of another origin has, by the
    request and the labels in its address; `welcomes` says, by these labels, whether a large body is read of somebody unknown.
    """

    def __init__(
        self,
        name: str,
        *,
        resources: Mapping[str, str | Resource],
        modules: tuple[str, ...],
        iam_prefix: str | None = None,
        owner: Callable[[Call, Any], str | None] | None = None,
        policy: Policies | None = None,
        tags: Callable[[Call, Any, str], Mapping[str, str]] | None = None,
        keys: Callable[[Call, Any, str], Context] | None = None,
        verify: Callable[[HttpRequest, wire.Operation], None] | None = None,
        tagging: Tagging | None = None,
        watched: Callable[[Tx, Input], bool] | None = None,
    ) -> None:
        self.name = name
        self.model = wire.load(name)
        self.resources = resources
        self.modules = modules
        self.iam_prefix = iam_prefix or name
        self.owner = owner
        self.policy = policy
        self.tags = tags
        self.keys = keys
        self.verify = verify
        self.tagging = tagging
        self.watched = watched
        self.effects: dict[str, EffectHandler] = {}
        self.at_once: dict[str, int] = {}
        self.chores: list[Chore] = []
        self.commands: dict[str, CommandHandler] = {}
        self.resident: Callable[[Background], Resident] | None = None
        self.gauges: list[Callable[[Tx], Iterable[Gauge]]] = []
        self.holdings: Callable[[Tx], Iterable[Held]] | None = None
        self.invariants: Callable[[Tx], Iterable[Problem]] | None = None
        self.cross_origin: Callable[[Tx, HttpRequest, Mapping[str, str]], list[tuple[str, str]]] | None = None
        self.welcomes: Callable[[Tx, Mapping[str, str]], bool] | None = None
        self.operations: dict[str, Bound] = {}
        self._names = {operation.lower(): operation for operation in self.model.operations}

    def operation(self, access: Access, resource: str, *, takes: str, **options: Unpack[Options]) -> Callable[[F], F]:
        """Bind the decorated function to the operation of its name.

        `resource` is a key of the service's templates, or `*`. `takes` lists the input members that the function honours; a request
        with any other is answered NotImplemented.
        """

        def bind(function: F) -> F:
            name = self._operation_name(function)
            members = frozenset(takes.split())
            model = self.model.operations[name]
            self._check(name, model, members, resource)
            if "prepare" in options and (access in ("read", "act") or model.streaming_input is not None):
                raise TypeError(f"{self.name}:{name} has no time to prepare")
            given: Options = {"action": f"{self.iam_prefix}:{name}", **options}
            if self.policy is not None:
                given.setdefault("policy", self.policy)
            self.operations[name] = Bound(
                name=name,
                service=self,
                model=model,
                handler=function,
                access=access,
                resource=self._resource(resource),
                takes=members,
                **given,
            )
            return function

        return bind

    def effect(self, kind: str, *, at_once: int = 1) -> Callable[[EffectHandler], EffectHandler]:
        """Have the decorated function carry out the effects of a kind. It is repeatable: it may be called again for the same one.

        Effects of a kind come one after the other; with `at_once` above 1 so many are carried out at the same time, and no slow one
        holds up the others.
        """

        def bind(function: EffectHandler) -> EffectHandler:
            if kind in self.effects:
                raise TypeError(f"{self.name} has two handlers of {kind}")
            self.effects[kind] = function
            self.at_once[kind] = at_once
            return function

        return bind

    def chore(self, seconds: float) -> Callable[[ChoreWork], ChoreWork]:
        """Have the decorated function called every so many seconds, in the control process. It does a bounded part, repeatably."""

        def bind(function: ChoreWork) -> ChoreWork:
            self.chores.append(Chore(function.__name__, seconds, function))
            return function

        return bind

    def command(self, name: str) -> Callable[[CommandHandler], CommandHandler]:
        """Have the decorated function carry out a command in the control process: one answer, or an async generator of pieces."""

        def bind(function: CommandHandler) -> CommandHandler:
            if name in self.commands:
                raise TypeError(f"{self.name} has two commands that are called {name}")
            self.commands[name] = function
            return function

        return bind

    def load(self) -> Service:
        """Import the operations; the service is complete afterwards."""
        for module in self.modules:
            import_module(f"fogbank.services.{self.package}.{module}")
        return self

    @property
    def package(self) -> str:
        """The service's name as Python's: `lambda_` where it is a keyword."""
        return f"{self.name}_" if iskeyword(self.name) else self.name

    def _resource(self, name: str) -> Template | Resource:
        found = "*" if name == "*" else self.resources[name]
        return template(found) if isinstance(found, str) else found

    def _operation_name(self, function: Handler) -> str:
        name = self._names.get(function.__name__.replace("_", ""))
        if name is None:
            raise TypeError(f"{self.name} has no operation that is called {function.__name__}")
        if name in self.operations:
            raise TypeError(f"{self.name}:{name} is bound twice")
        return name

    def _check(self, name: str, model: wire.Operation, takes: frozenset[str], resource: str) -> None:
        members = set(model.input.members) if model.input else set()
        if unknown := takes - members:
            raise TypeError(f"{self.name}:{name} has no input members {sorted(unknown)}")
        if missing := set(model.input.required if model.input else ()) - takes:
            raise TypeError(f"{self.name}:{name} must take its required members {sorted(missing)}")
        text = "*" if resource == "*" else self.resources[resource]
        if isinstance(text, str):
            fields = {field for _, field, _, _ in Formatter().parse(text) if field}
            if unresolved := fields - members - {"account", "region"}:
                raise TypeError(f"{self.name}:{name}: the resource {resource} needs input members {sorted(unresolved)}")
