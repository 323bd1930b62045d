"""That a delivery cannot succeed."""

from __future__ import annotations


class Failed(Exception):
    """It is of no use to try again. `code` is AWS's, as dead-letter queues are told it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
