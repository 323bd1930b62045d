"""Users' access keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.core.errors import AwsError, not_implemented
from fogbank.core.identity.records import (
    AccessKey,
    access_keys,
    delete_key,
    keys_of,
    keys_used,
    put_key,
    secret_context,
    when,
)
from fogbank.core.paging import read_marker, write_marker
from fogbank.services.iam.entities import open_user
from fogbank.services.iam.service import iam
from fogbank.services.iam.users import own_name

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import (
        CreateAccessKeyRequestTypeDef,
        DeleteAccessKeyRequestTypeDef,
        GetAccessKeyLastUsedRequestTypeDef,
        ListAccessKeysRequestTypeDef,
        UpdateAccessKeyRequestTypeDef,
    )

    from fogbank.core.call import Call
    from fogbank.core.service import Input

KEYS_PER_USER = 2
PAGE = 100


def user_name(call: Call, req: Input) -> str:
    """The named user, or the caller. The root's own key is the installation's, and not managed here."""
    name = req.get("UserName") or own_name(call)
    if name is None and call.principal.kind == "root":
        raise not_implemented("Managing the root user's access keys")
    if name is None:
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    return open_user(call, name).name


@iam.operation("write", "user", takes="UserName")
def create_access_key(call: Call, req: CreateAccessKeyRequestTypeDef) -> dict[str, Any]:
    """Make an access key; its secret is told this once."""
    name = user_name(call, req)
    if sum(1 for _ in keys_of.scan(call.tx, call.account, name)) >= KEYS_PER_USER:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}")
    key_id, secret = call.ids.unique("AKIA"), call.ids.secret()
    key = AccessKey(
        id=key_id,
        account=call.account,
        user=name,
        sealed=call.vault.seal(secret.encode(), secret_context(key_id)),
        active=True,
        created=int(call.now.timestamp()),
    )
    put_key(call.tx, key)
    return {"AccessKey": told(key) | {"SecretAccessKey": secret}}


@iam.operation("scan", "user", takes="UserName Marker MaxItems")
def list_access_keys(call: Call, req: ListAccessKeysRequestTypeDef) -> dict[str, Any]:
    """A user's access keys, without their secrets."""
    most = req.get("MaxItems", PAGE)
    after = read_marker(req.get("Marker"))
    found = [
        key for _, key in keys_of.scan(call.tx, call.account, user_name(call, req), start_after=after, limit=most + 1)
    ]
    result: dict[str, Any] = {
        "AccessKeyMetadata": [told(key) for key in found[:most]],
        "IsTruncated": len(found) > most,
    }
    return result | ({"Marker": write_marker(found[most - 1].id)} if len(found) > most else {})


@iam.operation("write", "user", takes="UserName AccessKeyId Status")
def update_access_key(call: Call, req: UpdateAccessKeyRequestTypeDef) -> dict[str, Any]:
    """Switch an access key off, or on again."""
    key = open_key(call, req)
    if req["Status"] == "Expired":
        raise AwsError("InvalidInput", "The status of an access key is set to Active or Inactive.")
    put_key(call.tx, msgspec.structs.replace(key, active=req["Status"] == "Active"))
    return {}


@iam.operation("write", "user", takes="UserName AccessKeyId")
def delete_access_key(call: Call, req: DeleteAccessKeyRequestTypeDef) -> dict[str, Any]:
    """Delete an access key; requests that are signed with it are refused from now on."""
    delete_key(call.tx, open_key(call, req))
    return {}


@iam.operation("read", "key_user", takes="AccessKeyId")
def get_access_key_last_used(call: Call, req: GetAccessKeyLastUsedRequestTypeDef) -> dict[str, Any]:
    """When, where and for what a key was last used."""
    key = access_keys.get(call.tx, req["AccessKeyId"])
    if key is None or key.account != call.account:
        raise AwsError(
            "AccessDenied", "Access Denied", status=403
        )  # a key that is not the account's is not told from none
    used = keys_used.get(call.tx, key.id)
    if used is None:
        return {"UserName": key.user, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    told = {"LastUsedDate": when(used.at), "ServiceName": used.service, "Region": used.region}
    return {"UserName": key.user, "AccessKeyLastUsed": told}


def open_key(call: Call, req: Input) -> AccessKey:
    """The addressed key, if it is the user's."""
    name = user_name(call, req)
    key = access_keys.get(call.tx, req["AccessKeyId"])
    if key is None or (key.account, key.user) != (call.account, name):
        raise AwsError("NoSuchEntity", f"The Access Key with id {req['AccessKeyId']} cannot be found.")
    return key


def told(key: AccessKey) -> dict[str, Any]:
    """A key as IAM tells it."""
    return {
        "UserName": key.user,
        "AccessKeyId": key.id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": when(key.created),
    }
