"""Starts AWS's runtime client for Python: imported once in the template, `main()` runs in each environment forked from it.

Everything that functions are likely to import is imported here already. Packages that a function brings itself are
forgotten again before its code is loaded, so that it gets its own.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import time
from typing import Any

# What functions use of the standard library.
STANDARD = (
    "base64 collections concurrent.futures csv datetime decimal hashlib http.client io json logging random re ssl tempfile traceback"
    " urllib.parse urllib.request uuid zipfile"
)
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")
SDK_MODULES = (
    "boto3 boto3.session botocore.auth botocore.endpoint botocore.httpsession botocore.parsers botocore.retries.standard"
    " s3transfer.manager"
)
TASK = "/var/task"


def load(names: str) -> None:
    """Import modules."""
    for name in names.split():
        importlib.import_module(name)


def load_sdk() -> None:
    """AWS's SDK, where this Python can have it."""
    try:
        load(SDK_MODULES)
    except (ImportError, SyntaxError, TypeError):
        forget(SDK)


def forget(packages: tuple[str, ...]) -> None:
    """Import these anew when they are next asked for."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def own(places: list[str]) -> bool:
    """Whether a function brings one of the SDK's packages."""
    return any(os.path.exists(f"{place}/{name}{end}") for place in places for name in SDK for end in ("", ".py"))


def main() -> None:
    """Run the function of this environment."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    places = [os.environ.get("LAMBDA_TASK_ROOT", TASK), f"/opt/python/lib/{version}/site-packages", "/opt/python"]
    more = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path and path not in (*places, *sys.path)]
    sys.path[:] = [*places, *more, *(path for path in sys.path if path not in places)]
    time.tzset()
    if own([*places, *more]):
        forget(SDK)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") or os.environ.get("AWS_LAMBDA_LOG_LEVEL"):
        importlib.reload(importlib.import_module("awslambdaric.bootstrap"))
    client.main(["bootstrap", os.environ["_HANDLER"]])


load(STANDARD)
load_sdk()
client: Any = importlib.import_module("awslambdaric.__main__")
gc.collect()
gc.freeze()

if __name__ == "__main__":  # started by a function's wrapper script
    main()
