"""AWS managed keys: `alias/aws/<service>`, one for each service, account and region, kept nowhere.

AWS makes such a key when its service first needs it. Here it follows from the account, the region and the name: its id always, its
material from the vault, so that a request that may not write can use it. A new master key is a new generation of its material. It is
resolved by its alias and its id, but listed only as AWS lists those that were never used: the alias, without a key.

Source: KMS Developer Guide, "AWS KMS keys", AWS managed keys; ListAliases in the API Reference, on aliases without a target.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from fogbank.services.kms.records import ENABLED, Key

ORIGINAL: Final = 1577836800  # 2020: when a key was created that always was

# Names of aliases behind `aws/`, and what AWS calls the service where it says who uses the key.
SERVICES: Final = {
    "acm": "acm",
    "backup": "backup",
    "dynamodb": "dynamodb",
    "ebs": "ec2",
    "elasticfilesystem": "elasticfilesystem",
    "kinesis": "kinesis",
    "lambda": "lambda",
    "rds": "rds",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
}
_USES: Final = [
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:CreateGrant",
    "kms:DescribeKey",
]
_LOOKS: Final = ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]


def find_alias(account: str, region: str, name: str) -> Key | None:
    """The AWS managed key of an alias (`aws/s3`)."""
    service = name.removeprefix("aws/")
    return _key(account, region, service) if name.startswith("aws/") and service in SERVICES else None


def find_id(account: str, region: str, key: str) -> Key | None:
    """The AWS managed key of an id."""
    service = _ids(account, region).get(key)
    return None if service is None else _key(account, region, service)


def service_of(key: Key) -> str | None:
    """The name behind `aws/` in the alias of an AWS managed key; None for a customer's key."""
    return _ids(key.account, key.region).get(key.id)


@lru_cache(maxsize=1024)
def _ids(account: str, region: str) -> dict[str, str]:
    return {_id(account, region, service): service for service in SERVICES}


@lru_cache(maxsize=1024)
def _key(account: str, region: str, service: str) -> Key:
    return Key(
        account=account,
        region=region,
        id=_id(account, region, service),
        created=ORIGINAL,
        description=f"Default key that protects my {SERVICES[service]} data when no other key is defined",
        usage="ENCRYPT_DECRYPT",
        spec="SYMMETRIC_DEFAULT",
        origin="AWS_KMS",
        state=ENABLED,
        policy=_policy(account, region, service),
        policy_given=_policy(account, region, service),
        tags={},
        materials=(),
    )


def _id(account: str, region: str, service: str) -> str:
    text = blake2b(f"{account}/{region}/{service}".encode(), digest_size=16, person=b"fogbank kms aws").hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _policy(account: str, region: str, service: str) -> str:
    """As AWS's: principals of the account use the key through the service, and look at it."""
    via = {"kms:CallerAccount": account, "kms:ViaService": f"{SERVICES[service]}.{region}.amazonaws.com"}
    root = f"arn:aws:iam::{account}:root"
    statements = [
        {
            "Sid": f"Allow access through {service} for all principals in the account that are authorized to use it",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": _USES,
            "Resource": "*",
            "Condition": {"StringEquals": via},
        },
        {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": _LOOKS,
            "Resource": "*",
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Id": f"auto-{service}-2", "Statement": statements}, indent=2)
