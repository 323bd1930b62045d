"""Targets of rules: where events are sent, and in which form.

Source: API Reference, PutTargets, RemoveTargets, ListTargetsByRule; EventBridge User Guide, "Event bus targets".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core import destinations
from fogbank.core.errors import not_implemented
from fogbank.services.events import transform
from fogbank.services.events.addressing import addressed, need_rule
from fogbank.services.events.errors import foreign, invalid, too_many
from fogbank.services.events.listing import after, paged
from fogbank.services.events.records import Target, targets
from fogbank.services.events.rules import pass_roles
from fogbank.services.events.service import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fogbank.core.call import Call
    from fogbank.core.service import Input

MOST: Final = 5  # targets of a rule
HONOURED: Final = {
    "Id",
    "Arn",
    "RoleArn",
    "Input",
    "InputPath",
    "InputTransformer",
    "DeadLetterConfig",
    "RetryPolicy",
}
FORMS: Final = ("Input", "InputPath", "InputTransformer")
OWN_POLICY: Final = {
    "lambda",
    "sqs",
    "sns",
    "logs",
}  # services that go by their resources' policies; a role is for other accounts


@events.operation("write", "rule", takes="Rule EventBusName Targets", also=pass_roles)
def put_targets(call: Call, req: Input) -> dict[str, Any]:
    """Give a rule targets, in the place of those with the same ids."""
    place, rule = addressed(call, req)
    need_rule(call.tx, place, rule)
    made = [target_of(call, given) for given in req["Targets"]]
    if call.account != place.account:
        check_own(call, made)
    there = {target.id for _, target in targets.scan(call.tx, *place.parts, rule)}
    if len(there | {target.id for target in made}) > MOST:
        raise too_many()
    for target in made:
        targets.put(call.tx, target, *place.parts, rule, target.id)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@events.operation("write", "rule", takes="Rule EventBusName Ids Force")
def remove_targets(call: Call, req: Input) -> dict[str, Any]:
    """Take targets from a rule; ids that it does not have are ignored. Force is for rules of AWS's services: there are none."""
    place, rule = addressed(call, req)
    need_rule(call.tx, place, rule)
    for name in req["Ids"]:
        targets.delete(call.tx, *place.parts, rule, name)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@events.operation("read", "rule", takes="Rule EventBusName NextToken Limit")
def list_targets_by_rule(call: Call, req: Input) -> dict[str, Any]:
    """The targets of a rule, by id."""
    place, rule = addressed(call, req)
    need_rule(call.tx, place, rule)
    found = targets.scan(call.tx, *place.parts, rule, start_after=after(req))
    return paged(req, "Targets", ((target.id, target) for _, target in found), told)


def target_of(call: Call, given: Mapping[str, Any]) -> Target:
    """A target, as it is kept. ValidationException for one that cannot be; NotImplemented for what nothing here would come of."""
    for name in given:
        if name not in HONOURED:
            raise not_implemented(f"{name} of a target")
    check_arn(call, given["Arn"])
    if "RoleArn" in given and service_of(given["Arn"]) in OWN_POLICY:
        raise not_implemented(f"A role for a target of the service {service_of(given['Arn'])}")
    if service_of(given["Arn"]) == "events" and any(form in given for form in FORMS):
        raise invalid(f"Input, InputPath, and InputTransformer are not supported for target {given['Arn']}.")
    check_form(given)
    shape, retry = given.get("InputTransformer", {}), given.get("RetryPolicy", {})
    dead_letters = given.get("DeadLetterConfig", {}).get("Arn", "")
    if dead_letters:
        check_queue(dead_letters)
    return Target(
        id=given["Id"],
        arn=given["Arn"],
        role=given.get("RoleArn", ""),
        input=given.get("Input", ""),
        path=given.get("InputPath", ""),
        template=shape.get("InputTemplate", ""),
        paths=dict(shape.get("InputPathsMap", {})),
        age=retry.get("MaximumEventAgeInSeconds", -1),
        attempts=retry.get("MaximumRetryAttempts", -1),
        dead_letters=dead_letters,
    )


def service_of(arn: str) -> str:
    """The service of a target."""
    parsed = destinations.parse(arn)
    return parsed[0] if parsed else ""


def check_arn(call: Call, arn: str) -> None:
    """Refuse what is no ARN of this region, and targets that nothing can be sent to here. Whether they are there is not asked."""
    parsed = destinations.parse(arn)
    if parsed is None or parsed[1] != call.region:
        raise invalid(f"Parameter {arn[:1600]} is not valid. Reason: Provided Arn is not in correct format.")
    sends_logs = parsed[0] == "logs" and call.operations("logs", "PutLogEvents") is not None
    if not sends_logs and destinations.find(arn) is None:
        raise not_implemented(f"A target of the service {parsed[0]}")


def check_own(call: Call, made: Iterable[Target]) -> None:
    """Refuse targets that are not the caller's, who may only make rules on this bus.

    What a rule sends is sent for its bus's account, whose other buses, functions and groups trust that.
    """
    parsed = [destinations.parse(arn) for target in made for arn in (target.arn, target.dead_letters) if arn]
    if any(found is None or found[2] != call.account for found in parsed):
        raise foreign()


def check_queue(arn: str) -> None:
    """Refuse dead-letter queues that are none, or that nothing can be sent to here."""
    if service_of(arn) != "sqs":
        raise invalid(f"Parameter {arn[:1600]} is not valid. Reason: Provided Arn is not in correct format.")
    if destinations.find(arn) is None:
        raise not_implemented("A dead-letter queue")


def check_form(given: Mapping[str, Any]) -> None:
    """Refuse what a target cannot be sent."""
    name = given["Id"]
    if sum(form in given for form in FORMS) > 1:
        raise invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.")
    if given.get("Input") and not transform.is_json(given["Input"]):
        raise invalid(f"Input for target {name} is not a valid JSON text.")
    if given.get("InputPath"):
        check_path(name, given["InputPath"])
    if "InputTransformer" in given:
        check_transformer(name, given["InputTransformer"])


def check_transformer(name: str, given: Mapping[str, Any]) -> None:
    """Refuse a template that cannot be filled."""
    paths = given.get("InputPathsMap", {})
    for where in paths.values():
        check_path(name, where)
    try:
        made = transform.template(given["InputTemplate"])
    except transform.TransformError as error:
        raise invalid(f"Invalid InputTemplate for target {name} : {error}.") from None
    for variable in made.names:
        if variable not in paths and variable not in transform.PREDEFINED:
            raise invalid(f"InputTemplate for target {name} contains invalid placeholder {variable}.")


def check_path(name: str, text: str) -> None:
    """Refuse what is no JSON path."""
    try:
        transform.path(text)
    except transform.TransformError:
        raise invalid(f"Invalid JSONPath {text} for target {name}.") from None


def told(target: Target) -> dict[str, Any]:
    """A target, as callers see it."""
    found: dict[str, Any] = {"Id": target.id, "Arn": target.arn}
    texts = {"RoleArn": target.role, "Input": target.input, "InputPath": target.path}
    found |= {name: text for name, text in texts.items() if text}
    if target.template:
        shape: dict[str, Any] = {"InputTemplate": target.template}
        found["InputTransformer"] = shape | ({"InputPathsMap": target.paths} if target.paths else {})
    retry = {"MaximumRetryAttempts": target.attempts, "MaximumEventAgeInSeconds": target.age}
    if any(value >= 0 for value in retry.values()):
        found["RetryPolicy"] = {name: value for name, value in retry.items() if value >= 0}
    if target.dead_letters:
        found["DeadLetterConfig"] = {"Arn": target.dead_letters}
    return found
