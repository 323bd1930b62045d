"""Terraform's aws_cloudwatch_log_* resources and data sources: applied, an empty second plan, changed in place, removed."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.services.iam.terraform import MIRROR, PROGRAM, Terraform

from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.xdist_group("terraform"),
    pytest.mark.skipif(not (PROGRAM and MIRROR), reason="Terraform and a mirror of AWS's provider are needed"),
]

GROUPS = """
data "aws_caller_identity" "me" {}

resource "aws_kms_key" "it" {
  deletion_window_in_days = 7
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Effect    = "Allow"
        Principal = { Service = "logs.us-east-1.amazonaws.com" }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
      },
    ]
  })
}

resource "aws_cloudwatch_log_group" "plain" {
  name              = "/tf/plain"
  retention_in_days = 30
  tags              = { Team = "red" }
}

resource "aws_cloudwatch_log_group" "sealed" {
  name       = "/tf/sealed"
  kms_key_id = aws_kms_key.it.arn
}

resource "aws_cloudwatch_log_group" "rare" {
  name            = "/tf/rare"
  log_group_class = "INFREQUENT_ACCESS"
}

resource "aws_cloudwatch_log_stream" "it" {
  name           = "one"
  log_group_name = aws_cloudwatch_log_group.plain.name
}

data "aws_cloudwatch_log_group" "it" {
  name = aws_cloudwatch_log_group.plain.name
}

data "aws_cloudwatch_log_groups" "it" {
  log_group_name_prefix = "/tf/"
  depends_on = [
    aws_cloudwatch_log_group.plain, aws_cloudwatch_log_group.sealed, aws_cloudwatch_log_group.rare
  ]
}

output "retention" { value = data.aws_cloudwatch_log_group.it.retention_in_days }
output "groups" { value = sort(data.aws_cloudwatch_log_groups.it.log_group_names) }
"""

POLICIES = """
resource "aws_cloudwatch_log_group" "plain" {
  name = "/tf/plain"
}

data "aws_iam_policy_document" "it" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:*:*:log-group:/tf/*"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "it" {
  policy_name     = "events"
  policy_document = data.aws_iam_policy_document.it.json
}

resource "aws_cloudwatch_log_metric_filter" "it" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.plain.name
  pattern        = "{ $.level = \\"error\\" }"
  metric_transformation {
    name       = "Errors"
    namespace  = "Tf"
    value      = "1"
    unit       = "Count"
    dimensions = { Level = "$.level" }
  }
}

resource "aws_cloudwatch_query_definition" "it" {
  name            = "team/latest"
  log_group_names = [aws_cloudwatch_log_group.plain.name]
  query_string    = <<-QUERY
    fields @timestamp, @message
    | sort @timestamp desc
    | limit 25
  QUERY
}
"""

SUBSCRIPTION = """
resource "aws_iam_role" "it" {
  name = "tf-logs"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_cloudwatch_log_group" "plain" {
  name = "/tf/plain"
}

resource "aws_lambda_function" "it" {
  function_name = "tf-reader"
  role          = aws_iam_role.it.arn
  runtime       = "python3.11"
  handler       = "code.handle"
  filename      = "code.zip"
}

resource "aws_lambda_permission" "it" {
  statement_id  = "logs"
  function_name = aws_lambda_function.it.function_name
  action        = "lambda:InvokeFunction"
  principal     = "logs.us-east-1.amazonaws.com"
  source_arn    = "${aws_cloudwatch_log_group.plain.arn}:*"
}

resource "aws_cloudwatch_log_subscription_filter" "it" {
  depends_on      = [aws_lambda_permission.it]
  name            = "reader"
  log_group_name  = aws_cloudwatch_log_group.plain.name
  filter_pattern  = "ERROR"
  destination_arn = aws_lambda_function.it.arn
}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region of these tests' own."""
    made = Live(tmp_path_factory.mktemp("region") / "data")
    yield made
    made.end()


def test_groups_and_streams(live: Live, tmp_path: Path) -> None:
    logs = live.client("logs")
    terraform = Terraform(live, tmp_path, GROUPS)
    terraform.apply()
    terraform.plan()
    assert terraform.outputs() == {"retention": 30, "groups": ["/tf/plain", "/tf/rare", "/tf/sealed"]}
    terraform.change(
        ("retention_in_days = 30", "retention_in_days = 7"),
        ('Team = "red"', 'Team = "blue"'),
        ('name           = "one"', 'name           = "two"'),
        ("kms_key_id = aws_kms_key.it.arn", ""),
    )
    terraform.plan()
    group = logs.describe_log_groups(logGroupNamePrefix="/tf/plain")["logGroups"][0]
    assert group["retentionInDays"] == 7
    assert logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"Team": "blue"}
    streams = logs.describe_log_streams(logGroupName="/tf/plain")["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["two"]
    assert "kmsKeyId" not in logs.describe_log_groups(logGroupNamePrefix="/tf/sealed")["logGroups"][0]
    terraform.destroy()
    assert logs.describe_log_groups(logGroupNamePrefix="/tf/")["logGroups"] == []


def test_policies_metric_filters_and_queries(live: Live, tmp_path: Path) -> None:
    logs = live.client("logs")
    terraform = Terraform(live, tmp_path, POLICIES)
    terraform.apply()
    terraform.plan()
    terraform.change(
        ("log-group:/tf/*", "log-group:*"),
        ('\\"error\\"', '\\"fatal\\"'),
        ("limit 25", "limit 50"),
        ("team/latest", "team/last"),
    )
    terraform.plan()
    assert "log-group:*" in logs.describe_resource_policies()["resourcePolicies"][0]["policyDocument"]
    assert logs.describe_metric_filters()["metricFilters"][0]["filterPattern"] == '{ $.level = "fatal" }'
    query = logs.describe_query_definitions()["queryDefinitions"][0]
    assert (query["name"], "limit 50" in query["queryString"]) == ("team/last", True)
    terraform.destroy()
    assert logs.describe_resource_policies()["resourcePolicies"] == []
    assert logs.describe_metric_filters()["metricFilters"] == []
    assert logs.describe_query_definitions()["queryDefinitions"] == []


def test_a_subscription_of_a_function(live: Live, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as made:
        made.writestr("code.py", "def handle(event, context):\n    return None\n")
    logs = live.client("logs")
    terraform = Terraform(live, tmp_path, SUBSCRIPTION)
    terraform.apply()
    terraform.plan()
    terraform.change(('"ERROR"', '"WARN"'))
    terraform.plan()
    found = logs.describe_subscription_filters(logGroupName="/tf/plain")["subscriptionFilters"]
    assert [each["filterPattern"] for each in found] == ["WARN"]
    terraform.destroy()
