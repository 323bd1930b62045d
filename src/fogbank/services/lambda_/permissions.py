"""Permissions: the statements of the policies of functions, versions and aliases.

Source: Lambda API Reference, AddPermission, GetPolicy, RemovePermission; Lambda Developer Guide, "Working with resource-based IAM
policies in Lambda", "Control access to Lambda function URLs".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from fogbank.auth.policy import PolicyError, parse_policy
from fogbank.core.errors import AwsError
from fogbank.core.identity.named import UnknownPrincipal, by_id, by_name
from fogbank.services.lambda_ import granted
from fogbank.services.lambda_.errors import invalid
from fogbank.services.lambda_.granted import Grants, Permission
from fogbank.services.lambda_.names import LATEST, function_of
from fogbank.services.lambda_.resolving import need
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input
    from fogbank.services.lambda_.names import Name

LARGEST: Final = 20_480  # bytes of a policy
URL_ACTION: Final = "lambda:InvokeFunctionUrl"
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
_ACTION: Final = re.compile(r"lambda:(\*|[A-Za-z]+)|\*", re.ASCII)

# Input members that become conditions: the operator and the key, in Lambda's spelling.
CONDITIONS: Final = {
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
}


def keys(_call: Call, req: Input) -> dict[str, Value]:
    """The condition keys of a request about a permission."""
    found: dict[str, Value] = {"lambda:principal": req["Principal"]} if "Principal" in req else {}
    if "FunctionUrlAuthType" in req:
        found["lambda:functionurlauthtype"] = req["FunctionUrlAuthType"]
    return found


@lambda_.operation(
    "write",
    "function",
    takes="FunctionName StatementId Action Principal SourceArn FunctionUrlAuthType InvokedViaFunctionUrl SourceAccount"
    " EventSourceToken Qualifier RevisionId PrincipalOrgID",
    keys=keys,
)
def add_permission(call: Call, req: Input) -> dict[str, Any]:
    """Let a service, an account, a user or a role use a function."""
    name = addressed(call, req)
    found = granted.find(call.tx, name)
    held = found.permissions if found else ()
    need_revision(req, found)
    if any(one.sid == req["StatementId"] for one in held):
        raise AwsError(
            "ResourceConflictException",
            f"The statement id ({req['StatementId']}) provided already exists. Please provide a new statement id, or remove"
            " the existing statement.",
        )
    made = permission(call, name, statement_of(req, name))
    keep(call, name, (*held, made))
    return {"Statement": made.given}


@lambda_.operation("write", "function", takes="FunctionName StatementId Qualifier RevisionId")
def remove_permission(call: Call, req: Input) -> dict[str, Any]:
    """Take a permission back."""
    name = addressed(call, req)
    found = granted.find(call.tx, name)
    if found is None:
        raise absent("No policy is associated with the given resource.")
    left = tuple(one for one in found.permissions if one.sid != req["StatementId"])
    if len(left) == len(found.permissions):
        raise absent(f"Statement {req['StatementId']} is not found in resource policy.")
    need_revision(req, found)
    keep(call, name, left)
    return {}


@lambda_.operation("read", "function", takes="FunctionName Qualifier")
def get_policy(call: Call, req: Input) -> dict[str, Any]:
    """The policy as it was given; of users and roles that are gone it has the ids."""
    name = function_of(call, req)
    need(call.tx, name)
    found = granted.find(call.tx, name)
    if found is None or name.qualifier == LATEST:
        raise absent("The resource you requested does not exist.")
    given = granted.written(one.given for one in found.permissions)
    shown = by_name(call.tx, given, found.document())
    compact = shown if shown == given else json.dumps(json.loads(shown), separators=(",", ":"))
    return {"Policy": compact, "RevisionId": found.revision}


def addressed(call: Call, req: Input) -> Name:
    """The function, version or alias whose policy a request changes."""
    name = function_of(call, req)
    if name.qualifier == LATEST:
        raise invalid("We currently do not support adding policies for $LATEST.")
    need(call.tx, name)
    return name


def absent(what: str) -> AwsError:
    """The error for a policy or a statement that is not there."""
    return AwsError("ResourceNotFoundException", what, fields={"Type": "User"})


def need_revision(req: Input, found: Grants | None) -> None:
    """Raise where a request is about another revision of the policy."""
    if "RevisionId" in req and (found is None or req["RevisionId"] != found.revision):
        raise AwsError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest"
            " Revision Id",
            fields={"Type": "User"},
        )


def keep(call: Call, name: Name, permissions: tuple[Permission, ...]) -> None:
    """Replace a policy; without statements there is none."""
    place = (name.account, name.region, name.name, name.qualifier)
    if not permissions:
        granted.policies.delete(call.tx, *place)
        return
    found = Grants(revision=call.ids.uuid(), permissions=permissions)
    size = len(granted.written(one.given for one in permissions).encode())
    if size > LARGEST:
        what = f"The final policy size ({size}) is bigger than the limit ({LARGEST})."
        raise AwsError("PolicyLengthExceededException", what, fields={"Type": "User"})
    granted.policies.put(call.tx, found, *place)


def permission(call: Call, name: Name, statement: dict[str, Any]) -> Permission:
    """A statement as it is kept; InvalidParameterValueException if it cannot be one."""
    given = granted.json_of(statement)
    document = granted.written([given])
    try:
        policy = parse_policy(document, "resource", name.arn)
        kept = by_id(call.tx, call.account, document, policy)
    except UnknownPrincipal:
        raise bad_principal() from None
    except PolicyError as error:
        raise (bad_principal() if "principal" in error.reason else invalid(error.reason)) from None
    return Permission(statement["Sid"], given, granted.json_of(json.loads(kept)["Statement"][0]))


def bad_principal() -> AwsError:
    """The error for a principal that there is not."""
    return invalid("The provided principal was invalid. Please check the principal and try again.")


def statement_of(req: Input, name: Name) -> dict[str, Any]:
    """The statement that a request asks for."""
    action = req["Action"]
    if not _ACTION.fullmatch(action):
        raise invalid(f"Invalid action: {action[:256]}")
    if "FunctionUrlAuthType" in req and action != URL_ACTION:
        raise invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
    if "InvokedViaFunctionUrl" in req and action == URL_ACTION:
        raise invalid("InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action")
    found: dict[str, Any] = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": principal_of(req["Principal"]),
        "Action": action,
        "Resource": name.arn,
    }
    conditions = conditions_of(req)
    return found | ({"Condition": conditions} if conditions else {})


def principal_of(given: str) -> str | dict[str, str]:
    """A principal as it is written in a policy: an account's number means the account."""
    if given == "*":
        return given
    if _ACCOUNT.fullmatch(given):
        return {"AWS": f"arn:aws:iam::{given}:root"}
    return {"AWS" if given.startswith("arn:") else "Service": given}


def conditions_of(req: Input) -> dict[str, dict[str, str]]:
    """The conditions that a request puts on a permission."""
    found: dict[str, dict[str, str]] = {}
    for member, (operator, key) in CONDITIONS.items():
        value = req.get(member)
        if value is not None:
            found.setdefault(operator, {})[key] = str(value).lower() if isinstance(value, bool) else value
    return found
