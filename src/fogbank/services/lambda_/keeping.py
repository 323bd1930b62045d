"""Keeping versions of functions: each refers to the packages of code that it needs, and has a revision for every change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fogbank.services.lambda_ import code
from fogbank.services.lambda_.errors import conflict, precondition
from fogbank.services.lambda_.records import ACTIVE, FAILED, IN_PROGRESS, Version, versions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fogbank.core.service import Input
    from fogbank.store.api import Tx


def put(tx: Tx, version: Version) -> Version:
    """Keep a version."""
    versions.put(tx, version, version.account, version.region, version.name, version.number)
    return version


def share(tx: Tx, packages: Iterable[str]) -> None:
    """Refer to packages once more, all of which are there."""
    for package in packages:
        if not code.share(tx, package):
            raise RuntimeError(f"package {package} is missing")


def release(tx: Tx, packages: Iterable[str], now: datetime) -> None:
    """Refer to packages once less."""
    for package in packages:
        code.release(tx, package, now)


def remove(tx: Tx, version: Version, now: datetime) -> None:
    """Forget a version."""
    versions.delete(tx, version.account, version.region, version.name, version.number)
    release(tx, version.packages, now)


def check_revision(req: Input, revision: str) -> None:
    """PreconditionFailedException if a request is about an earlier revision."""
    if "RevisionId" in req and req["RevisionId"] != revision:
        raise precondition(
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve "
            "the latest RevisionId"
        )


def check_settled(version: Version, *states: str) -> None:
    """ResourceConflictException while a version is being made or changed, or in no such state; one that failed can be changed."""
    if version.state not in (states or (ACTIVE, FAILED)):
        what = "The operation cannot be performed at this time. The function is currently in the following state:"
        raise conflict(f"{what} {version.state}")
    if version.update == IN_PROGRESS:
        what = "The operation cannot be performed at this time. An update is in progress for resource:"
        raise conflict(f"{what} {version.function_arn}")


def like(version: Version) -> bytes:
    """What makes a version differ from another of its function: code and configuration, not its number, state or times."""
    same = {"number": 0, "revision": "", "modified": 0, "state": "", "reason": "", "reason_code": ""}
    settled = {"update": "", "update_reason": "", "update_reason_code": "", "runtime_update": "", "runtime_version": ""}
    return msgspec.structs.replace(version, **same, **settled).encode()
