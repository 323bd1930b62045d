"""Versions of functions as the engine runs them: read once a revision, with their code unpacked and their variables opened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fogbank.core.errors import AwsError
from fogbank.engine.functions.spec import FunctionSpec
from fogbank.services.lambda_ import environment, unpacked
from fogbank.services.lambda_.errors import no_function
from fogbank.services.lambda_.names import Name
from fogbank.services.lambda_.records import versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.background import Background
    from fogbank.core.service import Input
    from fogbank.services.lambda_.credentials import Roles
    from fogbank.services.lambda_.records import Version
    from fogbank.store.api import Tx

# What Lambda answers where the key of a function's variables cannot be used.
KMS_FAILURES: Final = {
    "AccessDeniedException": "KMSAccessDeniedException",
    "DisabledException": "KMSDisabledException",
    "KMSInvalidStateException": "KMSInvalidStateException",
    "NotFoundException": "KMSNotFoundException",
}


class Loaded(msgspec.Struct, frozen=True):
    """A version that can run."""

    version: Version
    spec: FunctionSpec


class Specs:
    """The versions that were run, by where they are; those that changed are not there any more. `retire` is told of their keys."""

    def __init__(self, ctx: Background, roles: Roles, retire: Callable[[str], None]) -> None:
        self._ctx = ctx
        self._roles = roles
        self._retire = retire
        self._loaded: dict[str, Loaded] = {}  # by the version's ARN
        self._loading: dict[str, tuple[Version, asyncio.Task[None]]] = {}  # by key

    def __iter__(self) -> Any:
        return iter(list(self._loaded.values()))

    def known(self, version: Version) -> Loaded | None:
        """A version that was loaded and has not changed since."""
        found = self._loaded.get(version.arn)
        return found if found is not None and found.spec.key == key_of(version) else None

    async def load(self, version: Version) -> None:
        """Load a version: it is known then, unless it was forgotten again at once. AwsError if it cannot run."""
        key = key_of(version)
        if key not in self._loading:
            task = asyncio.get_running_loop().create_task(self._load(version))
            self._loading[key] = version, task
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        await asyncio.shield(self._loading[key][1])

    def drop(self, loaded: Loaded) -> None:
        """Forget a version that is gone, or has changed."""
        if self._loaded.get(loaded.version.arn) is loaded:
            del self._loaded[loaded.version.arn]

    def loading(self) -> set[str]:
        """The packages of versions that are being loaded."""
        return {package for version, _ in self._loading.values() for package in version.packages}

    def forget(self, package: str) -> None:
        """What has a package is loaded anew when it is invoked again, for that is not unpacked any more."""
        for loaded in self:
            if package in loaded.version.packages:
                self.drop(loaded)
                self._retire(loaded.spec.key)

    async def _load(self, version: Version) -> None:
        region = self._ctx.region
        with region.store.snapshot() as tx:
            variables = self._variables(tx, version)
        try:
            trees = [await unpacked.ensure(region, package) for package in version.packages]
        except unpacked.Lost as error:
            raise AwsError("ServiceException", f"The code of the function is lost: {error}", status=500) from None
        before = self._loaded.get(version.arn)
        found = self._loaded[version.arn] = Loaded(version, spec_of(version, variables, trees))
        if before is not None and before.spec.key != found.spec.key:
            self._retire(before.spec.key)

    def _variables(self, tx: Tx, version: Version) -> dict[str, str]:
        """The environment variables, opened as the function's role."""

        def invoke(service: str, operation: str, req: Input) -> Any:
            role = self._roles.principal(tx, version.role, version.account, version.region, version.function_arn)
            return self._ctx.carry_out(tx, role, self._ctx.bound(service, operation), req, version.region)

        try:
            return environment.opened(self._ctx.region.vault, invoke, version)
        except AwsError as error:
            code = KMS_FAILURES.get(error.code)
            if code is None:
                raise
            what = (
                "Lambda was unable to decrypt the environment variables. Please check the function's KMS key settings."
            )
            told = f"{what} KMS Exception: {error.code} KMS Message: {error.message}"
            raise AwsError(code, told, fields={"Type": "User"}) from None


def current(tx: Tx, account: str, region: str, name: str, number: int) -> Version:
    """A version as it is now. ResourceNotFoundException if it is gone."""
    found = versions.get(tx, account, region, name, number)
    if found is None:
        raise no_function(Name(account, region, name, str(number) if number else "").arn)
    return found


def key_of(version: Version) -> str:
    """What tells a version in one state from all others."""
    return f"{version.arn}#{version.revision}"


def spec_of(version: Version, variables: dict[str, str], trees: list[Any]) -> FunctionSpec:
    """A version, with its code and its layers unpacked, as the engine takes it."""
    return FunctionSpec(
        key=key_of(version),
        account=version.account,
        region=version.region,
        name=version.name,
        version=version.qualifier,
        arn=version.arn,
        handler=version.handler,
        runtime=version.runtime,
        task=trees[0],
        architecture=version.architecture,
        memory=version.memory,
        timeout=float(version.timeout),
        ephemeral=version.ephemeral,
        environment=variables,
        layers=tuple(trees[1:]),
        log_group=version.group or f"/aws/lambda/{version.name}",
        log_stream_prefix=version.name if version.group else "",
        log_format=version.log_format,
        application_log_level=version.application_level or "INFO",
        system_log_level=version.system_level or "INFO",
        role=version.role,
    )
