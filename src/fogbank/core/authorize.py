"""Who may do what. The seam where IAM's evaluator goes: closed by default, and no operation passes it by.

Until policies arrive (issue 3) the only identity with permissions is an account's root, which may do everything to what
belongs to its account; every other request is implicitly denied, as AWS denies a user who has no policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from fogbank.core.principal import Principal

# AWS has three codes for a refused action, by the protocol of the service.
DENIED_CODES = {"ec2": "UnauthorizedOperation", "json": "AccessDeniedException", "rest-json": "AccessDeniedException"}


class Question(msgspec.Struct, frozen=True):
    """May `principal` do `action` to `resource` (an ARN or `*`), which belongs to `owner` (an account's number)?"""

    principal: Principal
    action: str
    resource: str
    owner: str


def allowed(question: Question) -> bool:
    """The decision; anything that is not understood is denied."""
    return question.principal.kind == "root" and question.principal.account == question.owner


def denied(question: Question, protocol: str) -> AwsError:
    """The error for a refused question, in AWS's words.

    Source: IAM User Guide, "Troubleshoot access denied error messages".
    """
    who = question.principal
    if who.kind == "anonymous":
        return AwsError(DENIED_CODES.get(protocol, "AccessDenied"), "Access Denied", status=403)
    kind = "identity-based" if who.account == question.owner else "resource-based"
    message = (
        f"User: {who.arn} is not authorized to perform: {question.action} on resource: {question.resource} "
        f"because no {kind} policy allows the {question.action} action"
    )
    return AwsError(DENIED_CODES.get(protocol, "AccessDenied"), message, status=403)
