"""The condition keys of a request, found when a policy asks for them.

Source: IAM User Guide, "AWS global condition context keys"; each service's own are its `keys` function's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fogbank.core.identity.accounts import organization_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fogbank.auth.policy import Context
    from fogbank.core.call import Call
    from fogbank.core.principal import Principal, Value
    from fogbank.core.service import Bound, Permission

REQUEST_TAG: Final = "aws:requesttag/"
RESOURCE_TAG: Final = "aws:resourcetag/"


class Keys:
    """The condition keys of one question of one request. `get` takes them in lower case."""

    __slots__ = (
        "_bound",
        "_call",
        "_input",
        "_owner",
        "_permission",
        "_principal",
        "_request_tags",
        "_service",
        "_tags",
    )

    def __init__(
        self,
        call: Call,
        principal: Principal,
        bound: Bound | None,
        req: Mapping[str, Any],
        permission: Permission,
        owner: str,
    ) -> None:
        self._call = call
        self._principal = principal
        self._bound = bound
        self._input = req
        self._permission = permission
        self._owner = owner
        self._service: Context | None = None
        self._tags: Mapping[str, str] | None = None
        self._request_tags: dict[str, str] | None = None

    def get(self, key: str, /) -> Value | None:
        """A key's value; None if the request does not have it."""
        found = self._permission.keys.get(key)
        if found is None:
            found = self._principal.keys.get(key)
        if found is not None:
            return found
        global_key = _GLOBAL.get(key)
        if global_key is not None:
            return global_key(self)
        if key.startswith(REQUEST_TAG):
            return self.request_tags().get(key[len(REQUEST_TAG) :])
        if key.startswith(RESOURCE_TAG):
            return self.resource_tags().get(key[len(RESOURCE_TAG) :])
        return self._of_service(key)

    def request_tags(self) -> dict[str, str]:
        """The tags in the request, by key in lower case."""
        if self._request_tags is None:
            self._request_tags = {key.lower(): value for key, value in tags_in(self._input).items()}
        return self._request_tags

    def resource_tags(self) -> Mapping[str, str]:
        """The tags of the resource, by key in lower case."""
        if self._tags is None:
            find = self._bound.service.tags if self._bound else None
            found = find(self._call, self._permission.names, self._permission.resource) if find else {}
            self._tags = {key.lower(): value for key, value in found.items()}
        return self._tags

    def _of_service(self, key: str) -> Value | None:
        service = self._bound.service if self._bound else None
        if service is None or service.keys is None:
            return None
        prefix, _, rest = key.partition(":")
        if rest.startswith("resourcetag/") and prefix == service.iam_prefix:
            return self.resource_tags().get(rest[len("resourcetag/") :])
        if self._service is None:
            self._service = service.keys(self._call, self._permission.names, self._permission.resource)
        return self._service.get(key)

    def tag_keys(self) -> Value | None:
        """aws:TagKeys: the keys of the tags in the request, or those that it removes."""
        return tuple(tags_in(self._input)) or removed_tags(self._input) or None

    def mfa_age(self) -> str | None:
        """Seconds since a second factor was shown; only in sessions that have one."""
        session = self._principal.session
        return str(int(self._call.now.timestamp()) - session.mfa) if session and session.mfa else None

    def header(self, name: str) -> str | None:
        """A request header."""
        return self._call.request.headers.get(name)

    def time(self) -> str:
        """The time of the request, ISO 8601."""
        return f"{self._call.now:%Y-%m-%dT%H:%M:%SZ}"

    def epoch(self) -> str:
        """The time of the request, in seconds since the epoch."""
        return str(int(self._call.now.timestamp()))

    def address(self) -> str | None:
        """Where the request came from."""
        return self._call.request.client or None

    def secure(self) -> str:
        """Whether it came over TLS."""
        return "true" if self._call.request.scheme == "https" else "false"

    def region(self) -> str:
        """The region that it is for."""
        return self._call.region

    @property
    def owner(self) -> str:
        """The account that the resource belongs to."""
        return self._owner

    def owners_organization(self) -> Value | None:
        """aws:ResourceOrgID: the organization of the account that the resource belongs to."""
        return organization_keys(self._call.tx, self._owner).get("aws:principalorgid")


_GLOBAL: Final[Mapping[str, Callable[[Keys], Value | None]]] = {
    "aws:currenttime": Keys.time,
    "aws:epochtime": Keys.epoch,
    "aws:sourceip": Keys.address,
    "aws:securetransport": Keys.secure,
    "aws:useragent": lambda keys: keys.header("user-agent"),
    "aws:referer": lambda keys: keys.header("referer"),
    "aws:requestedregion": Keys.region,
    "aws:resourceaccount": lambda keys: keys.owner or None,
    "aws:resourceorgid": Keys.owners_organization,
    "aws:viaawsservice": lambda _keys: "false",
    "aws:multifactorauthage": Keys.mfa_age,
    "aws:tagkeys": Keys.tag_keys,
}


def tags_in(req: Mapping[str, Any]) -> dict[str, str]:
    """The tags that an input carries, in the forms that AWS's models have: lists of keys and values, and maps."""
    for name in ("Tags", "tags", "TagList"):
        found = req.get(name)
        if isinstance(found, dict):
            return found
        if isinstance(found, list):
            return dict(_pair(tag) for tag in found if isinstance(tag, dict))
    return {}


def removed_tags(req: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of the tags that an input removes; CloudWatch Logs has them in lists of other names."""
    lists = (req.get(name) for name in ("TagKeys", "tagKeys", "tags"))
    return next((tuple(given) for given in lists if isinstance(given, list) and isinstance((*given, 0)[0], str)), ())


def _pair(tag: Mapping[str, Any]) -> tuple[str, str]:
    """The key and the value of a tag."""
    key, value = ("TagKey", "TagValue") if "TagKey" in tag else ("Key", "Value") if "Key" in tag else ("key", "value")
    return str(tag.get(key, "")), str(tag.get(value, ""))
