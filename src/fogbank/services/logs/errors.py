"""What CloudWatch Logs refuses, in AWS's words."""

from __future__ import annotations

from fogbank.core.errors import AwsError


def invalid(message: str) -> AwsError:
    """A parameter that is not as it must be."""
    return AwsError("InvalidParameterException", message, status=400)


def not_found(message: str) -> AwsError:
    """Something that is addressed and not there."""
    return AwsError("ResourceNotFoundException", message, status=400)


def no_group() -> AwsError:
    """The log group is not there."""
    return not_found("The specified log group does not exist.")


def no_stream() -> AwsError:
    """The log stream is not there."""
    return not_found("The specified log stream does not exist.")


def exists(message: str) -> AwsError:
    """Something of that name is there already."""
    return AwsError("ResourceAlreadyExistsException", message, status=400)


def too_many(message: str) -> AwsError:
    """A limit is reached."""
    return AwsError("LimitExceededException", message, status=400)


def aborted() -> AwsError:
    """The resource was changed by somebody else meanwhile."""
    message = "Multiple concurrent requests to update the same resource were in conflict."
    return AwsError("OperationAbortedException", message, status=400)


def protected(what: str) -> AwsError:
    """Something that deletion protection keeps."""
    message = f"The {what} cannot be deleted because deletion protection is enabled."
    return AwsError("ValidationException", message, status=400)


def not_for_class(group_class: str) -> AwsError:
    """An operation that AWS does not have for groups of a class."""
    message = f"The operation is not supported for log groups of the class {group_class}."
    return AwsError("InvalidOperationException", message, status=400)
