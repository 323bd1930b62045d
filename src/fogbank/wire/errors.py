"""The one error type of the region: an AWS error code, and what the caller is told with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class AwsError(Exception):
    """An error that the caller sees, in the shape of the protocol that it speaks.

    `code` is AWS's error code as clients see it (`NoSuchBucket`, `AccessDenied`). The HTTP status comes from the service's
    model or from `wire/overlay`; `status` is only for the rare case where neither can know it. `fields` are further members
    of the error's shape (S3's `BucketName`, `Key`, …), strings or numbers. Raising one in a handler rolls back its transaction;
    `remains` is what is written all the same, in a transaction of its own, before the caller is told: that a code was wrong.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        status: int | None = None,
        fields: Mapping[str, Any] | None = None,
        remains: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.fields: Mapping[str, Any] = fields or {}
        self.remains = remains

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
