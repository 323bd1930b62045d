"""Terraform's aws_kms_* resources and data sources: apply, an empty second plan, changes in place, destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.services.iam.terraform import MIRROR, PROGRAM, Terraform

from gateway.live import Live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = """
data "aws_caller_identity" "me" {}

resource "aws_iam_role" "app" {
  name = "app"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_kms_key" "main" {
  description             = "the main key"
  enable_key_rotation     = true
  rotation_period_in_days = 180
  deletion_window_in_days = 7
  tags                    = { team = "blue" }
}

resource "aws_kms_key" "signing" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 7
  description              = "signs"
}

resource "aws_kms_key" "mac" {
  customer_master_key_spec = "HMAC_256"
  key_usage                = "GENERATE_VERIFY_MAC"
  is_enabled = false
}

resource "aws_kms_key" "guarded" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "root"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "app"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.app.arn }
        Action    = ["kms:Decrypt", "kms:DescribeKey"]
        Resource  = "*"
      },
    ]
  })
}

resource "aws_kms_key" "plain" {
  bypass_policy_lockout_safety_check = true
}

resource "aws_kms_key_policy" "plain" {
  key_id = aws_kms_key.plain.id
  policy = jsonencode({
    Version = "2012-10-17"
    Id      = "plain"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "*" }
      Action    = "kms:*"
      Resource  = "*"
      Condition = { StringEquals = { "kms:CallerAccount" = data.aws_caller_identity.me.account_id } }
    }]
  })
}

resource "aws_kms_external_key" "brought" {
  description         = "brought"
  key_material_base64 = base64encode("0123456789abcdef0123456789abcdef")
  valid_to            = timeadd(plantimestamp(), "72h")
  lifecycle {
    ignore_changes = [valid_to]
  }
}

resource "aws_kms_alias" "main" {
  name          = "alias/main"
  target_key_id = aws_kms_key.main.key_id
}

resource "aws_kms_grant" "app" {
  name              = "app"
  key_id            = aws_kms_key.main.key_id
  grantee_principal = aws_iam_role.app.arn
  operations        = ["Encrypt", "Decrypt", "GenerateDataKey"]
  constraints {
    encryption_context_equals = { team = "blue" }
  }
}

resource "aws_kms_ciphertext" "secret" {
  key_id    = aws_kms_alias.main.arn
  plaintext = "hidden"
  context   = { team = "blue" }
}

data "aws_kms_secrets" "secret" {
  secret {
    name    = "opened"
    payload = aws_kms_ciphertext.secret.ciphertext_blob
    context = { team = "blue" }
  }
}

data "aws_kms_key" "main" {
  key_id = aws_kms_alias.main.name
}

data "aws_kms_alias" "main" {
  name = aws_kms_alias.main.name
}

data "aws_kms_alias" "s3" {
  name = "alias/aws/s3"
}

data "aws_kms_public_key" "signing" {
  key_id = aws_kms_key.signing.arn
}

output "same" {
  value = data.aws_kms_key.main.id == aws_kms_key.main.key_id && data.aws_kms_alias.main.target_key_arn == aws_kms_key.main.arn
}

output "opened" {
  value     = data.aws_kms_secrets.secret.plaintext["opened"]
  sensitive = true
}

output "public" {
  value = data.aws_kms_public_key.signing.public_key_pem
}

output "s3" {
  value = data.aws_kms_alias.s3.target_key_arn
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


def test_keys(live: Live, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    terraform = Terraform(live, work, CONFIGURATION)
    try:
        terraform.apply()
        assert "No changes" in terraform.plan()
        found = terraform.outputs()
        assert (found["same"], found["opened"]) == (True, "hidden")
        assert found["public"].startswith("-----BEGIN PUBLIC KEY-----")
        assert ":key/" in found["s3"]
        terraform.change(
            ('"the main key"', '"another"'),
            ("rotation_period_in_days = 180", "rotation_period_in_days = 365"),
            ('tags                    = { team = "blue" }', 'tags                    = { team = "red" }'),
            ("is_enabled = false", "is_enabled = true"),
            ("target_key_id = aws_kms_key.main.key_id", "target_key_id = aws_kms_key.guarded.key_id"),
            ('["kms:Decrypt", "kms:DescribeKey"]', '"kms:Decrypt"'),
        )
        assert "No changes" in terraform.plan()
    finally:
        said = terraform.destroy()
    assert "Destroy complete" in said
    kms = live.client("kms")
    states = {kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]["KeyState"] for each in kms.list_keys()["Keys"]}
    assert states == {"PendingDeletion"}
