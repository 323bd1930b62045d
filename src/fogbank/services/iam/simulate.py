"""The policy simulator: what policies would decide, asked of the evaluator that decides every request.

Source: IAM API Reference, SimulateCustomPolicy, SimulatePrincipalPolicy, GetContextKeysForCustomPolicy,
GetContextKeysForPrincipalPolicy.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.auth.policy import Policies, PolicyError, PolicySet, parse_policy
from fogbank.core.errors import AwsError
from fogbank.core.identity import documents, permissions
from fogbank.core.identity.accounts import controls
from fogbank.core.identity.records import User
from fogbank.core.principal import Principal
from fogbank.services.iam.listing import paged
from fogbank.services.iam.policy_sources import context_keys, entity_of, sources
from fogbank.services.iam.service import iam
from fogbank.services.iam.simulation import Origin, Simulation, context_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from types_boto3_iam.type_defs import (
        GetContextKeysForCustomPolicyRequestTypeDef,
        GetContextKeysForPrincipalPolicyRequestTypeDef,
        SimulateCustomPolicyRequestTypeDef,
        SimulatePrincipalPolicyRequestTypeDef,
    )

    from fogbank.auth.policy import Policy
    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input
    from fogbank.services.iam.policy_sources import Entity

MOST = 100_000  # actions times resources of one simulation
_ACTION: Final = re.compile(r"[a-zA-Z0-9-]+:[a-zA-Z0-9]+", re.ASCII)
_CALLER: Final = re.compile(r"arn:aws:iam::(\d{12}):user/([!-~]*/)?([\w+=,.@-]+)", re.ASCII)
_OWNER: Final = re.compile(r"arn:aws:iam::(\d{12}):root", re.ASCII)
_TAKES: Final = (
    "PolicyInputList PermissionsBoundaryPolicyInputList ActionNames ResourceArns ResourcePolicy ResourceOwner CallerArn "
    "ContextEntries MaxItems Marker"
)


@iam.operation("scan", "*", takes=f"{_TAKES} OrderedOrganizationPolicyInputList")
def simulate_custom_policy(call: Call, req: SimulateCustomPolicyRequestTypeDef) -> dict[str, Any]:
    """What policies that are given would decide."""
    origins: dict[str, Origin] = {}
    identity = given(req.get("PolicyInputList", []), "PolicyInputList", origins)
    levels = [
        level.get("ServiceControlPolicyInputList", []) for level in req.get("OrderedOrganizationPolicyInputList", [])
    ]
    control = tuple(
        PolicySet(parsed(document, f"OrganizationPolicy.{number}.{index}") for index, document in enumerate(level, 1))
        for number, level in enumerate(levels, 1)
    )
    caller = caller_of(req, None)
    if caller is None and "ResourcePolicy" in req:
        raise AwsError("InvalidInput", "CallerArn is required when ResourcePolicy is given.")
    who = caller or Principal(kind="user", account=call.account, arn="", id="")
    policies = Policies(PolicySet(identity), boundary=boundary_of(req, origins), control=control)
    return answer(req, who, policies, origins)


@iam.operation("scan", "policy_source", takes=f"{_TAKES} PolicySourceArn")
def simulate_principal_policy(call: Call, req: SimulatePrincipalPolicyRequestTypeDef) -> dict[str, Any]:
    """What the policies of a user, group or role, and more that are given, would decide."""
    entity = entity_of(call, req["PolicySourceArn"])
    origins: dict[str, Origin] = {}
    found: list[Policy] = []
    for number, source in enumerate(sources(call.tx, call.account, entity)):
        name = f"{number} {source.name}"
        origins[name] = Origin(source.name, source.type, source.document)
        found.append(documents.compiled(source.document, name))
    found += given(req.get("PolicyInputList", []), "PolicyInputList", origins)
    caller = caller_of(req, req["PolicySourceArn"] if entity.owner == "user" else None)
    if caller is None and "ResourcePolicy" in req:
        raise AwsError(
            "InvalidInput", "CallerArn is required when ResourcePolicy is given and PolicySourceArn is not a user's."
        )
    boundary = boundary_of(req, origins) or permissions.boundary_of(call.tx, getattr(entity.record, "boundary", ""))
    control = () if getattr(entity.record, "service", "") else controls(call.tx, call.account)
    return answer(
        req,
        caller or source_principal(call, entity),
        Policies(PolicySet(found), boundary, control=control),
        origins,
        keys_of_source(call, entity),
    )


@iam.operation("read", "*", takes="PolicyInputList")
def get_context_keys_for_custom_policy(_call: Call, req: GetContextKeysForCustomPolicyRequestTypeDef) -> dict[str, Any]:
    """The condition keys that policies ask for."""
    given(req["PolicyInputList"], "PolicyInputList", {})
    return {"ContextKeyNames": all_keys(req["PolicyInputList"])}


@iam.operation("scan", "policy_source", takes="PolicySourceArn PolicyInputList")
def get_context_keys_for_principal_policy(
    call: Call, req: GetContextKeysForPrincipalPolicyRequestTypeDef
) -> dict[str, Any]:
    """The condition keys that the policies of a user, group or role ask for."""
    more = req.get("PolicyInputList", [])
    given(more, "PolicyInputList", {})
    found = sources(call.tx, call.account, entity_of(call, req["PolicySourceArn"]))
    return {"ContextKeyNames": all_keys([*(source.document for source in found), *more])}


def answer(
    req: Input, who: Principal, policies: Policies, origins: dict[str, Origin], keys: dict[str, Value] | None = None
) -> dict[str, Any]:
    """A page of results: actions times resources."""
    resources = req.get("ResourceArns") or ["*"]
    actions = req["ActionNames"]
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise AwsError(
                "InvalidInput", f"Invalid action: {action[:128]}. An action is as service:Operation, without wildcards."
            )
    if len(actions) * len(resources) > MOST:
        raise AwsError("InvalidInput", f"More than {MOST} combinations of actions and resources.")
    owner = _OWNER.fullmatch(req["ResourceOwner"]) if "ResourceOwner" in req else None
    if "ResourceOwner" in req and owner is None:
        raise AwsError(
            "InvalidInput", "ResourceOwner must be the ARN of an account's root: arn:aws:iam::AWS-account-ID:root"
        )
    simulation = Simulation(
        who=who,
        policies=policies,
        resource_policy=resource_policy_of(req, origins),
        owner=owner[1] if owner else who.account,
        context=(keys or {}) | context_of(req.get("ContextEntries", [])),
        origins=origins,
    )
    pairs = ((action, resource) for action in actions for resource in resources)
    page, more = paged(req, ((f"{number:08d}", pair) for number, pair in enumerate(pairs)))
    listed = "ResourceArns" in req
    return {"EvaluationResults": [simulation.result(action, resource, listed) for action, resource in page], **more}


def parsed(document: str, name: str) -> Policy:
    """A policy that was given."""
    try:
        return parse_policy(document, "identity", name)
    except PolicyError as error:
        raise AwsError("InvalidInput", f"Invalid policy {name}: {error.reason}") from None


def given(documents: Sequence[str], member: str, origins: dict[str, Origin]) -> list[Policy]:
    """Policies that were given, known by their places: `PolicyInputList.1`."""
    found = []
    for number, document in enumerate(documents, 1):
        name = f"{member}.{number}"
        origins[name] = Origin(name, "none", document)
        found.append(parsed(document, name))
    return found


def boundary_of(req: Input, origins: dict[str, Origin]) -> PolicySet | None:
    """The permissions boundary that was given."""
    member = "PermissionsBoundaryPolicyInputList"
    documents = req.get(member, [])
    return PolicySet(given(documents, member, origins)) if documents else None


def resource_policy_of(req: Input, origins: dict[str, Origin]) -> Policy | None:
    """The resource's policy that was given."""
    document = req.get("ResourcePolicy")
    if document is None:
        return None
    origins["ResourcePolicy"] = Origin("ResourcePolicy", "resource", document)
    try:
        return parse_policy(document, "resource", "ResourcePolicy")
    except PolicyError as error:
        raise AwsError("InvalidInput", f"Invalid ResourcePolicy: {error.reason}") from None


def caller_of(req: Input, default: str | None) -> Principal | None:
    """The simulated caller: a user, who need not be there."""
    arn = req.get("CallerArn", default)
    if arn is None:
        return None
    match = _CALLER.fullmatch(arn)
    if match is None:
        raise AwsError("InvalidInput", "CallerArn must be the ARN of an IAM user.")
    return Principal(kind="user", account=match[1], arn=arn, id="", issuer=arn, name=match[3])


def source_principal(call: Call, entity: Entity) -> Principal:
    """A role or group as the caller, where no user is."""
    arn = entity.arn(call.account)
    return Principal(
        kind="role" if entity.owner == "role" else "user",
        account=call.account,
        arn=arn,
        id=entity.record.id,
        issuer=arn,
        name=entity.record.name,
    )


def keys_of_source(call: Call, entity: Entity) -> dict[str, Value]:
    """The condition keys that follow from whose policies they are."""
    record, arn = entity.record, entity.arn(call.account)
    keys: dict[str, Value] = {"aws:principalaccount": call.account}
    if entity.owner == "group":
        return keys
    keys |= {"aws:principalarn": arn, "aws:principaltype": "User" if entity.owner == "user" else "AssumedRole"}
    keys |= {f"aws:principaltag/{name.lower()}": value for name, value in getattr(record, "tags", {}).items()}
    if isinstance(record, User):
        keys |= {"aws:userid": record.id, "aws:username": record.name}
    return keys


def all_keys(documents: Iterable[str]) -> list[str]:
    """The condition keys of policies, each once."""
    found: dict[str, str] = {}
    for document in documents:
        for key in context_keys(document):
            found.setdefault(key.lower(), key)
    return sorted(found.values())
