"""Who may do what, where it was once wrong: found by a review, and kept right."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.wire import HttpRequest
from gateway.client import Signer
from services.helpers import code, dev
from support.region import ACCOUNT, HOST, KEY_ID, SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.region import LocalRegion

OTHER = "222222222222"


def test_the_key_that_everybody_knows_does_not_open_the_installations_own_account(region: LocalRegion) -> None:
    assert dev(region, OTHER, "sts").get_caller_identity()["Account"] == OTHER
    assert code(dev(region, ACCOUNT, "sts").get_caller_identity) == "InvalidClientTokenId"
    assert code(dev(region, ACCOUNT).list_buckets) == "InvalidAccessKeyId"


def request(key: str, secret: str, method: str, target: str, **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = Signer(key, secret, HOST).sign(method, target, named, payload="UNSIGNED-PAYLOAD")
    return HttpRequest(method, target, "", {name.lower(): value for name, value in sent.headers}, b"", "127.0.0.1")


class Interrupted:
    """A body in whose middle somebody else acts."""

    def __init__(self, region: LocalRegion, size: int, meanwhile: list[HttpRequest]) -> None:
        self._region = region
        self._size = size
        self._meanwhile = meanwhile
        self.statuses: list[int] = []

    async def __call__(self) -> bytes:
        for other in self._meanwhile:
            answer = await self._region.gateway.answer(other, Empty())
            self.statuses.append(answer.status)
        return bytes(self._size)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield await self()


class Empty:
    """No body."""

    async def __call__(self) -> bytes:
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""


@pytest.mark.parametrize("size", [1000, 200_000])
def test_a_bucket_that_changes_hands_during_an_upload(region: LocalRegion, s3: Any, bucket: str, size: int) -> None:
    """The name is deleted and made again by another account: the upload, authorised before, is not theirs."""
    meanwhile = [request(KEY_ID, SECRET, "DELETE", f"/{bucket}"), request(OTHER, "test", "PUT", f"/{bucket}")]
    source = Interrupted(region, size, meanwhile)
    upload = request(KEY_ID, SECRET, "PUT", f"/{bucket}/key", content_length=str(size))
    answer = region.run(region.gateway.answer(upload, source))
    assert source.statuses == [204, 200]
    assert answer.status == 403
    assert b"AccessDenied" in answer.body
    assert "Contents" not in dev(region, OTHER).list_objects_v2(Bucket=bucket)
    assert [path for path in (region.directory / "blobs").rglob("*") if path.is_file()] == []


def test_a_stranger_cannot_send_much(region: LocalRegion, bucket: str) -> None:
    class Endless(Empty):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            await asyncio.sleep(3600)
            yield b""

    head = {"content-length": str(1 << 20)}
    assert region.raw("POST", f"/{bucket}?delete", head, source=Endless()).status == 413
    form = head | {"content-type": "application/x-www-form-urlencoded"}
    assert region.raw("POST", "/", form, source=Endless()).status == 413


def test_a_known_caller_may_send_a_large_list(region: LocalRegion, s3: Any, bucket: str) -> None:
    keys = [{"Key": f"{number:04d}" + "&" * 900} for number in range(1000)]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]) == 1000


@pytest.mark.parametrize("service", ["ec2", "lambda", "dynamodb", "cloudwatch", "route53", "sqs"])
def test_a_strangers_key_is_refused_in_each_protocol(region: LocalRegion, service: str) -> None:
    call = {
        "ec2": "describe_instances", "lambda": "list_functions", "dynamodb": "list_tables",
        "cloudwatch": "list_metrics", "route53": "list_hosted_zones", "sqs": "list_queues",
    }[service]  # fmt: skip
    client = region.client(service, key="AKIAAAAAAAAAAAAAAAAA", secret="x")
    refused = {"AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId"}
    assert code(getattr(client, call)) in refused
