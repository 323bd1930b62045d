"""How many invocations of a function may run at once: a number that is reserved for it, and that no other can have.

Source: Lambda API Reference, PutFunctionConcurrency; Lambda Developer Guide, "Configuring reserved concurrency for a function".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.services.lambda_ import gone
from fogbank.services.lambda_.errors import invalid
from fogbank.services.lambda_.names import whole_of
from fogbank.services.lambda_.resolving import need_function
from fogbank.services.lambda_.service import lambda_
from fogbank.store.record import Record
from fogbank.store.table import Table

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.names import Name
    from fogbank.store.api import Tx

LIMIT: Final = 1000  # of an account in a region
UNRESERVED: Final = 100  # that an account always has for functions without a number of their own


class Reserved(Record, version=1):
    """What is reserved: for a function, or for all those of an account in a region."""

    count: int


def count(tx: Tx, key: bytes, old: Reserved | None, new: Reserved | None) -> None:
    """Keep the account's total true."""
    change = (new.count if new else 0) - (old.count if old else 0)
    if change:
        account, region = (str(part) for part in reserved.parts(key)[:2])
        totals.put(tx, Reserved(count=total_of(tx, account, region) + change), account, region)


reserved: Final = Table("lambda.reserved", Reserved, on_change=count)  # account, region, function's name
totals: Final = Table("lambda.reserved_total", Reserved)  # account, region


def total_of(tx: Tx, account: str, region: str) -> int:
    """What is reserved for functions of an account in a region."""
    found = totals.get(tx, account, region)
    return found.count if found else 0


def unreserved_of(tx: Tx, account: str, region: str) -> int:
    """What is left to functions for which nothing is reserved."""
    return LIMIT - total_of(tx, account, region)


def reserved_of(tx: Tx, name: Name) -> int | None:
    """What is reserved for a function; None if nothing is."""
    found = reserved.get(tx, name.account, name.region, name.name)
    return found.count if found else None


@lambda_.operation("write", "whole", takes="FunctionName ReservedConcurrentExecutions")
def put_function_concurrency(call: Call, req: Input) -> dict[str, Any]:
    """Reserve a number of concurrent invocations for a function; with 0 it cannot be invoked."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    wanted = req["ReservedConcurrentExecutions"]
    others = total_of(call.tx, name.account, name.region) - (reserved_of(call.tx, name) or 0)
    if LIMIT - others - wanted < UNRESERVED:
        raise invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its"
            f" minimum value of [{UNRESERVED}]."
        )
    reserved.put(call.tx, Reserved(count=wanted), name.account, name.region, name.name)
    return {"ReservedConcurrentExecutions": wanted}


@lambda_.operation("read", "whole", takes="FunctionName")
def get_function_concurrency(call: Call, req: Input) -> dict[str, Any]:
    """What is reserved for a function."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    found = reserved_of(call.tx, name)
    return {} if found is None else {"ReservedConcurrentExecutions": found}


@lambda_.operation("write", "whole", takes="FunctionName")
def delete_function_concurrency(call: Call, req: Input) -> dict[str, Any]:
    """Reserve nothing for a function any more."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    reserved.delete(call.tx, name.account, name.region, name.name)
    return {}


@gone.reaction
def forget(tx: Tx, name: Name) -> None:
    """A function is deleted."""
    if not name.qualifier:
        reserved.delete(tx, name.account, name.region, name.name)
