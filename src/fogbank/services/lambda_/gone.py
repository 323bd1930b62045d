"""Functions, versions and aliases that are deleted, told to those who keep something about them, in the transaction that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.services.lambda_.names import Name
    from fogbank.store.api import Tx

    Reaction = Callable[[Tx, Name], None]

_reactions: Final[list[Reaction]] = []


def reaction(function: Reaction) -> Reaction:
    """Have a function called with what is deleted: without a qualifier it is the function, with all its versions and aliases."""
    _reactions.append(function)
    return function


def tell(tx: Tx, name: Name) -> None:
    """A function, or one version or alias of it, is deleted."""
    for function in _reactions:
        function(tx, name)
