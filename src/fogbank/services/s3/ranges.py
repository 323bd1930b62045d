"""Byte ranges of reads and of part copies."""

from __future__ import annotations

import re

from fogbank.core.errors import AwsError

RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
DIGITS = 19  # more cannot be an offset, and Python's int() refuses very long numbers


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The range [start, end) that a Range header asks for; None is the whole.

    What is no single valid range is ignored, as RFC 9110 has it and S3 does; one beyond the end is InvalidRange.
    """
    found = RANGE.fullmatch(header.strip()) if header else None
    if not header or not found or max(len(found[1]), len(found[2])) > DIGITS:
        return None
    first, last = found[1], found[2]
    if not first:
        if not last:
            return None
        start, end = max(size - int(last), 0), size
        if int(last) == 0:
            raise out_of_range(header, size)
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise out_of_range(header, size)
    return start, end


def out_of_range(header: str, size: int) -> AwsError:
    """S3's error for a range that holds no byte of the object."""
    return AwsError(
        "InvalidRange",
        "The requested range is not satisfiable",
        fields={"RangeRequested": header[:200], "ActualObjectSize": size},
    )


def copy_range(header: str | None, size: int) -> tuple[int, int]:
    """The range [start, end) of a part copy; here a range that is not entirely inside the source is an error."""
    if header is None:
        return 0, size
    found = RANGE.fullmatch(header)
    if not found or not found[1] or not found[2] or max(len(found[1]), len(found[2])) > DIGITS:
        raise invalid_copy_range(
            header,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
        )
    start, end = int(found[1]), int(found[2]) + 1
    if start >= end or end > size:
        raise invalid_copy_range(header, f"Range specified is not valid for source object of size: {size}")
    return start, end


def invalid_copy_range(header: str, message: str) -> AwsError:
    """S3's error for a bad x-amz-copy-source-range."""
    fields = {"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": header[:200]}
    return AwsError("InvalidArgument", message, fields=fields)
