"""Permissions of layers' versions: who may use them in functions of other accounts.

Source: Lambda API Reference, AddLayerVersionPermission, GetLayerVersionPolicy, RemoveLayerVersionPermission; Lambda Developer Guide,
"Granting layer access to other accounts".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.lambda_ import keeping, layer_names
from fogbank.services.lambda_.errors import USER, conflict, invalid, not_found
from fogbank.services.lambda_.layers import need
from fogbank.services.lambda_.records import LayerVersion, layer_versions
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

LARGEST: Final = 20_480  # bytes of a policy
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)


@lambda_.operation(
    "write", "layer_version", takes="LayerName VersionNumber StatementId Action Principal OrganizationId RevisionId"
)
def add_layer_version_permission(call: Call, req: Input) -> dict[str, Any]:
    """Let an account, an organization or everybody use a version of a layer."""
    found = opened(call, req)
    name = req["StatementId"]
    if name in found.policy:
        raise conflict(
            f"The statement id ({name}) provided already exists. Please provide a new statement id, or remove the existing statement."
        )
    made = json.dumps(statement(req, found), separators=(",", ":"))
    kept = keep(call, found, {**found.policy, name: made})
    return {"Statement": made, "RevisionId": kept.revision}


@lambda_.operation("read", "layer_version", takes="LayerName VersionNumber")
def get_layer_version_policy(call: Call, req: Input) -> dict[str, Any]:
    """The policy of a version of a layer."""
    found = need(call, req)
    if not found.policy:
        raise not_found("No policy is associated with the given resource.")
    return {"Policy": layer_names.document(found), "RevisionId": found.revision}


@lambda_.operation("write", "layer_version", takes="LayerName VersionNumber StatementId RevisionId")
def remove_layer_version_permission(call: Call, req: Input) -> dict[str, Any]:
    """Take a permission back."""
    found = opened(call, req)
    left = dict(found.policy)
    if left.pop(req["StatementId"], None) is None:
        raise not_found(f"Statement {req['StatementId']} is not found in resource policy.")
    keep(call, found, left)
    return {}


def opened(call: Call, req: Input) -> LayerVersion:
    """The version of a request, whose policy is to be changed from the revision that the request is about."""
    found = need(call, req)
    keeping.check_revision(req, found.revision)
    return found


def keep(call: Call, version: LayerVersion, policy: dict[str, str]) -> LayerVersion:
    """Keep a policy. PolicyLengthExceededException for one that is too large."""
    made = msgspec.structs.replace(version, policy=policy, revision=call.ids.uuid())
    size = len(layer_names.document(made))
    if size > LARGEST:
        what = f"The final policy size ({size}) is bigger than the limit ({LARGEST})."
        raise AwsError("PolicyLengthExceededException", what, fields=USER)
    layer_versions.put(call.tx, made, made.account, made.region, made.name, made.number)
    return made


def statement(req: Input, version: LayerVersion) -> dict[str, Any]:
    """A statement of a policy. An organization is a condition on everybody."""
    principal = req["Principal"]
    if "OrganizationId" in req and principal != "*":
        raise invalid("OrganizationId needs Principal to be *.")
    account = f"arn:aws:iam::{principal}:root" if _ACCOUNT.fullmatch(principal) else principal
    made = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": account},
        "Action": req["Action"],
        "Resource": version.arn,
    }
    if "OrganizationId" in req:
        made["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": req["OrganizationId"]}}
    return made
