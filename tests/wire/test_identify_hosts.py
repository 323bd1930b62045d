"""What Host headers say."""

from __future__ import annotations

import pytest

from fogbank.wire.errors import AwsError
from fogbank.wire.hosts import LOCAL, NOTHING, HostName, Hosts

OWN = Hosts(("Fog.Example.com.",))


@pytest.mark.parametrize(
    ("host", "service", "region", "bucket", "kind"),
    [
        ("s3.amazonaws.com", "s3", "", "", ""),
        ("s3.us-east-1.amazonaws.com", "s3", "us-east-1", "", ""),
        ("S3.US-East-1.AmazonAWS.com.:443", "s3", "us-east-1", "", ""),
        ("s3-us-west-2.amazonaws.com", "s3", "us-west-2", "", ""),
        ("s3.dualstack.eu-west-1.amazonaws.com", "s3", "eu-west-1", "", ""),
        ("s3-fips.us-gov-west-1.amazonaws.com", "s3", "us-gov-west-1", "", ""),
        ("s3.cn-north-1.amazonaws.com.cn", "s3", "cn-north-1", "", ""),
        ("bucket.s3.amazonaws.com", "s3", "", "bucket", ""),
        ("bucket.s3.us-east-1.amazonaws.com:8080", "s3", "us-east-1", "bucket", ""),
        ("bucket.s3-eu-west-1.amazonaws.com", "s3", "eu-west-1", "bucket", ""),
        ("my.dotted.bucket.s3.us-east-1.amazonaws.com", "s3", "us-east-1", "my.dotted.bucket", ""),
        ("a.s3.b.s3.us-east-1.amazonaws.com", "s3", "us-east-1", "a.s3.b", ""),
        ("s3.s3.amazonaws.com", "s3", "", "s3", ""),
        ("bucket.s3-accelerate.amazonaws.com", "s3", "", "bucket", "accelerate"),
        ("bucket.s3-accelerate.dualstack.amazonaws.com", "s3", "", "bucket", "accelerate"),
        ("bucket.s3-website-us-east-1.amazonaws.com", "s3", "us-east-1", "bucket", "website"),
        ("www.example.com.s3-website.eu-west-1.amazonaws.com", "s3", "eu-west-1", "www.example.com", "website"),
        (
            "bucket--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",
            "s3",
            "us-east-1",
            "bucket--use1-az4--x-s3",
            "express",
        ),
        ("s3express-control.us-east-1.amazonaws.com", "s3", "us-east-1", "", "express"),
        (
            "point-123456789012.s3-accesspoint.us-east-1.amazonaws.com",
            "s3",
            "us-east-1",
            "point-123456789012",
            "accesspoint",
        ),
        ("123456789012.s3-control.us-east-1.amazonaws.com", "s3-control", "us-east-1", "", "control"),
        ("s3-outposts.us-east-1.amazonaws.com", "s3-outposts", "us-east-1", "", "outposts"),
        ("route.s3-object-lambda.us-east-1.amazonaws.com", "s3", "us-east-1", "route", "object-lambda"),
        ("s3.localhost:4566", "s3", "", "", ""),
        ("bucket.s3.localhost:4566", "s3", "", "bucket", ""),
        ("bucket.s3.eu-central-1.localhost", "s3", "eu-central-1", "bucket", ""),
        ("a.b.localhost", "", "", "a.b", ""),
        ("bucket.s3.localhost.localstack.cloud:4566", "s3", "", "bucket", ""),
        ("lambda.localhost", "lambda", "", "lambda", ""),
        ("abc123.lambda-url.us-east-1.on.aws", "lambda", "us-east-1", "abc123", "lambda-url"),
        ("ABC123.lambda-url.eu-west-1.localhost:4566", "lambda", "eu-west-1", "abc123", "lambda-url"),
        ("abc123.lambda-url.localhost", "lambda", "", "abc123", "lambda-url"),
        ("lambda-url.us-east-1.localhost", "", "", "lambda-url.us-east-1", ""),
        ("a.b.lambda-url.us-east-1.localhost", "", "", "a.b.lambda-url.us-east-1", ""),
        ("sqs.us-east-2.localhost.localstack.cloud", "sqs", "us-east-2", "sqs.us-east-2", ""),
        ("iam.amazonaws.com", "iam", "", "", ""),
        ("sqs.eu-west-1.amazonaws.com", "sqs", "eu-west-1", "", ""),
        ("eu-west-1.queue.amazonaws.com", "sqs", "eu-west-1", "", ""),
        ("dynamodb.us-east-1.amazonaws.com", "dynamodb", "us-east-1", "", ""),
        ("streams.dynamodb.us-east-1.amazonaws.com", "streams.dynamodb", "us-east-1", "", ""),
        ("sts-fips.us-east-1.amazonaws.com", "sts", "us-east-1", "", ""),
        ("api.ecr.us-east-1.amazonaws.com", "api.ecr", "us-east-1", "", ""),
        ("abc.execute-api.us-east-1.amazonaws.com", "execute-api", "us-east-1", "", ""),
        ("lambda.us-east-1.api.aws", "lambda", "us-east-1", "", ""),
        ("email.us-east-1.amazonaws.com", "email", "us-east-1", "", ""),
        ("nothing-of-ours.amazonaws.com", "", "", "", ""),
    ],
)
def test_names(host: str, service: str, region: str, bucket: str, kind: str) -> None:
    assert LOCAL.read(host) == HostName(service, region, bucket, kind)


@pytest.mark.parametrize(
    "host",
    ["", "localhost", "localhost:4566", "127.0.0.1", "127.0.0.1:4566", "[::1]:4566", "::1", "example.com", "evil-amazonaws.com",
     "amazonaws.com", ".amazonaws.com", "a..s3.amazonaws.com", "a b.s3.amazonaws.com", "-x.s3.amazonaws.com", "a/../b.localhost",
     "b\u00fccher.localhost", "b%41.localhost", "x\0.localhost", "user@s3.amazonaws.com", "localhost:4566:4566", "::::"],
)  # fmt: skip
def test_hosts_that_say_nothing(host: str) -> None:
    assert LOCAL.read(host) == NOTHING


def test_the_operators_own_domains() -> None:
    assert OWN.read("bucket.s3.fog.example.com:9000") == HostName("s3", "", "bucket")
    assert OWN.read("bucket.fog.example.com") == HostName(bucket="bucket")
    assert OWN.read("fog.example.com") == NOTHING
    assert LOCAL.read("bucket.fog.example.com") == NOTHING


def test_a_host_longer_than_a_name_can_be_is_refused() -> None:
    with pytest.raises(AwsError) as refused:
        LOCAL.read("a" * 65_536 + ".s3.amazonaws.com")
    assert (refused.value.code, refused.value.status) == ("InvalidRequest", 400)


def test_what_is_remembered_of_hosts_is_bounded() -> None:
    hosts = Hosts()
    for number in range(5_000):
        hosts.read(f"b{number}.s3.localhost")
    assert hosts.read.cache_info().currsize <= 1024
