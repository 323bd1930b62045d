"""Tags of functions and of code signing configurations, checked.

Source: Lambda Developer Guide, "Using tags on Lambda functions": at most 50, `aws:` is reserved, keys are of up to 128 characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fogbank.services.lambda_.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT: Final = 50


def checked(old: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Tags after some were set. InvalidParameterValueException.

    Keys that differ in case alone are refused: conditions on tags could not tell them apart.
    """
    known = {key.lower(): key for key in old}
    for key in given:
        if key.lower().startswith("aws:"):
            raise invalid("The aws: prefix for tag names is reserved for AWS use.")
        if known.setdefault(key.lower(), key) != key:
            raise invalid("Tag keys must be unique without regard to case.")
    made = {**old, **given}
    if len(made) > LIMIT:
        raise invalid(f"Number of tags exceeds resource tag limit of {LIMIT}.")
    return made
