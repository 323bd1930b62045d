"""Closed by default: every operation that works refuses a user without permissions, another account and an anonymous caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.services.events import made as events
from tests.services.kms import made as kms
from tests.services.lambda_ import made as lambda_
from tests.services.logs import made as logs
from tests.wire.generate import MINIMAL, Generator

from fogbank.auth.dialect import dialect_of
from fogbank.core.authorize import DENIED_CODES
from fogbank.core.service import NO_PERMISSION_NEEDED
from fogbank.services import registry
from services.helpers import anonymous, code, dev, kept, user_client

if TYPE_CHECKING:
    from fogbank.core.service import Bound
    from support.region import LocalRegion

EVERY = [bound for service in registry.services().values() for bound in service.operations.values()]
# Those that AWS's SDKs have no function for (forms, websites) have tests of their own.
OPERATIONS = [bound for bound in EVERY if not bound.model.synthetic]
GUARDED = [bound for bound in OPERATIONS if bound.action != NO_PERMISSION_NEEDED]
NAMES = [f"{bound.service.name}:{bound.name}" for bound in GUARDED]

# What addresses things that are there, so that only the permission is missing.
IAM = "arn:aws:iam::123456789012"
THERE = {
    "Bucket": "bucket",
    "Key": "k",
    "CopySource": "bucket/k",
    "UserName": "ann",
    "PartNumber": 1,
    "PolicyArn": f"{IAM}:policy/p",
    "PolicySourceArn": f"{IAM}:user/ann",
    "Arn": f"{IAM}:user/ann",
    "SAMLProviderArn": f"{IAM}:saml-provider/p",
    "OpenIDConnectProviderArn": f"{IAM}:oidc-provider/example.com",
    "SerialNumber": f"{IAM}:mfa/ann",
    "AuthenticationCode1": "123456",
    "AuthenticationCode2": "654321",
    **kms.THERE,
    **lambda_.THERE,
}
# What is valid, where the model does not say what that is; of all services' operations of a name, or of one's.
RULE = {"Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""}, "DeleteMarkerReplication": {"Status": "Disabled"}}
TAGGED = {"AccountId": "123456789012", "ResourceArn": "arn:aws:s3:::bucket"}
MORE: dict[str, dict[str, Any]] = {
    "DeleteObjects": {"Delete": {"Objects": [{"Key": "k"}]}},
    "PutBucketCors": {"CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}},
    "PutBucketEncryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        }
    },
    "PutObjectTagging": {"Tagging": {"TagSet": []}},
    "PutBucketWebsite": {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}},
    "PutBucketIntelligentTieringConfiguration": {
        "Id": "all",
        "IntelligentTieringConfiguration": {
            "Id": "all",
            "Status": "Enabled",
            "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}],
        },
    },
    "PutBucketReplication": {
        "ReplicationConfiguration": {
            "Role": f"{IAM}:role/trusting",
            "Rules": [RULE | {"Destination": {"Bucket": "arn:aws:s3:::bucket"}}],
        }
    },
    "s3control:GetPublicAccessBlock": {"AccountId": "123456789012"},
    "s3control:DeletePublicAccessBlock": {"AccountId": "123456789012"},
    "s3control:PutPublicAccessBlock": {
        "AccountId": "123456789012",
        "PublicAccessBlockConfiguration": {"IgnorePublicAcls": True},
    },
    "s3control:TagResource": TAGGED | {"Tags": [{"Key": "a", "Value": "b"}]},
    "s3control:UntagResource": TAGGED | {"TagKeys": ["a"]},
    "s3control:ListTagsForResource": TAGGED,
    **kms.MORE,
    **lambda_.MORE,
    **events.MORE,
    **logs.MORE,
}
ROOT_ONLY = {"CreateBucket", "ListBuckets"}  # whose resource is any caller's own account


def minimal(bound: Bound) -> dict[str, Any]:
    """The least input of an operation."""
    if bound.model.input is None:
        return {}
    made: dict[str, Any] = Generator(bound.name, MINIMAL).value(bound.model.input)
    made |= {name: value for name, value in THERE.items() if name in made}
    return made | MORE.get(bound.name, {}) | MORE.get(f"{bound.service.name}:{bound.name}", {})


def snake(bound: Bound) -> str:
    """The operation's name in boto3 (which writes V2 like our handlers)."""
    return bound.handler.__name__


@pytest.fixture
def there(region: LocalRegion, s3: Any, bucket: str) -> str:
    """A bucket with an object, and a key."""
    kms.keep_there(region)
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    return bucket


@pytest.mark.parametrize("bound", GUARDED, ids=NAMES)
def test_a_user_without_permissions(region: LocalRegion, s3: Any, there: str, bound: Bound) -> None:
    client = user_client(region, bound.service.name)
    error = code(getattr(client, snake(bound)), **minimal(bound))
    denied = DENIED_CODES.get(bound.service.model.protocol, "AccessDenied")
    assert error == ("403" if bound.name.startswith("Head") else denied)
    assert s3.get_object(Bucket=there, Key="k")["Body"].read() == b"kept"
    assert kept(region) == (1, [])


@pytest.mark.parametrize(
    "bound",
    [bound for bound in GUARDED if bound.service.name == "s3" and bound.name not in ROOT_ONLY],
    ids=lambda bound: bound.name,
)
def test_another_account(region: LocalRegion, s3: Any, there: str, bound: Bound) -> None:
    client = dev(region, "111122223333")
    error = code(getattr(client, snake(bound)), **minimal(bound))
    assert error == ("403" if bound.name.startswith("Head") else "AccessDenied")
    assert s3.get_object(Bucket=there, Key="k")["Body"].read() == b"kept"


@pytest.mark.parametrize(
    "bound",
    [bound for bound in OPERATIONS if bound.service.name == "s3" and not bound.anonymous],
    ids=lambda bound: bound.name,
)
def test_an_anonymous_caller_of_s3(region: LocalRegion, s3: Any, there: str, bound: Bound) -> None:
    from botocore import UNSIGNED

    client = region.client("s3", signature_version=UNSIGNED)
    error = code(getattr(client, snake(bound)), **minimal(bound))
    assert error == ("403" if bound.name.startswith("Head") else "AccessDenied")
    assert s3.get_object(Bucket=there, Key="k")["Body"].read() == b"kept"


@pytest.mark.parametrize(
    "bound",
    # S3 Control's requests are told from S3's by their signature, or by a host of its own.
    [bound for bound in OPERATIONS if bound.service.name not in ("s3", "s3control") and not bound.anonymous],
    ids=lambda bound: bound.name,
)
def test_an_anonymous_caller_of_other_services(region: LocalRegion, bound: Bound) -> None:
    from botocore import UNSIGNED

    style = "virtual" if bound.service.model.protocol == "rest-json" else "path"  # its host alone tells it from S3
    client = region.client(bound.service.name, style=style, signature_version=UNSIGNED)
    error = code(getattr(client, snake(bound)), **minimal(bound))
    assert error == dialect_of(bound.service.model.signing_name, bound.service.model.protocol).missing


def test_delete_objects_denies_each_key(region: LocalRegion, s3: Any, there: str) -> None:
    answer = user_client(region, "s3").delete_objects(Bucket=there, Delete={"Objects": [{"Key": "k"}]})
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    assert s3.get_object(Bucket=there, Key="k")["Body"].read() == b"kept"


def test_delete_objects_denies_strangers_at_once(region: LocalRegion, s3: Any, there: str) -> None:
    deletes = anonymous(region).delete_objects
    assert code(deletes, Bucket=there, Delete={"Objects": [{"Key": "k"}]}) == "AccessDenied"
    assert s3.get_object(Bucket=there, Key="k")["Body"].read() == b"kept"
