"""The engine that functions run on, as the operator set it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fogbank.engine.functions.spec import Limits, Network, Unavailable

if TYPE_CHECKING:
    from fogbank.core.background import Options
    from fogbank.engine.functions.spec import Hooks


def start(options: Options, hooks: Hooks) -> tuple[Any, Any]:
    """A launcher and a pool. Nothing runs before the first function does. Raises Unavailable where nothing can."""
    from fogbank.engine.functions.pool import Pool  # here: workers run no functions
    from fogbank.engine.sandbox.launcher import Launcher

    if options.directory is None:
        raise Unavailable("There is no data directory.")
    directory = options.directory / "run" / "functions"
    launcher = Launcher(directory / "sandboxes")
    return launcher, Pool(launcher, hooks, limits(options), directory / "mounted", network(options))


def limits(options: Options) -> Limits:
    """What the machine gives to functions: by default half of its memory."""
    memory = options.functions_memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 >> 20
    return Limits(memory=memory, idle=options.functions_idle)


def network(options: Options) -> Network:
    """What environments reach."""
    host, port = options.address or ("127.0.0.1", 4566)
    authority = options.directory / "tls" / "ca.pem" if options.tls and options.directory else ""
    return Network(f"{host}:{port}", options.tls, str(authority), options.functions_reach)
