"""Answers to pages of other origins: the headers by which a browser lets them read an answer, refused or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fogbank.core.errors import AwsError
from fogbank.services import registry
from fogbank.wire.identify import identify

if TYPE_CHECKING:
    from fogbank.core.region import Region
    from fogbank.gateway.record import Record
    from fogbank.wire.identify import Identified


def cross_origin_headers(region: Region, record: Record) -> list[tuple[str, str]]:
    """What the service that a request is for has to say of its origin."""
    meaning = record.identified.meaning if record.identified else meant(record)
    service = registry.services().get(meaning.service) if meaning else None
    if meaning is None or service is None or service.cross_origin is None:
        return []
    with region.store.snapshot() as tx:
        return service.cross_origin(tx, record.request, meaning.labels)


def meant(record: Record) -> Identified | None:
    """What a request means that was refused before that was asked; None if it means nothing."""
    try:
        return identify(record.request, record.claim.service if record.claim else None)
    except AwsError:
        return None
