"""Operations that wait for others before they are handled: in a thread, without a transaction, for callers who may."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fogbank.core.errors import AwsError
from fogbank.core.identity.records import User, key_of, users
from fogbank.core.service import Service
from fogbank.services import registry
from services.helpers import code, user_client
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Call
    from support.region import LocalRegion


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], list[Any]]:
    """Give an operation of IAM work to do first; what its handler then found is in the list."""

    def change(name: str, work: Any) -> list[Any]:
        bound = registry.operation("iam", name)
        assert bound is not None
        seen: list[Any] = []

        def handler(call: Call, req: Any) -> Any:
            seen.append(call.prepared)
            return bound.handler(call, req)

        made = msgspec.structs.replace(bound, handler=handler, prepare=lambda _call, req: lambda: work(req))
        monkeypatch.setitem(bound.service.operations, name, made)
        return seen

    return change


@pytest.mark.parametrize(("operation", "given"), [("list_users", {}), ("create_user", {"UserName": "ann"})])
def test_the_handler_finds_what_was_prepared(
    region: LocalRegion, prepared: Callable[[str, Any], list[Any]], operation: str, given: Any
) -> None:
    threads = []

    def work(req: Any) -> Any:
        threads.append(threading.current_thread())
        return dict(req)

    seen = prepared("".join(part.capitalize() for part in operation.split("_")), work)
    assert getattr(region.client("iam"), operation)(**given)
    assert seen == [given]
    assert threads[0] is not region._thread


def test_no_transaction_is_open_meanwhile(region: LocalRegion, prepared: Callable[[str, Any], list[Any]]) -> None:
    def put(tx: Any) -> None:
        users.put(tx, User(name="bob", id="AIDA1", path="/", created=0, tags={}), ACCOUNT, key_of("bob"))

    def work(_req: Any) -> None:
        region.run(region.region.store.write(put))

    prepared("ListUsers", work)
    assert [each["UserName"] for each in region.client("iam").list_users()["Users"]] == ["bob"]


def test_work_that_fails(region: LocalRegion, prepared: Callable[[str, Any], list[Any]]) -> None:
    def work(_req: Any) -> None:
        raise AwsError("InvalidInput", "Not this one.")

    seen = prepared("CreateUser", work)
    assert code(region.client("iam").create_user, UserName="ann") == "InvalidInput"
    assert seen == []


def test_nothing_is_prepared_for_who_may_not(region: LocalRegion, prepared: Callable[[str, Any], list[Any]]) -> None:
    client = user_client(region, "iam")
    done: list[Any] = []
    prepared("CreateUser", done.append)
    assert code(client.create_user, UserName="eve") == "AccessDenied"
    assert done == []


@pytest.mark.parametrize(("name", "access"), [("get_object", "read"), ("put_object", "write")])
def test_an_operation_that_has_no_time(name: str, access: Any) -> None:
    service = Service("s3", resources={}, modules=())

    def function(_call: Any, _req: Any) -> dict[str, Any]:
        return {}

    function.__name__ = name
    with pytest.raises(TypeError, match="no time to prepare"):
        service.operation(access, "*", takes="Bucket Key", prepare=lambda _call, _req: lambda: None)(function)
