"""GetSessionToken: temporary credentials of the caller itself, with a second factor if it shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.service import NO_PERMISSION_NEEDED
from fogbank.services.sts.grants import credentials, need_long_term, new_session, own_duration, spend
from fogbank.services.sts.service import sts

if TYPE_CHECKING:
    from types_boto3_sts.type_defs import GetSessionTokenRequestTypeDef

    from fogbank.core.call import Call


@sts.operation("write", "*", takes="DurationSeconds SerialNumber TokenCode", action=NO_PERMISSION_NEEDED)
def get_session_token(call: Call, req: GetSessionTokenRequestTypeDef) -> dict[str, Any]:
    """Temporary credentials of a user or root; no policy can deny them, and they can do no more than their owner."""
    need_long_term(call, "GetSessionToken")
    who = call.principal
    of = "root" if who.kind == "root" else "user"
    shown = int(call.now.timestamp()) if spend(call, req) else 0
    session = new_session(
        call, call.account, of=of, name=who.name, id=who.id, label="", lasts=own_duration(call, req), mfa=shown
    )
    return {"Credentials": credentials(call, session)}
