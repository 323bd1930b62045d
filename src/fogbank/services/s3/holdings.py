"""What refers to bytes: versions of objects, and parts of uploads in progress. For scrubs and checks, which look at all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from fogbank.services.s3.records import Object, Segment, objects, parts, uploads, versions
from fogbank.services.s3.service import s3
from fogbank.store.check import readable
from fogbank.store.chunks import sealed_size
from fogbank.store.held import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.store.api import Tx


_version = Object.reader("version", "segments")


class Holder(msgspec.Struct, frozen=True):
    """Who refers to bytes: a version of an object, or part `number` of an upload. `key` is empty if the upload is not there."""

    bucket: str
    key: str
    version: str
    segments: tuple[Segment, ...]
    upload: str = ""
    number: int = 0

    def __str__(self) -> str:
        if self.upload:
            return f"s3://{self.bucket}/{self.key} (part {self.number} of upload {self.upload})"
        return f"s3://{self.bucket}/{self.key} (version {self.version})"


def holders(tx: Tx) -> Iterator[Holder]:
    """Everything that refers to bytes, current objects first; without what cannot be read, of which `fogbank fsck` tells."""
    for table in (objects, versions):
        for where, found in readable(tx, table, _version):
            yield Holder(str(where[0]), str(where[1]), found.version, found.segments)
    keys = {(where[0], where[2]): str(where[1]) for where, _ in readable(tx, uploads)}
    for where, part in readable(tx, parts):
        bucket, upload, number = cast("tuple[str, str, int]", where)
        yield Holder(bucket, keys.get((bucket, upload), ""), "", part.segments, upload, number)


def held(tx: Tx) -> Iterator[Held]:
    """All references to bytes."""
    for holder in holders(tx):
        for segment in holder.segments:
            size = sealed_size(segment.size) if segment.nonce else segment.size
            yield Held(holder, size, segment.blob, segment.inline)


s3.holdings = held
