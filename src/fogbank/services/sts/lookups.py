"""GetAccessKeyInfo, DecodeAuthorizationMessage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.core.errors import AwsError
from fogbank.core.identity.accounts import root_keys
from fogbank.core.identity.denials import open_message
from fogbank.core.identity.records import access_keys
from fogbank.core.identity.sessions import account_of
from fogbank.services.sts.service import sts

if TYPE_CHECKING:
    from types_boto3_sts.type_defs import DecodeAuthorizationMessageRequestTypeDef, GetAccessKeyInfoRequestTypeDef

    from fogbank.core.call import Call


@sts.operation("read", "*", takes="AccessKeyId")
def get_access_key_info(call: Call, req: GetAccessKeyInfoRequestTypeDef) -> dict[str, Any]:
    """The account that an access key belongs to, whoever's it is; a session's key says it itself, valid or not."""
    key_id = req["AccessKeyId"]
    if key_id == call.principal.access_key_id:
        return {"Account": call.account}
    key = access_keys.get(call.tx, key_id) or root_keys.get(call.tx, key_id)
    account = key.account if key else account_of(key_id)
    if account is None:
        raise AwsError("ValidationError", "The access key is of no account of this region.")
    return {"Account": account}


@sts.operation("read", "*", takes="EncodedMessage")
def decode_authorization_message(call: Call, req: DecodeAuthorizationMessageRequestTypeDef) -> dict[str, Any]:
    """What was decided on a request that was refused with an encoded message, to a caller of the same account."""
    found = open_message(call.vault, req["EncodedMessage"], call.account)
    if found is None:
        raise AwsError("InvalidAuthorizationMessageException", "The authorization message is invalid.", status=400)
    return {"DecodedMessage": found}
