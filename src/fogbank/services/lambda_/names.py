"""What functions are called: a name, a partial or a full ARN, each with a version or alias behind it, or that in `Qualifier`.

Source: Lambda API Reference, "Invoke", "GetFunction", FunctionName and Qualifier.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.services.lambda_.errors import invalid, not_found

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

LATEST: Final = "$LATEST"
LONGEST: Final = 64  # characters of a name
_FORM: Final = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9]):)?(?:(?P<account>[0-9]{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128}))?",
    re.ASCII,
)


class Name(msgspec.Struct, frozen=True):
    """A function as a request addresses it; `qualifier` is empty where none is given."""

    account: str
    region: str
    name: str
    qualifier: str = ""

    @property
    def unqualified(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def arn(self) -> str:
        """The ARN, with the qualifier if there is one."""
        return f"{self.unqualified}:{self.qualifier}" if self.qualifier else self.unqualified


def function_of(call: Call, req: Input) -> Name:
    """The function that a request addresses with FunctionName and Qualifier."""
    found = parse(req["FunctionName"], call.account, call.region, req.get("Qualifier") or "")
    if found.region != call.region:
        raise not_found(f"Functions from '{found.region}' are not reachable in this region ('{call.region}')")
    return found


def whole_of(call: Call, req: Input) -> Name:
    """The function that a request is about as a whole: no version, no alias."""
    found = function_of(call, req)
    if found.qualifier and found.qualifier != LATEST:
        raise invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return msgspec.structs.replace(found, qualifier="")


def parse(text: str, account: str, region: str, qualifier: str = "") -> Name:
    """A function's name in any of its forms; `account` and `region` are the caller's."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise unfit(text, f"satisfy regular expression pattern: {_FORM.pattern}")
    if len(found["name"]) > LONGEST:
        raise unfit(text, f"have length less than or equal to {LONGEST}")
    given = found["qualifier"] or ""
    if given and qualifier and given != qualifier:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
    return Name(found["account"] or account, found["region"] or region, found["name"], given or qualifier)


def unfit(text: str, constraint: str) -> AwsError:
    """The error for what is no function's name, in the words of validation by the model."""
    what = f"Value '{text[:256]}' at 'functionName' failed to satisfy constraint: Member must {constraint}"
    return AwsError("ValidationException", f"1 validation error detected: {what}", status=400)
