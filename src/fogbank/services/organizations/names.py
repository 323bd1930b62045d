"""Ids and ARNs: what they look like, and what they name.

Source: Organizations API Reference, the patterns of its data types; Service Authorization Reference, "AWS Organizations".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fogbank.core.errors import AwsError
from fogbank.core.identity.accounts import FULL_ACCESS, organization_of

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.identity.accounts import Organization

CONTROL: Final = "SERVICE_CONTROL_POLICY"
_KINDS: Final = (
    (re.compile(r"[0-9]{12}", re.ASCII), "account"),
    (re.compile(r"r-[0-9a-z]{4,32}", re.ASCII), "root"),
    (re.compile(r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}", re.ASCII), "ou"),
    (re.compile(r"p-[0-9a-zA-Z_]{8,128}", re.ASCII), "policy"),
)


def kind_of(name: str) -> str:
    """What an id names: account, root, ou, policy; empty if it is no id."""
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(name)), "")


def arn_of(call: Call, name: str) -> str:
    """The ARN of an id in the caller's organization. Without one, any organization's, which only a wildcard allows."""
    organization = organization_of(call.tx, call.account)
    owner = organization.management if organization else call.account
    return arn_in(owner, organization.id if organization else "*", name)


def arn_in(management: str, organization: str, name: str) -> str:
    """The ARN of an id."""
    if name == FULL_ACCESS:
        return f"arn:aws:organizations::aws:policy/service_control_policy/{name}"
    kind = kind_of(name) or "unknown"
    middle = "service_control_policy/" if kind == "policy" else ""
    return f"arn:aws:organizations::{management}:{kind}/{organization}/{middle}{name}"


def told_arn(organization: Organization, name: str) -> str:
    """The ARN of an id in an organization that is there."""
    return arn_in(organization.management, organization.id, name)


def new_id(call: Call, prefix: str, length: int) -> str:
    """An id: a prefix, and so many characters of base 32 in lower case, at most 32."""
    return prefix + (call.ids.unique("") + call.ids.unique("")).lower()[:length]


def opened(call: Call) -> Organization:
    """The organization that the caller manages."""
    organization = member_of(call)
    if organization.management != call.account:
        raise AwsError("AccessDeniedException", "You don't have permissions to access this resource.", status=400)
    return organization


def member_of(call: Call) -> Organization:
    """The organization that the caller's account is in."""
    organization = organization_of(call.tx, call.account)
    if organization is None:
        raise AwsError(
            "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.", status=400
        )
    return organization


def invalid(reason: str, what: str) -> AwsError:
    """The error for an input that is none."""
    return AwsError("InvalidInputException", what, status=400, fields={"Reason": reason})


def constraint(reason: str, what: str) -> AwsError:
    """The error for what an organization does not allow."""
    return AwsError("ConstraintViolationException", what, status=400, fields={"Reason": reason})


def absent(code: str, what: str) -> AwsError:
    """The error for something that is not there."""
    return AwsError(code, f"You specified {what} that doesn't exist.", status=400)
