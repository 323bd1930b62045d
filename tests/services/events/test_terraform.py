"""Terraform's aws_cloudwatch_event_* resources and data sources: apply, an empty second plan, changes in place, destroy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.services.iam.terraform import MIRROR, PROGRAM, Terraform

from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = """
data "aws_caller_identity" "me" {}

resource "aws_cloudwatch_event_bus" "shop" {
  name        = "shop"
  description = "what is sold"
  tags        = { team = "blue" }
}

resource "aws_cloudwatch_event_permission" "other" {
  principal      = "111122223333"
  statement_id   = "other"
  event_bus_name = aws_cloudwatch_event_bus.shop.name
}

resource "aws_cloudwatch_event_bus_policy" "default" {
  event_bus_name = "default"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "other"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:root" }
      Action    = "events:PutEvents"
      Resource  = "arn:aws:events:us-east-1:${data.aws_caller_identity.me.account_id}:event-bus/default"
    }]
  })
}

resource "aws_iam_role" "events" {
  name = "events"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "events.amazonaws.com" } }]
  })
}

resource "aws_cloudwatch_event_rule" "hourly" {
  name                = "hourly"
  description         = "every hour"
  schedule_expression = "rate(1 hour)"
  tags                = { team = "blue" }
}

resource "aws_cloudwatch_event_rule" "weekly" {
  name_prefix         = "weekly-"
  schedule_expression = "cron(0 9 ? * MON *)"
  state               = "DISABLED"
}

resource "aws_cloudwatch_event_rule" "sold" {
  name           = "sold"
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  event_pattern = jsonencode({
    source      = ["shop"]
    detail-type = ["Sold"]
    detail      = { price = [{ numeric = [">", 10] }], what = [{ anything-but = { prefix = "x" } }] }
  })
}

resource "aws_cloudwatch_log_group" "sold" {
  name = "/aws/events/sold"
}

resource "aws_cloudwatch_event_target" "log" {
  rule           = aws_cloudwatch_event_rule.sold.name
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  target_id      = "log"
  arn            = aws_cloudwatch_log_group.sold.arn
  input_transformer {
    input_paths    = { what = "$.detail.what", at = "$.detail.at" }
    input_template = "{\\"timestamp\\": <at>, \\"message\\": \\"<what> is sold\\"}"
  }
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 5
  }
}

resource "aws_cloudwatch_event_target" "bus" {
  rule     = aws_cloudwatch_event_rule.hourly.name
  arn      = aws_cloudwatch_event_bus.shop.arn
  role_arn = aws_iam_role.events.arn
}

resource "aws_cloudwatch_event_target" "input" {
  rule  = aws_cloudwatch_event_rule.weekly.name
  arn   = aws_cloudwatch_log_group.sold.arn
  input = jsonencode({ hello = "again" })
}

resource "aws_s3_bucket" "told" {
  bucket        = "tf-events"
  force_destroy = true
}

resource "aws_s3_bucket_notification" "told" {
  bucket      = aws_s3_bucket.told.id
  eventbridge = true
}

data "aws_cloudwatch_event_bus" "shop" {
  name = aws_cloudwatch_event_bus.shop.name
}

data "aws_cloudwatch_event_buses" "all" {
  depends_on = [aws_cloudwatch_event_bus.shop]
}

output "same" {
  value = data.aws_cloudwatch_event_bus.shop.arn == aws_cloudwatch_event_bus.shop.arn
}

output "buses" {
  value = length(data.aws_cloudwatch_event_buses.all.event_buses)
}
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.xdist_group("terraform"),
    pytest.mark.skipif(not (PROGRAM and MIRROR), reason="Terraform and a mirror of AWS's provider are needed"),
]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A region that really runs."""
    made = Live(tmp_path / "data", "--workers", "2")
    yield made
    made.end()


def test_rules_targets_and_buses(live: Live, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    terraform = Terraform(live, work, CONFIGURATION)
    events = live.client("events")
    try:
        terraform.apply()
        assert "No changes" in terraform.plan()
        assert terraform.outputs() == {"same": True, "buses": 2}
        terraform.change(
            ('"every hour"', '"each hour"'),
            ('"rate(1 hour)"', '"rate(2 hours)"'),
            ('state               = "DISABLED"', 'state               = "ENABLED"'),
            ('detail-type = ["Sold"]', 'detail-type = ["Sold", "Bought"]'),
            ("maximum_retry_attempts       = 5", "maximum_retry_attempts       = 6"),
            ('hello = "again"', 'hello = "anew"'),
            ('principal      = "111122223333"', 'principal      = "444455556666"'),
            ('description = "what is sold"', 'description = "what was sold"'),
        )
        assert "No changes" in terraform.plan()
        pattern = json.loads(events.describe_rule(Name="sold", EventBusName="shop")["EventPattern"])
        assert pattern["detail-type"] == ["Sold", "Bought"]
    finally:
        said = terraform.destroy()
    assert "Destroy complete" in said
    assert events.list_rules()["Rules"] == []
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
    assert "Policy" not in events.describe_event_bus()
