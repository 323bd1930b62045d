"""Amazon Resource Names."""

from __future__ import annotations

import msgspec

from fogbank.core.errors import AwsError


class Arn(msgspec.Struct, frozen=True):
    """`arn:partition:service:region:account:resource`; region and account may be empty (S3, IAM)."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Take an ARN apart; ValidationError when it is none."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or not parts[1] or not parts[2] or not parts[5]:
            raise AwsError("ValidationError", f"Invalid ARN: {text[:200]}")
        return cls(*parts[1:])

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"
