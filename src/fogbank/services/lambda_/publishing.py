"""Publishing: a version of what $LATEST is now, unless nothing changed since the last one.

Source: Lambda API Reference, PublishVersion.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from fogbank.services.lambda_ import activation, code, keeping
from fogbank.services.lambda_.records import functions, milliseconds, versions

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.services.lambda_.records import Version


def publish(call: Call, latest: Version, description: str) -> Version:
    """The version that is like $LATEST: the newest, or one that is made."""
    place = (latest.account, latest.region, latest.name)
    function = functions.get(call.tx, *place)
    assert function is not None
    content = sha256(keeping.like(latest)).hexdigest()
    newest = versions.get(call.tx, *place, function.newest) if function.newest else None
    if newest is not None and function.published == content:
        return newest
    code.check_room(call, latest.size)
    number = function.newest + 1
    functions.put(call.tx, msgspec.structs.replace(function, newest=number, published=content), *place)
    keeping.share(call.tx, latest.packages)
    made = msgspec.structs.replace(
        latest, number=number, description=description or latest.description, modified=milliseconds(call.now)
    )
    return activation.begin_new(call, made)
