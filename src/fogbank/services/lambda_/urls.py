"""Function URLs: HTTP addresses of functions and aliases.

Source: Lambda API Reference, CreateFunctionUrlConfig …; Lambda Developer Guide, "Creating and managing Lambda function URLs".
"""

from __future__ import annotations

from base64 import b32encode
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.paging import read_marker, write_marker
from fogbank.services.lambda_.errors import conflict, invalid, not_found
from fogbank.services.lambda_.names import function_of, whole_of
from fogbank.services.lambda_.records import milliseconds, told_time
from fogbank.services.lambda_.resolving import need, need_function
from fogbank.services.lambda_.service import lambda_
from fogbank.services.lambda_.url_records import BUFFERED, Url, place, urls

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.principal import Value
    from fogbank.core.service import Input
    from fogbank.services.lambda_.names import Name

PAGE: Final = 50
METHODS: Final = frozenset(("*", "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"))
AWS: Final = "on.aws"  # the domain of function URLs on AWS


def keys(call: Call, req: Input) -> dict[str, Value]:
    """The condition keys of a request about a URL."""
    auth = req.get("AuthType")
    if auth is None:
        found = urls.get(call.tx, *place(function_of(call, req)))
        auth = found.auth if found else None
    return {} if auth is None else {"lambda:functionurlauthtype": auth}


@lambda_.operation("write", "function", takes="FunctionName Qualifier AuthType Cors InvokeMode", keys=keys)
def create_function_url_config(call: Call, req: Input) -> dict[str, Any]:
    """Give a function, or an alias, a URL."""
    name = addressed(call, req)
    if urls.get(call.tx, *place(name)) is not None:
        raise conflict(
            f"Failed to create function url config for [functionArn = {name.arn}]. Error message:  "
            "FunctionUrlConfig exists for this Lambda function"
        )
    now = milliseconds(call.now)
    url_id = b32encode(call.ids.random(20)).decode().lower()
    made = changed(Url(id=url_id, auth="", created=now, modified=now), req, now)
    urls.put(call.tx, made, *place(name))
    found = told(call, name, made)
    del found["LastModifiedTime"]
    return found


@lambda_.operation("write", "function", takes="FunctionName Qualifier AuthType Cors InvokeMode", keys=keys)
def update_function_url_config(call: Call, req: Input) -> dict[str, Any]:
    """Change what a request says, and leave the rest."""
    name = addressed(call, req)
    made = changed(need_url(call, name), req, milliseconds(call.now))
    urls.put(call.tx, made, *place(name))
    return told(call, name, made)


@lambda_.operation("read", "function", takes="FunctionName Qualifier", keys=keys)
def get_function_url_config(call: Call, req: Input) -> dict[str, Any]:
    """A URL."""
    name = addressed(call, req)
    return told(call, name, need_url(call, name))


@lambda_.operation("write", "function", takes="FunctionName Qualifier", keys=keys)
def delete_function_url_config(call: Call, req: Input) -> dict[str, Any]:
    """Take a URL away; a new one will be another."""
    name = addressed(call, req)
    need_url(call, name)
    urls.delete(call.tx, *place(name))
    return {}


@lambda_.operation("read", "whole", takes="FunctionName Marker MaxItems")
def list_function_url_configs(call: Call, req: Input) -> dict[str, Any]:
    """The URLs of a function, and of its aliases."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    after = read_marker(req.get("Marker"), invalid("Invalid Marker."))
    most = req.get("MaxItems", PAGE)
    line = (name.account, name.region, name.name)
    found = list(urls.scan(call.tx, *line, start_after=after, limit=most + 1))
    shown = [told(call, msgspec.structs.replace(name, qualifier=str(parts[3])), url) for parts, url in found[:most]]
    more = {"NextMarker": write_marker(str(found[most - 1][0][3]))} if len(found) > most else {}
    return {"FunctionUrlConfigs": shown, **more}


def addressed(call: Call, req: Input) -> Name:
    """The function or the alias that a request is about; versions have no URLs."""
    name = function_of(call, req)
    found = need(call.tx, name)
    if name.qualifier and found.alias is None:
        raise invalid("Function URLs can be configured on a function or an alias only.")
    return name


def need_url(call: Call, name: Name) -> Url:
    """A URL. ResourceNotFoundException if there is none."""
    found = urls.get(call.tx, *place(name))
    if found is None:
        raise not_found("The resource you requested does not exist.")
    return found


def changed(url: Url, req: Input, now: int) -> Url:
    """A URL with what a request says."""
    cors = req.get("Cors", url.cors)
    wrong = [method for method in cors.get("AllowMethods", ()) if method not in METHODS]
    if wrong:
        raise invalid(f"The method {wrong[0]!r} is not valid in AllowMethods of Cors.")
    return msgspec.structs.replace(
        url,
        auth=req.get("AuthType", url.auth),
        cors=dict(cors),
        mode=req.get("InvokeMode", url.mode or BUFFERED),
        modified=now,
    )


def address(call: Call, name: Name, url: Url) -> str:
    """The URL itself: at the port that the caller speaks to, or on AWS's domain where it calls us by that."""
    host = call.request.headers.get("host", "")
    server, _, port = host.rpartition(":") if ":" in host else (host, "", "")
    if server.endswith(("amazonaws.com", AWS)):
        return f"https://{url.id}.lambda-url.{name.region}.{AWS}/"
    behind = f":{port}" if port.isdecimal() else ""
    return f"{call.request.scheme}://{url.id}.lambda-url.{name.region}.localhost{behind}/"


def told(call: Call, name: Name, url: Url) -> dict[str, Any]:
    """A URL as Lambda tells it."""
    return {
        "FunctionUrl": address(call, name, url),
        "FunctionArn": name.arn,
        "AuthType": url.auth,
        **({"Cors": url.cors} if url.cors else {}),
        "CreationTime": told_time(url.created),
        "LastModifiedTime": told_time(url.modified),
        "InvokeMode": url.mode,
    }
