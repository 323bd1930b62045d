"""Which service and operation a request means, signed or not.

The order: `smithy-protocol` with `/service/X/operation/Y`; `X-Amz-Target`; `Action` of the query protocol; REST routes; each among the
services of the credential scope, or of the Host where there is no scope. Services that share a signing name are told apart by target
prefix, by Version, by the names of their operations and by their routes, in the order of `candidates`. Unsigned requests that
say nothing of a service are S3's.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.wire.errors import AwsError
from fogbank.wire.hosts import FUNCTION_URL, LOCAL, NOTHING, HostName, Hosts, is_function_url
from fogbank.wire.http import unquote_form
from fogbank.wire.indexing import Entry, load_index
from fogbank.wire.route import Router, compile_router
from fogbank.wire.service import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fogbank.wire.http import HttpRequest
    from fogbank.wire.route import Endpoint

CBOR = "smithy-rpc-v2-cbor"
FORM = "application/x-www-form-urlencoded"
MANY = 5
"""More services than share any one signing name in the query protocol: all of them, where there is no scope."""
FORM_HEAD = 65_536
"""How much of a form is searched for its Action and Version, in bytes; clients put them first."""


class Identified(msgspec.Struct, frozen=True):
    """A request with its meaning.

    `service` is the directory of botocore's model and `protocol` the one that the request speaks, as botocore calls it. `labels` are
    decoded. `request` has the path-style path where S3 was addressed by virtual host, whose bucket is `virtual_host`; verify the
    signature over the original. `raw_path` is the percent-encoded path that an SDK sends for this, where the decoded one is
    ambiguous (an ARN in a label), else None. `host_region` and `host_kind` (S3's `website`, `accesspoint`, …) are the Host's.
    """

    service: str
    operation: str
    protocol: str
    labels: dict[str, str]
    request: HttpRequest
    virtual_host: str | None = None
    raw_path: str | None = None
    host_region: str = ""
    host_kind: str = ""


class Unidentified(AwsError):
    """No operation of any service is meant; `service` (empty if unknown) and `protocol` say how to render it."""

    def __init__(
        self,
        code: str,
        message: str,
        status: int,
        protocol: str,
        service: str = "",
        fields: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message, status=status, fields=fields)
        self.protocol = protocol
        self.service = service


class Plan(msgspec.Struct, frozen=True):
    """The services that a scope or a host may mean, by how they are spoken to."""

    targets: dict[str, tuple[str, ...]]
    forms: tuple[str, ...]
    rest: tuple[str, ...]
    protocol: str
    s3: bool


def identify(request: HttpRequest, scope: str | None, hosts: Hosts = LOCAL) -> Identified:
    """The service and operation of a request; `scope` is the service in its credential scope, None if it is unsigned.

    The query protocol is found in the body, which must have been read (see `needs_body`). Raises AwsError and nothing else:
    `Unidentified` where no operation is meant, in AWS's words for the protocol.
    """
    headers = request.headers
    host = hosts.read(headers["host"]) if "host" in headers else NOTHING
    if host.kind == FUNCTION_URL:
        return identify_function_url(request, host)
    plan = plan_of_host(host.service) if scope is None else plan_of_scope(scope, host.service)
    if plan.s3:
        return identify_s3(request, plan, host)
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return identify_cbor(request, plan, host)
    target = headers.get("x-amz-target")
    if target is not None and plan.targets:
        return identify_target(request, target, plan, host)
    actions = read_parameter(request, "Action") if plan.forms else None
    if actions:
        return identify_action(request, actions, plan, host)
    return identify_route(request, plan, host)


def needs_body(request: HttpRequest, scope: str | None) -> bool:
    """Whether a request cannot be identified before its body has been read: forms of the query protocol."""
    if request.method != "POST" or not request.headers.get("content-type", "").startswith(FORM):
        return False
    if is_function_url(request.headers.get("host", "")):
        return False
    return scope is None or bool(plan_of_scope(scope, "").forms)


@lru_cache(maxsize=1024)
def plan_of_scope(scope: str, prefix: str) -> Plan:
    """The services that sign as `scope`, first those with the Host's endpoint prefix, then those with no other signing name."""
    names = [name for name, entry in load_index().items() if scope == entry.signing or scope in entry.scopes]
    if not names:
        names = [name for name, entry in load_index().items() if scope in (name, entry.prefix)]
    if not names:
        raise Unidentified("UnknownOperationException", f"There is no service {scope[:64]!r}", 404, "rest-json")
    entries = {name: load_index()[name] for name in candidates(names, scope)}
    return plan_of(sorted(entries, key=lambda name: (entries[name].prefix != prefix, entries[name].signing != scope)))


@lru_cache(maxsize=1024)
def plan_of_host(prefix: str) -> Plan:
    """The services behind a host name of AWS's; without one, all that can be told by target or Version, and S3's routes."""
    index = load_index()
    if prefix:
        return plan_of(candidates([name for name, entry in index.items() if entry.prefix == prefix], prefix))
    everything = plan_of(candidates(index, ""))
    return Plan(everything.targets, everything.forms, ("s3",), "rest-xml", False)


def candidates(names: Sequence[str] | dict[str, Entry], scope: str) -> list[str]:
    """Services in the order in which they are tried: what is called like the scope, then AWS's older, shorter names."""
    return sorted(names, key=lambda name: (name != scope, len(name), name))


def plan_of(names: Sequence[str]) -> Plan:
    index = load_index()
    targets: dict[str, tuple[str, ...]] = {}
    for name in names:
        if index[name].target:
            targets[index[name].target] = (*targets.get(index[name].target, ()), name)
    forms = [name for name in names if index[name].query or {"query", "ec2"} & set(index[name].protocols)]
    rest = [name for name in names if index[name].protocols[0].startswith("rest-")]
    return Plan(targets, tuple(forms), tuple(rest), index[names[0]].protocols[0], "s3" in names)


@cache
def operations_of(service: str) -> frozenset[str]:
    """The names of a service's operations."""
    return frozenset(load(service).operations)


@cache
def router_of(service: str) -> Router:
    """The router of a service, compiled when it is first asked for."""
    return compile_router(load(service).raw)


def identify_s3(request: HttpRequest, plan: Plan, host: HostName) -> Identified:
    """S3's operations, and those of its control plane, whose requests carry the account; a scope or Host may put others first."""
    if "x-amz-account-id" in request.headers or plan.rest[0] != "s3":
        others = tuple(name for name in plan.rest if name != "s3")
        match = route(request, others)
        if match is not None:
            return identified_route(request, match, host)
    bucket = host.bucket
    routed = request
    if bucket:
        if not request.path.startswith("/"):
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.", status=400)
        routed = request.at(f"/{bucket}{request.path}")
    router = router_of("s3")
    endpoint = router.residual.endpoints.get(host.kind) if host.kind else None
    if endpoint is not None:
        return identify_endpoint(routed, endpoint, host)
    found = router.exact(routed) or by_method(router.residual.endpoints[""], routed)
    if found is None:
        raise not_allowed(routed)
    return Identified("s3", found[0], "rest-xml", found[1], routed, bucket or None, None, host.region, host.kind)


def identify_endpoint(request: HttpRequest, endpoint: Endpoint, host: HostName) -> Identified:
    """S3's website endpoints: the bucket is in the host, the method is all that tells operations apart, and there is no other."""
    found = by_method(endpoint, request)
    if found is None:
        raise not_allowed(request, endpoint.protocol)
    if not host.bucket:
        fields = {"BucketName": ""}
        message = "The specified bucket does not exist"
        raise Unidentified("NoSuchBucket", message, 404, endpoint.protocol, "s3", fields)
    return Identified("s3", found[0], endpoint.protocol, found[1], request, host.bucket, None, host.region, host.kind)


def identify_function_url(request: HttpRequest, host: HostName) -> Identified:
    """A function's URL: whatever is asked there is for the function."""
    endpoint = router_of("lambda").residual.endpoints[FUNCTION_URL]
    labels = {"UrlId": host.bucket}
    operation = endpoint.operations["*"]
    return Identified("lambda", operation, endpoint.protocol, labels, request, None, None, host.region, host.kind)


def by_method(endpoint: Endpoint, request: HttpRequest) -> tuple[str, dict[str, str]] | None:
    """The operation of an endpoint that takes any path: that of a bucket, and of an object unless it ends there."""
    operation = endpoint.operations.get(request.method)
    if operation is None or not request.path.startswith("/"):
        return None
    bucket, _, key = request.path[1:].partition("/")
    return operation, {"Bucket": bucket, "Key": key}


def not_allowed(request: HttpRequest, protocol: str = "rest-xml") -> AwsError:
    """S3's answer to a method that a service, bucket, object or sub-resource does not have."""
    if request.path.startswith("//"):
        return Unidentified(
            "InvalidBucketName", "The specified bucket is not valid.", 400, protocol, "s3", {"BucketName": ""}
        )
    router = router_of("s3")
    resource = next((name for name in request.args if name in router.subresources), "")
    if resource:
        kind = router.residual.resource_types.get(resource, resource.replace("-", "").upper())
    else:
        kind = ("SERVICE", "BUCKET", "OBJECT")[
            min(2, request.path.strip("/").count("/") + bool(request.path.strip("/")))
        ]
    fields = {"Method": request.method[:32], "ResourceType": kind}
    message = "The specified method is not allowed against this resource."
    return Unidentified("MethodNotAllowed", message, 405, protocol, "s3", fields)


def identify_cbor(request: HttpRequest, plan: Plan, host: HostName) -> Identified:
    """Smithy's RPC v2 CBOR: the service's shape name and the operation are in the path."""
    parts = request.path.split("/", 5)
    if request.method == "POST" and len(parts) == 5 and parts[1] == "service" and parts[3] == "operation":
        for service in plan.targets.get(parts[2], ()):
            if CBOR in load_index()[service].protocols and parts[4] in operations_of(service):
                return Identified(service, parts[4], CBOR, {}, request, host_region=host.region)
    raise Unidentified("UnknownOperationException", "", 404, CBOR)


def identify_target(request: HttpRequest, target: str, plan: Plan, host: HostName) -> Identified:
    """The JSON protocols: `prefix.Operation` in X-Amz-Target."""
    prefix, _, operation = target.rpartition(".")
    if request.method == "POST":
        for service in plan.targets.get(prefix, ()):
            if operation in operations_of(service):
                return Identified(service, operation, "json", {}, request, host_region=host.region)
    raise Unidentified("UnknownOperationException", "", 400, "json", next(iter(plan.targets.get(prefix, ())), ""))


def read_parameter(request: HttpRequest, name: str) -> list[str]:
    """The values of a parameter of the query protocol in the query string and the form, two at most."""
    values = list(find_values(request.query, f"{name}=")) if request.query else []
    if request.body and request.headers.get("content-type", "").startswith(FORM):
        values += find_values(request.body[:FORM_HEAD].decode("latin-1"), f"{name}=")
    return values[:2]


def find_values(form: str, prefix: str) -> Iterator[str]:
    """The decoded values of one parameter; the others, which may be large, are not looked at."""
    at = form.find(prefix)
    while at >= 0:
        if at == 0 or form[at - 1] == "&":
            end = form.find("&", at)
            yield unquote_form(form[at + len(prefix) : end if end >= 0 else None])
        at = form.find(prefix, at + len(prefix))


def identify_action(request: HttpRequest, actions: list[str], plan: Plan, host: HostName) -> Identified:
    """The query protocols: Action, and Version where services share a name or there is no other hint."""
    index = load_index()
    action = actions[0]
    services: Sequence[str] = plan.forms
    if len(services) > 1:
        version = (*read_parameter(request, "Version"), "")[0]
        services = [name for name in services if index[name].version == version] if version else unversioned(services)
    for service in services if len(actions) == 1 else ():
        if action in operations_of(service):
            protocol = "ec2" if "ec2" in index[service].protocols else "query"
            return Identified(service, action, protocol, {}, request, host_region=host.region)
    raise invalid_action(request, plan.forms, actions)


def unversioned(services: Sequence[str]) -> Sequence[str]:
    """The services that a request without Version can mean: those of one signing name, or STS, which answers unsigned requests."""
    return services if len(services) < MANY else ("sts",)


def invalid_action(request: HttpRequest, forms: Sequence[str], actions: Sequence[str]) -> AwsError:
    """The query protocols' answers to an Action that is not one."""
    service = forms[0] if len(forms) < MANY else ""
    protocol = "ec2" if service == "ec2" else "query"
    if len(actions) > 1:
        return Unidentified("InvalidQueryParameter", "The parameter Action may be given once", 400, protocol, service)
    action = actions[0][:128]
    if service == "ec2":
        message = f"The action {action} is not valid for this web service."
    else:
        own = load_index()[service].version if service else "NO_VERSION_SPECIFIED"
        message = f"Could not find operation {action} for version {(*read_parameter(request, 'Version'), own)[0][:32]}"
    return Unidentified("InvalidAction", message, 400, protocol, service)


def identify_route(request: HttpRequest, plan: Plan, host: HostName) -> Identified:
    """REST: what is left."""
    if plan.rest == ("s3",):
        return identify_s3(request, plan, host)
    match = route(request, plan.rest)
    if match is not None:
        return identified_route(request, match, host)
    if plan.forms and request.path == "/":
        protocol = "ec2" if plan.forms[0] == "ec2" else "query"
        message = "The request is missing an action or operation parameter."
        raise Unidentified("MissingAction", message, 400, protocol, plan.forms[0])
    if plan.rest:
        raise Unidentified("UnknownOperationException", "", 404, plan.protocol, plan.rest[0])
    services = next(iter(plan.targets.values()), ("",))
    raise Unidentified("UnknownOperationException", "", 404, plan.protocol, services[0])


def route(request: HttpRequest, services: Sequence[str]) -> tuple[str, str, dict[str, str], bool] | None:
    """Service, operation, labels, and whether the path is ambiguous; exact matches of any service before tolerant ones."""
    for match in (Router.exact, Router.slashed, Router.wide):
        for service in services:
            found = match(router_of(service), request)
            if found is not None:
                return (service, *found, match is Router.wide)
    return None


def identified_route(request: HttpRequest, match: tuple[str, str, dict[str, str], bool], host: HostName) -> Identified:
    service, operation, labels, ambiguous = match
    raw_path = router_of(service).canonical_path(operation, labels) if ambiguous else None
    protocol = load_index()[service].protocols[0]
    return Identified(service, operation, protocol, labels, request, None, raw_path, host.region, host.kind)
