"""What refers to bytes: versions of objects, and parts of uploads in progress. For scrubs and checks, which look at all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from fogbank.services.s3.records import Object, Segment, objects, parts, uploads, versions
from fogbank.store.check import readable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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


def identify(segment: Segment) -> str:
    """The id of a segment's blob, as a scrub tells it: a file's, or a small blob's number."""
    return segment.blob or str(segment.inline)


def name_holders(tx: Tx, blobs: Collection[str]) -> dict[str, list[str]]:
    """Who refers to each of these blobs, as people read it."""
    found: dict[str, list[str]] = {blob: [] for blob in blobs}
    if found:
        for holder in holders(tx):
            for segment in holder.segments:
                if (blob := identify(segment)) in found:
                    found[blob].append(str(holder))
    return found
