"""Terraform's aws_s3_* resources and data sources: applied, an empty second plan, changed in place, removed."""

from __future__ import annotations

import json
import os
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

BUCKETS = """
resource "aws_s3_bucket" "plain" {
  bucket        = "tf-plain"
  force_destroy = true
  tags          = { Team = "red" }
}

resource "aws_s3_bucket" "locked" {
  bucket              = "tf-locked"
  object_lock_enabled = true
  force_destroy       = true
}

resource "aws_s3_bucket" "open" {
  bucket        = "tf-open"
  force_destroy = true
}

resource "aws_s3_bucket" "logs" {
  bucket        = "tf-logs"
  force_destroy = true
}
"""

KEEPING = """
resource "aws_s3_bucket_versioning" "plain" {
  bucket = aws_s3_bucket.plain.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "locked" {
  bucket = aws_s3_bucket.locked.id
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = 1
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "plain" {
  bucket     = aws_s3_bucket.plain.id
  depends_on = [aws_s3_bucket_versioning.plain]

  rule {
    id     = "logs"
    status = "Enabled"
    filter {
      and {
        prefix                   = "logs/"
        tags                     = { Keep = "no" }
        object_size_greater_than = 100
      }
    }
    expiration {
      days = 90
    }
    transition {
      days          = 30
      storage_class = "STANDARD_IA"
    }
    noncurrent_version_expiration {
      noncurrent_days           = 10
      newer_noncurrent_versions = 3
    }
  }

  rule {
    id     = "uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
    expiration {
      expired_object_delete_marker = true
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "plain" {
  bucket = aws_s3_bucket.plain.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.it.arn
    }
    bucket_key_enabled = true
  }
}

resource "aws_kms_key" "it" {
  description             = "objects"
  deletion_window_in_days = 7
}

resource "aws_s3_bucket_intelligent_tiering_configuration" "plain" {
  bucket = aws_s3_bucket.plain.id
  name   = "archive"
  filter {
    prefix = "documents/"
  }
  tiering {
    access_tier = "DEEP_ARCHIVE_ACCESS"
    days        = 180
  }
  tiering {
    access_tier = "ARCHIVE_ACCESS"
    days        = 125
  }
}
"""

ACCESS = """
resource "aws_s3_bucket_public_access_block" "open" {
  bucket                  = aws_s3_bucket.open.id
  block_public_acls       = false
  block_public_policy     = false
  ignore_public_acls      = false
  restrict_public_buckets = false
}

resource "aws_s3_bucket_ownership_controls" "open" {
  bucket = aws_s3_bucket.open.id
  rule {
    object_ownership = "BucketOwnerPreferred"
  }
}

resource "aws_s3_bucket_acl" "open" {
  depends_on = [aws_s3_bucket_ownership_controls.open, aws_s3_bucket_public_access_block.open]
  bucket     = aws_s3_bucket.open.id
  acl        = "public-read"
}

resource "aws_s3_bucket_policy" "open" {
  depends_on = [aws_s3_bucket_public_access_block.open]
  bucket     = aws_s3_bucket.open.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Read"
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.open.arn}/*"
    }]
  })
}

resource "aws_s3_bucket_cors_configuration" "open" {
  bucket = aws_s3_bucket.open.id
  cors_rule {
    allowed_headers = ["*"]
    allowed_methods = ["PUT", "POST"]
    allowed_origins = ["https://example.com"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3000
  }
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
  }
}

resource "aws_s3_bucket_website_configuration" "open" {
  bucket = aws_s3_bucket.open.id
  index_document {
    suffix = "index.html"
  }
  error_document {
    key = "error.html"
  }
  routing_rule {
    condition {
      key_prefix_equals = "docs/"
    }
    redirect {
      replace_key_prefix_with = "documents/"
    }
  }
}

resource "aws_s3_bucket_request_payment_configuration" "plain" {
  bucket = aws_s3_bucket.plain.id
  payer  = "Requester"
}

resource "aws_s3_bucket_accelerate_configuration" "plain" {
  bucket = aws_s3_bucket.plain.id
  status = "Enabled"
}
"""

ACCOUNT = """
resource "aws_s3_account_public_access_block" "it" {
  block_public_acls   = false
  block_public_policy = true
}

data "aws_s3_account_public_access_block" "it" {
  depends_on = [aws_s3_account_public_access_block.it]
}

output "block" { value = data.aws_s3_account_public_access_block.it }
"""

REPORTS = """
resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_versioning" "plain" {
  bucket = aws_s3_bucket.plain.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["logging.s3.amazonaws.com", "s3.amazonaws.com"] }
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.logs.arn}/*"
    }]
  })
}

resource "aws_s3_bucket_logging" "plain" {
  bucket        = aws_s3_bucket.plain.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "access/"
}

resource "aws_s3_bucket_inventory" "plain" {
  bucket                   = aws_s3_bucket.plain.id
  name                     = "everything"
  included_object_versions = "All"
  optional_fields          = ["Size", "ETag", "StorageClass"]
  schedule {
    frequency = "Daily"
  }
  destination {
    bucket {
      format     = "Parquet"
      bucket_arn = aws_s3_bucket.logs.arn
      prefix     = "inventory"
    }
  }
}

resource "aws_s3_bucket_analytics_configuration" "plain" {
  bucket = aws_s3_bucket.plain.id
  name   = "all"
  storage_class_analysis {
    data_export {
      destination {
        s3_bucket_destination {
          bucket_arn = aws_s3_bucket.logs.arn
        }
      }
    }
  }
}

resource "aws_s3_bucket_metric" "plain" {
  bucket = aws_s3_bucket.plain.id
  name   = "images"
  filter {
    prefix = "images/"
    tags   = { Kind = "large" }
  }
}

resource "aws_iam_role" "replication" {
  name = "replication"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "s3.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "replication" {
  role = aws_iam_role.replication.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }]
  })
}

resource "aws_s3_bucket_replication_configuration" "plain" {
  depends_on = [aws_s3_bucket_versioning.plain, aws_s3_bucket_versioning.logs]
  role       = aws_iam_role.replication.arn
  bucket     = aws_s3_bucket.plain.id
  rule {
    id       = "all"
    status   = "Enabled"
    priority = 1
    filter {
      prefix = "replicated/"
    }
    delete_marker_replication {
      status = "Enabled"
    }
    destination {
      bucket        = aws_s3_bucket.logs.arn
      storage_class = "STANDARD_IA"
    }
  }
}

resource "aws_s3_bucket_notification" "plain" {
  bucket = aws_s3_bucket.plain.id
}
"""

OBJECTS = """
resource "aws_s3_object" "it" {
  bucket        = aws_s3_bucket.plain.id
  key           = "a/first"
  content       = "hello"
  content_type  = "text/plain"
  storage_class = "STANDARD_IA"
  metadata      = { origin = "terraform" }
  tags          = { Team = "red" }
}

resource "aws_s3_bucket_object" "deprecated" {
  bucket  = aws_s3_bucket.plain.id
  key     = "b/old"
  content = "the resource of earlier providers"
}

resource "aws_s3_object" "kept" {
  bucket                        = aws_s3_bucket.locked.id
  key                           = "kept"
  content                       = "kept"
  object_lock_mode              = "GOVERNANCE"
  object_lock_retain_until_date = "2099-01-01T00:00:00Z"
  object_lock_legal_hold_status = "ON"
  force_destroy                 = true
}

resource "aws_s3_object_copy" "it" {
  bucket = aws_s3_bucket.plain.id
  key    = "a/second"
  source = "${aws_s3_bucket.plain.id}/${aws_s3_object.it.key}"
  # By default the tags come along, on AWS as here, and the next plan would remove them.
  tagging_directive = "REPLACE"
}

data "aws_s3_bucket" "it" {
  bucket = aws_s3_bucket.plain.id
}

data "aws_s3_object" "it" {
  bucket = aws_s3_bucket.plain.id
  key    = aws_s3_object_copy.it.key
}

data "aws_s3_objects" "it" {
  bucket     = aws_s3_bucket.plain.id
  prefix     = "a/"
  depends_on = [aws_s3_object_copy.it]
}

data "aws_s3_bucket_policy" "logs" {
  bucket     = aws_s3_bucket.open.id
  depends_on = [aws_s3_bucket_policy.open]
}

output "body" { value = data.aws_s3_object.it.body }
output "keys" { value = data.aws_s3_objects.it.keys }
output "region" { value = data.aws_s3_bucket.it.region }
output "policy" { value = data.aws_s3_bucket_policy.logs.policy }
"""


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A region of the test's own."""
    made = Live(tmp_path_factory.mktemp("region") / "data")
    yield made
    made.end()


def test_what_a_bucket_keeps(live: Live, tmp_path: Path) -> None:
    terraform = Terraform(live, tmp_path, BUCKETS + KEEPING)
    terraform.apply()
    terraform.plan()
    terraform.change(("days = 90", "days = 60"), ('prefix = "documents/"', 'prefix = "papers/"'))
    terraform.plan()
    rules = live.client("s3").get_bucket_lifecycle_configuration(Bucket="tf-plain")["Rules"]
    assert {rule["ID"]: rule["Expiration"] for rule in rules} == {
        "logs": {"Days": 60},
        "uploads": {"ExpiredObjectDeleteMarker": True},
    }
    terraform.destroy()
    assert live.client("s3").list_buckets()["Buckets"] == []


def test_who_may_use_it(live: Live, tmp_path: Path) -> None:
    terraform = Terraform(live, tmp_path, BUCKETS + ACCESS)
    terraform.apply()
    terraform.plan()
    terraform.change(
        ('suffix = "index.html"', 'suffix = "home.html"'), ("max_age_seconds = 3000", "max_age_seconds = 60")
    )
    terraform.plan()
    terraform.destroy()


@pytest.mark.skipif(os.geteuid() != 0, reason="a name for the account's endpoint needs root")
def test_the_account(live: Live, tmp_path: Path) -> None:
    terraform = Terraform(live, tmp_path, ACCOUNT, named=True)
    terraform.apply()
    terraform.plan()
    told = terraform.outputs()["block"]
    assert (told["block_public_acls"], told["block_public_policy"]) == (False, True)
    terraform.destroy()


def test_what_it_tells_others(live: Live, tmp_path: Path) -> None:
    terraform = Terraform(live, tmp_path, BUCKETS + REPORTS)
    terraform.apply()
    terraform.plan()
    terraform.change(('target_prefix = "access/"', 'target_prefix = "requests/"'), ('"Daily"', '"Weekly"'))
    terraform.plan()
    terraform.destroy()


def test_objects_and_data_sources(live: Live, tmp_path: Path) -> None:
    terraform = Terraform(live, tmp_path, BUCKETS + ACCESS + OBJECTS)
    terraform.apply()
    terraform.plan()
    told = terraform.outputs()
    assert (told["body"], told["keys"], told["region"]) == ("hello", ["a/first", "a/second"], "us-east-1")
    assert json.loads(told["policy"])["Statement"][0]["Sid"] == "Read"
    terraform.change(('content       = "hello"', 'content       = "changed"'))
    terraform.destroy()
