"""IAM: its resources."""

from __future__ import annotations

from fogbank.core.service import Service

iam = Service(
    "iam", resources={"user": "arn:aws:iam::{account}:user/{UserName}"}, modules=("users", "groups", "access_keys")
)
