"""The errors that many of Lambda's operations have."""

from __future__ import annotations

from typing import Final

from fogbank.core.errors import AwsError

USER: Final = {"Type": "User"}


def invalid(message: str) -> AwsError:
    """InvalidParameterValueException: one of the parameters is not valid."""
    return AwsError("InvalidParameterValueException", message, fields=USER)


def not_found(message: str) -> AwsError:
    """ResourceNotFoundException: what a request is about is not there."""
    return AwsError("ResourceNotFoundException", message, fields=USER)


def no_function(arn: str) -> AwsError:
    """ResourceNotFoundException for a function, a version or an alias that is not there."""
    return not_found(f"Function not found: {arn}")


def conflict(message: str) -> AwsError:
    """ResourceConflictException: it is there already, or in a state that does not allow it."""
    return AwsError("ResourceConflictException", message, fields=USER)


def precondition(message: str) -> AwsError:
    """PreconditionFailedException: the RevisionId is not the latest."""
    return AwsError("PreconditionFailedException", message, fields=USER)
