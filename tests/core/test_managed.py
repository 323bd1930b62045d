"""core/managed: AWS's managed policies. Expectations are from the AWS Managed Policy Reference Guide and the IAM User Guide."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from fogbank.auth.policy import Policies, PolicySet, decide, parse_policy
from fogbank.core import managed, reference
from fogbank.core.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fogbank.core.managed import AwsPolicy

ACCOUNT = "123456789012"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
ALL = managed.all_policies()

# Services that AWS has closed: policies still name their actions, the reference no longer does.
CLOSED = {
    "deepcomposer",
    "deepracer",
    "elastic-inference",
    "gamesparks",
    "iot1click",
    "iotroborunner",
    "macie",
    "mobilehub",
}
# Actions that the reference has no more.
GONE = {"sso:DescribePermissionsPolicies"}


def may(policy: str, action: str, resource: str = "*", **keys: str | tuple[str, ...]) -> bool:
    """Whether a user who has just this policy may do the action."""
    found = managed.find(f"{managed.ARN}/{policy}")
    assert found is not None
    policies = Policies(identity=PolicySet([parse_policy(found.document, "identity", found.arn)]))
    who = Principal(account=ACCOUNT, arn=ANN, id="AIDAEXAMPLE", kind="user", name="ann", policies=policies)
    context = {"aws:username": "ann", **{key.replace("_", ":", 1).lower(): value for key, value in keys.items()}}
    return decide(action, resource, who, context, policies).allowed


def statements(policy: AwsPolicy) -> Iterator[dict[str, Any]]:
    yield from json.loads(policy.document)["Statement"]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.name)
def test_every_document_parses_and_has_metadata(policy: AwsPolicy) -> None:
    parsed = parse_policy(policy.document, "identity", policy.arn)
    assert len(parsed.statements) == len(list(statements(policy)))
    assert re.fullmatch(r"ANPA[A-Z0-9]{17}", policy.id)
    assert re.fullmatch(r"/((service-role|job-function|aws-service-role)/)?", policy.path)
    assert re.fullmatch(r"v[1-9]\d*", policy.version)
    assert policy.description
    created, updated = datetime.fromisoformat(policy.created), datetime.fromisoformat(policy.updated)
    assert created.tzinfo is not None
    assert created < updated if policy.version != "v1" else created == updated
    assert managed.find(policy.arn) is policy


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.name)
def test_every_action_is_one_of_awss(policy: AwsPolicy) -> None:
    named = {
        name for each in statements(policy) for name in listed(each["NotAction" if "NotAction" in each else "Action"])
    }
    unknown = {name for name in named - {"*"} if next(reference.matching(name), None) is None}
    assert not {name for name in unknown - GONE if name.partition(":")[0] not in CLOSED}


def test_ids_and_names_are_unique() -> None:
    assert len({policy.id for policy in ALL}) == len({policy.name for policy in ALL}) == len(ALL)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "AdministratorAccess",
        "arn:aws:iam::aws:policy/administratoraccess",
        "arn:aws:iam::aws:policy/job-function/AdministratorAccess",
        "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole",
        "arn:aws:iam::123456789012:policy/AdministratorAccess",
        "arn:aws-cn:iam::aws:policy/AdministratorAccess",
        "arn:aws:iam::aws:policy/../managed_policies/AdministratorAccess",
        "arn:aws:iam::aws:policy/AdministratorAccess.json",
        "arn:aws:iam::aws:policy/AdministratorAccess\0",
        "arn:aws:iam::aws:policy/" + "A" * 100_000,
    ],
)
def test_other_arns_are_not_found(arn: str) -> None:
    assert managed.find(arn) is None


def test_finding_one_reads_one() -> None:
    managed._read.cache_clear()
    assert managed.find(f"{managed.ARN}/AmazonS3ReadOnlyAccess") is not None
    assert managed._read.cache_info().currsize == 1


DECISIONS = [
    ("AdministratorAccess", "iam:CreateUser", True),
    ("AdministratorAccess", "fogbank:Anything", True),
    ("PowerUserAccess", "ec2:RunInstances", True),
    ("PowerUserAccess", "iam:CreateUser", False),
    ("PowerUserAccess", "iam:PassRole", False),
    ("PowerUserAccess", "iam:ListRoles", True),
    ("PowerUserAccess", "organizations:LeaveOrganization", False),
    ("PowerUserAccess", "organizations:DescribeOrganization", True),
    ("ReadOnlyAccess", "s3:GetObject", True),
    ("ReadOnlyAccess", "s3:PutObject", False),
    ("ReadOnlyAccess", "ec2:DescribeInstances", True),
    ("ReadOnlyAccess", "ec2:RunInstances", False),
    ("ReadOnlyAccess", "iam:GetUser", True),
    ("ReadOnlyAccess", "iam:CreateUser", False),
    ("ReadOnlyAccess", "sts:AssumeRole", False),
    ("ReadOnlyAccess", "secretsmanager:GetSecretValue", False),
    ("ReadOnlyAccess", "kms:Decrypt", False),
    ("ReadOnlyAccess", "dynamodb:Scan", True),
    ("ReadOnlyAccess", "cloudtrail:LookupEvents", True),
    ("job-function/ViewOnlyAccess", "s3:ListAllMyBuckets", True),
    ("job-function/ViewOnlyAccess", "s3:GetObject", False),
    ("job-function/ViewOnlyAccess", "iam:ListUsers", True),
    ("job-function/ViewOnlyAccess", "iam:GetUser", False),
    ("SecurityAudit", "iam:GetAccountAuthorizationDetails", True),
    ("SecurityAudit", "s3:GetBucketPolicy", True),
    ("SecurityAudit", "s3:GetObject", False),
    ("SecurityAudit", "dynamodb:GetItem", False),
    ("IAMFullAccess", "iam:CreateUser", True),
    ("IAMFullAccess", "s3:ListAllMyBuckets", False),
    ("IAMReadOnlyAccess", "iam:ListUsers", True),
    ("IAMReadOnlyAccess", "iam:SimulatePrincipalPolicy", True),
    ("IAMReadOnlyAccess", "iam:DeleteUser", False),
    ("AmazonS3FullAccess", "s3:DeleteBucket", True),
    ("AmazonS3FullAccess", "ec2:DescribeInstances", False),
    ("AmazonS3ReadOnlyAccess", "s3:GetObject", True),
    ("AmazonS3ReadOnlyAccess", "s3:ListBucket", True),
    ("AmazonS3ReadOnlyAccess", "s3:PutObject", False),
    ("AmazonS3ReadOnlyAccess", "s3:DeleteObject", False),
    ("AmazonEC2FullAccess", "ec2:TerminateInstances", True),
    ("AmazonEC2FullAccess", "iam:PassRole", False),
    ("AmazonEC2ReadOnlyAccess", "ec2:DescribeVolumes", True),
    ("AmazonEC2ReadOnlyAccess", "ec2:CreateVolume", False),
    ("AmazonSSMManagedInstanceCore", "ssm:UpdateInstanceInformation", True),
    ("AmazonSSMManagedInstanceCore", "ssm:SendCommand", False),
    ("service-role/AWSLambdaBasicExecutionRole", "logs:PutLogEvents", True),
    ("service-role/AWSLambdaBasicExecutionRole", "logs:GetLogEvents", False),
    ("service-role/AWSLambdaVPCAccessExecutionRole", "ec2:CreateNetworkInterface", True),
    ("service-role/AWSLambdaSQSQueueExecutionRole", "sqs:ReceiveMessage", True),
    ("service-role/AWSLambdaSQSQueueExecutionRole", "sqs:SendMessage", False),
    ("service-role/AmazonECSTaskExecutionRolePolicy", "ecr:BatchGetImage", True),
    ("CloudWatchLogsReadOnlyAccess", "logs:FilterLogEvents", True),
    ("CloudWatchLogsReadOnlyAccess", "logs:CreateLogGroup", False),
    ("AmazonSQSReadOnlyAccess", "sqs:ReceiveMessage", False),
    ("AmazonSNSReadOnlyAccess", "sns:ListTopics", True),
    ("AmazonSNSReadOnlyAccess", "sns:Publish", False),
    ("AmazonEC2ContainerRegistryPowerUser", "ecr:PutImage", True),
    ("AmazonEC2ContainerRegistryPowerUser", "ecr:DeleteRepository", False),
    ("AmazonEC2ContainerRegistryPowerUser", "ecr:SetRepositoryPolicy", False),
    ("job-function/SystemAdministrator", "s3:DeleteBucket", True),
    ("job-function/SystemAdministrator", "iam:CreateUser", False),
    ("job-function/DatabaseAdministrator", "rds:CreateDBInstance", True),
    ("job-function/NetworkAdministrator", "ec2:CreateVpc", True),
    ("job-function/NetworkAdministrator", "ec2:RunInstances", False),
    ("job-function/Billing", "budgets:ViewBudget", True),
    ("job-function/Billing", "ec2:DescribeInstances", False),
    ("job-function/SupportUser", "support:CreateCase", True),
    ("AWSDenyAll", "s3:GetObject", False),
    ("AWSCloudTrail_ReadOnlyAccess", "cloudtrail:LookupEvents", True),
    ("AWSCloudTrail_ReadOnlyAccess", "cloudtrail:DeleteTrail", False),
]


@pytest.mark.parametrize(("policy", "action", "allowed"), DECISIONS)
def test_well_known_decisions(policy: str, action: str, allowed: bool) -> None:
    assert may(policy, action) is allowed


def test_a_user_changes_only_their_own_password() -> None:
    """IAM User Guide, "AWS managed policies for IAM": IAMUserChangePassword."""
    assert may("IAMUserChangePassword", "iam:ChangePassword", ANN)
    assert not may("IAMUserChangePassword", "iam:ChangePassword", f"arn:aws:iam::{ACCOUNT}:user/ben")
    assert may("IAMUserChangePassword", "iam:GetAccountPasswordPolicy")


def test_a_role_is_passed_only_to_the_service() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    assert may("AWSLambda_FullAccess", "iam:PassRole", role, iam_PassedToService="lambda.amazonaws.com")
    assert not may("AWSLambda_FullAccess", "iam:PassRole", role, iam_PassedToService="ec2.amazonaws.com")
    assert not may("AWSLambda_FullAccess", "iam:PassRole", role)


def test_a_resource_limits() -> None:
    bucket = "arn:aws:s3:::"
    assert may("AWSCloudTrail_FullAccess", "s3:CreateBucket", f"{bucket}aws-cloudtrail-logs-1")
    assert not may("AWSCloudTrail_FullAccess", "s3:CreateBucket", f"{bucket}mine")


def test_service_linked_roles_have_their_policies() -> None:
    """The path says that only a service-linked role may have them."""
    linked = {policy.name for policy in ALL if policy.path == "/aws-service-role/"}
    assert {"AutoScalingServiceRolePolicy", "AmazonECSServiceRolePolicy", "AmazonRDSServiceRolePolicy"} <= linked
    assert may("aws-service-role/AWSEC2SpotServiceRolePolicy", "ec2:RunInstances", "arn:aws:ec2:r:1:subnet/s")
    instance = "arn:aws:ec2:r:1:instance/i"
    assert not may("aws-service-role/AWSEC2SpotServiceRolePolicy", "ec2:RunInstances", instance)
    assert may(
        "aws-service-role/AWSEC2SpotServiceRolePolicy", "ec2:RunInstances", instance, ec2_InstanceMarketType="spot"
    )
