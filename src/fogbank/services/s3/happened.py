"""What happens to objects, told to those who react: notifications, replication, and the like.

They are told in the transaction that does it: what they write for it to be carried out later is committed with the change, or not
at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Call
    from fogbank.services.s3.records import Bucket, Object

    Reaction = Callable[[Call, Bucket, str, str, Object], None]

_reactions: Final[list[tuple[str, Reaction]]] = []


def reaction(kind: str) -> Callable[[Reaction], Reaction]:
    """Have a function called with (call, bucket, event, key, object) for buckets that have a configuration of this kind."""

    def register(function: Reaction) -> Reaction:
        _reactions.append((kind, function))
        return function

    return register


def tell(call: Call, bucket: Bucket, event: str, key: str, which: Object) -> None:
    """Something happened: `event` is S3's name without `s3:`, such as ObjectCreated:Put; `which` the version or marker."""
    if bucket.configured:
        for kind, function in _reactions:
            if kind in bucket.configured:
                function(call, bucket, event, key, which)
