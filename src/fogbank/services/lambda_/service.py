"""Lambda: its resources, and its operations."""

from __future__ import annotations

from fogbank.core.service import Service
from fogbank.services.lambda_ import resources

lambda_ = Service(
    "lambda",
    resources={
        "function": resources.function,
        "whole": resources.whole,
        "layer": resources.layer,
        "layer_version": resources.layer_version,
        "signing_config": resources.signing_config,
        "tagged": resources.tagged,
    },
    modules=(
        "functions",
        "updates",
        "versions",
        "aliases",
        "layers",
        "layer_permissions",
        "code_signing",
        "tags",
        "settings",
        "account",
        "downloads",
        "activation",
        "unpacked",
        "holdings",
        "permissions",
        "invoke",
        "resident",
        "evicting",
        "results",
        "destination",
        "event_invoke",
        "concurrency",
        "provisioned",
        "urls",
        "urls_serving",
    ),
    owner=resources.owner,
    policy=resources.policy,
    tags=resources.tags,
)
