"""Uploads from a browser's form: PutObject, with its head in the form's fields and its answer for a browser.

Source: Amazon S3 API Reference, "POST Object".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from fogbank.services.s3 import object_put
from fogbank.services.s3.service import s3
from fogbank.wire.parse_xml import compile_body

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

PUT: Final = s3.operations["PutObject"]
POST: Final = s3.model.operations["PostObject"]
MEMBERS: Final = frozenset(POST.input.members if POST.input else ())
ANSWERS: Final = {"200": 200, "201": 201}
MOST_REDIRECT: Final = 8192  # bytes of an address


def read_tags(req: dict[str, Any]) -> dict[str, Any]:
    """The tags as PutObject has them: a query string instead of a document."""
    if "Tagging" not in req:
        return req
    shape = s3.model.operations["PutObjectTagging"].input
    assert shape is not None
    parse = compile_body(shape.members["Tagging"], frozenset(("Tagging",)))
    tags = parse(req["Tagging"].encode("utf-8", "surrogatepass")).get("TagSet", [])
    return req | {"Tagging": urlencode([(tag.get("Key", ""), tag.get("Value", "")) for tag in tags])}


@s3.operation(
    "write",
    "object",
    takes=" ".join(sorted(PUT.takes & MEMBERS | {"SuccessActionRedirect", "SuccessActionStatus", "Redirect"})),
    **(PUT.options | {"reads": read_tags}),
)
def post_object(call: Call, req: Input) -> dict[str, Any]:
    """Keep an object that a form uploads, and answer as the form wishes: with a redirect, with nothing, or with a document."""
    made = object_put.make(call, req, "ObjectCreated:Post")
    place = address(call, req["Bucket"], req["Key"])
    redirect = redirected(req, made["ETag"])
    if redirect is not None:
        return made | {"StatusCode": 303, "Location": redirect}
    status = ANSWERS.get(req.get("SuccessActionStatus", ""), 204)
    answer = made | {"StatusCode": status, "Location": place}
    if status == 201:
        names = {"Bucket": req["Bucket"], "Key": req["Key"]}
        answer["PostResponse"] = {"Location": place, **names, "ETag": made["ETag"]}
    return answer


def redirected(req: Input, etag: str) -> str | None:
    """The address that the form names for afterwards, which is told what was made; None for one that is none."""
    wanted: str = req.get("SuccessActionRedirect", req.get("Redirect", ""))
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc or len(wanted) > MOST_REDIRECT:
        return None
    told = urlencode({"bucket": req["Bucket"], "key": req["Key"], "etag": etag}, quote_via=quote)
    query = f"{parts.query}&{told}" if parts.query else told
    return quote(urlunsplit(parts._replace(query=query)), safe="%/:=&?~#+!$,;'@()*[]")


def address(call: Call, bucket: str, key: str) -> str:
    """The object's address at the host that the form was sent to."""
    request = call.request
    host = request.headers.get("host", "")
    path = quote(key, safe="-._~/")
    virtual = host.startswith(f"{bucket}.")
    return f"{request.scheme}://{host}/{path}" if virtual else f"{request.scheme}://{host}/{bucket}/{path}"
