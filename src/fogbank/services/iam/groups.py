"""Groups: none can be made yet, so users are in none. Terraform asks before it deletes a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.services.iam.service import iam
from fogbank.services.iam.users import open_user

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import ListGroupsForUserRequestTypeDef

    from fogbank.core.call import Call


@iam.operation("read", "user", takes="UserName Marker MaxItems")
def list_groups_for_user(call: Call, req: ListGroupsForUserRequestTypeDef) -> dict[str, Any]:
    """The groups that a user is in."""
    open_user(call, req["UserName"])
    return {"Groups": [], "IsTruncated": False}
