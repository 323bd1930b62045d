"""What an account has, and may have.

Source: Lambda API Reference, GetAccountSettings; Lambda Developer Guide, "Lambda quotas".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.services.lambda_ import code, concurrency
from fogbank.services.lambda_.records import usage_of
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input


@lambda_.operation("scan", "*", takes="")
def get_account_settings(call: Call, _req: Input) -> dict[str, Any]:
    """The account's limits and its usage in the region."""
    used = usage_of(call.tx, call.account, call.region)
    limits = {
        "TotalCodeSize": code.LARGEST_STORED,
        "CodeSizeUnzipped": code.LARGEST_UNZIPPED,
        "CodeSizeZipped": code.LARGEST_ZIPPED,
        "ConcurrentExecutions": concurrency.LIMIT,
        "UnreservedConcurrentExecutions": concurrency.unreserved_of(call.tx, call.account, call.region),
    }
    return {"AccountLimit": limits, "AccountUsage": {"TotalCodeSize": used.code, "FunctionCount": used.functions}}
