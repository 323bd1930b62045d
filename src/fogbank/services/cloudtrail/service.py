"""CloudTrail: it owns no resources here. The events are the region's own log."""

from __future__ import annotations

from fogbank.core.service import Service

cloudtrail = Service("cloudtrail", resources={}, modules=("lookup", "trails"))
