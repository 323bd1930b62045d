"""The one error type of the region, where services import it from."""

from fogbank.wire.errors import AwsError

__all__ = ["AwsError", "not_implemented"]


def not_implemented(what: str) -> AwsError:
    """What an operation or option answers that does not work here: never a fake success."""
    return AwsError("NotImplemented", f"{what} is not implemented in this region.", status=501)
