"""Versions of functions.

Source: Lambda API Reference, PublishVersion, ListVersionsByFunction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fogbank.services.lambda_ import keeping, publishing, told
from fogbank.services.lambda_.errors import invalid
from fogbank.services.lambda_.functions import qualified
from fogbank.services.lambda_.listing import after_number, paged
from fogbank.services.lambda_.names import whole_of
from fogbank.services.lambda_.records import ACTIVE, versions
from fogbank.services.lambda_.resolving import need, need_function
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input
    from fogbank.services.lambda_.records import Version


@lambda_.operation("write", "whole", takes="FunctionName CodeSha256 Description RevisionId")
def publish_version(call: Call, req: Input) -> dict[str, Any]:
    """Make a version of what $LATEST is now; the newest one is told if nothing changed since."""
    latest = need(call.tx, whole_of(call, req)).version
    keeping.check_revision(req, latest.revision)
    keeping.check_settled(latest, ACTIVE)
    check_code(req, latest)
    made = publishing.publish(call, latest, req.get("Description", ""))
    return told.configuration(call, made)


def check_code(req: Input, latest: Version) -> None:
    """Raise if $LATEST has not the code that a request is about."""
    current = told.sha256_told(latest.code)
    if req.get("CodeSha256", current) != current:
        raise invalid(
            f"CodeSHA256 ({req['CodeSha256'][:100]}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )


@lambda_.operation("scan", "whole", takes="FunctionName Marker MaxItems")
def list_versions_by_function(call: Call, req: Input) -> dict[str, Any]:
    """A function's versions, $LATEST first."""
    name = whole_of(call, req)
    need_function(call.tx, name)
    found = versions.scan(call.tx, name.account, name.region, name.name, start_after=after_number(req))
    pairs = ((version.number, version) for _, version in found)
    return paged(req, "Versions", pairs, lambda one: told.listed(call, one, qualified(one)))
