"""What functions are called: a name, a partial or a full ARN, each with a version or alias behind it, or that in `Qualifier`.

Source: Lambda API Reference, "Invoke", FunctionName.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from fogbank.core.errors import AwsError

if TYPE_CHECKING:
    from fogbank.core.call import Call
    from fogbank.core.service import Input

LATEST: Final = "$LATEST"
_FORM: Final = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>[0-9]{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]{1,128}))?",
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
    return parse(req["FunctionName"], call.account, call.region, req.get("Qualifier") or "")


def parse(text: str, account: str, region: str, qualifier: str = "") -> Name:
    """A function's name in any of its forms; `account` and `region` are the caller's."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise AwsError("ValidationException", f"{text[:256]!r} is not a function's name", status=400)
    return Name(found["account"] or account, found["region"] or region, found["name"], found["qualifier"] or qualifier)
