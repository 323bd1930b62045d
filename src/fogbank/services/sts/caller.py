"""Who the caller is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.service import NO_PERMISSION_NEEDED
from fogbank.services.sts.service import sts

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


@sts.operation("read", "*", takes="", action=NO_PERMISSION_NEEDED)
def get_caller_identity(call: Call, _req: Input) -> dict[str, Any]:
    """The caller's account, ARN and unique id; nobody may be denied this."""
    return {"UserId": call.principal.id, "Account": call.account, "Arn": call.principal.arn}
