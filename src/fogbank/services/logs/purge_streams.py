"""What a deleted stream held is removed behind requests: its chunks, and its events in segments, which are written anew."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fogbank.services.logs.addressing import group_of_id
from fogbank.services.logs.blocks import read_column
from fogbank.services.logs.purge import BATCH, STREAM_KIND, Gone, drop_chunk
from fogbank.services.logs.records import chunks, indexes, segments
from fogbank.services.logs.sealing import Taken, replace
from fogbank.services.logs.service import logs

if TYPE_CHECKING:
    from fogbank.core.background import Background
    from fogbank.store.api import Tx


@logs.effect(STREAM_KIND)
async def carry_out_stream(background: Background, payload: bytes) -> None:
    """Remove the events of a deleted stream."""
    home, gone = background.region, Gone.decode(payload)
    after: int | None = 0
    while after is not None:
        after = await home.store.write(partial(remove_chunks, gone=gone, after=after), bulk=True)
    while await replace(home, partial(holding, gone=gone)):
        pass


def remove_chunks(tx: Tx, gone: Gone, after: int) -> int | None:
    """Remove the chunks of a stream among the next ones of its group; the last that was looked at, None at the end."""
    found = list(chunks.scan(tx, gone.group, start_after=after, limit=BATCH))
    for where, chunk in found:
        if chunk.stream == gone.stream:
            drop_chunk(tx, where)
    return int(found[-1][0][1]) if len(found) == BATCH else None


def holding(tx: Tx, gone: Gone) -> Taken | None:
    """A segment that has events of a stream, to be written anew; None if none has, or the group is gone."""
    group = group_of_id(tx, gone.group)
    if group is None:
        return None
    for place, segment in segments.scan(tx, gone.group):
        if has(tx, place, gone.stream):
            return Taken(group, segment.key, {}, {place: segment})
    return None


def has(tx: Tx, place: tuple[Any, ...], stream: int) -> bool:
    """Whether a segment has events of a stream."""
    index = indexes.get(tx, place[0], place[2])
    return index is not None and any(stream in read_column("I", block.streams) for block in index.blocks)
