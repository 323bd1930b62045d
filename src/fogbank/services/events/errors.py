"""EventBridge's refusals, in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from fogbank.services.events.records import Place

LIMIT = "The requested resource exceeds the maximum number allowed."


def invalid(message: str) -> AwsError:
    """What a request says is not valid."""
    return AwsError("ValidationException", message, status=400)


def missing(message: str) -> AwsError:
    """What a request names is not there."""
    return AwsError("ResourceNotFoundException", message, status=400)


def no_bus(place: Place) -> AwsError:
    """There is no such bus."""
    return missing(f"Event bus {place.bus} does not exist.")


def no_rule(name: str, place: Place) -> AwsError:
    """There is no such rule."""
    return missing(f"Rule {name} does not exist on EventBus {place.bus}.")


def too_many() -> AwsError:
    """One more is too many."""
    return AwsError("LimitExceededException", LIMIT, status=400)


def cross_account() -> AwsError:
    """A role is another account's."""
    return AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", status=403)


def foreign() -> AwsError:
    """A rule on another account's bus would send to that account, or to a third one."""
    what = "Targets of a rule on an event bus of another account must be in your own account."
    return AwsError("AccessDeniedException", what, status=403)


def bad_pattern(why: str) -> AwsError:
    """An event pattern is none."""
    return AwsError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {why}", status=400)
