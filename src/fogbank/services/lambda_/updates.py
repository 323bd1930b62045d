"""Changes of functions: of $LATEST, which alone can be changed.

Source: Lambda API Reference, UpdateFunctionCode, UpdateFunctionConfiguration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fogbank.engine.functions.runtimes import available
from fogbank.services.lambda_ import (
    activation,
    code,
    configuration,
    execution_role,
    keeping,
    layers_used,
    publishing,
    runtimes,
    signed,
    told,
)
from fogbank.services.lambda_.names import whole_of
from fogbank.services.lambda_.records import milliseconds
from fogbank.services.lambda_.resolving import need
from fogbank.services.lambda_.service import lambda_

if TYPE_CHECKING:
    from collections.abc import Callable

    from fogbank.core.call import Call
    from fogbank.core.service import Input, Permission
    from fogbank.services.lambda_.code import Looked
    from fogbank.services.lambda_.records import Version
    from fogbank.services.lambda_.resolving import Found


def changeable(call: Call, req: Input) -> Found:
    """The function of a request and its $LATEST, in the revision that the request is about, and at rest."""
    found = need(call.tx, whole_of(call, req))
    keeping.check_revision(req, found.version.revision)
    keeping.check_settled(found.version)
    return found


def prepare(call: Call, req: Input) -> Callable[[], Looked]:
    """Look at the code of a function that can be changed."""
    signed.check(call.tx, changeable(call, req).function.signing)
    return code.prepare(call, req)


@lambda_.operation(
    "write",
    "whole",
    takes="FunctionName ZipFile S3Bucket S3Key S3ObjectVersion S3ObjectStorageMode ImageUri SourceKMSKeyArn Architectures Publish "
    "DryRun RevisionId",
    prepare=prepare,
    body_from=code.body,
)
def update_function_code(call: Call, req: Input) -> dict[str, Any]:
    """Replace a function's code; with DryRun, tell only what would become of it."""
    found = changeable(call, req)
    old, looked = found.version, call.prepared
    signed.check(call.tx, found.function.signing)
    layers_used.check_total(looked.unzipped, old.layers)
    new = msgspec.structs.replace(
        old,
        code=looked.sha256,
        size=looked.size,
        unzipped=looked.unzipped,
        modified=milliseconds(call.now),
        architecture=runtimes.check_architecture(req.get("Architectures", [old.architecture])),
    )
    if req.get("DryRun"):
        return told.configuration(call, new)
    code.keep(call)
    code.release(call.tx, old.code, call.now)
    return changed(call, req, new)


def changed(call: Call, req: Input, new: Version) -> dict[str, Any]:
    """Keep a changed $LATEST, publish it if that is asked for, and tell of it."""
    new = activation.begin_changed(call, new)
    if req.get("Publish"):
        new = publishing.publish(call, new, "")
    return told.configuration(call, new)


def passing(call: Call, req: Input) -> list[Permission]:
    """Whoever gives a function a role passes it; whoever gives it layers reads them."""
    role = [execution_role.passing(req["Role"], whole_of(call, req).arn)] if "Role" in req else []
    return [*role, *layers_used.reading(call, req)]


@lambda_.operation(
    "write",
    "whole",
    takes=f"FunctionName RevisionId {configuration.MEMBERS}",
    also=passing,
    keys=layers_used.keys,
    prepare=lambda _call, _req: available,  # looks for interpreters, once
)
def update_function_configuration(call: Call, req: Input) -> dict[str, Any]:
    """Change what a request names of a function's configuration."""
    found = changeable(call, req)
    old = found.version
    if "Role" in req:
        execution_role.check(call, req["Role"], old.function_arn)
    given = configuration.settings(call, req, old.function_arn, old)
    new = msgspec.structs.replace(old, modified=milliseconds(call.now), **given)
    layers_used.check_total(new.unzipped, new.layers)
    if any(layer not in old.layers for layer in new.layers):  # layers are code, too
        signed.check(call.tx, found.function.signing)
    if new.layers != old.layers:
        keeping.share(call.tx, new.packages[1:])
        keeping.release(call.tx, old.packages[1:], call.now)
    return changed(call, {}, new)
