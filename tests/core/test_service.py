"""Binding operations: what is wrong fails at import, not at the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fogbank.core.service import Service
from fogbank.services import registry

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKET = "arn:aws:s3:::{Bucket}"


@pytest.fixture
def service() -> Service:
    return Service("s3", resources={"bucket": BUCKET, "object": "arn:aws:s3:::{Bucket}/{Key}"}, modules=())


def named(name: str) -> Callable[[Any, Any], Any]:
    def function(_call: Any, _req: Any) -> dict[str, Any]:
        return {}

    function.__name__ = name
    return function


def test_an_operation_is_found_by_its_name(service: Service) -> None:
    service.operation("write", "bucket", takes="Bucket Tagging")(named("put_bucket_tagging"))
    bound = service.operations["PutBucketTagging"]
    assert (bound.action, bound.access) == ("s3:PutBucketTagging", "write")
    assert bound.resource.fill({"Bucket": "b{x}"}, "1", "r") == "arn:aws:s3:::b{x}"
    assert bound.resource.fill({}, "1", "r") == "arn:aws:s3:::*"


@pytest.mark.parametrize(
    ("name", "resource", "takes", "why"),
    [
        ("put_bucket_taging", "bucket", "Bucket Tagging", "no operation that is called"),
        ("put_bucket_tagging", "bucket", "Bucket Tagging Colour", "no input members"),
        ("put_bucket_tagging", "bucket", "Bucket", "must take its required members"),
        ("put_bucket_tagging", "object", "Bucket Tagging", "needs input members"),
    ],
)
def test_a_wrong_binding_fails_at_import(service: Service, name: str, resource: str, takes: str, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        service.operation("write", resource, takes=takes)(named(name))


def test_a_resource_that_has_no_template_fails(service: Service) -> None:
    with pytest.raises(KeyError):
        service.operation("write", "bukcet", takes="Bucket Tagging")(named("put_bucket_tagging"))


def test_an_operation_is_bound_once(service: Service) -> None:
    service.operation("write", "bucket", takes="Bucket Tagging")(named("put_bucket_tagging"))
    with pytest.raises(TypeError, match="bound twice"):
        service.operation("write", "bucket", takes="Bucket Tagging")(named("put_bucket_tagging"))


def test_the_registry_finds_every_service() -> None:
    assert set(registry.services()) >= {"s3", "iam", "sts"}
    assert registry.operation("s3", "PutObject") is not None
    assert registry.operation("s3", "SelectObjectContent") is None
    assert registry.operation("nothing", "PutObject") is None
