"""Lambda: its resources, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.service import Service
from fogbank.services.lambda_.granted import policy
from fogbank.services.lambda_.names import function_of

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


def function(call: Call, req: Input) -> str:
    """The ARN of the addressed function, with the version or alias if the request names one."""
    return function_of(call, req).arn


def owner(call: Call, names: Input) -> str | None:
    """The account of the addressed function; None where none is."""
    return function_of(call, names).account if "FunctionName" in names else None


lambda_ = Service(
    "lambda",
    resources={
        "function": function,
    },
    modules=(
        "permissions",
    ),
    owner=owner,
    policy=policy,
)
