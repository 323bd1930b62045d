"""Where code can be downloaded: a URL of this region, signed for ten minutes, which gives the zip to whoever has it.

It is signed with a session of the account that may read this code and nothing else.

Source: Lambda API Reference, FunctionCodeLocation, LayerVersionContentOutput: "a presigned URL that you can use to download".
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from fogbank.auth.signing import ALGORITHM, EMPTY_SHA256, TERMINATOR, sign, signing_key, string_to_sign
from fogbank.core.identity import sessions
from fogbank.core.principal import Session

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.services.lambda_.records import LayerVersion, Version

VALID: Final = 600  # seconds
NAME: Final = "lambda"


def of_function(call: Call, version: Version) -> str:
    """Where a version's code can be downloaded."""
    path = f"/2015-03-31/functions/{version.name}/code/{version.code}"
    return presigned(call, path, version.account, "lambda:GetFunction", version.function_arn)


def of_layer(call: Call, version: LayerVersion) -> str:
    """Where a layer's content can be downloaded."""
    path = f"/2018-10-31/layers/{version.name}/versions/{version.number}/content"
    return presigned(call, path, version.account, "lambda:GetLayerVersion", version.arn)


def presigned(call: Call, path: str, account: str, action: str, resource: str) -> str:
    """A URL at the address that the caller used."""
    at, scope = f"{call.now:%Y%m%dT%H%M%SZ}", f"{call.now:%Y%m%d}/{call.region}/{NAME}/{TERMINATOR}"
    session = session_for(call, account, action, resource)
    host = call.request.headers.get("host", f"{NAME}.{call.region}.amazonaws.com")
    arguments = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{session.key_id}/{scope}",
        "X-Amz-Date": at,
        "X-Amz-Expires": str(VALID),
        "X-Amz-Security-Token": sessions.seal(call.vault, session),
        "X-Amz-SignedHeaders": "host",
    }
    query = urlencode(arguments, quote_via=quote, safe="-_.~")
    canonical = f"GET\n{path}\n{query}\nhost:{host}\n\nhost\n{EMPTY_SHA256}"
    key = signing_key(session.secret, f"{call.now:%Y%m%d}", call.region, NAME)
    signature = sign(key, string_to_sign(at, scope, canonical.encode()))
    return f"{call.request.scheme}://{host}{path}?{query}&X-Amz-Signature={signature}"


def session_for(call: Call, account: str, action: str, resource: str) -> Session:
    """A session of an account that may do one thing."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    now = int(call.now.timestamp())
    return Session(
        key_id=sessions.new_key_id(call.ids, account),
        secret=call.ids.secret(),
        account=account,
        of="root",
        name="",
        id=account,
        label=sha256(resource.encode()).hexdigest()[:32],
        issued=now,
        expires=now + VALID,
        scoped=True,
        policies=(json.dumps({"Version": "2012-10-17", "Statement": [statement]}),),
    )
