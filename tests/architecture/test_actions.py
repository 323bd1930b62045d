"""What operations ask IAM for is what AWS's Service Authorization Reference says: the action exists, the resource is of a type of its.

Templates of ARNs are compared as they stand. Every operation is also called by a user without permissions: what it asks is compared.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.architecture.source import source
from tests.services.kms.made import keep_there

from fogbank.core import reference
from fogbank.core.service import Template
from fogbank.services import registry
from services.helpers import user_client
from services.test_permissions import GUARDED, minimal, snake
from support.region import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.authorize import Asked
    from fogbank.core.service import Bound
    from support.region import LocalRegion

OWN = "fogbank"  # the prefix of what only this house has; AWS's reference knows nothing of it

# Actions of AWS's that the reference does not list, and where AWS does.
UNLISTED: dict[str, str] = {}

# Variables of ARNs that slashes may be in.
DEEP = re.compile(r"ObjectName|\w+WithPath")

# Inputs that name a resource by its ARN: of the right kind.
THERE = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}


def test_every_action_is_in_the_reference() -> None:
    wrong = [f"{name(bound)}: {bound.action}" for bound in GUARDED if not exists(bound.action)]
    assert not wrong


def test_every_action_that_the_sources_name_is_in_the_reference() -> None:
    """Permissions besides the operation's own: PassRole, tags on creation."""
    prefixes = {service.iam_prefix for service in registry.services().values()}
    wrong = [
        f"{module}: {text}"
        for module in source()
        if module.package in ("core", "services")
        for text in module.strings
        if re.fullmatch(rf"({'|'.join(prefixes)}):[A-Z][A-Za-z]+", text)
        if not exists(text) and reference.condition_type(text) is None
    ]
    assert not wrong


def test_templates_of_arns_fit_the_reference() -> None:
    wrong = [
        f"{name(bound)}: {bound.action} on {sample}"
        for bound in GUARDED
        if isinstance(bound.resource, Template)
        for sample in [bound.resource.fill(dict.fromkeys(bound.resource.names, "x"), ACCOUNT, "us-east-1")]
        if not fits(bound.action, sample)
    ]
    assert not wrong


def test_what_is_asked_fits_the_reference(region: LocalRegion, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    region.client("organizations").create_organization()
    keep_there(region)
    questions = list(ask_all(region))
    assert len({action for _, action, _ in questions}) == len({bound.action for bound in GUARDED})
    wrong = [f"{by}: {action} on {resource}" for by, action, resource in questions if not fits(action, resource)]
    assert not wrong


def test_exceptions_are_still_needed() -> None:
    assert set(UNLISTED) <= {bound.action for bound in GUARDED}
    assert not [action for action in UNLISTED if reference.action(action)]


def name(bound: Bound) -> str:
    return f"{bound.service.name}:{bound.name}"


def exists(action: str) -> bool:
    """Whether AWS has the action, written as AWS does."""
    prefix, _, rest = action.partition(":")
    return prefix == OWN or action in UNLISTED or rest in reference.actions(prefix)


def fits(action: str, resource: str) -> bool:
    """Whether an action may be asked on a resource: one of a type that the reference names; `*` where none has to be named."""
    if action.startswith(f"{OWN}:") or action in UNLISTED:
        return True
    found = reference.action(action)
    assert found is not None, action
    if resource == "*":
        return not any(access.required for access in found.resources.values())
    prefix = action.partition(":")[0]
    if (
        prefix == "logs"
    ):  # AWS asks on all streams of a group, and on those of all groups, which the reference does not say
        resource = resource.removesuffix(":log-stream:")
        if resource.endswith(":log-group:"):
            return True
    return any(pattern(prefix, kind).fullmatch(resource) for kind in found.resources)


@cache
def pattern(prefix: str, kind: str) -> re.Pattern[str]:
    """What an ARN of a type of resource looks like."""
    service = reference.service(prefix)
    assert service is not None
    texts_and_names = re.split(r"\$\{(\w+)\}", service.resources[kind].arn)
    parts = [re.escape(text) for text in texts_and_names]
    parts[1::2] = [".+" if DEEP.fullmatch(variable) else "[^:/]+" for variable in texts_and_names[1::2]]
    return re.compile("".join(parts))


def ask_all(region: LocalRegion) -> Iterator[tuple[str, str, str]]:
    """Call every operation; who asked, the action and the resource."""
    asked: list[Asked] = []
    take = region.recorder.take

    def kept(record: Any, response: Any) -> None:
        asked.extend(record.asked)
        take(record, response)

    region.recorder.take = kept  # type: ignore[method-assign]
    credentials = user_client(region, "iam")._request_signer._credentials
    services = {bound.service.name for bound in GUARDED}
    clients = {each: region.client(each, credentials.access_key, credentials.secret_key) for each in services}
    for bound in GUARDED:
        asked.clear()
        client = clients[bound.service.name]
        try:
            getattr(client, snake(bound))(**{key: THERE.get(key, value) for key, value in minimal(bound).items()})
        except client.exceptions.ClientError:
            yield from ((name(bound), each.action, each.resource) for each in asked)
