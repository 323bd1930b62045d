"""STS: it owns no resources."""

from __future__ import annotations

from fogbank.core.service import Service

sts = Service("sts", resources={}, modules=("caller",))
