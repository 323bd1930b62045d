"""What botocore's clients put on the wire, as the server's HTTP request: the other side of the parsers' tests."""

from __future__ import annotations

import gzip
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

from fogbank.wire.http import HttpRequest
from fogbank.wire.model import Traits, data_directory
from fogbank.wire.route import Router, compile_router

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.wire.service import Model

ENDPOINT = "http://localhost:4566"


@lru_cache(maxsize=4)
def service_model(name: str) -> ServiceModel:
    """botocore's own model of a service, untouched by overlays."""
    versions = sorted(path for path in (data_directory() / name).iterdir() if path.is_dir())
    raw = gzip.decompress((versions[-1] / "service-2.json.gz").read_bytes())
    return ServiceModel(msgspec.json.decode(raw), name)


def serialize(model: ServiceModel, operation: str, params: dict[str, Any], protocol: str) -> HttpRequest:
    """The request that botocore makes of parameters, as a server reads it."""
    serializer = create_serializer(protocol, include_validation=False)
    request: dict[str, Any] = serializer.serialize_to_request(params, model.operation_model(operation))
    return received(request)


def received(request: dict[str, Any]) -> HttpRequest:
    """A serialized request as the server gets it: path decoded, query raw, headers lower-case."""
    prepare_request_dict(request, ENDPOINT)
    prepared = create_request_object(request).prepare()
    url = urlsplit(prepared.url)
    body = prepared.body or b""
    headers = {str(name).lower(): _text(value) for name, value in prepared.headers.items()}
    return HttpRequest(
        prepared.method,
        unquote_to_bytes(url.path).decode("utf-8", "replace"),
        url.query,
        {**headers, "host": url.netloc},
        body.encode() if isinstance(body, str) else bytes(body),
    )


def _text(value: str | bytes) -> str:
    return (value.decode() if isinstance(value, bytes) else str(value)).strip(" \t")


def raw_models() -> Iterator[Traits]:
    """Every model that botocore has, one at a time."""
    for directory in sorted(path for path in data_directory().iterdir() if path.is_dir()):
        versions = sorted(directory.glob("*/service-2.json.gz"))
        if versions:
            yield msgspec.json.decode(gzip.decompress(versions[-1].read_bytes()))


@lru_cache(maxsize=8)
def router_of(model: Model) -> Router:
    """The router of a model, kept while its operations are tested."""
    return compile_router(model.raw)


def route(model: Model, request: HttpRequest) -> tuple[str, dict[str, str]]:
    """The operation and the labels of a REST request; fails where there is none."""
    found = router_of(model)(request)
    assert found is not None
    return found
